import type { Incident, Signal } from '../../../schemas/generated/types.ts'
import { boundedSignal, defectOf } from './bounded-signal.ts'
import { attach } from './chains.ts'
import type { CorrelateErrorCode } from './errors.ts'
import { regroup } from './groups.ts'
import { dissolve, dueAt, evict, expire, forgetRecords } from './lifetimes.ts'
import { publish } from './publish.ts'
import { type CorrelateSettings, latenessOf } from './settings.ts'
import {
  type Annotate,
  asItIs,
  type ClusterState,
  type Group,
  noteClock,
  noteSignal,
  type StateEntry,
  type StoredSignal,
  storedSignal
} from './state.ts'
import { takeVerdict, verdictDefect } from './verdicts.ts'
import { succeeded, withdraw } from './withdraw.ts'

export interface RefusedSignal {
  readonly signal: Signal
  readonly code: CorrelateErrorCode
  readonly reason: string
}

/** What happened in a batch, in numbers. */
export interface CorrelateCounts {
  readonly accepted: number
  readonly duplicates: number
  /** Accepted, but from further in the future than the clock tolerance: they do not move time on. */
  readonly ahead_of_clock: number
  /** Groups that became full. */
  readonly sealed: number
  /** Groups let go because more was remembered than allowed, and their signals. */
  readonly evicted_groups: number
  readonly evicted_signals: number
}

export interface CorrelateOutputs {
  /** The latest revision of every incident that changed; those merged into another come last. */
  readonly incidents: readonly Incident[]
  /** Changes of the state, one per key. */
  readonly entries: readonly StateEntry[]
  /** Signals that cannot be used, for the dead letters. */
  readonly refused: readonly RefusedSignal[]
  readonly counts: CorrelateCounts
}

interface Intake {
  readonly seeds: Set<StoredSignal>
  readonly verdicts: Signal[]
  readonly refused: RefusedSignal[]
  accepted: number
  duplicates: number
  ahead_of_clock: number
}

function take(
  state: ClusterState,
  signals: readonly Signal[],
  now: number,
  settings: CorrelateSettings,
  annotate: Annotate
): Intake {
  const intake: Intake = { seeds: new Set(), verdicts: [], refused: [], accepted: 0, duplicates: 0, ahead_of_clock: 0 }
  const memory_us = (settings.close_idle_ms + settings.reopen_ms + latenessOf(settings)) * 1000
  const latest = now + settings.clock_tolerance_ms * 1000
  for (const signal of signals) {
    if (signal.role === 'verdict') {
      intake.verdicts.push(signal)
      continue
    }
    const defect =
      signal.cluster.id === state.cluster_id ? defectOf(signal) : `it is not from cluster ${state.cluster_id}`
    if (defect !== null) {
      intake.refused.push({
        signal,
        code: 'CORRELATE_SIGNAL_UNUSABLE',
        reason: `signal ${signal.id.slice(0, 64)}: ${defect}`
      })
      continue
    }
    // Parts count towards correlations and make or join no incidents; time goes on with them.
    if (signal.role !== 'alert') {
      state.watermark = Math.max(state.watermark, Math.min(signal.time, latest))
      continue
    }
    if (state.signals.has(signal.id)) {
      intake.duplicates += 1
      continue
    }
    if (signal.time < state.watermark - memory_us) {
      const reason = `signal ${signal.id} of time ${signal.time} came when time was at ${state.watermark}, microseconds since the epoch; ${memory_us / 1e6} s are remembered`
      intake.refused.push({ signal, code: 'CORRELATE_SIGNAL_TOO_LATE', reason })
      continue
    }
    const stored = storedSignal(boundedSignal(signal), [], annotate)
    state.signals.set(signal.id, stored)
    noteSignal(state, stored)
    intake.seeds.add(stored)
    for (const loosened of attach(state, stored, settings)) intake.seeds.add(loosened)
    intake.accepted += 1
    // One event dated years ahead must not close every incident.
    if (signal.time > latest) intake.ahead_of_clock += 1
    state.watermark = Math.max(state.watermark, Math.min(signal.time, latest))
  }
  return intake
}

/** Applies the verdicts of a batch to the groups as they are with its signals. */
function judge(state: ClusterState, { verdicts, refused }: Intake): ReadonlySet<Group> {
  const judged = new Set<Group>()
  for (const signal of verdicts) {
    const defect = defectOf(signal) ?? verdictDefect(signal)
    if (defect !== null || signal.verdict === null) {
      const reason = `signal ${signal.id.slice(0, 64)}: ${defect}`
      refused.push({ signal, code: 'CORRELATE_SIGNAL_UNUSABLE', reason })
      continue
    }
    const group = takeVerdict(state, signal.verdict)
    if (group !== null) judged.add(group)
    else {
      const reason = `verdict ${signal.id} is about incident ${signal.verdict.incident.slice(0, 64)}, which is not remembered`
      refused.push({ signal, code: 'CORRELATE_VERDICT_UNKNOWN', reason })
    }
  }
  return judged
}

/**
 * The correlator: takes signals of one cluster, in any order, and says which incidents they make.
 *
 * The incidents that are open in the end do not depend on the order or batching of the signals, nor on duplicates, as long as
 * none comes later than `allowed_lateness_ms` and no limit is reached; only the revision numbers between do.
 *
 * @param state the cluster's state; it is changed in place and must be used by nobody else
 * @param signals a batch
 * @param now the time, microseconds since the epoch; bounds how far signals can move event time on
 * @param withdrawn ids of signals that do not hold any more, or come again among `signals` in a later revision
 * @param annotate what else is known of signals
 */
export function correlate(
  state: ClusterState,
  signals: readonly Signal[],
  now: number,
  settings: CorrelateSettings,
  withdrawn: readonly string[] = [],
  annotate: Annotate = asItIs
): CorrelateOutputs {
  const before = state.watermark
  const withdrawal = withdraw(state, withdrawn, settings)
  const intake = take(state, signals, now, settings, annotate)
  const regrouping = regroup(state, [...intake.seeds, ...withdrawal.seeds], settings)
  const { formed, sealed } = regrouping
  const replaced = new Set([...regrouping.replaced, ...succeeded(state, withdrawal, signals)])
  const judged = judge(state, intake)
  for (const group of new Set([...formed, ...judged])) {
    if (group.isSealed && !group.isIncident) state.next_due = 0
    state.next_due = Math.min(state.next_due, dueAt(state, group, settings))
  }
  const isDue = state.watermark >= state.next_due
  const expiry = expire(state, settings)
  const eviction = evict(state, settings)

  const changed = new Set<Group>([...formed, ...judged, ...expiry.changed, ...eviction.changed])
  const incidents = publish(state, changed, replaced)
  for (const group of new Set([...expiry.forgotten, ...eviction.forgotten])) dissolve(state, group, settings)
  if (isDue || replaced.size > 0) forgetRecords(state, settings)

  if (state.watermark !== before) noteClock(state)
  const entries = [...state.changes].map(([key, value]) => ({ key, value }))
  state.changes.clear()
  const counts = {
    accepted: intake.accepted,
    duplicates: intake.duplicates,
    ahead_of_clock: intake.ahead_of_clock,
    sealed,
    evicted_groups: eviction.forgotten.size,
    evicted_signals: [...eviction.forgotten].reduce((sum, { members }) => sum + members.length, 0)
  }
  return { incidents, entries, refused: intake.refused, counts }
}
