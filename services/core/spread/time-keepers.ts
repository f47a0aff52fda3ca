import type { Signal } from '../../../schemas/generated/types.ts'
import { AUDIT_LOG, nodeKey, SEEN_US } from '../sessions/judge.ts'

/** Whose being at work a signal shows: the audit log, or the sensors of nodes. */
function sourcesOf({ source, entities }: Signal): readonly string[] {
  if (source === 'audit') return [AUDIT_LOG]
  const nodes = entities.filter(({ type }) => type === 'node').map(({ id }) => nodeKey(id))
  return nodes.length > 0 ? nodes : [source]
}

/**
 * Of signals that the correlator has no use for, those that it has to see all the same: time goes on with the latest, and sessions look at
 * whether the audit log and the sensor of a node were heard of in some minutes.
 * @param withheld of one cluster
 * @returns the latest of each source in each of these spans, in the order of their times
 */
export function timeKeepersOf(withheld: Iterable<Signal>): readonly Signal[] {
  const latest = new Map<string, Signal>()
  for (const signal of withheld) {
    for (const source of sourcesOf(signal)) {
      const key = `${Math.floor(signal.time / SEEN_US)} ${source}`
      const known = latest.get(key)
      if (known === undefined || known.time < signal.time) latest.set(key, signal)
    }
  }
  return [...new Set(latest.values())].toSorted((a, b) => a.time - b.time)
}
