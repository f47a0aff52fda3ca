import { type FSWatcher, watch } from 'node:fs'

/** Writes come in bursts: one look after a burst instead of one per write. */
const SETTLE_MS = 20

export interface Waker {
  /** Resolves soon after the folder has changed, at the latest after `poll_ms`, at once when aborted. */
  wait(poll_ms: number): Promise<void>
  close(): void
}

/**
 * Tells when something in a folder may have changed. The kernel's notice is a shortcut only: where there is none (network file
 * systems, too many watches, folder not there yet), looking every `poll_ms` has to do.
 * @param isRelevant which file names matter
 */
export function createWaker(directory: string, isRelevant: (name: string) => boolean, signal: AbortSignal): Waker {
  let watcher: FSWatcher | null = null
  let changed = false
  let wake: (() => void) | null = null

  function notice(): void {
    changed = true
    wake?.()
  }

  function startWatching(): void {
    if (watcher !== null) return
    try {
      watcher = watch(directory, { persistent: false }, (_event, name) => {
        if (name === null || isRelevant(name)) notice()
      })
      watcher.on('error', () => {
        watcher?.close()
        watcher = null
      })
    } catch {
      watcher = null
    }
  }

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms)
      function done(): void {
        clearTimeout(timer)
        wake = null
        resolve()
      }
      wake = done
    })
  const onAbort = () => wake?.()
  signal.addEventListener('abort', onAbort)

  return {
    async wait(poll_ms) {
      startWatching()
      if (signal.aborted) return
      if (!changed) await pause(poll_ms)
      if (!signal.aborted && changed) {
        await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      }
      changed = false
    },
    close() {
      signal.removeEventListener('abort', onAbort)
      watcher?.close()
    }
  }
}
