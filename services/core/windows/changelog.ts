import { hash } from 'node:crypto'
import type { CorrelatorState, Signal } from '../../../schemas/generated/types.ts'
import type { GroupValues, Told } from './group-store.ts'
import type { WindowState } from './state.ts'
import type { WindowRule } from './window-rule.ts'

const NOTHING = { signal: null, sealed: null, cut_keys: [], published: null, watermark: 0 } as const
const BLANK = { ...NOTHING, document: null, packed: null } as const

/** What the changelog says of a group. */
export interface StoredGroup {
  /** Rule and values of group-by, see `groupName`. */
  readonly group: string
  readonly settled: number | null
  readonly told: readonly Told[]
}

const groupName = (rule_id: string, values: GroupValues): string => `${rule_id}/${JSON.stringify(values)}`

/** Key of a block of parts within the cluster, by its number. */
export const BLOCK_KEY = 'parts/'

/** Notes that a part with an entry of its own has to be written (or, without one, deleted) in the changelog. */
export function notePart({ changes, cluster_id }: WindowState, id: string, signal: Signal | null): void {
  const key = `part/${id}`
  changes.set(key, signal === null ? null : { ...BLANK, key, cluster_id, kind: 'part', signal })
}

/** What the changelog has to hold of a block of parts; null for nothing. */
export function blockEntry(cluster_id: string, key: string, packed: Buffer): CorrelatorState {
  return { ...BLANK, key, cluster_id, kind: 'part', packed }
}

/**
 * Notes what has been told of a group; a group of which nothing was told and nothing is done with needs no entry.
 * @param group null forgets it
 */
export function noteGroup(
  { changes, cluster_id }: WindowState,
  rule: WindowRule,
  values: GroupValues,
  group: { readonly settled: number; readonly told: ReadonlyMap<string, Told> } | null
): void {
  const name = groupName(rule.id, values)
  const key = `window/${rule.id}/${hash('sha256', name, 'hex').slice(0, 32)}`
  if (group === null || (group.told.size === 0 && group.settled === Number.NEGATIVE_INFINITY)) {
    changes.set(key, null)
    return
  }
  const stored: StoredGroup = {
    group: name,
    settled: Number.isFinite(group.settled) ? group.settled : null,
    told: [...group.told.values()]
  }
  const entry: CorrelatorState = { ...BLANK, key, cluster_id, kind: 'window', document: JSON.stringify(stored) }
  changes.set(key, entry)
}
