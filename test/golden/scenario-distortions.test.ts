import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { delayed, duplicated, shuffledWithin } from '../support/scenario/distort.ts'
import { createRandom } from '../support/scenario/random.ts'
import { offset_us, rfc3339Micros, rfc3339Nanos, rfc3339Seconds } from '../support/scenario/timeline.ts'

const stream = fc
  .array(fc.integer({ min: 0, max: 10_000 }), { maxLength: 60 })
  .map((times) => times.toSorted((a, b) => a - b).map((time_us, id) => ({ id, time_us })))
const seed = fc.string({ maxLength: 8 }).map((text) => createRandom(text))

const ids = (records: readonly { readonly id: number }[]) => records.map(({ id }) => id)

describe('distortions of a stream', () => {
  it('lose nothing and invent nothing', () => {
    fc.assert(
      fc.property(stream, seed, (records, random) => {
        const all = new Set(ids(records))
        expect(ids(delayed(records, 500, ({ id }) => id % 2 === 0)).toSorted((a, b) => a - b)).toEqual(ids(records))
        expect(ids(shuffledWithin(records, 500, random)).toSorted((a, b) => a - b)).toEqual(ids(records))
        expect(new Set(ids(duplicated(records, 0.3, 5, random)))).toEqual(all)
      })
    )
  })

  it('delay only what they are told to, and keep the order of the rest', () => {
    fc.assert(
      fc.property(stream, (records) => {
        const late = (record: { readonly id: number }) => record.id % 3 === 0
        const arrived = delayed(records, 2_000, late)
        for (const part of [late, (record: { readonly id: number }) => !late(record)])
          expect(ids(arrived.filter(part))).toEqual(ids(records.filter(part)))
      })
    )
  })

  it('move a record only past those that are closer than the spread', () => {
    fc.assert(
      fc.property(stream, seed, (records, random) => {
        const arrived = shuffledWithin(records, 300, random)
        for (const [place, record] of arrived.entries())
          for (const later of arrived.slice(place + 1)) expect(record.time_us - later.time_us).toBeLessThan(300)
      })
    )
  })

  it('double a record after its first arrival', () => {
    fc.assert(
      fc.property(stream, seed, (records, random) => {
        const arrived = ids(duplicated(records, 1, 4, random))
        expect(arrived.length).toBe(records.length * 2)
        expect(arrived.filter((id, place) => arrived.indexOf(id) === place)).toEqual(ids(records))
      })
    )
  })
})

describe('scenario randomness', () => {
  it('is the same for the same seed, and not disturbed by what forks do', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, name) => {
        const [one, other] = [createRandom(text), createRandom(text)]
        other.fork(name).uuid()
        expect(one.uuid()).toBe(other.uuid())
        expect(one.fork(name).uuid()).toBe(other.fork(name).uuid())
      })
    )
  })

  it('gives version 4 UUIDs and integers within their bounds', () => {
    fc.assert(
      fc.property(seed, fc.integer(), fc.nat(1000), (random, low, span) => {
        expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        const drawn = random.integer(low, low + span)
        expect(drawn >= low && drawn <= low + span).toBe(true)
      })
    )
  })
})

describe('scenario times', () => {
  it('are written as the sources write them', () => {
    const time_us = Date.UTC(2026, 10, 17, 6, 30) * 1000 + offset_us('3:07.000042')
    expect(rfc3339Seconds(time_us)).toBe('2026-11-17T06:33:07Z')
    expect(rfc3339Micros(time_us)).toBe('2026-11-17T06:33:07.000042Z')
    expect(rfc3339Nanos(time_us, 7)).toBe('2026-11-17T06:33:07.000042007Z')
  })

  it.each(['3', '3:60', '-1:00', '3:7', 'soon'])('do not take %j for an offset', (text) => {
    expect(() => offset_us(text)).toThrow(/not an offset/)
  })
})
