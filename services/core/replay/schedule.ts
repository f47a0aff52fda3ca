import { replayError } from './errors.ts'

/** A record and when it is due, milliseconds after the start of the replay. */
export interface Scheduled<T> {
  readonly record: T
  readonly offset_ms: number
}

/**
 * When to send which record, so that a recording takes its course again.
 * @param records in any order
 * @param timeOf time of a record, microseconds since the epoch
 * @param speed 1 for the course it took, 60 for a minute in a second, Infinity for everything at once
 * @returns in order of time, the first with offset 0; records of the same time in the order given
 * @throws REPLAY_SPEED_INVALID
 */
export function schedule<T>(
  records: readonly T[],
  timeOf: (record: T) => number,
  speed: number
): readonly Scheduled<T>[] {
  if (!(speed > 0)) throw replayError('REPLAY_SPEED_INVALID', `the speed is ${speed}; give a number above zero`)
  const timed = records.map((record) => ({ record, time_us: timeOf(record) })).toSorted((a, b) => a.time_us - b.time_us)
  const start_us = timed[0]?.time_us ?? 0
  return timed.map(({ record, time_us }) => ({ record, offset_ms: (time_us - start_us) / 1000 / speed }))
}
