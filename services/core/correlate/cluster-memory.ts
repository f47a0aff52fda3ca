import type { CorrelatorState, Incident, Signal } from '../../../schemas/generated/types.ts'
import { annotateWith, applySessions } from '../sessions/apply-sessions.ts'
import { restoreSessions, type SessionCounts } from '../sessions/reducer.ts'
import { emptySessionState, type SessionIndex, type SessionState, sessionIndexOf } from '../sessions/state.ts'
import {
  advanceWindows,
  restoreWindows,
  type WindowCounts,
  type WindowIndex,
  windowIndexOf
} from '../windows/reducer.ts'
import { emptyWindowState, type WindowState } from '../windows/state.ts'
import type { WindowRule } from '../windows/window-rule.ts'
import { boundedSignal, defectOf } from './bounded-signal.ts'
import { type CorrelateCounts, correlate, type RefusedSignal } from './reducer.ts'
import { restore } from './restore.ts'
import type { CorrelateSettings } from './settings.ts'
import { type ClusterState, emptyState, type StateEntry } from './state.ts'

/** Everything the correlator knows of one cluster. Changed in place by `advanceCluster`. */
export interface ClusterMemory {
  readonly cluster_id: string
  readonly stitching: ClusterState
  readonly windows: WindowState
  readonly sessions: SessionState
}

/** What signals are judged by. */
export interface CorrelateContent {
  readonly windows: WindowIndex
  readonly sessions: SessionIndex
}

/** @param rules all correlations; what one refers to stands before it */
export function contentOf(rules: readonly WindowRule[]): CorrelateContent {
  return { windows: windowIndexOf(rules), sessions: sessionIndexOf(rules) }
}

export interface ClusterOutputs {
  /** New, changed and withdrawn signals of correlations. */
  readonly correlated: readonly Signal[]
  readonly incidents: readonly Incident[]
  /** Changes of the state, one per key. */
  readonly entries: readonly StateEntry[]
  /** Signals that cannot be used, for the dead letters. */
  readonly refused: readonly RefusedSignal[]
  readonly counts: CorrelateCounts
  readonly windowCounts: WindowCounts
  readonly sessionCounts: SessionCounts
}

export function emptyMemory(cluster_id: string): ClusterMemory {
  return {
    cluster_id,
    stitching: emptyState(cluster_id),
    windows: emptyWindowState(cluster_id),
    sessions: emptySessionState(cluster_id)
  }
}

/** No event before this is expected when an event of this time has come, both microseconds since the epoch. */
function closedBefore(watermark: number, settings: CorrelateSettings): number {
  return watermark - settings.allowed_lateness_ms * 1000
}

/** A cluster of which nothing was usable is none. */
export function isKnown({ stitching }: ClusterMemory): boolean {
  return stitching.signals.size > 0 || stitching.watermark > 0
}

/**
 * One step of everything that needs more than one event: correlations over the signals, whose session they were in, then stitching
 * of all.
 * @param memory of the cluster; it is changed in place and must be used by nobody else
 * @param signals of the cluster, a batch in any order
 * @param now microseconds since the epoch; bounds how far signals can move event time on
 */
export function advanceCluster(
  { stitching, windows, sessions }: ClusterMemory,
  content: CorrelateContent,
  signals: readonly Signal[],
  now: number,
  settings: CorrelateSettings
): ClusterOutputs {
  const latest = now + settings.clock_tolerance_ms * 1000
  const usable = signals.filter((signal) => defectOf(signal) === null)
  const time = usable.reduce((most, signal) => Math.max(most, Math.min(signal.time, latest)), stitching.watermark)
  const parts = usable.filter(({ rule }) => content.windows.uses.has(rule.id)).map(boundedSignal)
  const { results, counts } = advanceWindows(windows, content.windows, parts, closedBefore(time, settings))
  const told = standing(results)
  const gone = changedIds(results)
  const batch = {
    parts: usable,
    alerts: [...usable, ...told],
    gone: new Set(gone),
    closed_before: closedBefore(time, settings)
  }
  const applied = applySessions(sessions, content.sessions, stitching, batch, settings)
  const all = [...applied.again, ...signals, ...told, ...standing(applied.results)]
  const withdrawn = [...gone, ...applied.again.map(({ id }) => id), ...changedIds(applied.results)]
  const stitched = correlate(stitching, all, now, settings, withdrawn, applied.annotate)
  const changes = [...windows.changes, ...sessions.changes].map(([key, value]) => ({ key, value }))
  windows.changes.clear()
  sessions.changes.clear()
  return {
    ...stitched,
    entries: [...changes, ...stitched.entries],
    correlated: [...results, ...applied.results].map(({ signal }) => signal),
    windowCounts: counts,
    sessionCounts: applied.counts
  }
}

interface Result {
  readonly change: 'new' | 'updated' | 'withdrawn'
  readonly signal: Signal
}

const standing = (results: readonly Result[]): readonly Signal[] =>
  results.filter(({ change }) => change !== 'withdrawn').map(({ signal }) => signal)

const changedIds = (results: readonly Result[]): readonly string[] =>
  results.filter(({ change }) => change !== 'new').map(({ signal }) => signal.id)

/**
 * The memory as it was when the last of the entries was written.
 * @param entries of one cluster, the latest of each key
 * @throws WeirError CORRELATE_STATE_UNUSABLE when an entry does not hold what its kind says
 */
export function restoreCluster(
  cluster_id: string,
  content: CorrelateContent,
  entries: readonly CorrelatorState[],
  settings: CorrelateSettings
): ClusterMemory {
  const of = (...kinds: readonly CorrelatorState['kind'][]) => entries.filter(({ kind }) => kinds.includes(kind))
  const watermark = of('clock').reduce((most, entry) => Math.max(most, entry.watermark), 0)
  const closed = closedBefore(watermark, settings)
  const sessions = restoreSessions(cluster_id, content.sessions, of('session'), closed)
  const others = entries.filter(({ kind }) => kind !== 'part' && kind !== 'window' && kind !== 'session')
  const stitching = restore(
    cluster_id,
    others.map((value) => ({ key: value.key, value })),
    settings,
    annotateWith(sessions, content.sessions)
  )
  return {
    ...{ cluster_id, stitching, sessions },
    windows: restoreWindows(cluster_id, content.windows, of('part', 'window'), closed)
  }
}
