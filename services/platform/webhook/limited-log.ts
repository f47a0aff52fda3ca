import type { Logger } from '../log.ts'

const INTERVAL_MS = 10_000

/**
 * A warning per code and ten seconds, with the number of those left out: whoever sends rubbish must not be able to fill the log.
 * The metrics count them all.
 */
export function limitedLog(
  log: Logger,
  now: () => number = Date.now
): (code: string, fields: Readonly<Record<string, unknown>>, message: string) => void {
  const last = new Map<string, { time: number; left_out: number }>()
  return (code, fields, message) => {
    const time = now()
    const before = last.get(code)
    if (before !== undefined && time - before.time < INTERVAL_MS) {
      before.left_out += 1
      return
    }
    last.set(code, { time, left_out: 0 })
    log.warn(
      { code, ...fields, ...(before !== undefined && before.left_out > 0 && { left_out: before.left_out }) },
      message
    )
  }
}
