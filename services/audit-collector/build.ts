import type { Cluster } from '../../schemas/generated/types.ts'
import { WeirError } from '../core/errors.ts'
import type { SourceDefaults } from '../core/events/format.ts'
import { type BatchContext, toMessages } from '../platform/ingest/batches.ts'
import {
  type Converted,
  convertJson,
  convertLines,
  parseBytes,
  type Rejected,
  type Taken,
  unexpected
} from '../platform/ingest/convert.ts'
import { INGEST_ERRORS } from '../platform/ingest/errors.ts'
import type { Delivery } from '../platform/ingest/forward.ts'
import { decodeRecord } from '../platform/ingest/record.ts'
import type { SpoolRecord } from '../platform/spool/read.ts'
import { readAuditBody } from './audit-body.ts'
import type { AuditCollectorOptions } from './options.ts'
import { trailClusters } from './trail-clusters.ts'

/** How clusters are told apart in cloud records. */
type ClusterNames = AuditCollectorOptions['clusters']

/**
 * Which cluster a record means by the name it has. Where names are configured, any other name is a cluster of its own, so that
 * two clusters never mix.
 */
function clusterBy(names: ClusterNames, cluster: Cluster): (named: Cluster) => Cluster {
  if (names.length === 0) return () => cluster
  const known = new Map(names.map(({ record_name, id, name }) => [record_name.toLowerCase(), { id, name }]))
  return (named) => known.get(named.id.toLowerCase()) ?? known.get(named.name.toLowerCase()) ?? named
}

/** Turns what is in the spool into messages: audit events and those of a cloud's trail in batches, dead letters for the rest. Never throws on input. */
export function createBuild(
  cluster: Cluster,
  { clusters: names, trail: { clusters: trailNames } }: Pick<AuditCollectorOptions, 'clusters' | 'trail'>,
  context: BatchContext
): (records: readonly SpoolRecord[]) => Delivery {
  const clusterOf = clusterBy(names, cluster)
  const trail = trailClusters(trailNames, cluster)
  return (records) => {
    const taken: Taken[] = []
    const rejected: Rejected[] = []
    for (const { payload } of records) {
      const converted = convert(payload, { cluster, instance: context.instance, clusterOf, trail })
      for (const item of converted.taken) {
        if (item.event.runtime === null) taken.push(item)
        else rejected.push({ original: item.original, error: notAudit() })
      }
      rejected.push(...converted.rejected)
    }
    return { messages: toMessages(taken, rejected, context).messages }
  }
}

function convert(payload: Buffer, common: Omit<SourceDefaults, 'received'>): Converted {
  try {
    const { header, body } = decodeRecord(payload)
    const defaults = { ...common, received: header.received }
    switch (header.form) {
      case 'audit': {
        const { events, rejected } = readAuditBody(body)
        const parts = events.map((event) => convertJson(event, defaults))
        return {
          taken: parts.flatMap((part) => part.taken),
          rejected: [...rejected, ...parts.flatMap((part) => part.rejected)]
        }
      }
      case 'lines':
        return convertLines(body, defaults)
      default: {
        const json = parseBytes(body)
        return json instanceof WeirError
          ? { taken: [], rejected: [{ error: json, original: () => body }] }
          : convertJson(json, defaults)
      }
    }
  } catch (error) {
    return { taken: [], rejected: [{ error: unexpected(error), original: () => payload }] }
  }
}

function notAudit(): WeirError {
  const message = 'a runtime event among audit events: let a node agent read this input'
  return new WeirError(INGEST_ERRORS, 'INGEST_WRONG_SOURCE', message)
}
