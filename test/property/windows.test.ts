import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CorrelatorState, Signal } from '../../schemas/generated/types.ts'
import { boundedSignal } from '../../services/core/correlate/bounded-signal.ts'
import { createSentParts, neededParts } from '../../services/core/profiles/sent-parts.ts'
import {
  advanceWindows,
  completeChanges,
  type WindowIndex,
  windowIndexOf
} from '../../services/core/windows/reducer.ts'
import { allSteps, createWindowsRestorer } from '../../services/core/windows/restore.ts'
import { emptyWindowState, type WindowState } from '../../services/core/windows/state.ts'
import type { WindowRule } from '../../services/core/windows/window-rule.ts'
import { loadTexts, ruleText } from '../support/rule-text.ts'
import { CLUSTER, START_US, signalOf } from '../support/signals.ts'
import { oracleAlerts, oracleLonely } from '../support/window-oracle.ts'

const LATENESS_US = 10 * 60_000_000
const PARTS = ['a', 'b', 'c']
const parts = PARTS.map(
  (name) =>
    `name: ${name}\n${ruleText({ s: { verb: name }, condition: 's' }, 'product: kubernetes, service: audit', name)}`
)
const correlation = (section: string) =>
  `title: many\ncorrelation: { group-by: [actor.name], timespan: 5m, ${section} }\n`

function load(...sections: readonly string[]): readonly WindowRule[] {
  const { windows, errors } = loadTexts([...parts, ...sections])
  expect(errors).toEqual([])
  return windows
}

const TYPES: readonly (readonly [string, string])[] = [
  ['counts', 'type: event_count, rules: [a, b], condition: { gte: 3 }'],
  ['counts that may be too many', 'type: event_count, rules: [a, b], condition: { gte: 2, lte: 3 }'],
  ['different values', 'type: value_count, rules: [a], condition: { field: source_ip, gte: 3 }'],
  ['sums', 'type: value_sum, rules: [a], condition: { field: source_ip, gte: 6 }'],
  ['parts', 'type: temporal, rules: [a, b, c]'],
  ['parts in order', 'type: temporal_ordered, rules: [a, b, c]'],
  ['steps with alternatives', "type: temporal_ordered, rules: [a, b, c], condition: 'a or b then c'"],
  ['several sequences', "type: temporal_ordered, rules: [a, b, c], condition: ['a then b then c', 'c then b']"]
]

const sketch = fc.record({
  /** Seconds lie close together, since clocks may differ by a few. */
  minute: fc
    .tuple(fc.integer({ min: 0, max: 30 }), fc.constantFrom(0, 3, 6))
    .map(([minute, second]) => minute + second / 60),
  part: fc.constantFrom(...PARTS),
  actor: fc.constantFrom('alice', 'bob'),
  value: fc.integer({ min: 1, max: 4 }),
  /** How much later than its time it comes, within what is allowed. */
  delay: fc.integer({ min: 0, max: 10 })
})
type Sketch = typeof sketch extends fc.Arbitrary<infer Value> ? Value : never

/** Signals in the order of arrival, some of them twice. */
function arrivals(sketches: readonly Sketch[], ids: ReadonlyMap<string, string>): readonly Signal[] {
  return sketches
    .map((given, index) => ({
      arrives: given.minute + given.delay,
      signal: {
        ...signalOf({ id: `s${index}`, minute: given.minute }),
        rule: { id: ids.get(given.part) ?? '', code: null, title: given.part, level: 'low' as const },
        role: 'part' as const,
        correlation_fields: { 'actor.name': [given.actor], source_ip: [String(given.value)] }
      }
    }))
    .toSorted((a, b) => a.arrives - b.arrives)
    .flatMap(({ signal }, index) => (index % 3 === 0 ? [signal, signal] : [signal]))
}

/** The state from a changelog in which every entry stands twice, and others that were taken back. */
function restored(
  index: WindowIndex,
  changelog: ReadonlyMap<string, CorrelatorState>,
  closed_before: number
): WindowState {
  const restorer = createWindowsRestorer(CLUSTER.id, index)
  for (const entry of changelog.values()) restorer.take(entry)
  for (const [key, entry] of changelog) {
    restorer.forget(key)
    restorer.take(entry)
  }
  return allSteps(restorer.finish(closed_before))
}

/** What stands in the end; every change is applied to what was told before. */
function run(index: WindowIndex, signals: readonly Signal[], restartEvery = 0): ReadonlyMap<string, Signal> {
  const standing = new Map<string, Signal>()
  const changelog = new Map<string, CorrelatorState>()
  let state: WindowState = emptyWindowState(CLUSTER.id)
  let watermark = START_US
  const step = (batch: readonly Signal[], closed_before: number) => {
    for (const { change, signal } of advanceWindows(state, index, batch, closed_before).results) {
      if (change === 'withdrawn') expect(standing.delete(signal.id)).toBe(true)
      else {
        expect(standing.has(signal.id)).toBe(change === 'updated')
        standing.set(signal.id, signal)
      }
    }
    completeChanges(state, index)
    for (const [key, value] of state.changes) {
      if (value === null) changelog.delete(key)
      else changelog.set(key, structuredClone(value))
    }
    state.changes.clear()
  }
  for (const [place, signal] of signals.entries()) {
    watermark = Math.max(watermark, signal.time)
    step([boundedSignal(signal)], watermark - LATENESS_US)
    if (restartEvery > 0 && place % restartEvery === restartEvery - 1)
      state = restored(index, changelog, watermark - LATENESS_US)
  }
  step([], Number.POSITIVE_INFINITY)
  expect([state.parts.size, state.groups.size, changelog.size]).toEqual([0, 0, 0])
  return standing
}

const told = (signals: Iterable<Signal>) =>
  [...signals]
    .map(
      ({ correlation_fields, parts: [first], count }) => `${correlation_fields['actor.name']?.[0]} ${first} ${count}`
    )
    .sort()

describe.each(TYPES)('windows of %s', (_, section) => {
  const rules = load(correlation(section))
  const [rule] = rules
  if (rule === undefined) throw new Error('the correlation was not loaded')
  const index = windowIndexOf(rules)
  const loaded = loadTexts([...parts, correlation(section)]).loaded
  const ids = new Map(loaded.map(({ document }) => [document.name ?? '', document.id]))

  it('are those of the definition, however late, shuffled or often events come, and through restarts', () => {
    fc.assert(
      fc.property(fc.array(sketch, { maxLength: 25 }), fc.integer({ min: 0, max: 4 }), (sketches, restartEvery) => {
        const signals = arrivals(sketches, ids)
        const own = signals.filter((signal) => rule.parts.includes(signal.rule.id))
        const found = run(index, signals, restartEvery)
        expect(told(found.values())).toEqual(oracleAlerts(rule, own))
        const inOrder = run(
          index,
          signals.toSorted((a, b) => a.time - b.time)
        )
        expect([...found.keys()].sort()).toEqual([...inOrder.keys()].sort())
      }),
      { numRuns: 150 }
    )
  })
})

describe('correlations over correlations', () => {
  const burst = `name: burst\n${correlation('type: event_count, rules: [a], condition: { gte: 3 }')}`
  const chain = `${correlation('type: temporal_ordered, rules: [burst, b]')}`.replace('many', 'burst, then b')
  const { windows, loaded, errors } = loadTexts([...parts, burst, chain])
  const ids = new Map(loaded.map(({ document }) => [document.name ?? '', document.id]))
  const events = (minutes: readonly number[], part: string): readonly Sketch[] =>
    minutes.map((minute) => ({ minute, part, actor: 'alice', value: 1, delay: 0 }))

  it('take results for events, and only the outer one alerts', () => {
    expect(errors).toEqual([])
    const index = windowIndexOf(windows)
    const yes = run(index, arrivals([...events([0, 1, 2], 'a'), ...events([4], 'b')], ids))
    const no = run(index, arrivals([...events([0, 1], 'a'), ...events([4], 'b')], ids))
    expect([...yes.values()].map(({ rule, count }) => [rule.title, count])).toEqual([['burst, then b', 2]])
    expect(no.size).toBe(0)
  })

  it('count an event that waits for a result of before, although the result comes with what ends the wait', () => {
    const index = windowIndexOf(windows)
    const state = emptyWindowState(CLUSTER.id)
    const minutes = (minute: number) => START_US + minute * 60_000_000
    const [b, ...rest] = [...events([4], 'b'), ...events([0, 1, 2, 200], 'a')].map((given, index) => ({
      ...signalOf({ id: `s${index}`, minute: given.minute }),
      rule: { id: ids.get(given.part) ?? '', code: null, title: given.part, level: 'low' as const },
      role: 'part' as const,
      correlation_fields: { 'actor.name': [given.actor] }
    }))
    expect(advanceWindows(state, index, b === undefined ? [] : [b], minutes(-10)).results).toEqual([])
    const { results } = advanceWindows(state, index, rest, minutes(190))
    expect(results.map(({ change, signal }) => [change, signal.rule.title, signal.count])).toEqual([
      ['new', 'burst, then b', 2]
    ])
  })

  it('may not refer to themselves', () => {
    const one = `name: one\n${correlation('type: temporal, rules: [a, two]')}`
    const two = `name: two\n${correlation('type: temporal, rules: [b, one]').replace('many', 'other')}`
    const result = loadTexts([...parts, one, two])
    expect(result.windows).toEqual([])
    expect(result.errors[0]?.code).toBe('RULE_REFERENCE')
  })
})

describe('absence', () => {
  const rules = load(correlation('type: absence, rules: [a, b], direction: around'))
  const index = windowIndexOf(rules)
  const ids = new Map(
    loadTexts([...parts, correlation('type: absence, rules: [a, b]')]).loaded.map(({ document }) => [
      document.name ?? '',
      document.id
    ])
  )
  const at = (part: string, minute: number): Sketch => ({ minute, part, actor: 'alice', value: 1, delay: 0 })

  it.each([
    ['nothing answers', [at('a', 0)], 1],
    ['the answer comes before', [at('b', 0), at('a', 5)], 0],
    ['the answer comes after', [at('a', 0), at('b', 5)], 0],
    ['the answer comes too late', [at('a', 0), at('b', 6)], 1],
    ['one of two is answered', [at('a', 0), at('b', 3), at('a', 20)], 1],
    ['three in a row are not', [at('a', 0), at('a', 1), at('a', 2)], 1]
  ])('when %s: %j gives %i', (_, sketches, expected) => {
    expect(run(index, arrivals(sketches, ids)).size).toBe(expected)
    expect(run(index, arrivals(sketches, ids).toReversed()).size).toBe(expected)
  })
})

describe('absence of more of the same', () => {
  const rules = load(correlation('type: absence, rules: [a, a]'))
  const index = windowIndexOf(rules)
  const ids = new Map(loadTexts(parts).loaded.map(({ document }) => [document.name ?? '', document.id]))
  const at = (minute: number): Sketch => ({ minute, part: 'a', actor: 'alice', value: 1, delay: 0 })

  it.each([
    ['one', [at(0)], 1],
    ['one after another', [at(0), at(4), at(8)], 1],
    ['two at once', [at(0), at(0)], 0],
    ['a pause', [at(0), at(4), at(20), at(24)], 2]
  ])('%s: %j falls silent %i times', (_, sketches, expected) => {
    const signals = arrivals(sketches, ids)
    for (const order of [signals, signals.toReversed()]) {
      const found = [...run(index, order).values()]
      expect(found.length).toBe(expected)
      expect(
        found.every(({ parts: [part], time }) => signals.some((one) => one.id === part && one.time === time))
      ).toBe(true)
    }
  })
})

describe('absence that has to be heard', () => {
  const section = 'type: absence, rules: [a, b], direction: around, heard: true'
  const rules = load(correlation(section))
  const [rule] = rules
  if (rule === undefined) throw new Error('the correlation was not loaded')
  const index = windowIndexOf(rules)
  const ids = new Map(loadTexts(parts).loaded.map(({ document }) => [document.name ?? '', document.id]))
  const at = (part: string, minute: number, actor: Sketch['actor'] = 'alice'): Sketch => ({
    minute,
    part,
    actor,
    value: 1,
    delay: 0
  })
  const heard = [at('b', -3, 'bob'), at('b', 3, 'bob')]

  it.each([
    ['others are answered before and after', [...heard, at('a', 0)], 1],
    ['nothing is heard at all', [at('a', 0)], 0],
    ['others are answered before only', [at('b', -3, 'bob'), at('a', 0)], 0],
    ['others are answered after only', [at('b', 3, 'bob'), at('a', 0)], 0],
    ['it is answered', [...heard, at('a', 0), at('b', 4)], 0],
    ['it is answered before', [...heard, at('b', -4), at('a', 0)], 0]
  ])('when %s: %j gives %i', (_, sketches, expected) => {
    expect(run(index, arrivals(sketches, ids)).size).toBe(expected)
    expect(run(index, arrivals(sketches, ids).toReversed()).size).toBe(expected)
  })

  it('tells of the events of the definition, however late, shuffled or often they come, with answers left out, and through restarts', () => {
    fc.assert(
      fc.property(
        fc.array(sketch, { maxLength: 30 }),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 1, max: 50 }),
        (sketches, restartEvery, capacity) => {
          const signals = arrivals(sketches, ids).filter((signal) => rule.parts.includes(signal.rule.id))
          const expected = oracleLonely(rule, signals)
          const partsOf = (found: ReadonlyMap<string, Signal>) =>
            [...found.values()].flatMap((alert) => alert.parts).sort()
          expect(partsOf(run(index, signals, restartEvery))).toEqual(expected)
          const sent = [0, 1].map(() => createSentParts(neededParts(rules, []), capacity))
          const needed = signals.filter((signal, place) => sent[place % 2]?.isNeeded(signal))
          expect(partsOf(run(index, needed, restartEvery))).toEqual(expected)
        }
      ),
      { numRuns: 150 }
    )
  })

  it('takes single events for answers only', () => {
    const burst = `name: burst\n${correlation('type: event_count, rules: [b], condition: { gte: 3 }').replace('many', 'burst')}`
    const { errors } = loadTexts([...parts, burst, correlation('type: absence, rules: [a, burst], heard: true')])
    expect(errors.map(({ code }) => code)).toEqual(['RULE_REFERENCE'])
  })
})
