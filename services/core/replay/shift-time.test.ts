import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTimestamp } from '../events/timestamp.ts'
import { shiftTimes, shiftTimestamp, shiftToEndAt } from './shift-time.ts'

const DAY_US = 86_400_000_000

/** Times as sources write them, with 0 to 9 digits after the point. */
const timestamp = fc
  .tuple(
    fc.date({ min: new Date('1971-01-01T00:00:00Z'), max: new Date('2098-12-31T23:59:59Z'), noInvalidDate: true }),
    fc.integer({ min: 0, max: 9 }),
    fc.integer({ min: 0, max: 999_999_999 })
  )
  .map(([date, digits, nanos]) => {
    const point = digits === 0 ? '' : `.${String(nanos).padStart(9, '0').slice(0, digits)}`
    return `${date.toISOString().slice(0, 19)}${point}Z`
  })

const delta = fc.integer({ min: -300 * DAY_US, max: 300 * DAY_US })

describe('shiftTimestamp', () => {
  it('gives the same text after shifting there and back', () => {
    fc.assert(
      fc.property(timestamp, delta, (text, by) => {
        expect(shiftTimestamp(shiftTimestamp(text, by), -by)).toBe(text)
      })
    )
  })

  it('is exact to the microsecond where the text has microseconds', () => {
    fc.assert(
      fc.property(timestamp, delta, (text, by) => {
        fc.pre((text.split('.')[1] ?? '').length > 6)
        expect(parseTimestamp(shiftTimestamp(text, by))).toBe((parseTimestamp(text) ?? 0) + by)
      })
    )
  })

  it('is off by less than one unit of the last digit, and never past the exact result', () => {
    fc.assert(
      fc.property(timestamp, delta, (text, by) => {
        const digits = text.endsWith('Z') && text.includes('.') ? (text.split('.')[1] ?? '').length - 1 : 0
        const unit = 10 ** Math.max(0, 6 - digits)
        const moved = (parseTimestamp(shiftTimestamp(text, by)) ?? 0) - (parseTimestamp(text) ?? 0)
        expect(Math.abs(moved)).toBeLessThanOrEqual(Math.abs(by))
        expect(Math.abs(by - moved)).toBeLessThan(unit)
      })
    )
  })

  it.each([
    ['2026-11-17T06:30:00Z', 1_500_000, '2026-11-17T06:30:01Z'],
    ['2026-11-17T06:30:00.999999Z', 1, '2026-11-17T06:30:01.000000Z'],
    ['2026-11-17T06:30:00.000000Z', -1, '2026-11-17T06:29:59.999999Z'],
    ['2026-11-17T06:30:00.123456789Z', 1, '2026-11-17T06:30:00.123457789Z'],
    ['2026-02-28T23:59:59.5Z', 600_000, '2026-03-01T00:00:00.1Z'],
    ['2026-11-17T06:30:00+02:00', 3_600_000_000, '2026-11-17T07:30:00+02:00'],
    ['0001-01-01T00:00:00Z', 1_000_000, '0001-01-01T00:00:01Z']
  ])('%s by %d µs is %s', (text, by, expected) => {
    expect(shiftTimestamp(text, by)).toBe(expected)
  })

  it.each(['yesterday', '2026-11-17', '2026-13-01T00:00:00Z', '2026-02-30T00:00:00Z', '2026-11-17T25:00:00Z', ''])(
    'leaves %j alone, which is no time',
    (text) => {
      expect(shiftTimestamp(text, DAY_US)).toBe(text)
    }
  )

  it('refuses a result that has no year of four digits', () => {
    expect(() => shiftTimestamp('9999-12-31T23:59:59Z', DAY_US)).toThrow(/no year of four digits/)
    expect(() => shiftTimestamp('0001-01-01T00:00:00Z', -1_000_000)).toThrow(/no year of four digits/)
  })
})

describe('shiftTimes', () => {
  const record = {
    kind: 'Event',
    stageTimestamp: '2026-11-17T06:30:00.123456Z',
    requestObject: {
      metadata: { creationTimestamp: '2026-11-17T06:00:00Z', managedFields: [{ time: '2026-11-17T06:00:00Z' }] },
      spec: { note: '2026-11-17T06:30:00Z' }
    },
    process_exec: { process: { start_time: '2026-11-17T06:29:59.987654321Z', pid: 7 } }
  }

  it('moves times wherever they are nested and nothing else', () => {
    expect(shiftTimes(record, 60_000_000)).toEqual({
      kind: 'Event',
      stageTimestamp: '2026-11-17T06:31:00.123456Z',
      requestObject: {
        metadata: { creationTimestamp: '2026-11-17T06:01:00Z', managedFields: [{ time: '2026-11-17T06:01:00Z' }] },
        spec: { note: '2026-11-17T06:30:00Z' }
      },
      process_exec: { process: { start_time: '2026-11-17T06:30:59.987654321Z', pid: 7 } }
    })
  })

  it('gives the same JSON after shifting there and back, whatever the record', () => {
    const named = fc.record({ stageTimestamp: timestamp, time: timestamp, startedAt: timestamp, other: fc.string() })
    fc.assert(
      fc.property(fc.jsonValue(), named, delta, (value, times, by) => {
        const whole = { value, times }
        expect(JSON.stringify(shiftTimes(shiftTimes(whole, by), -by))).toBe(JSON.stringify(whole))
      })
    )
  })

  it('does not change the record it is given', () => {
    const before = JSON.stringify(record)
    shiftTimes(record, DAY_US)
    expect(JSON.stringify(record)).toBe(before)
  })

  it('takes a member named __proto__ as data', () => {
    const hostile: unknown = JSON.parse('{"__proto__":{"time":"2026-11-17T06:30:00Z"}}')
    const moved = shiftTimes(hostile, 1_000_000)
    expect(JSON.stringify(moved)).toBe('{"__proto__":{"time":"2026-11-17T06:30:01Z"}}')
    expect(Object.getPrototypeOf(moved)).toBe(Object.prototype)
  })

  it('refuses part of a microsecond, and nesting without end', () => {
    expect(() => shiftTimes(record, 0.5)).toThrow(/whole number of microseconds/)
    const deep: unknown = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`)
    expect(() => shiftTimes(deep, 1)).toThrow(/levels deep/)
  })
})

describe('shiftToEndAt', () => {
  it('ends within the second before the time wanted, and shifts by whole seconds', () => {
    fc.assert(
      fc.property(fc.nat(4e15), fc.nat(4e15), (last, end) => {
        const by = shiftToEndAt(last, end)
        expect(by % 1_000_000).toBe(by < 0 ? -0 : 0)
        expect(end - (last + by)).toBeGreaterThanOrEqual(0)
        expect(end - (last + by)).toBeLessThan(1_000_000)
      })
    )
  })
})
