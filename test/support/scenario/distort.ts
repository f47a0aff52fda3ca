import type { Random } from './random.ts'

/**
 * What delivery does to a stream of records, as pure functions over a list in order of time: the list afterwards is in order
 * of arrival. Times in the records stay as they are. For tests that a late, shuffled or doubled input gives the same result.
 */

interface Timed {
  readonly time_us: number
}

/**
 * Delays the records that `affected` picks, by the same time each.
 * @returns the records in order of arrival
 */
export function delayed<T extends Timed>(
  records: readonly T[],
  delay_us: number,
  affected: (record: T) => boolean
): readonly T[] {
  return records
    .map((record) => ({ record, arrival_us: record.time_us + (affected(record) ? delay_us : 0) }))
    .toSorted((a, b) => a.arrival_us - b.arrival_us)
    .map(({ record }) => record)
}

/** Gives every record a delay of its own between 0 and `spread_us`, so that neighbours within that spread change places. */
export function shuffledWithin<T extends Timed>(
  records: readonly T[],
  spread_us: number,
  random: Random
): readonly T[] {
  return records
    .map((record) => ({ record, arrival_us: record.time_us + random.next() * spread_us }))
    .toSorted((a, b) => a.arrival_us - b.arrival_us)
    .map(({ record }) => record)
}

/** Delivers a share (0 to 1) of the records twice, the second time up to `distance` places later. */
export function duplicated<T>(records: readonly T[], share: number, distance: number, random: Random): readonly T[] {
  const arrivals = records.map((record, place) => ({ record, place: place as number }))
  for (const [place, record] of records.entries()) {
    if (random.next() < share) arrivals.push({ record, place: place + random.integer(1, Math.max(1, distance)) + 0.5 })
  }
  return arrivals.toSorted((a, b) => a.place - b.place).map(({ record }) => record)
}
