import type { Signal } from '../../../schemas/generated/types.ts'
import { detach } from './chains.ts'
import type { CorrelateSettings } from './settings.ts'
import { type ClusterState, type Group, noteSignal, type StoredSignal } from './state.ts'

export interface Withdrawal {
  /** Signals that have to find out whether they still hold together. */
  readonly seeds: readonly StoredSignal[]
  /** Groups that are no more, with the signals that are left of them, and the signal that was taken out. */
  readonly groups: ReadonlyArray<{ readonly group: Group; readonly withdrawn: Signal }>
}

/** Takes signals out that turned out not to hold, or of which a later revision comes. A full group keeps what it has. */
export function withdraw(state: ClusterState, ids: Iterable<string>, settings: CorrelateSettings): Withdrawal {
  const seeds = new Set<StoredSignal>()
  const groups: { group: Group; withdrawn: Signal }[] = []
  for (const id of ids) {
    const stored = state.signals.get(id)
    if (stored === undefined || stored.group?.isSealed === true) continue
    const { group } = stored
    detach(state, stored, settings)
    state.signals.delete(id)
    noteSignal(state, stored, true)
    stored.group = null
    seeds.delete(stored)
    if (group === null) continue
    state.groups.delete(group)
    const members = group.members.filter((member) => member !== stored)
    for (const member of members) {
      member.group = null
      seeds.add(member)
    }
    groups.push({ group: { ...group, members }, withdrawn: stored.signal })
  }
  return { seeds: [...seeds], groups }
}

/**
 * Where the incidents of withdrawn signals went: to what is left of them, else to the signal that tells the same.
 * @returns the groups as `publish` takes those that are no more
 */
export function succeeded(state: ClusterState, { groups }: Withdrawal, signals: readonly Signal[]): readonly Group[] {
  return groups.flatMap(({ group, withdrawn }) => {
    // Those that were taken out and came again are others by now.
    const left = group.members.flatMap(({ signal }) => state.signals.get(signal.id) ?? [])
    if (left.length > 0) return [{ ...group, members: left }]
    const successor = signals.find(({ dedup_key }) => dedup_key === withdrawn.dedup_key)
    const stored = successor === undefined ? undefined : state.signals.get(successor.id)
    return stored === undefined ? [] : [{ ...group, members: [stored] }]
  })
}
