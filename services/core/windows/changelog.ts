import { hash } from 'node:crypto'
import type { CorrelatorState, Signal } from '../../../schemas/generated/types.ts'
import type { WindowGroup, WindowState } from './state.ts'

const BLANK = { signal: null, sealed: null, cut_keys: [], published: null, watermark: 0, document: null } as const

/** Notes that a part has to be written (or, without one, deleted) in the changelog. */
export function notePart({ changes, cluster_id }: WindowState, id: string, signal: Signal | null): void {
  const key = `part/${id}`
  changes.set(key, signal === null ? null : { ...BLANK, key, cluster_id, kind: 'part', signal })
}

/** Notes what has been told of a group; a group of which nothing was told and nothing is done with needs no entry. */
export function noteGroup({ changes, cluster_id }: WindowState, group: WindowGroup, forget: boolean): void {
  const { rule, settled, told } = group
  const key = `window/${rule.id}/${hash('sha256', group.key, 'hex').slice(0, 32)}`
  if (forget || (told.size === 0 && settled === Number.NEGATIVE_INFINITY)) {
    changes.set(key, null)
    return
  }
  const document = JSON.stringify({
    group: group.key,
    settled: Number.isFinite(settled) ? settled : null,
    told: [...told.values()]
  })
  const entry: CorrelatorState = { ...BLANK, key, cluster_id, kind: 'window', document }
  changes.set(key, entry)
}
