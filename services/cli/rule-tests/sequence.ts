import { z } from 'zod'
import type { EnrichedEvent } from '../../../schemas/generated/types.ts'

const UNITS_US: Readonly<Record<string, number>> = {
  s: 1_000_000,
  m: 60_000_000,
  h: 3_600_000_000,
  d: 86_400_000_000
}
/** Most events of one case, repeated ones included. */
const MAX_EVENTS = 5_000

/** A span such as 90s, 5m or 1h30m, in microseconds. */
export const span = z
  .string()
  .regex(/^(?:[0-9]{1,6}[smhd])+$/, 'has to be a time such as 90s, 5m or 1h30m')
  .transform((text) =>
    [...text.matchAll(/([0-9]+)([smhd])/g)].reduce(
      (sum, [, count, unit = '']) => sum + Number(count) * (UNITS_US[unit] ?? 0),
      0
    )
  )

/** The same event again and again; `{n}` in its texts stands for 1, 2, 3, … */
export const repetition = z.strictObject({ times: z.number().int().min(1).max(MAX_EVENTS), every: span })

/** An event at a time after the start of a case. */
export interface Step<Event> {
  readonly at: number
  readonly event: Event
  readonly repeat?: { readonly times: number; readonly every: number } | undefined
}

function numbered(value: unknown, n: number): unknown {
  if (typeof value === 'string') return value.replaceAll('{n}', String(n))
  if (Array.isArray(value)) return value.map((item) => numbered(item, n))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, numbered(inner, n)]))
}

/**
 * The events of a sequence, each with a time and an id of its own.
 * @param make an event as the enricher would make it
 * @throws RangeError when there are more than 5,000
 */
export function eventsOfSteps<Event>(
  steps: readonly Step<Event>[],
  make: (event: Event) => EnrichedEvent
): readonly EnrichedEvent[] {
  const events: EnrichedEvent[] = []
  for (const { at, event, repeat = { times: 1, every: 0 } } of steps) {
    for (let index = 0; index < repeat.times; index += 1) {
      if (events.length >= MAX_EVENTS) throw new RangeError(`a case has more than ${MAX_EVENTS} events`)
      const made = make(numbered(event, index + 1) as Event)
      const later = at + index * repeat.every
      const received = made.audit?.requestReceivedTimestamp ?? null
      const audit =
        made.audit === null || received === null
          ? made.audit
          : { ...made.audit, requestReceivedTimestamp: received + later }
      events.push({ ...made, audit, id: `event-${events.length + 1}`, time: made.time + later })
    }
  }
  return events
}
