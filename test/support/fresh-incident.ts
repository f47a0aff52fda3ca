import type { Incident } from '../../schemas/generated/types.ts'
import { buildIncident } from '../../services/core/correlate/incident.ts'
import { entityOf, podOf, signalOf } from './signals.ts'

/** A pod of a test cluster in which something was seen. */
export interface SeenPod {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly node: string
}

/** A critical incident in which a miner was seen in pods of a cluster. */
export function incidentIn(cluster_id: string, id: string, pods: readonly SeenPod[]): Incident {
  const signals = pods.map(({ uid, namespace, name, node }, minute) =>
    signalOf({
      id: `${id}-${minute}`,
      minute,
      source: 'runtime',
      severity: 'critical',
      entities: [podOf(uid, `${namespace}/${name}`), entityOf('node', node)]
    })
  )
  const incident = buildIncident({ id, revision: 1, status: 'open' }, signals)
  return { ...incident, severity: 'critical', cluster: { id: cluster_id, name: 'test' } }
}
