const MINUTE_US = 60_000_000
const SHORTEST = 8

interface Bucket {
  slots: Int32Array
  length: number
}

/** What is to be looked at when, to the minute: nothing is looked at before its time, and everything soon after. */
export interface Agenda {
  /** Numbers of slots by minute; what was put there may have gone meanwhile. */
  readonly minutes: Map<number, Bucket>
  /** Where something was put last: what comes in order of time goes to the same minute again and again. */
  last: { readonly minute: number; readonly bucket: Bucket } | null
  next: number
}

/**
 * Time goes on by whole minutes in windows: so all that is due is done at any time, and what is left follows from the events and
 * the time alone, not from when they were last looked at. A restart could not tell otherwise what has been done.
 */
export function wholeMinutes(time: number): number {
  return Math.floor(time / MINUTE_US) * MINUTE_US
}

/** @param time microseconds since the epoch */
export function minuteOf(time: number): number {
  return Math.floor(time / MINUTE_US)
}

export function emptyAgenda(): Agenda {
  return { minutes: new Map(), last: null, next: Number.POSITIVE_INFINITY }
}

function bucketOf(agenda: Agenda, minute: number): Bucket {
  if (agenda.last?.minute === minute) return agenda.last.bucket
  let bucket = agenda.minutes.get(minute)
  if (bucket === undefined) {
    bucket = { slots: new Int32Array(SHORTEST), length: 0 }
    agenda.minutes.set(minute, bucket)
    agenda.next = Math.min(agenda.next, minute)
  }
  agenda.last = { minute, bucket }
  return bucket
}

export function note(agenda: Agenda, minute: number, slot: number): void {
  const bucket = bucketOf(agenda, minute)
  if (bucket.length === bucket.slots.length) {
    const longer = new Int32Array(2 * bucket.length)
    longer.set(bucket.slots)
    bucket.slots = longer
  }
  bucket.slots[bucket.length] = slot
  bucket.length += 1
}

/** Whether the earliest minute on the agenda is over. */
export function isDue(agenda: Agenda, time: number): boolean {
  return (agenda.next + 1) * MINUTE_US <= time
}

/** Takes out all whose minute is over, with that minute. */
export function takeDue(agenda: Agenda, time: number): ReadonlyArray<readonly [number, Int32Array]> {
  if (!isDue(agenda, time)) return []
  const due: [number, Int32Array][] = []
  agenda.next = Number.POSITIVE_INFINITY
  agenda.last = null
  for (const [minute, { slots, length }] of agenda.minutes) {
    if ((minute + 1) * MINUTE_US > time) {
      agenda.next = Math.min(agenda.next, minute)
      continue
    }
    due.push([minute, slots.subarray(0, length)])
    agenda.minutes.delete(minute)
  }
  return due
}
