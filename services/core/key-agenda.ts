/** What is to be looked at when, to the minute, by name: nothing is looked at before its time, and everything soon after. */
export interface Agenda {
  readonly minutes: Map<number, Set<string>>
  next: number
}

const MINUTE_US = 60_000_000

export function emptyAgenda(): Agenda {
  return { minutes: new Map(), next: Number.POSITIVE_INFINITY }
}

/** @param time microseconds since the epoch */
export function note(agenda: Agenda, time: number, key: string): void {
  const minute = Math.floor(time / MINUTE_US)
  const keys = agenda.minutes.get(minute)
  if (keys === undefined) agenda.minutes.set(minute, new Set([key]))
  else keys.add(key)
  agenda.next = Math.min(agenda.next, minute)
}

/** Takes out all whose minute is over. */
export function takeDue(agenda: Agenda, time: number): ReadonlySet<string> {
  const due = new Set<string>()
  if ((agenda.next + 1) * MINUTE_US > time) return due
  agenda.next = Number.POSITIVE_INFINITY
  for (const [minute, keys] of agenda.minutes) {
    if ((minute + 1) * MINUTE_US > time) {
      agenda.next = Math.min(agenda.next, minute)
      continue
    }
    for (const key of keys) due.add(key)
    agenda.minutes.delete(minute)
  }
  return due
}
