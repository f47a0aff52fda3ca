import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { schedule } from './schedule.ts'

const times = fc.array(fc.integer({ min: 1_700_000_000_000_000, max: 1_700_003_600_000_000 }), { maxLength: 50 })

describe('schedule', () => {
  it('gives every record once, in order of time, at the distances it had divided by the speed', () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 1000 }), (list, speed) => {
        const scheduled = schedule(list, (time) => time, speed)
        const sorted = list.toSorted((a, b) => a - b)
        expect(scheduled.map(({ record }) => record)).toEqual(sorted)
        for (const { record, offset_ms } of scheduled)
          expect(offset_ms).toBeCloseTo((record - (sorted[0] ?? 0)) / 1000 / speed, 6)
      })
    )
  })

  it('keeps the order of records of the same time', () => {
    const records = ['b', 'a', 'c'].map((name) => ({ name, time_us: 5 }))
    expect(schedule(records, ({ time_us }) => time_us, 1).map(({ record }) => record.name)).toEqual(['b', 'a', 'c'])
  })

  it('sends everything at once at infinite speed', () => {
    expect(schedule([3, 1, 2], (time) => time, Number.POSITIVE_INFINITY).map(({ offset_ms }) => offset_ms)).toEqual([
      0, 0, 0
    ])
  })

  it.each([0, -1, Number.NaN])('refuses the speed %d', (speed) => {
    expect(() => schedule([1], (time) => time, speed)).toThrow(/number above zero/)
  })
})
