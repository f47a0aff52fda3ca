import type { EnrichedEvent, Signal } from '../../../schemas/generated/types.ts'
import { advanceCluster, contentOf, emptyMemory } from '../../core/correlate/cluster-memory.ts'
import { type CorrelateSettings, DEFAULT_CORRELATE_SETTINGS } from '../../core/correlate/settings.ts'
import type { LoadResult } from '../../core/detect/load-rule-set.ts'
import type { ProfileRule } from '../../core/profiles/profile-rule.ts'
import { advanceProfiles, profileIndexOf } from '../../core/profiles/reducer.ts'
import { emptyProfileState, type ProfileState } from '../../core/profiles/state.ts'
import { applySessions } from '../../core/sessions/apply-sessions.ts'
import { advanceWindows, DEFAULT_WINDOW_LIMITS, windowIndexOf } from '../../core/windows/reducer.ts'
import { emptyWindowState, type WindowState } from '../../core/windows/state.ts'

/** What a rule with memory made of a sequence of events. */
export interface SequenceOutcome {
  /** The alerts that stand in the end, by time. */
  readonly alerts: readonly Signal[]
  /** How many events each part matched, by rule title. */
  readonly parts: ReadonlyMap<string, number>
}

/** How late an event may come: ten minutes, as the correlator has it unless set. */
const LATENESS_US = 600_000_000

const byTime = (a: Signal, b: Signal) => a.time - b.time || (a.id < b.id ? -1 : 1)

interface Told {
  readonly change: 'new' | 'updated' | 'withdrawn'
  readonly signal: Signal
}

/** Longer than any sequence, so that one in reverse is not too late. */
const PATIENCE_MS = 13 * 86_400_000
const PATIENT: CorrelateSettings = {
  ...DEFAULT_CORRELATE_SETTINGS,
  allowed_lateness_ms: { runtime: PATIENCE_MS, audit: PATIENCE_MS, cloud: PATIENCE_MS }
}

/** Alerts about sessions, which hang on what else was detected. */
function standingSessions(result: LoadResult, id: string, batches: readonly (readonly Signal[])[]): readonly Signal[] {
  const content = contentOf(result.windows, [], PATIENT)
  const now = Math.max(0, ...batches.flat().map(({ time }) => time))
  const alerts = new Map<string, Signal>()
  for (const cluster of new Set(batches.flat().map((signal) => signal.cluster.id))) {
    const memory = emptyMemory(cluster)
    const note = (results: readonly Told[]) => {
      for (const { change, signal } of results) {
        if (signal.rule.id !== id) continue
        if (change === 'withdrawn') alerts.delete(signal.id)
        else alerts.set(signal.id, signal)
      }
    }
    for (const signals of batches) {
      const own = signals.filter((signal) => signal.cluster.id === cluster)
      const { correlated } = advanceCluster(memory, content, own, now, PATIENT)
      note(correlated.map((signal) => ({ change: signal.role === 'withdrawn' ? 'withdrawn' : 'new', signal })))
    }
    const end = { parts: [], alerts: [], gone: new Set<string>(), closed_before: Number.POSITIVE_INFINITY }
    note(applySessions(memory.sessions, content.sessions, memory.stitching, end, PATIENT).results)
  }
  return [...alerts.values()].sort(byTime)
}

/** Profiles whose signals count towards a correlation, over any number of others. */
function profilesOf(
  { windows, profiles }: Pick<LoadResult, 'windows' | 'profiles'>,
  id: string
): readonly ProfileRule[] {
  const parts = windows.find((window) => window.id === id)?.parts ?? []
  return [
    ...profiles.filter((profile) => parts.includes(profile.id)),
    ...parts.flatMap((part) => profilesOf({ windows, profiles }, part))
  ]
}

/**
 * What stands in the end.
 * @param lateness_us how long what is late is waited for; infinity, when all is to be waited for
 */
function standing(
  result: LoadResult,
  id: string,
  batches: readonly (readonly Signal[])[],
  lateness_us: number
): readonly Signal[] {
  if (result.windows.some((window) => window.id === id && window.mode === 'session'))
    return standingSessions(result, id, batches)
  const index = windowIndexOf(result.windows)
  const learning = profileIndexOf(profilesOf(result, id))
  const alerts = new Map<string, Signal>()
  const states = new Map<string, { readonly windows: WindowState; readonly profiles: ProfileState }>()
  const take = (cluster: string, signals: readonly Signal[], closed_before: number) => {
    const state = states.get(cluster) ?? { windows: emptyWindowState(cluster), profiles: emptyProfileState(cluster) }
    states.set(cluster, state)
    const clock = { latest: Number.POSITIVE_INFINITY, lateness_us, closed_before }
    const learnt = advanceProfiles(state.profiles, learning, signals, clock).results
    const { results } = advanceWindows(state.windows, index, signals, closed_before, DEFAULT_WINDOW_LIMITS, learnt)
    for (const { change, signal } of results) {
      if (signal.rule.id !== id) continue
      if (change === 'withdrawn') alerts.delete(signal.id)
      else alerts.set(signal.id, signal)
    }
  }
  let latest = Number.NEGATIVE_INFINITY
  for (const signals of batches) {
    for (const { time } of signals) latest = Math.max(latest, time)
    for (const [cluster, own] of Map.groupBy(signals, (signal) => signal.cluster.id))
      take(cluster, own, latest - lateness_us)
  }
  for (const cluster of states.keys()) take(cluster, [], Number.POSITIVE_INFINITY)
  return [...alerts.values()].sort(byTime)
}

/** The alerts of a profile that stand in the end, one signal a batch. */
function learnt(profile: ProfileRule, signals: readonly Signal[]): readonly Signal[] {
  const index = profileIndexOf([profile])
  const clock = { latest: Number.POSITIVE_INFINITY, lateness_us: LATENESS_US }
  const alerts = new Map<string, Signal>()
  for (const own of Map.groupBy(signals, (signal) => signal.cluster.id).values()) {
    const state = emptyProfileState(own[0]?.cluster.id ?? '')
    const take = (batch: readonly Signal[], closed_before: number) => {
      for (const { change, signal } of advanceProfiles(state, index, batch, { ...clock, closed_before }).results) {
        if (change === 'withdrawn') alerts.delete(signal.id)
        else alerts.set(signal.id, signal)
      }
    }
    for (const signal of own) take([signal], Number.NEGATIVE_INFINITY)
    take([], Number.POSITIVE_INFINITY)
  }
  return [...alerts.values()].sort(byTime)
}

/** The order of arrival when every second event comes almost as late as is allowed, and each comes twice. */
function distorted(signals: readonly Signal[]): readonly Signal[] {
  return signals
    .map((signal, place) => ({ signal, arrives: signal.time + (place % 2) * (LATENESS_US - 1) }))
    .sort((a, b) => a.arrives - b.arrives)
    .flatMap(({ signal }) => [signal, signal])
}

function sameAlerts(how: string, one: readonly Signal[], other: readonly Signal[]): void {
  const ids = (found: readonly Signal[]) => found.map((alert) => `${alert.id} ${alert.count}`).join('\n')
  if (ids(one) !== ids(other))
    throw new Error(`events in order give\n${ids(one)}\nand ${how}, each twice, they give\n${ids(other)}`)
}

/**
 * Evaluates a correlation or profile on a sequence of events: in the order given, one by one, and with every event twice: backwards for
 * correlations, late within what is allowed for profiles, which remember for longer. What stands in the end has to be the same.
 * @param id of the correlation or profile
 * @throws Error when it is not
 */
export function runSequence(result: LoadResult, id: string, events: readonly EnrichedEvent[]): SequenceOutcome {
  const signals = events.map((event) => result.rules.match(event))
  const parts = new Map<string, number>()
  const profile = result.profiles.find((known) => known.id === id)
  const rule = profile ?? result.windows.find((window) => window.id === id)
  for (const { rule: matched } of signals.flat()) {
    if (rule?.parts.includes(matched.id) === true) parts.set(matched.title, (parts.get(matched.title) ?? 0) + 1)
  }
  if (profile !== undefined) {
    const inOrder = signals.flat().sort(byTime)
    const alerts = learnt(profile, inOrder)
    sameAlerts('late', alerts, learnt(profile, distorted(inOrder)))
    return { alerts, parts }
  }
  if (profilesOf(result, id).length > 0) {
    const inOrder = signals.flat().sort(byTime)
    const one = (all: readonly Signal[]) =>
      standing(
        result,
        id,
        all.map((signal) => [signal]),
        LATENESS_US
      )
    const alerts = one(inOrder)
    sameAlerts('late', alerts, one(distorted(inOrder)))
    return { alerts, parts }
  }
  const ever = Number.POSITIVE_INFINITY
  const alerts = standing(result, id, signals, ever)
  const backwards = standing(
    result,
    id,
    signals.toReversed().flatMap((batch) => [batch, batch]),
    ever
  )
  sameAlerts('backwards', alerts, backwards)
  return { alerts, parts }
}
