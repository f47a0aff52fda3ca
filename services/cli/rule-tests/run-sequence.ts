import type { EnrichedEvent, Signal } from '../../../schemas/generated/types.ts'
import { advanceCluster, contentOf, emptyMemory } from '../../core/correlate/cluster-memory.ts'
import { DEFAULT_CORRELATE_SETTINGS } from '../../core/correlate/settings.ts'
import type { LoadResult } from '../../core/detect/load-rule-set.ts'
import { learnValue, type ProfileState } from '../../core/profiles/new-values.ts'
import { applySessions } from '../../core/sessions/apply-sessions.ts'
import { advanceWindows, windowIndexOf } from '../../core/windows/reducer.ts'
import { emptyWindowState } from '../../core/windows/state.ts'

/** What a rule with memory made of a sequence of events. */
export interface SequenceOutcome {
  /** The alerts that stand in the end, by time. */
  readonly alerts: readonly Signal[]
  /** How many events each part matched, by rule title. */
  readonly parts: ReadonlyMap<string, number>
}

const byTime = (a: Signal, b: Signal) => a.time - b.time || (a.id < b.id ? -1 : 1)

interface Told {
  readonly change: 'new' | 'updated' | 'withdrawn'
  readonly signal: Signal
}

/** Longer than any sequence, so that one in reverse is not too late. */
const PATIENT = { ...DEFAULT_CORRELATE_SETTINGS, allowed_lateness_ms: 13 * 86_400_000 }

/** Alerts about sessions, which hang on what else was detected. */
function standingSessions(result: LoadResult, id: string, batches: readonly (readonly Signal[])[]): readonly Signal[] {
  const content = contentOf(result.windows)
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

function standing(result: LoadResult, id: string, batches: readonly (readonly Signal[])[]): readonly Signal[] {
  if (result.windows.some((window) => window.id === id && window.mode === 'session'))
    return standingSessions(result, id, batches)
  const index = windowIndexOf(result.windows)
  const alerts = new Map<string, Signal>()
  const states = new Map<string, ReturnType<typeof emptyWindowState>>()
  const take = (cluster: string, signals: readonly Signal[], closed_before: number) => {
    const state = states.get(cluster) ?? emptyWindowState(cluster)
    states.set(cluster, state)
    for (const { change, signal } of advanceWindows(state, index, signals, closed_before).results) {
      if (signal.rule.id !== id) continue
      if (change === 'withdrawn') alerts.delete(signal.id)
      else alerts.set(signal.id, signal)
    }
  }
  for (const signals of batches) {
    for (const [cluster, own] of Map.groupBy(signals, (signal) => signal.cluster.id))
      take(cluster, own, Number.NEGATIVE_INFINITY)
  }
  for (const cluster of states.keys()) take(cluster, [], Number.POSITIVE_INFINITY)
  return [...alerts.values()].sort(byTime)
}

/**
 * Evaluates a correlation or profile on a sequence of events: in the order given, one by one, and backwards, every event twice. What stands in
 * the end has to be the same.
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
    // What is new depends on what was before: profiles learn in the order of time.
    const state: ProfileState = new Map()
    const alerts = signals
      .flat()
      .sort(byTime)
      .flatMap((signal) => learnValue(state, profile, signal) ?? [])
    return { alerts, parts }
  }
  const alerts = standing(result, id, signals)
  const backwards = standing(
    result,
    id,
    signals.toReversed().flatMap((batch) => [batch, batch])
  )
  const ids = (found: readonly Signal[]) => found.map((alert) => `${alert.id} ${alert.count}`).join('\n')
  if (ids(alerts) !== ids(backwards))
    throw new Error(`events in order give\n${ids(alerts)}\nand backwards, each twice, they give\n${ids(backwards)}`)
  return { alerts, parts }
}
