import type { CloudEvent, Cluster } from '../../schemas/generated/types.ts'
import { type Networks, networksOf } from '../core/events/cloud-source.ts'
import type { TrailClusters } from '../core/events/format.ts'
import type { AuditCollectorOptions } from './options.ts'

type Given = AuditCollectorOptions['trail']['clusters'][number]

const NO_NETWORKS: Networks = []

/** An issuer as records have it: without a scheme. */
const bareIssuer = (issuer: string): string => issuer.replace(/^https:\/\//, '').replace(/\/$/, '')

/** Whether an event is of a cluster for certain: EKS Pod Identity names it, or the token came from its issuer. */
function names({ workload }: CloudEvent, given: Given): boolean {
  if (workload === null) return false
  if (workload.cluster_arn !== null) return workload.cluster_arn === given.arn
  return workload.issuer !== null && given.issuer !== undefined && bareIssuer(given.issuer) === workload.issuer
}

/**
 * Which clusters the events of a trail have to do with. An account may have several clusters, and most events name none: what does not
 * say whose workload it is belongs to the first cluster of its account.
 * @param cluster for all events, where no clusters are given
 */
export function trailClusters(given: readonly Given[], cluster: Cluster): TrailClusters {
  const networks = new Map<string, Networks>()
  // A cluster may be given once for each of its accounts.
  for (const { id } of given) {
    const own = given.filter((one) => one.id === id)
    networks.set(id, networksOf([...new Set(own.flatMap(({ addresses }) => addresses))]))
  }
  return {
    clusterOf: (event) => {
      if (given.length === 0) return cluster
      const account = event.recipientAccountId
      const found = given.find((one) => names(event, one)) ?? given.find((one) => one.account === account)
      if (found !== undefined) return { id: found.id, name: found.name }
      return { id: `aws/${account ?? '-'}`, name: `AWS account ${account ?? 'unknown'}` }
    },
    networksOf: ({ id }) => networks.get(id) ?? NO_NETWORKS
  }
}
