import { spawn } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const LOG_TAIL_CHARACTERS = 2_000
const STOP_PATIENCE_MS = 10_000
const POLL_MS = 100

const pidFile = (folder: string, name: string) => join(folder, 'run', `${name}.pid`)
const logFile = (folder: string, name: string) => join(folder, 'log', `${name}.log`)

/** Starts a part of the cluster, which goes on when this process ends, with its log and its process id in the folder. */
export function startPart(folder: string, name: string, program: string, args: readonly string[]): void {
  for (const part of ['run', 'log']) mkdirSync(join(folder, part), { recursive: true })
  const log = openSync(logFile(folder, name), 'a')
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], cwd: folder })
  child.once('error', () => undefined)
  child.unref()
  writeFileSync(pidFile(folder, name), String(child.pid ?? ''))
}

function pidOf(folder: string, name: string): number | null {
  try {
    const pid = Number(readFileSync(pidFile(folder, name), 'utf8'))
    return Number.isInteger(pid) && pid > 1 ? pid : null
  } catch {
    return null
  }
}

/** Whether the part's process runs: the one that was started, and not another that has got its id. */
export function isRunning(folder: string, name: string): boolean {
  const pid = pidOf(folder, name)
  if (pid === null) return false
  try {
    const state = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .slice(0, 1)
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return state !== 'Z' && command.includes(folder)
  } catch {
    return false
  }
}

/** Ends a part, by force where it does not end by itself. */
export async function stopPart(folder: string, name: string): Promise<void> {
  const pid = pidOf(folder, name)
  if (pid !== null && isRunning(folder, name)) {
    process.kill(pid, 'SIGTERM')
    for (let waited = 0; isRunning(folder, name) && waited < STOP_PATIENCE_MS; waited += POLL_MS) await sleep(POLL_MS)
    if (isRunning(folder, name)) process.kill(pid, 'SIGKILL')
  }
  rmSync(pidFile(folder, name), { force: true })
}

/**
 * Waits until something holds.
 * @param part whose log is shown when it does not, or when the part ends meanwhile
 */
export async function untilReady(
  what: string,
  holds: () => Promise<boolean> | boolean,
  { folder, part, patience_ms = 120_000 }: { folder: string; part: string; patience_ms?: number }
): Promise<void> {
  const deadline = Date.now() + patience_ms
  for (;;) {
    if (await holds()) return
    const ended = !isRunning(folder, part)
    if (ended || Date.now() > deadline) {
      const tail = readFileSync(logFile(folder, part), 'utf8').slice(-LOG_TAIL_CHARACTERS)
      throw new Error(
        `${what}: ${ended ? `${part} has ended` : `not within ${patience_ms} ms`}; the end of its log:\n${tail}`
      )
    }
    await sleep(POLL_MS)
  }
}
