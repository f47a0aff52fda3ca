import { describe, expect, it } from 'vitest'
import type { EnrichedEvent } from '../../../../schemas/generated/types.ts'
import { generatedEvents } from '../../../../test/support/rules/generated-events.ts'
import { recordedEvents } from '../../../../test/support/scarleteel-recording.ts'
import { viewOf } from '../event-view.ts'
import type { Fact } from './fact.ts'
import { FACTS } from './fact-catalogue.ts'

const events = [...recordedEvents().filter((_, index) => index % 3 === 0), ...generatedEvents(300)]
const reading = Object.entries(FACTS as Readonly<Record<string, Fact>>).flatMap(([name, { reads, compute }]) =>
  reads === null ? [] : [[name, reads, compute] as const]
)

/** The event with nothing but some fields; whatever else is read throws. */
function only(value: unknown, paths: readonly (readonly string[])[]): unknown {
  if (typeof value !== 'object' || value === null || paths.some((path) => path.length === 0)) return value
  return new Proxy(value, {
    get(target, key) {
      const below = paths.filter(([first]) => first === key).map((path) => path.slice(1))
      if (below.length === 0) throw new Error(`reads ${String(key)}`)
      return only((target as Readonly<Record<string | symbol, unknown>>)[key], below)
    }
  })
}

describe('a fact that says which fields it follows from', () => {
  it('exists', () => {
    expect(reading.length).toBeGreaterThan(5)
  })

  it.each(reading)('%s reads no others', (_, reads, compute) => {
    const given = new Set<unknown>()
    for (const event of events) {
      const { bodies } = viewOf(event)
      const none = () => {
        throw new Error('reads another fact')
      }
      const unread = { request: none, response: none, has: none }
      const found = compute({ event: only(event, reads) as EnrichedEvent, bodies: unread }, none)
      expect(found).toEqual(compute({ event, bodies }, () => null))
      given.add(found)
    }
    expect(given.size).toBeGreaterThan(1)
  })
})
