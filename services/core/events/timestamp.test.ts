import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { microsFrom, microTimeAt, parseTimestamp } from './timestamp.ts'

const AT = Date.UTC(2022, 10, 29, 0, 9, 4) * 1000

describe('parseTimestamp', () => {
  it.each([
    ['2022-11-29T00:09:04Z', AT],
    ['2022-11-29T00:09:04.38Z', AT + 380_000],
    ['2022-11-29T00:09:04.392001Z', AT + 392_001],
    ['2022-11-29T00:09:04.392001999Z', AT + 392_001],
    ['2022-11-29T00:09:04,5Z', AT + 500_000],
    ['2022-11-29 00:09:04.38', AT + 380_000],
    ['2022-11-29 00:09:04.320496000', AT + 320_496],
    ['2022-11-29t00:09:04z', AT],
    ['2022-11-29T02:09:04+02:00', AT],
    ['2022-11-28T18:39:04-0530', AT],
    ['2022-11-29T01:09:04+01', AT],
    ['2022-11-29 00:09:04.5 UTC', AT + 500_000],
    ['2022-11-29 00:09:04.5 +0000 UTC', AT + 500_000],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29) * 1000],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1) * 1000],
    ['1970-01-01T00:00:00Z', 0],
    ['2099-12-31T23:59:59.999999Z', Date.UTC(2100, 0, 1) * 1000 - 1]
  ])('reads %s', (text, micros) => {
    expect(parseTimestamp(text)).toBe(micros)
  })

  it.each([
    '',
    '2022-11-29',
    '2022-11-29T00:09',
    '2022-11-29T00:09:04.Z',
    '2022-11-29T00:09:04.1.2Z',
    '2022-11-29X00:09:04Z',
    '2022-11-31T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2022-13-01T00:00:00Z',
    '2022-00-01T00:00:00Z',
    '2022-11-29T24:00:00Z',
    '2022-11-29T00:60:00Z',
    '2022-11-29T00:09:61Z',
    '2022-11-29T00:09:04+2400',
    '2022-11-29T00:09:04+02:0',
    '2021-04-13T20:58:00.746609046Z+2',
    '0001-01-01T00:00:00Z',
    '2100-01-01T00:00:00Z',
    '1969-12-31T23:59:59Z',
    '２022-11-29T00:09:04Z',
    `2022-11-29T00:09:04.${'1'.repeat(100)}Z`
  ])('takes %j for no time', (text) => {
    expect(parseTimestamp(text)).toBeNull()
  })

  const time = fc.record({
    seconds: fc.integer({ min: 0, max: Date.UTC(2099, 11, 31, 23, 59, 59) / 1000 }),
    micros: fc.integer({ min: 0, max: 999_999 })
  })

  it('is exact to the microsecond in every zone', () => {
    fc.assert(
      fc.property(time, fc.integer({ min: -14 * 60, max: 14 * 60 }), ({ seconds, micros }, offset) => {
        const local = new Date((seconds + offset * 60) * 1000)
        fc.pre(local.getTime() >= 0 && local.getUTCFullYear() < 10_000)
        const two = (value: number) => String(value).padStart(2, '0')
        const zone = `${offset < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
        const text = `${local.toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}`
        expect(parseTimestamp(`${text}${zone}`)).toBe(seconds * 1_000_000 + micros)
      })
    )
  })

  it('reads no text as a time that Avro or the calendar does not have', () => {
    const nearly = fc.stringMatching(/^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z?$/)
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), (text) => {
        const micros = parseTimestamp(text)
        if (micros === null) return
        expect(Number.isSafeInteger(micros)).toBe(true)
        expect(micros).toBeGreaterThanOrEqual(0)
        // The date must come out as it went in, unless a leap second carried over.
        if (!text.includes(':60')) {
          expect(new Date(Math.floor(micros / 1000)).toISOString().slice(0, 10)).toBe(text.slice(0, 10))
        }
      })
    )
  })
})

describe('microsFrom', () => {
  it.each([
    [1_795_341_600, 1_795_341_600_000_000],
    [1_795_341_600.25, 1_795_341_600_250_000],
    [1_795_341_600_004, 1_795_341_600_004_000],
    [1_795_341_600_004_321, 1_795_341_600_004_321],
    ['1795341600', 1_795_341_600_000_000],
    ['1795341600004', 1_795_341_600_004_000],
    ['1795341600004321999', 1_795_341_600_004_321],
    ['2026-11-20T10:00:00Z', Date.UTC(2026, 10, 20, 10) * 1000]
  ])('reads %j', (value, micros) => {
    expect(microsFrom(value)).toBe(micros)
  })

  it('reads nanoseconds as a number as well as a number holds them', () => {
    expect(Math.abs((microsFrom(1_739_178_940_698_757_000) ?? 0) - 1_739_178_940_698_757)).toBeLessThanOrEqual(1)
  })

  it.each([
    0,
    -1,
    5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1e30,
    '',
    '12345678901234567890',
    null,
    undefined,
    {},
    [],
    true
  ])('takes %j for no time', (value) => {
    expect(microsFrom(value)).toBeNull()
  })
})

describe('microTimeAt', () => {
  const read = (text: string) => microTimeAt(Buffer.from(`"${text}"`), 1, text.length + 1)

  it('reads what an API server writes as parseTimestamp does, or leaves it', () => {
    const two = (most: number) => fc.nat(most).map((number) => String(number).padStart(2, '0'))
    const written = fc
      .tuple(fc.integer({ min: 1960, max: 2110 }), two(13), two(32), two(24), two(60), two(61), fc.nat(999_999))
      .map(
        ([year, month, day, hour, minute, second, micros]) =>
          `${year}-${month}-${day}T${hour}:${minute}:${second}.${String(micros).padStart(6, '0')}Z`
      )
    let taken = 0
    fc.assert(
      fc.property(written, (text) => {
        const micros = read(text)
        if (micros !== null) taken += 1
        // Leap seconds are the only times of that form that are left.
        if (!text.includes(':60.')) expect(micros).toBe(parseTimestamp(text))
        else expect(micros).toBeNull()
      }),
      { numRuns: 500 }
    )
    expect(taken).toBeGreaterThan(50)
  })

  it.each([
    '2026-11-24T09:00:00Z',
    '2026-11-24T09:00:00.12345Z',
    '2026-11-24T09:00:00.123456z',
    '2026-11-24 09:00:00.123456Z',
    '2026-11-24T09:00:00.12345xZ',
    '2026-11-2xT09:00:00.123456Z',
    ''
  ])('leaves %j', (text) => {
    expect(read(text)).toBeNull()
  })
})
