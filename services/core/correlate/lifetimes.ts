import { detach } from './chains.ts'
import { type CorrelateSettings, latenessOf } from './settings.ts'
import { type ClusterState, type Group, noteIncident, noteSignal, noteVerdicts } from './state.ts'
import { byCodeUnits } from './text.ts'
import { judgedOf } from './verdicts.ts'

function lastOf(group: Group): number {
  return group.members.at(-1)?.signal.time ?? 0
}

/** When something last happened to a group: a signal, or that an analyst opened it again. */
function touchedAt(state: ClusterState, group: Group): number {
  const { status } = judgedOf(state, group.members)
  return Math.max(lastOf(group), status?.action === 'reopen' ? status.time : 0)
}

/** When a group may be forgotten: nothing that is not later than allowed could still belong to it. */
function forgottenAt(state: ClusterState, group: Group, settings: CorrelateSettings): number {
  const remembered_ms = group.isIncident
    ? settings.close_idle_ms + settings.reopen_ms
    : Math.max(...Object.values(settings.link_windows_ms))
  return touchedAt(state, group) + (remembered_ms + latenessOf(settings)) * 1000
}

function closedAt(state: ClusterState, group: Group, settings: CorrelateSettings): number {
  return touchedAt(state, group) + settings.close_idle_ms * 1000
}

/** The next time at which something is to be done about a group. */
export function dueAt(state: ClusterState, group: Group, settings: CorrelateSettings): number {
  const forgotten = forgottenAt(state, group, settings)
  if (!group.isIncident || group.status === 'closed') return forgotten
  return Math.min(forgotten, closedAt(state, group, settings))
}

/** How long the record of an incident without a group is kept (merged, as a rule), so that its revisions go on if it comes back. */
function recordForgottenAt(last: number, settings: CorrelateSettings): number {
  return last + (settings.close_idle_ms + settings.reopen_ms + latenessOf(settings)) * 1000
}

export interface Expiry {
  /** Incidents whose status changed. */
  readonly changed: ReadonlySet<Group>
  /** Groups to be forgotten, once what is to be said of them was said. */
  readonly forgotten: ReadonlySet<Group>
}

const NOTHING: Expiry = { changed: new Set(), forgotten: new Set() }

/** Closes and picks out for forgetting what the watermark has left behind. */
export function expire(state: ClusterState, settings: CorrelateSettings): Expiry {
  if (state.watermark < state.next_due) return NOTHING
  const changed = new Set<Group>()
  const forgotten = new Set<Group>()
  let next_due = Number.POSITIVE_INFINITY
  for (const group of state.groups) {
    if (group.isIncident && group.status === 'open' && closedAt(state, group, settings) < state.watermark) {
      group.status = 'closed'
      changed.add(group)
    }
    // A full group takes no signals and, when it is not an incident, has nothing to tell.
    if (forgottenAt(state, group, settings) < state.watermark || (group.isSealed && !group.isIncident))
      forgotten.add(group)
    else next_due = Math.min(next_due, dueAt(state, group, settings))
  }
  state.next_due = next_due
  return { changed, forgotten }
}

function forget(state: ClusterState, id: string): void {
  if (state.published.delete(id)) noteIncident(state, id)
}

/** Forgets the records of incidents that have no group any more. To be called after everything was said. */
export function forgetRecords(state: ClusterState, settings: CorrelateSettings): void {
  for (const { id, first_signal, last } of state.published.values()) {
    // A record that has a group is forgotten with it.
    if (state.signals.get(first_signal)?.group?.id === id) continue
    const due = recordForgottenAt(last, settings)
    if (due < state.watermark) forget(state, id)
    else state.next_due = Math.min(state.next_due, due)
  }
}

/**
 * Picks the groups to let go when more is remembered than allowed: the longest silent first, what is no incident before
 * what is.
 */
export function evict(state: ClusterState, settings: CorrelateSettings): Expiry {
  const changed = new Set<Group>()
  const forgotten = new Set<Group>()
  let groups = state.groups.size
  let signals = state.signals.size
  if (groups <= settings.max_groups_per_cluster && signals <= settings.max_signals_per_cluster) return NOTHING
  const rank = (group: Group) => (group.isIncident ? (group.status === 'closed' ? 1 : 2) : 0)
  const candidates = [...state.groups].sort(
    (a, b) => rank(a) - rank(b) || lastOf(a) - lastOf(b) || byCodeUnits(a.id, b.id)
  )
  // A tenth more than needed, so that sorting does not happen for every batch.
  const groupsAllowed = settings.max_groups_per_cluster * 0.9
  const signalsAllowed = settings.max_signals_per_cluster * 0.9
  for (const group of candidates) {
    if (groups <= groupsAllowed && signals <= signalsAllowed) break
    if (group.status === 'open') {
      group.status = 'closed'
      changed.add(group)
    }
    forgotten.add(group)
    groups -= 1
    signals -= group.members.length
  }
  return { changed, forgotten }
}

/** Forgets a group with its signals and its record. */
export function dissolve(state: ClusterState, group: Group, settings: CorrelateSettings): void {
  state.groups.delete(group)
  for (const stored of group.members) {
    if (!group.isSealed) detach(state, stored, settings)
    state.signals.delete(stored.signal.id)
    noteSignal(state, stored, true)
    if (state.verdicts.delete(stored.signal.id)) noteVerdicts(state, stored.signal.id)
  }
  forget(state, group.id)
}
