import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isoTime } from './iso-time.ts'

describe('isoTime', () => {
  it('keeps microseconds', () => {
    expect(isoTime(1_795_500_000_123_456)).toBe('2026-11-24T06:00:00.123456Z')
    expect(isoTime(1_795_500_000_000_007)).toBe('2026-11-24T06:00:00.000007Z')
  })

  it('is what Date writes, with microseconds', () => {
    const leap = fc.constantFrom(951_782_400, 951_868_800, 4_107_542_400, 1_709_164_800, 1_767_225_599, 0)
    const day = fc.tuple(leap, fc.integer({ min: 0, max: 172_800_000_000 })).map(([start, more]) => start * 1e6 + more)
    fc.assert(
      fc.property(fc.oneof(day, fc.double({ min: 0, max: Number.MAX_SAFE_INTEGER, noNaN: true })), (micros) => {
        const milliseconds = Math.floor(Math.floor(micros) / 1000)
        const rest = String(Math.floor(micros) - milliseconds * 1000).padStart(3, '0')
        expect(isoTime(micros)).toBe(new Date(milliseconds).toISOString().replace('Z', `${rest}Z`))
      }),
      { numRuns: 2000 }
    )
  })

  it('orders as the numbers do', () => {
    const time = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
    fc.assert(
      fc.property(time, time, (a, b) => {
        expect(Math.sign((isoTime(a) ?? '').localeCompare(isoTime(b) ?? ''))).toBe(Math.sign(a - b))
      })
    )
  })

  it.each([null, undefined, Number.NaN, Number.POSITIVE_INFINITY, -1, 2 ** 60])('says nothing of %s', (value) => {
    expect(isoTime(value)).toBeUndefined()
  })
})
