import type { CorrelatorState, Incident, Signal } from '../../../schemas/generated/types.ts'
import { type ProfileRule, settledAfter_us } from '../profiles/profile-rule.ts'
import { advanceProfiles, type ProfileCounts, type ProfileIndex, profileIndexOf } from '../profiles/reducer.ts'
import { restoreProfiles } from '../profiles/restore.ts'
import { emptyProfileState, type ProfileState } from '../profiles/state.ts'
import { annotateWith, applySessions } from '../sessions/apply-sessions.ts'
import { restoreSessions, type SessionCounts } from '../sessions/reducer.ts'
import { emptySessionState, type SessionIndex, type SessionState, sessionIndexOf } from '../sessions/state.ts'
import { spreadRulesOf } from '../spread/spread-rules.ts'
import { inTurn } from '../windows/in-turn.ts'
import {
  advanceWindows,
  completeChanges,
  DEFAULT_WINDOW_LIMITS,
  type WindowCounts,
  type WindowIndex,
  type WindowResult,
  windowIndexOf
} from '../windows/reducer.ts'
import { allSteps, createWindowsRestorer, type WindowsRestorer } from '../windows/restore.ts'
import { emptyWindowState, type WindowState } from '../windows/state.ts'
import { withWaits } from '../windows/waits.ts'
import type { WindowRule } from '../windows/window-rule.ts'
import { boundedSignal, defectOf } from './bounded-signal.ts'
import { type CorrelateCounts, correlate, type RefusedSignal } from './reducer.ts'
import { restore } from './restore.ts'
import { type CorrelateSettings, DEFAULT_CORRELATE_SETTINGS, latenessOf, leastLatenessOf } from './settings.ts'
import { type ClusterState, emptyState, type StateEntry } from './state.ts'

/** Everything the correlator knows of one cluster. Changed in place by `advanceCluster`. */
export interface ClusterMemory {
  readonly cluster_id: string
  readonly stitching: ClusterState
  readonly windows: WindowState
  readonly profiles: ProfileState
  readonly sessions: SessionState
  /** What it was made with, since windows know rules by what they are and not by name; null before the first signals. */
  content: CorrelateContent | null
}

/** What signals are judged by. */
export interface CorrelateContent {
  readonly windows: WindowIndex
  /** Of clusters whose windows are spread: what is evaluated here all the same. */
  readonly staying: WindowIndex
  readonly profiles: ProfileIndex
  readonly sessions: SessionIndex
}

/**
 * Correlations that know how long to wait for what they count.
 * @param rules all correlations; what one refers to stands before it
 * @param settings how late each source may be
 */
export function patientRules(
  rules: readonly WindowRule[],
  profiles: readonly ProfileRule[],
  settings: CorrelateSettings
): readonly WindowRule[] {
  const least_ms = leastLatenessOf(settings)
  const learnt_us = (latenessOf(settings) - least_ms) * 1000
  const waits = new Map(profiles.map(({ id, profile }) => [id, settledAfter_us(profile) + learnt_us]))
  return withWaits(rules, waits, ({ sources }) =>
    sources.length === 0 ? 0 : (latenessOf(settings, sources) - least_ms) * 1000
  )
}

/**
 * @param rules all correlations; what one refers to stands before it
 * @param profiles none unless given
 * @param settings how late each source may be
 */
export function contentOf(
  rules: readonly WindowRule[],
  profiles: readonly ProfileRule[] = [],
  settings: CorrelateSettings = DEFAULT_CORRELATE_SETTINGS
): CorrelateContent {
  const patient = patientRules(rules, profiles, settings)
  return {
    windows: windowIndexOf(patient),
    staying: windowIndexOf(spreadRulesOf(patient, profiles).staying),
    profiles: profileIndexOf(profiles),
    sessions: sessionIndexOf(rules)
  }
}

const windowsOf = ({ windows, staying }: CorrelateContent, cluster_id: string, settings: CorrelateSettings) =>
  settings.spread_clusters.includes(cluster_id) ? staying : windows

export interface ClusterOutputs {
  /** New, changed and withdrawn signals of correlations and profiles. */
  readonly correlated: readonly Signal[]
  readonly incidents: readonly Incident[]
  /** Changes of the state, one per key. */
  readonly entries: readonly StateEntry[]
  /** Signals that cannot be used, for the dead letters. */
  readonly refused: readonly RefusedSignal[]
  readonly counts: CorrelateCounts
  readonly windowCounts: WindowCounts
  readonly profileCounts: ProfileCounts
  readonly sessionCounts: SessionCounts
}

export function emptyMemory(cluster_id: string): ClusterMemory {
  return {
    cluster_id,
    stitching: emptyState(cluster_id),
    windows: emptyWindowState(cluster_id),
    profiles: emptyProfileState(cluster_id),
    sessions: emptySessionState(cluster_id),
    content: null
  }
}

/**
 * Up to when no event is expected any more, when an event of this time has come, microseconds since the epoch. Windows go by the quickest
 * source, and wait for longer where they count others, see `contentOf`.
 */
function closedBefore(watermark: number, settings: CorrelateSettings) {
  return {
    windows: watermark - leastLatenessOf(settings) * 1000,
    profiles: watermark - latenessOf(settings) * 1000,
    sessions: watermark - latenessOf(settings, ['audit', 'runtime']) * 1000
  }
}

/** A cluster of which nothing was usable is none. */
export function isKnown({ stitching }: ClusterMemory): boolean {
  return stitching.signals.size > 0 || stitching.watermark > 0
}

/**
 * One step of everything that needs more than one event: correlations and profiles over the signals, whose session they were in, then
 * stitching of all.
 * @param memory of the cluster; it is changed in place and must be used by nobody else
 * @param content the very object that the memory was made or restored with
 * @param signals of the cluster, a batch in any order
 * @param now microseconds since the epoch; bounds how far signals can move event time on
 * @param spread what windows elsewhere told of the cluster, at most one for each id
 */
export function advanceCluster(
  memory: ClusterMemory,
  content: CorrelateContent,
  signals: readonly Signal[],
  now: number,
  settings: CorrelateSettings,
  spread: readonly WindowResult[] = []
): ClusterOutputs {
  const { cluster_id, stitching, windows, profiles, sessions } = memory
  memory.content ??= content
  // Open windows of rules that were loaded a second time would never be looked at again.
  if (memory.content !== content) throw new TypeError('the memory of a cluster was made with other rules')
  const index = windowsOf(content, cluster_id, settings)
  const latest = now + settings.clock_tolerance_ms * 1000
  // Verdicts are no events: time does not go on with them.
  const usable = signals.filter((signal) => signal.role !== 'verdict' && defectOf(signal) === null)
  const time = usable.reduce((most, signal) => Math.max(most, Math.min(signal.time, latest)), stitching.watermark)
  const parts = usable.filter(({ rule }) => index.uses.has(rule.id)).map(boundedSignal)
  const closed = closedBefore(time, settings)
  const clock = { latest, lateness_us: latenessOf(settings) * 1000 }
  const ofProfiles = advanceProfiles(profiles, content.profiles, usable, clock)
  const learnt = ofProfiles.results
  const ofWindows = advanceWindows(windows, index, parts, closed.windows, DEFAULT_WINDOW_LIMITS, learnt)
  const results = [...ofWindows.results, ...ofProfiles.results, ...spread]
  const told = standing(results)
  const gone = changedIds(results)
  const batch = { parts: usable, alerts: [...usable, ...told], gone: new Set(gone), closed_before: closed.sessions }
  const ofSessions = applySessions(sessions, content.sessions, stitching, batch, settings)
  const given = [...ofSessions.again, ...inTurn(signals, [...told, ...standing(ofSessions.results)])]
  const withdrawn = [...gone, ...ofSessions.again.map(({ id }) => id), ...changedIds(ofSessions.results)]
  const stitched = correlate(stitching, given, now, settings, withdrawn, ofSessions.annotate)
  completeChanges(windows, index)
  const changes = [...windows.changes, ...profiles.changes, ...sessions.changes]
  for (const state of [windows, profiles, sessions]) state.changes.clear()
  return {
    ...stitched,
    entries: [...changes.map(([key, value]) => ({ key, value })), ...stitched.entries],
    correlated: [...results, ...ofSessions.results].map(({ signal }) => signal),
    windowCounts: ofWindows.counts,
    profileCounts: ofProfiles.counts,
    sessionCounts: ofSessions.counts
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

/** Builds the memories of clusters out of a changelog as it is read. */
export interface MemoryRestorer {
  /**
   * @param name message key: cluster id and key within the cluster
   * @param entry null forgets what was taken under this name
   */
  take(name: string, entry: CorrelatorState | null): void
  /**
   * The memories as they were when the last of the entries was written, by cluster id.
   * @throws WeirError CORRELATE_STATE_UNUSABLE when an entry does not hold what its kind says
   */
  finish(): Map<string, ClusterMemory>
  /** The same step by step, for who has other things to do meanwhile: a million parts take seconds. */
  steps(): Generator<undefined, Map<string, ClusterMemory>>
}

interface Restoring {
  readonly windows: WindowsRestorer
  /** Of profiles, sessions and stitching, the latest of each key. */
  readonly profiles: Map<string, CorrelatorState>
  readonly sessions: Map<string, CorrelatorState>
  readonly others: Map<string, CorrelatorState>
}

/** @param content what signals will be judged by: `advanceCluster` has to be given this very object */
export function createMemoryRestorer(content: CorrelateContent, settings: CorrelateSettings): MemoryRestorer {
  const clusters = new Map<string, Restoring>()

  function forget(name: string): void {
    for (const [cluster_id, { windows, profiles, sessions, others }] of clusters) {
      if (!name.startsWith(`${cluster_id}/`)) continue
      const key = name.slice(cluster_id.length + 1)
      others.delete(key)
      profiles.delete(key)
      sessions.delete(key)
      windows.forget(key)
    }
  }

  function* memoryOf(cluster_id: string, found: Restoring): Generator<undefined, ClusterMemory> {
    const { windows, profiles, sessions, others } = found
    const watermark = others.get('clock')?.watermark ?? 0
    const closed = closedBefore(watermark, settings)
    const restored = restoreSessions(cluster_id, content.sessions, [...sessions.values()], closed.sessions)
    const entries = [...others].map(([key, value]) => ({ key, value }))
    const stitching = restore(cluster_id, entries, settings, annotateWith(restored, content.sessions))
    yield
    return {
      cluster_id,
      stitching,
      windows: yield* windows.finish(closed.windows),
      profiles: restoreProfiles(cluster_id, content.profiles, [...profiles.values()], closed.profiles),
      sessions: restored,
      content
    }
  }

  function* steps(): Generator<undefined, Map<string, ClusterMemory>> {
    const memories = new Map<string, ClusterMemory>()
    for (const [cluster_id, found] of clusters) {
      memories.set(cluster_id, yield* memoryOf(cluster_id, found))
      // What it was made of need not be in memory any more.
      clusters.delete(cluster_id)
    }
    return memories
  }

  return {
    take(name, entry) {
      if (entry === null) return forget(name)
      if (entry.kind === 'marker') return
      const { cluster_id, kind, key } = entry
      let cluster = clusters.get(cluster_id)
      if (cluster === undefined) {
        cluster = {
          windows: createWindowsRestorer(cluster_id, windowsOf(content, cluster_id, settings)),
          profiles: new Map(),
          sessions: new Map(),
          others: new Map()
        }
        clusters.set(cluster_id, cluster)
      }
      if (kind === 'part' || kind === 'window') cluster.windows.take(entry)
      else if (kind === 'profile') cluster.profiles.set(key, entry)
      else if (kind === 'session') cluster.sessions.set(key, entry)
      else cluster.others.set(key, entry)
    },

    finish: () => allSteps(steps()),
    steps
  }
}
