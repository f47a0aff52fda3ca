import type { InventoryRecord } from '../../../schemas/generated/types.ts'
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
 * The containers of a pod's inventory record, a document each; none for records of other kinds.
 * @returns `id`: cluster, pod uid and container name, so that a restarted container replaces the one before
 */
export function containerDocuments(
  record: InventoryRecord
): ReadonlyArray<{ readonly id: string; readonly document: Draft }> {
  const { pod, cluster } = record
  if (pod === null) return []
  return pod.containers.map((container, position) => {
    const tally: Tally = { truncated: 0 }
    const time = isoTime(record.observed)
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
        workload: workloadFields(record.owners[0] ?? null, tally)
      }),
      weir: { inventory: { deleted: record.deleted } }
    }
    return {
      id: `${cluster.id}/${record.uid}/${container.name ?? String(position)}`,
      document: finish(document, tally)
    }
  })
}
