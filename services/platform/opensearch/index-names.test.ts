import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bucketIndex, indexPattern } from './index-names.ts'

const now = Date.parse('2026-11-24T06:00:00Z')
const micros = (text: string) => Date.parse(text) * 1000

describe('the index of a document', () => {
  it.each([
    ['events', '2026-11-24T23:59:59.999Z', 'weir-events-2026.11.24'],
    ['events', '2026-11-23T00:00:00Z', 'weir-events-2026.11.23'],
    ['events', '2026-11-25T23:59:59Z', 'weir-events-2026.11.25'],
    ['signals', '2026-11-24T06:00:00Z', 'weir-signals-2026.11'],
    ['actions', '2025-12-31T23:59:59Z', 'weir-actions-2025.12']
  ] as const)('of %s at %s is %s', (kind, time, index) => {
    expect(bucketIndex('weir', kind, micros(time), now)).toEqual({ index, inWindow: true })
  })

  it.each([
    ['the day after tomorrow', micros('2026-11-26T00:00:00Z')],
    ['last winter', micros('2026-01-01T00:00:00Z')],
    ['1970', 0],
    ['before 1970', -1],
    ['2112', 2 ** 52],
    ['never', Number.NaN]
  ])('is the one outside of the window for %s', (_, time) => {
    expect(bucketIndex('weir', 'events', time, now)).toEqual({ index: 'weir-events-out-of-window', inWindow: false })
  })

  it('does not change with the day on which it is asked for, as long as the document is within the window', () => {
    const minute = fc.integer({ min: 0, max: 60 * 24 * 80 })
    fc.assert(
      fc.property(minute, minute, (age, later) => {
        const time = now * 1000 - age * 60_000_000
        fc.pre(age + later < 60 * 24 * 89)
        expect(bucketIndex('weir', 'events', time, now + later * 60_000)).toEqual(
          bucketIndex('weir', 'events', time, now)
        )
      })
    )
  })

  it('is one of a bounded number, whatever the times', () => {
    const seen = new Set<string>()
    for (let day = -40_000; day < 40_000; day += 1)
      seen.add(bucketIndex('weir', 'events', (now + day * 86_400_000) * 1000, now).index)
    expect(seen.size).toBe(90 + 1 + 1 + 1)
  })

  it('matches the pattern of its kind', () => {
    for (const time of [now * 1000, 0]) {
      const start = indexPattern('acme', 'events').slice(0, -1)
      expect(bucketIndex('acme', 'events', time, now).index.startsWith(start)).toBe(true)
    }
    expect([indexPattern('acme', 'incidents'), indexPattern('acme', 'containers')]).toEqual([
      'acme-incidents',
      'acme-containers'
    ])
  })
})
