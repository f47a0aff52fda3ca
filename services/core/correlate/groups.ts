import { detach, neighboursOf } from './chains.ts'
import { isWorthALook } from './score.ts'
import type { CorrelateSettings } from './settings.ts'
import { bySignalTime, type ClusterState, type Group, incidentId, noteSignal, type StoredSignal } from './state.ts'
import { type Judged, judgedOf, judgedStatus } from './verdicts.ts'

/** All signals that a signal is tied to, over any number of ties. */
function reach(
  state: ClusterState,
  start: StoredSignal,
  visited: Set<StoredSignal>,
  settings: CorrelateSettings
): StoredSignal[] {
  const members: StoredSignal[] = []
  const pending = [start]
  visited.add(start)
  for (let stored = pending.pop(); stored !== undefined; stored = pending.pop()) {
    members.push(stored)
    for (const neighbour of neighboursOf(state, stored, settings)) {
      if (visited.has(neighbour)) continue
      visited.add(neighbour)
      pending.push(neighbour)
    }
  }
  return members.sort(bySignalTime)
}

/** Makes a group of signals in order and points them to it. */
export function formGroup(state: ClusterState, members: readonly StoredSignal[], isSealed: boolean): Group {
  const signals = members.map(({ signal }) => signal)
  const group: Group = {
    members,
    id: incidentId(state.cluster_id, signals[0]?.id ?? ''),
    isIncident: isWorthALook(signals),
    isSealed,
    status: judgedStatus(judgedOf(state, members), members)
  }
  for (const stored of members) stored.group = group
  state.groups.add(group)
  return group
}

/**
 * How many signals from the start one incident takes: all, unless it is full, too old, was silent for too long, or was closed by an
 * analyst long before.
 */
function capacity(members: readonly StoredSignal[], { status }: Judged, settings: CorrelateSettings): number {
  const closed = status?.action === 'close' ? status.time + settings.reopen_ms * 1000 : Number.POSITIVE_INFINITY
  const start = members[0]?.signal.time ?? 0
  let previous = start
  for (const [place, { signal }] of members.entries()) {
    if (place === settings.max_signals_per_incident) return place
    if (signal.time > closed && place > 0) return place
    if (signal.time - start > settings.max_age_ms * 1000) return place
    if (signal.time - previous > (settings.close_idle_ms + settings.reopen_ms) * 1000) return place
    previous = signal.time
  }
  return members.length
}

export interface Regrouping {
  /** Groups that are new or differ from before. */
  readonly formed: Set<Group>
  /** Groups that are no more. */
  readonly replaced: Set<Group>
  /** How many groups became full. */
  sealed: number
}

/**
 * Brings the groups in line with the ties between signals, wherever these may have changed. What the groups are follows from
 * the signals alone, not from the order in which they came, as long as no group is full.
 * @param seeds new signals, and signals whose ties may have changed
 */
export function regroup(state: ClusterState, seeds: Iterable<StoredSignal>, settings: CorrelateSettings): Regrouping {
  const result: Regrouping = { formed: new Set(), replaced: new Set(), sealed: 0 }
  let pending = [...seeds]
  // A full group leaves, and the rest has to find out whether it still holds together without it.
  while (pending.length > 0) {
    const rest: StoredSignal[] = []
    for (const members of collect(state, pending, result, settings)) {
      const size = capacity(members, judgedOf(state, members), settings)
      if (size === members.length) {
        result.formed.add(formGroup(state, members, false))
        continue
      }
      const full = members.slice(0, size)
      for (const stored of full) detach(state, stored, settings)
      result.formed.add(formGroup(state, full, true))
      for (const stored of full) noteSignal(state, stored)
      for (const stored of members.slice(size)) stored.group = null
      rest.push(...members.slice(size))
      result.sealed += 1
    }
    pending = rest
  }
  return result
}

/** The sets of signals that are tied together now, where they differ from the groups there are; those groups are dissolved. */
function collect(
  state: ClusterState,
  seeds: readonly StoredSignal[],
  result: Regrouping,
  settings: CorrelateSettings
): ReadonlyArray<readonly StoredSignal[]> {
  const pending = [...seeds]
  const visited = new Set<StoredSignal>()
  const touched = new Set<Group>()
  const sets: StoredSignal[][] = []
  for (let seed = pending.pop(); seed !== undefined; seed = pending.pop()) {
    if (visited.has(seed)) continue
    const members = reach(state, seed, visited, settings)
    sets.push(members)
    for (const { group } of members) {
      if (group === null || touched.has(group)) continue
      touched.add(group)
      // If ties came loose, part of the group was not reached.
      pending.push(...group.members)
    }
  }
  const unchanged = new Set<Group>()
  const changed = sets.filter((members) => {
    const group = members[0]?.group ?? null
    if (group === null || group.members.length !== members.length) return true
    if (members.some((stored) => stored.group !== group)) return true
    unchanged.add(group)
    return false
  })
  for (const group of touched) {
    if (unchanged.has(group)) continue
    state.groups.delete(group)
    // Made only to be dissolved in the same batch: nobody has seen it.
    if (!result.formed.delete(group)) result.replaced.add(group)
  }
  return changed.sort((a, b) => (a[0] !== undefined && b[0] !== undefined ? bySignalTime(a[0], b[0]) : 0))
}
