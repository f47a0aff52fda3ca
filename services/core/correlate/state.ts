import { hash } from 'node:crypto'
import type { CorrelatorState, IncidentStatus, PublishedIncident, Signal } from '../../../schemas/generated/types.ts'
import { BLANK_ENTRY } from '../changelog-entry.ts'
import { type Link, linksOf } from './link-keys.ts'
import { byCodeUnits } from './text.ts'
import type { Judged } from './verdicts.ts'

/** A signal as the correlator holds it. */
export interface StoredSignal {
  /** As it is shown: with the person whose session it was in, where that is known. */
  readonly signal: Signal
  /** As it came. */
  readonly raw: Signal
  readonly links: readonly Link[]
  /** The workload it counts for when a key is judged to be a hub: that of its entities, else its pod. Empty: none. */
  readonly workload: string
  /** Keys by which it no longer joins earlier signals. */
  cutKeys: readonly string[]
  group: Group | null
}

/** Signals that belong together: an incident, or not yet worth one. */
export interface Group {
  /** By time, then id. Never empty. */
  readonly members: readonly StoredSignal[]
  /** Id of the incident, or of the incident it would be. */
  readonly id: string
  /** Whether it is an incident. */
  readonly isIncident: boolean
  /** Full: takes no more signals. */
  readonly isSealed: boolean
  status: Exclude<IncidentStatus, 'merged'>
}

/** All signals that share a key. */
export interface Chain {
  /** By time, then id. */
  readonly signals: StoredSignal[]
  /** Those that lead on it, in the same order. */
  readonly leaders: StoredSignal[]
  /** How many signals each workload has in it. */
  readonly workloads: Map<string, number>
}

/** Everything the correlator knows of one cluster. Changed in place by the reducer that owns it. */
export interface ClusterState {
  readonly cluster_id: string
  /** Latest event time seen, microseconds since the epoch. */
  watermark: number
  readonly signals: Map<string, StoredSignal>
  /** Signals that can still join others, by key. */
  readonly chains: Map<string, Chain>
  readonly groups: Set<Group>
  readonly published: Map<string, PublishedIncident>
  /** What analysts said of the incident that began with a signal, by the signal's id. */
  readonly verdicts: Map<string, Judged>
  /** No group or record is due for closing or forgetting before this time. */
  next_due: number
  /** What was changed since the last batch, to be written to the changelog; null is a tombstone. */
  readonly changes: Map<string, CorrelatorState | null>
}

/** One change of the state, for the changelog. */
export interface StateEntry {
  /** Key within the cluster. */
  readonly key: string
  /** Null forgets the key. */
  readonly value: CorrelatorState | null
}

export function emptyState(cluster_id: string): ClusterState {
  return {
    cluster_id,
    watermark: 0,
    signals: new Map(),
    chains: new Map(),
    groups: new Set(),
    published: new Map(),
    verdicts: new Map(),
    next_due: Number.POSITIVE_INFINITY,
    changes: new Map()
  }
}

/** Order of signals within everything: by time, then by id, so that it does not depend on arrival. */
export function bySignalTime(a: StoredSignal, b: StoredSignal): number {
  return a.signal.time - b.signal.time || byCodeUnits(a.signal.id, b.signal.id)
}

/** @returns 32 hexadecimal digits, from the cluster and its earliest signal: the same on every replay */
export function incidentId(cluster_id: string, first_signal: string): string {
  return hash('sha256', JSON.stringify(['incident', cluster_id, first_signal])).slice(0, 32)
}

/** Says what else is known of a signal: who is behind it. The same until the reducer is told that signals come again. */
export type Annotate = (signal: Signal) => Signal

export const asItIs: Annotate = (signal) => signal

/** @param raw within bounds */
export function storedSignal(raw: Signal, cutKeys: readonly string[] = [], annotate = asItIs): StoredSignal {
  const signal = annotate(raw)
  const owner =
    signal.entities.find(({ type }) => type === 'workload') ?? signal.entities.find(({ type }) => type === 'pod')
  return { signal, raw, links: linksOf(signal), workload: owner?.id ?? '', cutKeys, group: null }
}

/** Notes that a signal has to be written (or, with `forget`, deleted) in the changelog. */
export function noteSignal(state: ClusterState, stored: StoredSignal, forget = false): void {
  const key = `signal/${stored.signal.id}`
  const sealed = stored.group?.isSealed === true ? stored.group.id : null
  const { cluster_id } = state
  state.changes.set(
    key,
    forget
      ? null
      : { ...BLANK_ENTRY, key, cluster_id, kind: 'signal', signal: stored.raw, sealed, cut_keys: stored.cutKeys }
  )
}

export function noteIncident(state: ClusterState, id: string): void {
  const key = `incident/${id}`
  const published = state.published.get(id)
  const { cluster_id } = state
  state.changes.set(
    key,
    published === undefined ? null : { ...BLANK_ENTRY, key, cluster_id, kind: 'incident', published }
  )
}

/** Notes that the verdicts on the incident of a signal have to be written, or deleted. */
export function noteVerdicts(state: ClusterState, signal: string): void {
  const key = `verdict/${signal}`
  const judged = state.verdicts.get(signal)
  const { cluster_id } = state
  const document = JSON.stringify({ signal, judged })
  state.changes.set(key, judged === undefined ? null : { ...BLANK_ENTRY, key, cluster_id, kind: 'verdict', document })
}

export function noteClock(state: ClusterState): void {
  const { cluster_id, watermark } = state
  state.changes.set('clock', { ...BLANK_ENTRY, key: 'clock', cluster_id, kind: 'clock', watermark })
}
