import { messageOf } from '../core/errors.ts'
import type { Logger } from './log.ts'

/** How long a drain may take before the process gives up waiting, milliseconds. */
const DRAIN_TIMEOUT_MS = 25_000

/** A part of a service that runs until it is stopped. */
export interface Running {
  /** Finishes what is in hand and lets go. */
  stop(): Promise<void>
  /** Rejects when the part has failed in a way it cannot mend; never resolves. */
  readonly failed?: Promise<never>
  /** Resolves when the part has done all it will ever do, and with it the service: its input has ended. */
  readonly ended?: Promise<void>
}

/**
 * Keeps a service running until SIGTERM, SIGINT, `abort` or the failure of a part, then stops all parts, last first.
 * A failure ends the process with a message and exit code 1: whoever runs it starts it again, and nothing is lost, since
 * input is only acknowledged after its outputs are.
 * @returns the exit code: 0 after a wished stop, 1 after a failure or when the drain took too long
 */
export async function runUntilStopped(parts: readonly Running[], log: Logger, abort?: AbortSignal): Promise<number> {
  let exitCode = 0
  const { promise: wished, resolve: stopNow } = Promise.withResolvers<string>()
  const onSignal = (signal: NodeJS.Signals) => stopNow(signal)
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  abort?.addEventListener('abort', () => stopNow('abort'), { once: true })
  if (abort?.aborted) stopNow('abort')

  try {
    const failures = parts.flatMap(({ failed }) => (failed === undefined ? [] : [failed]))
    const ends = parts.flatMap(({ ended }) => (ended === undefined ? [] : [ended.then(() => 'end of input')]))
    const reason = await Promise.race([wished, ...failures, ...ends])
    log.info({ reason }, 'stopping')
  } catch (error) {
    exitCode = 1
    log.error({ error }, `failed: ${messageOf(error)}`)
  }

  const drain = async () => {
    for (const part of parts.toReversed()) {
      try {
        await part.stop()
      } catch (error) {
        exitCode = 1
        log.error({ error }, `could not stop cleanly: ${messageOf(error)}`)
      }
    }
  }
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      exitCode = 1
      log.error(`not drained within ${DRAIN_TIMEOUT_MS} ms`)
      resolve()
    }, DRAIN_TIMEOUT_MS)
  })
  await Promise.race([drain(), timeout])
  clearTimeout(timer)
  process.off('SIGTERM', onSignal)
  process.off('SIGINT', onSignal)
  return exitCode
}
