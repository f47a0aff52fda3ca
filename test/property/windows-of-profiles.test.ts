import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CorrelatorState, Signal } from '../../schemas/generated/types.ts'
import { boundedSignal } from '../../services/core/correlate/bounded-signal.ts'
import { advanceProfiles, profileIndexOf } from '../../services/core/profiles/reducer.ts'
import { restoreProfiles } from '../../services/core/profiles/restore.ts'
import { emptyProfileState } from '../../services/core/profiles/state.ts'
import {
  advanceWindows,
  completeChanges,
  DEFAULT_WINDOW_LIMITS,
  windowIndexOf
} from '../../services/core/windows/reducer.ts'
import { allSteps, createWindowsRestorer } from '../../services/core/windows/restore.ts'
import { emptyWindowState } from '../../services/core/windows/state.ts'
import { loadTexts, ruleText } from '../support/rule-text.ts'
import { CLUSTER, START_US, signalOf } from '../support/signals.ts'
import { oracleAlerts } from '../support/window-oracle.ts'

const LATENESS_US = 10 * 60_000_000
const rules = ['seen', 'released'].map(
  (name) =>
    `name: ${name}\n${ruleText({ s: { verb: name }, condition: 's' }, 'product: kubernetes, service: audit', name)}`
)
const PROFILE =
  'name: fresh\ntitle: new\nprofile: { type: new_value, rules: [seen], of: [verb], for: { identity: [actor.name] }, memory: 1d, learn: 30m }\n'
const correlation = (section: string) =>
  `title: new things\ncorrelation: { group-by: [actor.name], generate: true, ${section} }\n`

const sketch = fc.record({
  minute: fc.integer({ min: 0, max: 150 }),
  part: fc.oneof({ weight: 5, arbitrary: fc.constant('seen') }, { weight: 1, arbitrary: fc.constant('released') }),
  actor: fc.constantFrom('alice', 'bob'),
  value: fc.constantFrom(...'abcdefghijkl'),
  delay: fc.integer({ min: 0, max: 10 })
})
interface Sketch {
  readonly minute: number
  readonly part: string
  readonly actor: string
  readonly value: string
  readonly delay: number
}

const byTime = (a: Signal, b: Signal) => a.time - b.time || (a.id < b.id ? -1 : 1)

function load(section: string) {
  const { windows, profiles, loaded, errors } = loadTexts([...rules, PROFILE, correlation(section)])
  expect(errors).toEqual([])
  const [rule] = windows
  if (rule === undefined) throw new Error('the correlation was not loaded')
  return { rule, windows, profiles, ids: new Map(loaded.map(({ document }) => [document.name ?? '', document.id])) }
}

function signalsOf(sketches: readonly Sketch[], ids: ReadonlyMap<string, string>): readonly Signal[] {
  return sketches.map((given, index) => ({
    ...signalOf({ id: `s${index}`, minute: given.minute }),
    rule: { id: ids.get(given.part) ?? '', code: null, title: given.part, level: 'low' as const },
    role: 'part' as const,
    correlation_fields: { 'actor.name': [given.actor], verb: [given.value] }
  }))
}

/** Values that are seen for the first time at once, an hour after another one. */
const atOnce = (values: readonly string[]): Sketch[] =>
  ['h', ...values].map((value) => ({ minute: value === 'h' ? 0 : 60, part: 'seen', actor: 'alice', value, delay: 0 }))

describe.each([
  ['a count of what is new', 'type: event_count, rules: [fresh], timespan: 20m, condition: { gte: 2 }'],
  ['a sequence', 'type: temporal_ordered, rules: [released, fresh], timespan: 20m'],
  ['what is new without a release', 'type: absence, rules: [fresh, released], direction: before, timespan: 20m']
])('correlations over profiles: %s', (_, section) => {
  const { rule, windows, profiles, ids } = load(section)
  const index = windowIndexOf(windows)
  const learning = profileIndexOf(profiles)

  /** What stands in the end, of the correlation and of the profile. */
  function run(signals: readonly Signal[], restartEvery: number) {
    const alerts = new Map<string, Signal>()
    const fresh = new Map<string, Signal>()
    const changelog = new Map<string, CorrelatorState>()
    let profileState = emptyProfileState(CLUSTER.id)
    let state = emptyWindowState(CLUSTER.id)
    let watermark = START_US
    const step = (batch: readonly Signal[], closed_before: number) => {
      const clock = { latest: Number.POSITIVE_INFINITY, lateness_us: LATENESS_US, closed_before }
      const learnt = advanceProfiles(profileState, learning, batch, clock).results
      const { results } = advanceWindows(state, index, batch, closed_before, DEFAULT_WINDOW_LIMITS, learnt)
      for (const [told, changes] of [
        [alerts, results],
        [fresh, learnt]
      ] as const) {
        for (const { change, signal } of changes) {
          if (change === 'withdrawn') told.delete(signal.id)
          else told.set(signal.id, signal)
        }
      }
      completeChanges(state, index)
      for (const { changes } of [state, profileState]) {
        for (const [key, value] of changes) {
          if (value === null) changelog.delete(key)
          else changelog.set(key, structuredClone(value))
        }
        changes.clear()
      }
    }
    for (const [place, signal] of signals.entries()) {
      watermark = Math.max(watermark, signal.time)
      step([boundedSignal(signal)], watermark - LATENESS_US)
      if (restartEvery === 0 || place % restartEvery < restartEvery - 1) continue
      const entries = [...changelog.values()]
      const restorer = createWindowsRestorer(CLUSTER.id, index)
      for (const entry of entries) restorer.take(entry)
      state = allSteps(restorer.finish(watermark - LATENESS_US))
      const learnt = entries.filter(({ kind }) => kind === 'profile')
      profileState = restoreProfiles(CLUSTER.id, learning, learnt, profileState.closed_before)
    }
    step([], Number.POSITIVE_INFINITY)
    expect([state.parts.size, state.groups.size]).toEqual([0, 0])
    return { alerts, fresh }
  }

  it('count what profiles tell in the end, however late, shuffled or often events come, and through restarts', () => {
    fc.assert(
      fc.property(
        fc.array(sketch, { maxLength: 40, size: 'max' }),
        fc.integer({ min: 0, max: 4 }),
        (sketches, often) => {
          const signals = signalsOf(sketches, ids)
          const arrivals = signals
            .map((signal, place) => ({ signal, arrives: signal.time + (sketches[place]?.delay ?? 0) * 60_000_000 }))
            .toSorted((a, b) => a.arrives - b.arrives)
            .flatMap(({ signal }, place) => (place % 3 === 0 ? [signal, signal] : [signal]))
          const found = run(arrivals, often)
          const inOrder = run(signals.toSorted(byTime), 0)
          const told = ({ alerts }: ReturnType<typeof run>) =>
            [...alerts.values()].map(({ id, count }) => `${id} ${count}`).sort()
          expect([...found.fresh.keys()].sort()).toEqual([...inOrder.fresh.keys()].sort())
          expect(told(found)).toEqual(told(inOrder))
          if (rule.mode === 'absence') return
          const events = [...signals, ...inOrder.fresh.values()].filter((signal) => rule.parts.includes(signal.rule.id))
          const alerts = [...found.alerts.values()].map(
            ({ correlation_fields, parts: [first], count }) =>
              `${correlation_fields['actor.name']?.[0]} ${first} ${count}`
          )
          expect(alerts.sort()).toEqual(oracleAlerts(rule, events))
        }
      ),
      // What a profile has told of so many values at once is a release, and taken back: with it, all that was counted from it.
      { numRuns: 80, examples: [[atOnce(['a', 'f', 'i', 'k', 'l', 'j']), 0]] }
    )
  })

  it('find something in some runs', () => {
    const sketches: readonly Sketch[] = [
      { minute: 0, part: 'seen', actor: 'alice', value: 'a', delay: 0 },
      ...(rule.mode === 'absence' ? [] : [{ minute: 40, part: 'released', actor: 'alice', value: 'a', delay: 0 }]),
      { minute: 45, part: 'seen', actor: 'alice', value: 'b', delay: 0 },
      { minute: 46, part: 'seen', actor: 'alice', value: 'c', delay: 0 }
    ]
    expect(run(signalsOf(sketches, ids), 0).alerts.size).toBe(1)
  })
})
