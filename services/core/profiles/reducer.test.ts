import { describe, expect, it } from 'vitest'
import type { Signal } from '../../../schemas/generated/types.ts'
import { loadTexts, ruleText } from '../../../test/support/rule-text.ts'
import { CLUSTER, entityOf, podOf, signalOf } from '../../../test/support/signals.ts'
import { emptyValues, forgetBefore, lastSeen, noteSeen, shrinkTo, valueText } from './known-values.ts'
import { afterPeriod, NO_HABIT, tooMuch } from './rate-group.ts'
import { advanceProfiles, profileIndexOf } from './reducer.ts'
import { emptyProfileState } from './state.ts'

const DAY = 1_440
const { profiles, loaded } = loadTexts([
  `name: ran\n${ruleText({ a: { verb: 'get' }, condition: 'a' })}`,
  'title: new\nprofile: { type: new_value, rules: [ran], of: [verb], for: { identity: [actor.name] }, memory: 10d, learn: 1d }\n',
  'title: more\nprofile: { type: rate, rules: [ran], for: { identity: [actor.name] }, per: 1d, least: 30, memory: 10d, learn: 1d }\n'
])
const index = profileIndexOf(profiles)
const CLOCK = { latest: Number.POSITIVE_INFINITY, lateness_us: 600_000_000 }

const ran = (program: string, minute: number, actor = 'web'): Signal => ({
  ...signalOf({ id: `${actor} ${program} ${minute}`, minute }),
  rule: { id: loaded[0]?.document.id ?? '', code: null, title: 'ran', level: 'low' },
  role: 'part',
  correlation_fields: { 'actor.name': [actor], verb: [program] }
})

describe('what profiles remember', () => {
  it('has no more values a scope than 4,096: the longest unseen go, and this is counted', () => {
    const state = emptyProfileState(CLUSTER.id)
    const many = Array.from({ length: 4_200 }, (_, n) => ran(`p${n}`, Math.floor(n / 1_000) * DAY))
    const { counts } = advanceProfiles(state, index, many, CLOCK)
    const [group] = state.groups.values()
    expect(counts.evicted_values).toBe(4_097 - 3_686)
    expect([group?.known.size, state.values]).toEqual([4_200 - counts.evicted_values, 4_200 - counts.evicted_values])
    if (group === undefined) return
    expect([
      lastSeen(group.known, '[["p0"]]') === undefined,
      lastSeen(group.known, '[["p4199"]]') === undefined
    ]).toEqual([true, false])
  })

  it('has no more scopes than allowed: those longest unchanged go, with their entries, and this is counted', () => {
    const state = emptyProfileState(CLUSTER.id)
    const limits = { max_groups: 3, max_values: 1_000 }
    const signals = ['a', 'b', 'c'].map((actor, n) => ran('x', n, actor))
    expect(advanceProfiles(state, index, signals, CLOCK, limits).counts.evicted_scopes).toBe(0)
    state.changes.clear()
    // Of both profiles one scope has to go.
    expect(
      advanceProfiles(state, index, [ran('y', 3, 'a'), ran('x', 4, 'd')], CLOCK, limits).counts.evicted_scopes
    ).toBe(2)
    const left = [...state.groups.keys()].map((key) => key.split('/').at(-1))
    expect(left).toEqual(['[["c"]]', '[["a"]]', '[["d"]]'])
    expect([...state.changes.values()].filter((value) => value === null).length).toBe(2)
  })

  it('has no more values in all than allowed', () => {
    const state = emptyProfileState(CLUSTER.id)
    const signals = Array.from({ length: 40 }, (_, n) => ran(`p${n}`, n, n < 20 ? 'a' : 'b'))
    advanceProfiles(state, index, signals, CLOCK, { max_groups: 10, max_values: 30 })
    expect([state.values, [...state.groups.keys()].length]).toEqual([20, 1])
  })

  it('is told of no more than 200 times an hour in one scope, and what is left out is counted', () => {
    const state = emptyProfileState(CLUSTER.id)
    const usual = [0, 1, 2].map((day) => ran('x', day * DAY))
    const flood = Array.from({ length: 300 }, (_, n) => ran(`p${n}`, 3 * DAY + n / 10))
    const { results, counts } = advanceProfiles(state, index, [...usual, ...flood], CLOCK)
    const alerts = results.filter(({ signal }) => signal.rule.title === 'new')
    expect(alerts.map(({ change, signal }) => [change, signal.count])).toEqual([['new', 192]])
    expect(counts.dropped_new).toBe(100)
  })

  it('tells a value that comes later than allowed when it is new, and does not count it', () => {
    const state = emptyProfileState(CLUSTER.id)
    const usual = [0, 1, 2, 3].map((day) => ran('x', day * DAY))
    const { results, counts } = advanceProfiles(state, index, [...usual, ran('late', 3 * DAY - 60)], CLOCK)
    expect(results.map(({ signal }) => signal.parts)).toEqual([[`web late ${3 * DAY - 60}`]])
    expect(counts.late_rates).toBe(1)
  })

  it.each([
    ['identity', ['pod', 'pod', 'pod', 'pod', 'pod', 'pod', 'service_account']],
    ['cluster', ['service_account']]
  ])('ties together what is new for one identity, and of several what they share: %s', (scope, expected) => {
    const fields = scope === 'identity' ? '[actor.name]' : '[]'
    const { profiles: given } = loadTexts([
      `name: ran\n${ruleText({ a: { verb: 'get' }, condition: 'a' })}`,
      `title: new\nprofile: { type: new_value, rules: [ran], of: [verb], for: { ${scope}: ${fields} }, memory: 10d, learn: 1d }\n`
    ])
    const state = emptyProfileState(CLUSTER.id)
    const usual = [0, 1, 2].map((day) => ran('x', day * DAY))
    const release = Array.from({ length: 6 }, (_, n) => ({
      ...ran(`p${n}`, 3 * DAY + n),
      entities: [entityOf('service_account', 'shop/web', 'actor'), podOf(`uid-${n}`, `shop/web-${n}`)]
    }))
    const { results } = advanceProfiles(state, profileIndexOf(given), [...usual, ...release], CLOCK)
    expect(results.map(({ signal }) => signal.entities.map(({ type }) => type).sort())).toEqual([expected])
  })

  it('learns nothing from an event that is dated years ahead', () => {
    const state = emptyProfileState(CLUSTER.id)
    const usual = [0, 1, 2].map((day) => ran('x', day * DAY))
    const clock = { ...CLOCK, latest: ran('x', 4 * DAY).time }
    const { counts } = advanceProfiles(state, index, [...usual, ran('forged', 9_000 * DAY)], clock)
    const { results } = advanceProfiles(state, index, [ran('forged', 3 * DAY), ran('y', 3 * DAY)], clock)
    expect([counts.ahead_of_clock, results.map(({ change }) => change)]).toEqual([1, ['new', 'new']])
  })

  it('tells nothing for names and values that are those of every object', () => {
    const state = emptyProfileState(CLUSTER.id)
    const usual = [0, 1, 2].map((day) => ran('__proto__', day * DAY, 'constructor'))
    expect(advanceProfiles(state, index, usual, CLOCK).results).toEqual([])
    expect(advanceProfiles(state, index, [ran('toString', 3 * DAY, 'constructor')], CLOCK).results.length).toBe(1)
  })
})

describe('known values', () => {
  it('are found whatever the number of shards, and forgotten by age', () => {
    const known = emptyValues()
    for (let n = 0; n < 1_000; n += 1) noteSeen(known, `v${n}`, n)
    expect([known.size, known.shards.length]).toEqual([1_000, 32])
    forgetBefore(known, 990)
    expect([known.size, lastSeen(known, 'v989'), lastSeen(known, 'v990')]).toEqual([10, undefined, 990])
    expect([shrinkTo(known, 4), known.size, lastSeen(known, 'v995'), lastSeen(known, 'v996')]).toEqual([
      6,
      4,
      undefined,
      996
    ])
  })

  it('are bounded in length, and differ when they differ', () => {
    const long = 'x'.repeat(10_000)
    expect(valueText([[`${long}a`]])).not.toBe(valueText([[`${long}b`]]))
    expect(valueText([[long]]).length).toBeLessThan(160)
    expect(valueText([['a'], ['b']])).not.toBe(valueText([['a', 'b']]))
  })
})

describe('a habit', () => {
  const after = (...counts: readonly number[]) =>
    counts.reduce((habit, count) => afterPeriod(habit, count, 30), NO_HABIT)

  it('is mean and variance of a few periods', () => {
    const { mean, variance } = after(2, 4, 4, 4, 5, 5, 7, 9)
    expect([mean, variance].map((number) => number.toFixed(6))).toEqual(['5.000000', '4.000000'])
  })

  it('comes down to what is usual now', () => {
    const habit = after(...Array<number>(60).fill(100), ...Array<number>(60).fill(10))
    expect(habit.mean).toBeGreaterThan(10)
    expect(habit.mean).toBeLessThan(13)
  })

  it.each([
    [[], 20, 20],
    [[3, 3, 3, 3, 3, 3], 5, 10],
    [[3, 3, 3, 3, 3, 3], 20, 20],
    [[100, 100, 100, 100], 20, 141],
    [[0, 200, 0, 200], 20, 501]
  ])('of %j with at least %i is exceeded by %i', (counts, least, expected) => {
    expect(tooMuch(after(...counts), least, 4)).toBe(expected)
  })
})
