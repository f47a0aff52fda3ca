import type { Signal } from '../../schemas/generated/types.ts'
import { scoreOf } from '../../services/core/correlate/score.ts'
import type { AttackTruth } from '../support/scenario/campaigns/generate.ts'
import type { Matching, Owner, Stitching } from './pipeline.ts'

/** How well signals were stitched to incidents, against the truth. */

export interface AttackResult {
  readonly id: string
  readonly campaign: string
  readonly evasions: readonly string[]
  readonly signals: number
  /** Incidents that hold signals of it, the largest share first. */
  readonly incidents: ReadonlyArray<{ readonly id: string; readonly own: number; readonly others: number }>
  /** Signals of it that are in no incident. */
  readonly alone: readonly Signal[]
  readonly precision: number
  readonly recall: number
  /** Whether its signals together are enough for a critical incident, and whether one was. */
  readonly canBeCritical: boolean
  readonly critical: { readonly event_s: number; readonly arrival_s: number; readonly batches: number } | null
  readonly worst: string
}

export interface Measures {
  readonly attacks: number
  /** Attacks no rule saw anything of. */
  readonly unseen: readonly string[]
  readonly attack_signals: number
  readonly benign_signals: number
  /** B-cubed over the signals of attacks: how pure the incident of a signal is, and how much of its attack is in it. */
  readonly precision: number
  readonly recall: number
  readonly exactly_one: number
  readonly alone: number
  /** Benign signals in incidents that hold signals of an attack. */
  readonly pulled_in: number
  /** Incidents with signals of several attacks, and with none. */
  readonly mixed: number
  readonly benign_only: number
  readonly across_clusters: number
  /** Records that could not be decoded and signals that could not be stitched: the generator is at fault, or the pipeline. */
  readonly unusable: number
  readonly critical: number
  readonly could_be_critical: number
  /** Median and 95th percentile from the decisive signal to the critical incident. */
  readonly seconds_to_critical: { readonly p50: number; readonly p95: number }
  readonly batches_to_critical: { readonly p50: number; readonly p95: number }
  readonly results: readonly AttackResult[]
}

/** To whom a signal belongs; what is made of several events to whom most of them do. */
export function ownersOfSignals(
  stitching: Stitching,
  matching: Pick<Matching, 'owners' | 'matched'>
): ReadonlyMap<string, Owner> {
  const events = new Map<string, string>()
  for (const { signals } of matching.matched) for (const { id, event_id } of signals) events.set(id, event_id)
  const owners = new Map<string, Owner>()
  const all = stitching.signals
  const ownerOf = (id: string, depth: number): Owner[] => {
    const event = events.get(id)
    if (event !== undefined) return [matching.owners.get(event) ?? 'unknown']
    const signal = all.get(id)
    if (signal === undefined || depth > 4) return []
    return signal.parts.flatMap((part) => ownerOf(part, depth + 1))
  }
  for (const [id, signal] of all) {
    const those = new Set(ownerOf(id, 0))
    const [only] = those
    // What is made of events of several belongs to that whose event completed it.
    owners.set(id, (those.size === 1 ? only : matching.owners.get(signal.event_id)) ?? 'unknown')
  }
  return owners
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

/** When the critical incident of an attack was said, measured from the signal with which it could be. */
function criticalOf(
  own: readonly Signal[],
  id: string,
  stitching: Stitching,
  owners: ReadonlyMap<string, Owner>,
  arrivals: ReadonlyMap<string, number>
) {
  const ordered = own.toSorted((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1))
  let low = 0
  let high = ordered.length
  // More signals never make a score smaller.
  while (low < high) {
    const middle = (low + high) >>> 1
    if (scoreOf(ordered.slice(0, middle + 1)).severity === 'critical') high = middle
    else low = middle + 1
  }
  const decisive = ordered[low]
  if (decisive === undefined) return { canBeCritical: false, critical: null }
  const first = stitching.published.find(
    ({ incident }) =>
      incident.severity === 'critical' &&
      incident.timeline.some(({ signals }) => signals.some((signal) => owners.get(signal) === id))
  )
  if (first === undefined) return { canBeCritical: true, critical: null }
  const inBatch = stitching.batchOf.get(decisive.id) ?? 0
  return {
    canBeCritical: true,
    critical: {
      event_s: Math.max(0, (first.watermark - decisive.time) / 1e6),
      arrival_s: Math.max(0, (first.arrival_us - (arrivals.get(decisive.id) ?? first.arrival_us)) / 1e6),
      batches: Math.max(0, first.batch - inBatch)
    }
  }
}

export function measure(truths: readonly AttackTruth[], matching: Matching, stitching: Stitching): Measures {
  const owners = ownersOfSignals(stitching, matching)
  const arrivals = new Map<string, number>()
  for (const { arrival_us, signals } of matching.matched)
    for (const { id } of signals) if (!arrivals.has(id)) arrivals.set(id, arrival_us)
  const { members } = stitching
  const incidentOf = new Map<string, string>()
  for (const [id, signals] of members) for (const signal of signals) incidentOf.set(signal, id)
  const byOwner = Map.groupBy(stitching.signals.values(), ({ id }) => owners.get(id) ?? 'unknown')
  const isAttack = (owner: Owner | undefined) =>
    owner !== undefined && !owner.startsWith('benign/') && owner !== 'unknown'

  let precisions = 0
  let recalls = 0
  let count = 0
  const results: AttackResult[] = []
  for (const { id, campaign, evasions } of truths) {
    const own = byOwner.get(id) ?? []
    const shares = new Map<string, number>()
    const alone: Signal[] = []
    for (const signal of own) {
      const incident = incidentOf.get(signal.id)
      if (incident === undefined) alone.push(signal)
      else shares.set(incident, (shares.get(incident) ?? 0) + 1)
    }
    const incidents = [...shares]
      .map(([incident, share]) => ({
        id: incident,
        own: share,
        others: (members.get(incident)?.length ?? share) - share
      }))
      .sort((a, b) => b.own - a.own || (a.id < b.id ? -1 : 1))
    const precision =
      own.length === 0
        ? 1
        : (alone.length +
            incidents.reduce((sum, { own: share, others }) => sum + (share * share) / (share + others), 0)) /
          own.length
    const recall =
      own.length === 0
        ? 1
        : (alone.length / own.length +
            incidents.reduce((sum, { own: share }) => sum + (share * share) / own.length, 0)) /
          own.length
    precisions += precision * own.length
    recalls += recall * own.length
    count += own.length
    results.push({
      id,
      campaign,
      evasions,
      signals: own.length,
      incidents,
      alone,
      precision,
      recall,
      ...criticalOf(own, id, stitching, owners, arrivals),
      worst: scoreOf(own.length === 0 ? [...stitching.signals.values()].slice(0, 1) : own).severity
    })
  }
  let pulled_in = 0
  let mixed = 0
  let benign_only = 0
  let across_clusters = 0
  for (const signals of members.values()) {
    const found = new Set(signals.map((signal) => owners.get(signal)).filter(isAttack))
    const clusters = new Set(signals.map((signal) => stitching.signals.get(signal)?.cluster.id))
    if (clusters.size > 1) across_clusters += 1
    if (found.size === 0) benign_only += 1
    else pulled_in += signals.filter((signal) => !isAttack(owners.get(signal))).length
    if (found.size > 1) mixed += 1
  }
  const seen = results.filter(({ signals }) => signals > 0)
  const times = seen.flatMap(({ critical }) => critical ?? [])
  const two = (values: readonly number[]) => ({ p50: quantile(values, 0.5), p95: quantile(values, 0.95) })
  return {
    attacks: truths.length,
    unseen: results.filter(({ signals }) => signals === 0).map(({ id }) => id),
    attack_signals: count,
    benign_signals: stitching.signals.size - count,
    precision: count === 0 ? 1 : precisions / count,
    recall: count === 0 ? 1 : recalls / count,
    exactly_one: seen.length === 0 ? 1 : seen.filter(({ incidents }) => incidents.length === 1).length / truths.length,
    alone: results.reduce((sum, { alone }) => sum + alone.length, 0),
    pulled_in,
    mixed,
    benign_only,
    across_clusters,
    unusable: matching.rejected.length + stitching.refused,
    critical: times.length,
    could_be_critical: seen.filter(({ canBeCritical }) => canBeCritical).length,
    seconds_to_critical: two(times.map(({ event_s }) => event_s)),
    batches_to_critical: two(times.map(({ batches }) => batches)),
    results
  }
}
