import type { InventoryRecord } from '../../../schemas/generated/types.ts'
import { isObject, property, stringAt } from '../json.ts'

/** A container with its place, for people and scripts. */
export interface ListedContainer {
  readonly cluster: string
  readonly node: string | null
  readonly namespace: string | null
  readonly pod: string
  readonly pod_uid: string
  readonly name: string
  /** Empty until the runtime has given one. */
  readonly id: string
  readonly image: string | null
  readonly image_id: string | null
  readonly privileged: boolean | null
  /** created, waiting, running, terminated; null when nobody has said. */
  readonly state: string | null
  /** Start of its process, ISO 8601. */
  readonly started: string | null
}

export interface ContainerFilter {
  readonly node?: string | undefined
  readonly namespace?: string | undefined
  /** Also those that do not run. */
  readonly all?: boolean | undefined
}

const isoSeconds = (micros: number | null): string | null =>
  micros === null || Math.abs(micros) > 8.64e18 ? null : `${new Date(micros / 1000).toISOString().slice(0, 19)}Z`

/** Whether a container is to be listed. One whose state nobody told is, since its pod is there. */
export function isListed(container: ListedContainer, { node, namespace, all }: ContainerFilter): boolean {
  return (
    (node === undefined || container.node === node) &&
    (namespace === undefined || container.namespace === namespace) &&
    (all === true || container.state === null || container.state === 'running')
  )
}

function rowsOf({ cluster, uid, name, namespace, pod }: InventoryRecord): readonly ListedContainer[] {
  return (pod?.containers ?? []).map((container) => {
    const status = pod?.statuses.find((candidate) => candidate.name === container.name)
    return {
      cluster: cluster.name,
      node: pod?.node ?? null,
      namespace,
      pod: name,
      pod_uid: uid,
      name: container.name ?? '',
      id: container.id,
      image: container.image_name,
      image_id: container.image_id,
      privileged: container.privileged,
      state: status?.state ?? null,
      started: isoSeconds(status?.started ?? null)
    }
  })
}

/** Name that a pod's sandbox has among its containers; it is none of those that people mean. */
const SANDBOX_NAME = 'POD'

/** A record of a node agent as a row of the pod that owns it. */
function rowOfContainer(record: InventoryRecord): ListedContainer | null {
  const [owner] = record.owners
  if (owner?.uid == null || record.name === SANDBOX_NAME) return null
  return rowsOf({ ...record, name: owner.name, uid: owner.uid })[0] ?? null
}

/**
 * The containers that the records of an inventory tell of: those of pods, completed and corrected by what node agents say of them,
 * who know ids and ends earlier than the API does.
 * @param records the latest of each object; deleted ones are passed over
 */
export function containersIn(records: Iterable<InventoryRecord>): ListedContainer[] {
  const rows = new Map<string, ListedContainer>()
  const told: InventoryRecord[] = []
  const keyOf = ({ pod_uid, name }: ListedContainer) => `${pod_uid}/${name}`
  /** UIDs by which runtimes know static pods. */
  const mirrors = new Map<string, string>()
  for (const record of records) {
    if (record.deleted) continue
    if (record.kind === 'Container') told.push(record)
    if (record.kind !== 'Pod') continue
    const static_uid = record.attributes['config_hash']
    if (static_uid !== undefined) mirrors.set(static_uid, record.uid)
    for (const row of rowsOf(record)) rows.set(keyOf(row), row)
  }
  for (const record of told) {
    const own = rowOfContainer(record)
    if (own === null) continue
    const row = { ...own, pod_uid: mirrors.get(own.pod_uid) ?? own.pod_uid }
    const known = rows.get(keyOf(row))
    const image = known?.image ?? row.image
    const privileged = known?.privileged ?? row.privileged
    if (known === undefined || known.id === '' || (known.id !== row.id && (row.started ?? '') > (known.started ?? '')))
      rows.set(keyOf(row), { ...row, image, privileged })
    else if (known.id === row.id) rows.set(keyOf(row), { ...known, state: row.state ?? known.state, privileged })
  }
  return [...rows.values()].toSorted(byPlace)
}

function byPlace(a: ListedContainer, b: ListedContainer): number {
  const keys = ['cluster', 'node', 'namespace', 'pod', 'name'] as const
  for (const key of keys) {
    const [left, right] = [a[key] ?? '', b[key] ?? '']
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}

/** Containers of documents of the container index; what is none is left out. */
export function containersInDocuments(documents: readonly unknown[]): ListedContainer[] {
  return documents
    .flatMap((document): ListedContainer[] => {
      const pod = stringAt(document, 'kubernetes', 'pod', 'name')
      const container = property(document, 'container')
      if (pod === null || !isObject(container)) return []
      const privileged = property(property(container, 'security_context'), 'privileged')
      return [
        {
          cluster: stringAt(document, 'orchestrator', 'cluster', 'name') ?? '',
          node: stringAt(document, 'host', 'name'),
          namespace: stringAt(document, 'kubernetes', 'namespace'),
          pod,
          pod_uid: stringAt(document, 'kubernetes', 'pod', 'uid') ?? '',
          name: stringAt(container, 'name') ?? '',
          id: stringAt(container, 'id') ?? '',
          image: stringAt(document, 'image_name'),
          image_id: stringAt(document, 'image_id'),
          privileged: typeof privileged === 'boolean' ? privileged : null,
          state: stringAt(document, 'weir', 'inventory', 'state'),
          started: stringAt(document, 'weir', 'inventory', 'started')?.replace(/\.\d+Z$/, 'Z') ?? null
        }
      ]
    })
    .toSorted(byPlace)
}
