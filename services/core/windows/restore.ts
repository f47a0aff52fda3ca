import type { CorrelatorState } from '../../../schemas/generated/types.ts'
import { wholeMinutes } from './agenda.ts'
import { notePart, type StoredGroup } from './changelog.ts'
import { dropPart, insert, newRun, schedule, takePart } from './group-run.ts'
import type { GroupValues } from './group-store.ts'
import type { WindowIndex } from './reducer.ts'
import { emptyWindowState, type WindowState } from './state.ts'
import { matters, type WindowRule } from './window-rule.ts'

/** Builds the state of a cluster's windows out of its changelog as it is read, so that no entry has to be kept. */
export interface WindowsRestorer {
  /** @param entry of kind part or window; the last of each key counts */
  take(entry: CorrelatorState): void
  /** Takes back an entry, by its key within the cluster. */
  forget(key: string): void
  /**
   * What belongs to rules that are no more is forgotten.
   * @param closed_before as it was when the last of the entries was written, microseconds since the epoch
   */
  finish(closed_before: number): WindowState
}

const PART = 'part/'

export function createWindowsRestorer(cluster_id: string, index: WindowIndex, most_young?: number): WindowsRestorer {
  const state = emptyWindowState(cluster_id, most_young)
  const { groups, parts, changes } = state
  const run = newRun(state, index)
  const documents = new Map<string, string>()

  function forgetPart(id: string): void {
    const slot = parts.slotOf(id)
    if (slot >= 0) dropPart(run, slot)
  }

  function restoreGroup(rules: ReadonlyMap<string, WindowRule>, key: string, document: string): void {
    const stored = JSON.parse(document) as StoredGroup
    const cut = stored.group.indexOf('/[')
    const rule = rules.get(stored.group.slice(0, cut))
    const group = rule === undefined ? -1 : groups.find(rule, JSON.parse(stored.group.slice(cut + 1)) as GroupValues)
    if (group < 0) {
      changes.set(key, null)
      return
    }
    groups.settle(group, stored.settled ?? Number.NEGATIVE_INFINITY)
    groups.tell(group, new Map(stored.told.map((told) => [told.id, told])))
  }

  return {
    take({ kind, key, signal, document }) {
      if (kind === 'window' && document !== null) documents.set(key, document)
      if (kind !== 'part' || signal === null) return
      forgetPart(signal.id)
      const uses = index.uses.get(signal.rule.id)
      if (uses === undefined) return notePart(state, signal.id, null)
      const slot = takePart(state, index, signal)
      for (const use of uses) insert(run, use, slot, signal.correlation_fields)
    },

    forget(key) {
      documents.delete(key)
      changes.delete(key)
      if (key.startsWith(PART)) forgetPart(key.slice(PART.length))
    },

    finish(closed_before) {
      state.closed_before = wholeMinutes(closed_before)
      for (const group of [...groups.all()]) {
        const rule = groups.ruleOf(group)
        // A part may be remembered for one rule and be done with in another.
        groups.keep(group, (time, part) => matters(rule, part, time, state.closed_before))
        if (groups.count(group) === 0) groups.remove(group)
      }
      const rules = new Map(index.rules.map((rule) => [rule.id, rule]))
      for (const [key, document] of documents) restoreGroup(rules, key, document)
      for (const group of groups.all()) schedule(state, group)
      return state
    }
  }
}
