import type { CorrelatorState } from '../../../schemas/generated/types.ts'
import { WeirError } from '../errors.ts'
import { attach } from './chains.ts'
import { CORRELATE_ERRORS } from './errors.ts'
import { formGroup, regroup } from './groups.ts'
import type { CorrelateSettings } from './settings.ts'
import {
  type Annotate,
  asItIs,
  bySignalTime,
  type ClusterState,
  emptyState,
  type StateEntry,
  type StoredSignal,
  storedSignal
} from './state.ts'
import { restoreVerdicts } from './verdicts.ts'

function apply(
  state: ClusterState,
  sealed: Map<string, StoredSignal[]>,
  entry: CorrelatorState,
  annotate: Annotate
): void {
  if (entry.kind === 'clock') state.watermark = entry.watermark
  else if (entry.kind === 'incident' && entry.published !== null)
    state.published.set(entry.published.id, entry.published)
  else if (entry.kind === 'signal' && entry.signal !== null) {
    const stored = storedSignal(entry.signal, entry.cut_keys, annotate)
    state.signals.set(entry.signal.id, stored)
    if (entry.sealed === null) return
    const members = sealed.get(entry.sealed)
    if (members === undefined) sealed.set(entry.sealed, [stored])
    else members.push(stored)
  } else if (entry.kind === 'verdict') {
    restoreVerdicts(state, entry.key, entry.document)
  } else if (entry.kind !== 'marker') {
    throw new WeirError(
      CORRELATE_ERRORS,
      'CORRELATE_STATE_UNUSABLE',
      `state entry ${entry.key} of cluster ${entry.cluster_id} is of kind ${entry.kind} and does not hold one`
    )
  }
}

/**
 * The state as it was when the last of the entries was written.
 * @param entries of one cluster, in the order of writing; compacted or not
 * @param annotate what else is known of signals
 * @throws WeirError CORRELATE_STATE_UNUSABLE when an entry does not hold what its kind says
 */
export function restore(
  cluster_id: string,
  entries: Iterable<StateEntry>,
  settings: CorrelateSettings,
  annotate: Annotate = asItIs
): ClusterState {
  const latest = new Map<string, CorrelatorState>()
  for (const { key, value } of entries) {
    if (value === null) latest.delete(key)
    else latest.set(key, value)
  }
  const state = emptyState(cluster_id)
  const sealed = new Map<string, StoredSignal[]>()
  for (const entry of latest.values()) apply(state, sealed, entry, annotate)

  for (const members of sealed.values()) formGroup(state, members.sort(bySignalTime), true)
  const growing = [...state.signals.values()].filter(({ group }) => group === null).sort(bySignalTime)
  for (const stored of growing) attach(state, stored, settings)
  regroup(state, growing, settings)
  for (const group of state.groups) {
    if (group.isIncident && state.published.get(group.id)?.status === 'closed') group.status = 'closed'
  }

  // Whatever is due is looked at with the next batch.
  state.next_due = 0
  state.changes.clear()
  return state
}
