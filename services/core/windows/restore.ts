import type { CorrelatorState } from '../../../schemas/generated/types.ts'
import { wholeMinutes } from './agenda.ts'
import type { StoredGroup } from './changelog.ts'
import { insert, newRun, schedule, takePart } from './group-run.ts'
import type { GroupValues } from './group-store.ts'
import type { WindowIndex } from './reducer.ts'
import { emptyWindowState, type WindowState } from './state.ts'
import { matters } from './window-rule.ts'

/**
 * The state as it was when the last of the entries was written. What belongs to rules that are no more is forgotten.
 * @param entries of one cluster, of the kinds part and window; the latest of each key
 * @param closed_before as it was then, microseconds since the epoch
 */
export function restoreWindows(
  cluster_id: string,
  index: WindowIndex,
  entries: Iterable<CorrelatorState>,
  closed_before: number
): WindowState {
  const state = emptyWindowState(cluster_id)
  state.closed_before = wholeMinutes(closed_before)
  const { groups, changes } = state
  const run = newRun(state, index)
  const documents: { readonly key: string; readonly document: string }[] = []
  for (const { kind, key, signal, document } of entries) {
    if (kind === 'window' && document !== null) documents.push({ key, document })
    if (kind !== 'part' || signal === null) continue
    const uses = index.uses.get(signal.rule.id)
    if (uses === undefined) {
      changes.set(key, null)
      continue
    }
    const slot = takePart(state, index, signal)
    for (const use of uses) {
      // A part may be remembered for one rule and be done with in another.
      if (matters(use.rule, use.part, signal.time, state.closed_before))
        insert(run, use, slot, signal.correlation_fields)
    }
  }
  const rules = new Map(index.rules.map((rule) => [rule.id, rule]))
  for (const { key, document } of documents) {
    const stored = JSON.parse(document) as StoredGroup
    const cut = stored.group.indexOf('/[')
    const rule = rules.get(stored.group.slice(0, cut))
    const group = rule === undefined ? -1 : groups.find(rule, JSON.parse(stored.group.slice(cut + 1)) as GroupValues)
    if (group < 0) {
      changes.set(key, null)
      continue
    }
    groups.settle(group, stored.settled ?? Number.NEGATIVE_INFINITY)
    groups.tell(group, new Map(stored.told.map((told) => [told.id, told])))
  }
  for (const group of groups.all()) schedule(state, group)
  return state
}
