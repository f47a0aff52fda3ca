import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CorrelatorState, Signal } from '../../schemas/generated/types.ts'
import type { ProfileRule } from '../../services/core/profiles/profile-rule.ts'
import { advanceProfiles, type ProfileIndex, profileIndexOf } from '../../services/core/profiles/reducer.ts'
import { restoreProfiles } from '../../services/core/profiles/restore.ts'
import { createSentParts, neededParts } from '../../services/core/profiles/sent-parts.ts'
import { emptyProfileState, type ProfileState } from '../../services/core/profiles/state.ts'
import { oracleNewValues, oracleRates } from '../support/profile-oracle.ts'
import { loadTexts, ruleText } from '../support/rule-text.ts'
import { CLUSTER, START_US, signalOf } from '../support/signals.ts'

const LATENESS_US = 10 * 60_000_000
const CLOCK = { latest: Number.POSITIVE_INFINITY, lateness_us: LATENESS_US }
const parts = ['seen', 'released'].map(
  (name) =>
    `name: ${name}\n${ruleText({ s: { verb: name }, condition: 's' }, 'product: kubernetes, service: audit', name)}`
)

function load(section: string): { readonly rule: ProfileRule; readonly ids: ReadonlyMap<string, string> } {
  const result = loadTexts([...parts, `title: new\nprofile: { ${section} }\n`])
  expect(result.errors).toEqual([])
  const [rule] = result.profiles
  if (rule === undefined) throw new Error('the profile was not loaded')
  return { rule, ids: new Map(result.loaded.map(({ document }) => [document.name ?? '', document.id])) }
}

interface Sketch {
  readonly minute: number
  readonly part: string
  readonly actor: string
  readonly value: string | null
  readonly delay: number
}

const sketchOf = (minutes: fc.Arbitrary<number>): fc.Arbitrary<Sketch> =>
  fc.record({
    minute: minutes,
    part: fc.oneof({ weight: 9, arbitrary: fc.constant('seen') }, { weight: 1, arbitrary: fc.constant('released') }),
    actor: fc.constantFrom('alice', 'bob'),
    value: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', null),
    delay: fc.integer({ min: 0, max: 10 })
  })

/** Times crowd around hours and days, since there things change. */
const crowded = fc
  .record({
    day: fc.integer({ min: 0, max: 4 }),
    hour: fc.constantFrom(0, 1, 2, 23),
    minute: fc.constantFrom(0, 1, 2, 5, 30, 57, 58, 59)
  })
  .map(({ day, hour, minute }) => day * 1440 + hour * 60 + minute)

function signalsOf(sketches: readonly Sketch[], ids: ReadonlyMap<string, string>): readonly Signal[] {
  return sketches.map((given, index) => ({
    ...signalOf({ id: `s${index}`, minute: given.minute }),
    rule: { id: ids.get(given.part) ?? '', code: null, title: given.part, level: 'low' as const },
    role: 'part' as const,
    correlation_fields: {
      'actor.name': [given.actor],
      'objectRef.namespace': ['shop'],
      verb: given.value === null ? [] : [given.value],
      'workload.namespace': ['shop'],
      'workload.kind': ['Deployment'],
      'workload.name': [given.actor]
    }
  }))
}

/** In the order of arrival, some twice. */
function arrivals(sketches: readonly Sketch[], signals: readonly Signal[]): readonly Signal[] {
  return signals
    .map((signal, index) => ({ signal, arrives: signal.time + (sketches[index]?.delay ?? 0) * 60_000_000 }))
    .toSorted((a, b) => a.arrives - b.arrives)
    .flatMap(({ signal }, index) => (index % 3 === 0 ? [signal, signal] : [signal]))
}

/** What stands in the end; every change is applied to what was told before. */
function run(index: ProfileIndex, signals: readonly Signal[], batch: number, restartEvery = 0): readonly string[] {
  const standing = new Map<string, Signal>()
  const changelog = new Map<string, CorrelatorState>()
  let state: ProfileState = emptyProfileState(CLUSTER.id)
  const step = (given: readonly Signal[]) => {
    for (const { change, signal } of advanceProfiles(state, index, given, CLOCK).results) {
      if (change === 'withdrawn') expect(standing.delete(signal.id)).toBe(true)
      else {
        expect(standing.has(signal.id)).toBe(change === 'updated')
        standing.set(signal.id, signal)
      }
    }
    for (const [key, value] of state.changes) {
      if (value === null) changelog.delete(key)
      else changelog.set(key, JSON.parse(JSON.stringify(value)) as CorrelatorState)
    }
    state.changes.clear()
  }
  for (let at = 0; at < signals.length; at += batch) {
    step(signals.slice(at, at + batch))
    if (restartEvery > 0 && (at / batch) % restartEvery === restartEvery - 1)
      state = restoreProfiles(CLUSTER.id, index, [...changelog.values()], state.closed_before)
  }
  const last = signals.reduce((most, { time }) => Math.max(most, time), START_US)
  const later = (days: number): Signal => ({
    ...signalOf({ id: `end${days}`, minute: 0 }),
    time: last + days * 86_400_000_000
  })
  step([later(2)])
  expect([state.events.size, state.crowds.size, state.releases.size]).toEqual([0, 0, 0])
  step([later(100)])
  expect([state.groups.size, state.values, state.rates.size, changelog.size]).toEqual([0, 0, 0, 0])
  return [...standing.values()]
    .map(({ parts: ids, count, severity, time }) => `${ids.join(' ')} ${count} ${severity} ${time}`)
    .sort()
}

const SCOPES = 'for: { cluster: [], namespace: [objectRef.namespace], identity: [actor.name] }'

describe.each([
  ['of three scopes', `type: new_value, rules: [seen], of: [verb], ${SCOPES}, memory: 1d, learn: 90m`],
  [
    'of identities, with releases',
    `type: new_value, rules: [seen], of: [verb], for: { identity: [actor.name] }, memory: 1d, learn: 2h, levels: { identity: medium }, release: { rules: [released], within: 1h }`
  ],
  [
    'that remember days',
    `type: new_value, rules: [seen], of: [verb], for: { cluster: [], identity: [actor.name] }, memory: 10d, learn: 1d`
  ]
])('profiles of new values %s', (_, section) => {
  const { rule, ids } = load(section)
  const index = profileIndexOf([rule])

  it('tell what the definition says, however late, shuffled or often events come, and through restarts', () => {
    fc.assert(
      fc.property(
        fc.array(sketchOf(crowded), { maxLength: 40, size: 'max' }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 0, max: 3 }),
        (sketches, batch, restartEvery) => {
          const signals = signalsOf(sketches, ids)
          const expected = oracleNewValues(rule, signals)
          expect(run(index, arrivals(sketches, signals), batch, restartEvery)).toEqual(expected)
          const inOrder = signals.toSorted((a, b) => a.time - b.time)
          expect(run(index, inOrder, 1)).toEqual(expected)
        }
      ),
      { numRuns: 100 }
    )
  })

  it('tell the same when two processes leave out what teaches nothing, try batches again and forget', () => {
    fc.assert(
      fc.property(
        fc.array(sketchOf(crowded), { maxLength: 40, size: 'max' }),
        fc.integer({ min: 1, max: 50 }),
        (sketches, capacity) => {
          const signals = signalsOf(sketches, ids)
          const sent = [0, 1].map(() => createSentParts(neededParts([], [rule]), capacity))
          const needed = arrivals(sketches, signals).filter((signal, place) => sent[place % 2]?.isNeeded(signal))
          expect(run(index, needed, 3)).toEqual(oracleNewValues(rule, signals))
        }
      ),
      { numRuns: 100 }
    )
  })
})

describe.each([
  [
    'by the hour',
    'type: rate, rules: [seen], for: { identity: [actor.name] }, per: 1h, least: 3, deviations: 1, memory: 1d, learn: 3h'
  ],
  [
    'by the day',
    'type: rate, rules: [seen], for: { identity: [actor.name] }, per: 1d, least: 3, deviations: 1, memory: 7d, learn: 1d'
  ]
])('profiles of rates %s', (_, section) => {
  const { rule, ids } = load(section)
  const index = profileIndexOf([rule])

  it('tell what the definition says, however late, shuffled or often events come, and through restarts', () => {
    fc.assert(
      fc.property(
        fc.array(sketchOf(crowded), { maxLength: 60, size: 'max' }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 0, max: 3 }),
        (sketches, batch, restartEvery) => {
          const signals = signalsOf(sketches, ids)
          const expected = oracleRates(rule, signals)
          expect(run(index, arrivals(sketches, signals), batch, restartEvery)).toEqual(expected)
          const inOrder = signals.toSorted((a, b) => a.time - b.time)
          expect(run(index, inOrder, 1)).toEqual(expected)
        }
      ),
      { numRuns: 100 }
    )
  })
})
