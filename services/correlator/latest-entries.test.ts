import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createLatestEntries } from './latest-entries.ts'

const message = fc.tuple(fc.constantFrom('a', 'b', 'c', '__proto__'), fc.option(fc.uint8Array({ maxLength: 3 })))

it('the latest of each key is kept in the order of the last, without what was deleted, and takes no memory once it is out', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
      const entries = createLatestEntries()
      for (const [key, value] of messages) entries.take(Buffer.from(key), value === null ? null : Buffer.from(value))
      const wanted = messages.filter(
        ([key, value], place) => value !== null && messages.findLastIndex(([other]) => other === key) === place
      )
      expect(entries.bytes).toBeGreaterThanOrEqual(wanted.length)
      expect([...entries.drain()].map(([key, value]) => [key, [...value]])).toEqual(
        wanted.map(([key, value]) => [key, [...(value ?? [])]])
      )
      expect(entries.bytes).toBe(0)
    })
  )
})
