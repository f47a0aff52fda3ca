import type { CorrelatorState } from '../../../schemas/generated/types.ts'
import { type Agenda, emptyAgenda } from './agenda.ts'
import { BLOCK_KEY, blockEntry } from './changelog.ts'
import { createGroupStore, type GroupStore } from './group-store.ts'
import { createPartStore, type PartStore } from './part-store.ts'

/** Everything windows know of one cluster. Changed in place by the reducer that owns it. */
export interface WindowState {
  readonly cluster_id: string
  /** Signals that count towards open windows, results of correlations among them. */
  readonly parts: PartStore
  readonly groups: GroupStore
  readonly groupAgenda: Agenda
  readonly partAgenda: Agenda
  /** No event of an earlier time is expected any more, microseconds since the epoch. */
  closed_before: number
  /** What was changed since the last batch, to be written to the changelog; null is a tombstone. */
  readonly changes: Map<string, CorrelatorState | null>
}

export function emptyWindowState(cluster_id: string): WindowState {
  const changes = new Map<string, CorrelatorState | null>()
  const parts = createPartStore((number, bytes) => {
    const key = `${BLOCK_KEY}${number}`
    changes.set(key, bytes === null ? null : blockEntry(cluster_id, key, bytes))
  })
  return {
    cluster_id,
    parts,
    groups: createGroupStore(parts),
    groupAgenda: emptyAgenda(),
    partAgenda: emptyAgenda(),
    closed_before: Number.NEGATIVE_INFINITY,
    changes
  }
}
