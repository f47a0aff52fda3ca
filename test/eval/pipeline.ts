import type { Cluster, Incident, Signal } from '../../schemas/generated/types.ts'
import { bodiesOf } from '../../services/core/bodies.ts'
import {
  advanceCluster,
  type ClusterMemory,
  contentOf,
  emptyMemory
} from '../../services/core/correlate/cluster-memory.ts'
import { type CorrelateSettings, DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import type { LoadResult } from '../../services/core/detect/load-rule-set.ts'
import { inventoryFromAudit, inventoryFromList } from '../../services/core/enrich/inventory.ts'
import { enrich } from '../../services/core/enrich/join.ts'
import { createKnownFacts } from '../../services/core/enrich/known-facts.ts'
import { networksOf } from '../../services/core/events/cloud-source.ts'
import { decodeRecords } from '../../services/core/events/format.ts'
import type { Delivered } from '../support/scenario/campaigns/deliver.ts'
import type { Generated } from '../support/scenario/campaigns/generate.ts'

/** The way of an event through the services, without them: decode → join → match, then everything that needs more than one event, batch by batch. */

/** By which the clusters' pods and nodes reach the cloud. */
const GATEWAYS = networksOf(['3.64.10.0/24'])

/** Whom an event or signal belongs to: id of an attack, or `benign/` and the activity. */
export type Owner = string

export interface Matched {
  readonly arrival_us: number
  readonly cluster: string
  readonly signals: readonly Signal[]
}

export interface Matching {
  /** In order of arrival; what a record matched, parts of correlations among it. */
  readonly matched: readonly Matched[]
  /** By event id. */
  readonly owners: ReadonlyMap<string, Owner>
  readonly records: number
  readonly rejected: readonly string[]
}

/** The first half, as the enricher does it: no event knows of another. */
export function matchAll(
  { clusters }: Pick<Generated, 'clusters'>,
  { arrivals, appearances }: Delivered,
  { rules }: Pick<LoadResult, 'rules'>,
  onProgress: (done: number, of: number) => void = () => undefined
): Matching {
  const { learn, factsOf } = createKnownFacts()
  const named: readonly Cluster[] = clusters.map(({ id, name }) => ({ id, name }))
  for (const [place, { inventory }] of clusters.entries()) {
    const cluster = named[place]
    if (cluster !== undefined) learn(inventoryFromList(JSON.parse(inventory), cluster, 0).records)
  }
  const matched: Matched[] = []
  const of = new Map<string, Owner>()
  const rejected: string[] = []
  let known = 0
  for (const [place, arrival] of arrivals.entries()) {
    if (place % 2000 === 0) onProgress(place, arrivals.length)
    for (; known < appearances.length; known += 1) {
      const appearance = appearances[known]
      if (appearance === undefined || appearance.arrival_us > arrival.arrival_us) break
      const cluster = named[appearance.cluster]
      if (cluster !== undefined) learn(inventoryFromList(appearance.pod, cluster, appearance.arrival_us).records)
    }
    const cluster = named[arrival.cluster]
    if (cluster === undefined) continue
    // Nodes' names are the same in all clusters; the cluster is that of the collector.
    const decoded = decodeRecords(arrival.record, {
      cluster,
      instance: 'collector',
      received: arrival.arrival_us,
      clusterOf: () => cluster,
      trail: { clusterOf: () => cluster, networksOf: () => GATEWAYS }
    })
    for (const error of decoded.rejected) rejected.push(error.message)
    for (const event of decoded.events) {
      const bodies = bodiesOf(event.audit)
      if (event.audit !== null) learn(inventoryFromAudit(event.audit, cluster, bodies))
      const enriched = enrich(event, factsOf, bodies)
      const { label } = arrival
      of.set(enriched.id, label.kind === 'attack' ? (label.attack ?? 'attack') : `benign/${label.activity}`)
      const signals = rules.match(enriched, bodies)
      if (signals.length > 0) matched.push({ arrival_us: arrival.arrival_us, cluster: cluster.id, signals })
    }
  }
  return { matched, owners: of, records: arrivals.length, rejected }
}

/** A revision of an incident, and when it was said. */
export interface Published {
  readonly incident: Incident
  readonly batch: number
  /** Latest event time that the correlator had seen of the cluster by then. */
  readonly watermark: number
  readonly arrival_us: number
}

export interface Stitching {
  /** Alerts that stand at the end, correlations among them, by id. */
  readonly signals: ReadonlyMap<string, Signal>
  /** Number of the batch in which a signal came first. */
  readonly batchOf: ReadonlyMap<string, number>
  readonly published: readonly Published[]
  /** The latest revision of every incident. */
  readonly last: ReadonlyMap<string, Incident>
  /** Ids of the signals of every incident that stands at the end; its timeline tells of no more than fit. */
  readonly members: ReadonlyMap<string, readonly string[]>
  readonly batches: number
  readonly refused: number
}

export interface StitchOptions {
  readonly settings?: CorrelateSettings
  /** Signals that arrive within so much of each other are one batch. */
  readonly batch_us?: number
}

/** The second half, as the correlator does it with the batches of a partition. */
export function stitchAll(
  matched: readonly Matched[],
  { windows, profiles }: Pick<LoadResult, 'windows' | 'profiles'>,
  { settings = DEFAULT_CORRELATE_SETTINGS, batch_us = 2_000_000 }: StitchOptions = {}
): Stitching {
  const content = contentOf(windows, profiles, settings)
  const memories = new Map<string, ClusterMemory>()
  const signals = new Map<string, Signal>()
  const batchOf = new Map<string, number>()
  const published: Published[] = []
  const last = new Map<string, Incident>()
  const batches = [...Map.groupBy(matched, ({ arrival_us }) => Math.floor(arrival_us / batch_us)).values()]
  let refused = 0
  const take = (batch: number, cluster: string, own: readonly Signal[], now: number) => {
    const memory = memories.get(cluster) ?? emptyMemory(cluster)
    memories.set(cluster, memory)
    const output = advanceCluster(memory, content, own, now, settings)
    for (const signal of [...own, ...output.correlated]) {
      if (signal.role === 'withdrawn') signals.delete(signal.id)
      if (signal.role !== 'alert') continue
      signals.set(signal.id, signal)
      if (!batchOf.has(signal.id)) batchOf.set(signal.id, batch)
    }
    refused += output.refused.length
    for (const incident of output.incidents) {
      last.set(incident.id, incident)
      published.push({ incident, batch, watermark: memory.stitching.watermark, arrival_us: now })
    }
  }
  for (const [batch, members] of batches.entries()) {
    const now = members.at(-1)?.arrival_us ?? 0
    for (const [cluster, own] of Map.groupBy(members, (one) => one.cluster))
      take(
        batch,
        cluster,
        own.flatMap((one) => one.signals),
        now
      )
  }
  const members = new Map<string, readonly string[]>()
  for (const { stitching } of memories.values()) {
    for (const group of stitching.groups)
      if (group.isIncident)
        members.set(
          group.id,
          group.members.map(({ signal }) => signal.id)
        )
  }
  return { signals, batchOf, published, last, members, batches: batches.length, refused }
}
