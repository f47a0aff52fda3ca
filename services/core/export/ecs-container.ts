import type { InventoryRecord } from '../../../schemas/generated/types.ts'
import { topOwner } from '../enrich/pod-facts.ts'
import { compact, type Draft, freeForm, type Tally, text } from './bounds.ts'
import {
  clusterFields,
  containerColumns,
  containerFields,
  ECS_VERSION,
  finish,
  TAG_BAD_TIME,
  workloadFields
} from './ecs-event.ts'
import { isoTime } from './iso-time.ts'

/**
 * The containers of a pod's inventory record, a document each; none for records of other kinds. What a node agent says of a
 * container comes sooner, but the API's record of the pod follows and knows more.
 * @returns `id`: cluster, pod uid and container name, so that a restarted container replaces the one before
 */
export function containerDocuments(
  record: InventoryRecord
): ReadonlyArray<{ readonly id: string; readonly document: Draft }> {
  const { pod, cluster } = record
  if (pod === null || record.kind !== 'Pod') return []
  return pod.containers.map((container, position) => {
    const tally: Tally = { truncated: 0 }
    const time = isoTime(record.observed)
    const status = pod.statuses.find(({ name }) => name === container.name)
    const document: Draft = {
      '@timestamp': time ?? isoTime(0),
      ecs: { version: ECS_VERSION },
      tags: time === undefined ? [TAG_BAD_TIME] : undefined,
      event: { kind: 'asset', category: ['host'], type: ['info'], dataset: 'weir.inventory' },
      orchestrator: compact({
        type: 'kubernetes',
        cluster: compact(clusterFields(cluster, tally)),
        namespace: text(record.namespace, tally),
        resource: compact({ type: 'pod', name: text(record.name, tally), id: text(record.uid, tally) })
      }),
      host: pod.node === null || pod.node === '' ? undefined : { name: text(pod.node, tally) },
      container: containerFields(container, tally),
      ...containerColumns(container, record, tally),
      kubernetes: compact({
        namespace: text(record.namespace, tally),
        pod: compact({
          uid: text(record.uid, tally),
          name: text(record.name, tally),
          ip: text(record.addresses[0], tally),
          service_account: text(pod.service_account, tally),
          labels: freeForm(record.labels, tally),
          app: text(record.labels['app.kubernetes.io/name'] ?? record.labels['app'], tally),
          created: isoTime(record.created),
          host_network: pod.host_network,
          host_pid: pod.host_pid,
          host_ipc: pod.host_ipc
        }),
        workload: workloadFields(record.owners.length === 0 ? null : topOwner(record, () => null), tally)
      }),
      weir: {
        inventory: {
          deleted: record.deleted,
          state: text(status?.state, tally),
          reason: text(status?.reason, tally),
          started: isoTime(status?.started ?? null),
          restarts: status?.restarts
        }
      }
    }
    return {
      id: `${cluster.id}/${record.uid}/${container.name ?? String(position)}`,
      document: finish(document, tally)
    }
  })
}
