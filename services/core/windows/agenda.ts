const MINUTE_US = 60_000_000

/** What is to be looked at when, to the minute: nothing is looked at before its time, and everything soon after. */
export interface Agenda {
  /** Numbers of slots by minute; what was put there may have gone meanwhile. */
  readonly minutes: Map<number, number[]>
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
  return { minutes: new Map(), next: Number.POSITIVE_INFINITY }
}

export function note(agenda: Agenda, minute: number, slot: number): void {
  const slots = agenda.minutes.get(minute)
  if (slots === undefined) agenda.minutes.set(minute, [slot])
  else slots.push(slot)
  agenda.next = Math.min(agenda.next, minute)
}

/** Whether the earliest minute on the agenda is over. */
export function isDue(agenda: Agenda, time: number): boolean {
  return (agenda.next + 1) * MINUTE_US <= time
}

/** Takes out all whose minute is over, with that minute. */
export function takeDue(agenda: Agenda, time: number): ReadonlyArray<readonly [number, readonly number[]]> {
  if (!isDue(agenda, time)) return []
  const due: [number, number[]][] = []
  agenda.next = Number.POSITIVE_INFINITY
  for (const [minute, slots] of agenda.minutes) {
    if ((minute + 1) * MINUTE_US > time) {
      agenda.next = Math.min(agenda.next, minute)
      continue
    }
    due.push([minute, slots])
    agenda.minutes.delete(minute)
  }
  return due
}
