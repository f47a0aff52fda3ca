import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSequenceGaps, type SequenceGaps } from './sequence-gaps.ts'

const SETTLE_MS = 10_000
const gapsOf = (max_streams = 100) => createSequenceGaps<string>({ max_streams, settle_ms: SETTLE_MS })

/** Numbers that are told when all has settled. */
function told(gaps: SequenceGaps<string>, partition = 'p', now_ms = 1_000_000): string[] {
  return gaps.take(partition, now_ms).map(({ first, last, about }) => `${about}:${first}-${last}`)
}

function seeAll(gaps: SequenceGaps<string>, batches: readonly (readonly [number, number])[], stream = 'n', at = 0) {
  for (const [first, count] of batches) gaps.see('p', { stream, first, count }, stream, at)
}

/** A stream that has been followed for long enough, up to the number 100. */
function followed(gaps: SequenceGaps<string>, stream = 'n', partition = 'p') {
  gaps.see(partition, { stream, first: 99, count: 1 }, stream, -SETTLE_MS)
  gaps.see(partition, { stream, first: 100, count: 1 }, stream, 0)
}

describe('numbers', () => {
  it.each<[string, [number, number][], string[]]>([
    [
      'that follow each other have no gap',
      [
        [101, 10],
        [111, 5],
        [116, 1]
      ],
      []
    ],
    [
      'that are missing are a gap',
      [
        [101, 10],
        [121, 5]
      ],
      ['n:111-120']
    ],
    [
      'that come twice are nothing new',
      [
        [101, 10],
        [111, 10],
        [101, 10],
        [111, 10],
        [121, 1]
      ],
      []
    ],
    [
      'that come again in other batches are nothing new',
      [
        [101, 10],
        [105, 3],
        [108, 10],
        [118, 2]
      ],
      []
    ],
    [
      'that come late close their gap',
      [
        [101, 10],
        [121, 5],
        [111, 10]
      ],
      []
    ],
    [
      'that come late in part leave the rest',
      [
        [101, 10],
        [121, 5],
        [114, 3]
      ],
      ['n:111-113', 'n:117-120']
    ],
    [
      'that are missing between others that came twice are one gap',
      [
        [101, 5],
        [109, 1],
        [101, 5],
        [109, 1]
      ],
      ['n:106-108']
    ],
    [
      'that are none say nothing',
      [
        [101, 10],
        [0, 1],
        [-5, 2],
        [Number.NaN, 1],
        [2 ** 53, 5],
        [130, 0],
        [111, 1]
      ],
      []
    ]
  ])('%s', (_, batches, expected) => {
    const gaps = gapsOf()
    followed(gaps)
    seeAll(gaps, batches)
    expect(told(gaps)).toEqual(expected)
    expect(told(gaps)).toEqual([])
  })

  it('may begin anywhere', () => {
    const gaps = gapsOf()
    seeAll(gaps, [
      [500, 10],
      [510, 5]
    ])
    expect(told(gaps)).toEqual([])
  })

  it('that come first may be old ones once more, from where the next are no jump', () => {
    const gaps = gapsOf()
    seeAll(
      gaps,
      [
        [1, 1],
        [2, 1],
        [500, 1]
      ],
      'n',
      0
    )
    expect(told(gaps)).toEqual([])
    // A quiet sender: nothing has come since.
    const quiet = gapsOf()
    seeAll(quiet, [[1, 1]], 'n', 0)
    seeAll(quiet, [[500, 1]], 'n', 130_000)
    expect(told(quiet)).toEqual([])
    seeAll(quiet, [[502, 1]], 'n', 130_000)
    expect(told(quiet)).toEqual(['n:501-501'])
  })

  it('may come late for a while, and are told after it, whichever way the clock was set', () => {
    const gaps = gapsOf()
    followed(gaps)
    seeAll(
      gaps,
      [
        [101, 1],
        [103, 1]
      ],
      'n',
      10_000
    )
    expect(told(gaps, 'p', 10_000 + SETTLE_MS - 1)).toEqual([])
    seeAll(
      gaps,
      [
        [104, 1],
        [106, 1]
      ],
      'n',
      3_600_000
    )
    expect(told(gaps, 'p', 3_600_000)).toEqual(['n:102-102'])
    expect(told(gaps, 'p', 0)).toEqual(['n:105-105'])
  })

  it('of one stream say nothing of another, nor those of one partition of another', () => {
    const gaps = gapsOf()
    followed(gaps, 'a')
    followed(gaps, 'a', 'q')
    gaps.see('p', { stream: 'b', first: 7, count: 1 }, 'b', 0)
    gaps.see('q', { stream: 'a', first: 102, count: 1 }, 'a', 0)
    expect(told(gaps)).toEqual([])
    expect(told(gaps, 'q')).toEqual(['a:101-101'])
  })

  it('are not known after their partition was forgotten', () => {
    const gaps = gapsOf()
    followed(gaps)
    seeAll(gaps, [[105, 1]])
    gaps.forget('p')
    seeAll(gaps, [
      [900, 1],
      [901, 1]
    ])
    expect(told(gaps)).toEqual([])
  })

  it('of the longest silent are forgotten first, and no gap is lost with them', () => {
    const gaps = gapsOf(2)
    followed(gaps, 'a')
    seeAll(gaps, [[102, 1]], 'a')
    seeAll(gaps, [[1, 1]], 'b')
    followed(gaps, 'c')
    // Nobody waits for what may still come of it.
    expect(told(gaps, 'p', 0)).toEqual(['a:101-101'])
    seeAll(gaps, [[150, 1]], 'a')
    seeAll(gaps, [[102, 1]], 'c')
    expect(told(gaps)).toEqual(['c:101-101'])
  })

  it('with very many gaps take no more than so much memory, and all are told', () => {
    const gaps = gapsOf()
    followed(gaps)
    const batches = Array.from({ length: 500 }, (_, index) => [102 + 2 * index, 1] as const)
    seeAll(gaps, batches)
    const early = told(gaps, 'p', 0)
    expect(early.length).toBeGreaterThan(400)
    expect(early.length).toBeLessThan(500)
    expect([...early, ...told(gaps)]).toHaveLength(500)
  })
})

interface Fate {
  readonly count: number
  readonly lost: boolean
  readonly again: number
  readonly late: number
}

/** What became of each batch of a node on its way. */
const fate: fc.Arbitrary<Fate> = fc.record({
  count: fc.integer({ min: 1, max: 5 }),
  lost: fc.integer({ min: 0, max: 4 }).map((chance) => chance === 0),
  /** Batches that are sent again behind this one, counted back from it. */
  again: fc.constantFrom(0, 0, 0, 1, 2, 5),
  /** Batches that overtake this one. */
  late: fc.constantFrom(0, 0, 0, 0, 1, 3)
})

interface Sent {
  readonly first: number
  readonly count: number
}

/** The partition as it comes to be: without what was lost, with what was sent again, and a little out of order. */
function logOf(fates: readonly Fate[]): { log: Sent[]; lost: Set<number> } {
  const lost = new Set<number>()
  const sent: Array<Sent & { lost: boolean }> = []
  const places: Array<{ readonly batch: Sent; readonly at: number }> = []
  let next = 101
  for (const one of fates) {
    const batch = { first: next, count: one.count, lost: one.lost }
    next += one.count
    sent.push(batch)
    if (batch.lost) for (let number = batch.first; number < next; number += 1) lost.add(number)
    else places.push({ batch, at: places.length + one.late + 0.5 * (one.late > 0 ? 1 : 0) })
    const back = sent.slice(Math.max(0, sent.length - one.again)).filter((earlier) => !earlier.lost)
    if (one.again > 0) for (const earlier of back) places.push({ batch: earlier, at: places.length })
  }
  const log = places.toSorted((a, b) => a.at - b.at).map(({ batch }) => batch)
  return { log, lost }
}

const numbersOf = (gaps: readonly { first: number; last: number }[]): number[] =>
  gaps.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index))

describe('however often batches come, and a little out of order', () => {
  it('each number that is missing between others is told once, and no other', () => {
    fc.assert(
      fc.property(fc.array(fate, { maxLength: 40 }), (fates) => {
        const { log, lost } = logOf(fates)
        const gaps = gapsOf()
        followed(gaps)
        const said: number[] = []
        // A millisecond each, so that what comes late comes in time.
        for (const [index, batch] of log.entries()) {
          gaps.see('p', { stream: 'n', ...batch }, 'n', index)
          said.push(...numbersOf(gaps.take('p', index)))
        }
        said.push(...numbersOf(gaps.take('p', SETTLE_MS + log.length)))
        const to = Math.max(100, ...log.map(({ first, count }) => first + count - 1))
        expect(said.toSorted((a, b) => a - b)).toEqual(
          [...lost].filter((number) => number < to).toSorted((a, b) => a - b)
        )
      })
    )
  })
})
