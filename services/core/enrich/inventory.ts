import type {
  AuditEvent,
  Cluster,
  Container,
  ContainerState,
  InventoryRecord,
  PodState,
  Workload
} from '../../../schemas/generated/types.ts'
import { type Bodies, bodiesOf } from '../bodies.ts'
import { parseTimestamp } from '../events/timestamp.ts'
import { arrayAt, at, isObject, property, stringAt, stringMapAt } from '../json.ts'
import { emptyRecord } from './empty-record.ts'
import { attributesOf, referencesOf } from './inventory-objects.ts'
import { containersOf } from './pod-spec.ts'
import { workloadKindOfResource } from './workload-kinds.ts'

/** Runtime's container id without its scheme: `containerd://ID` → `ID`. */
export function bareContainerId(id: string): string {
  const scheme = id.indexOf('://')
  return scheme === -1 ? id : id.slice(scheme + 3)
}

/** Image digest or id without the puller's scheme: `docker-pullable://repo@sha256:…` → `repo@sha256:…`. */
export function bareImageId(id: string): string {
  return bareContainerId(id)
}

function ownersOf(object: unknown): readonly Workload[] {
  const namespace = stringAt(object, 'metadata', 'namespace')
  const references = arrayAt(object, 'metadata', 'ownerReferences').filter(isObject)
  return references
    .toSorted((a, b) => Number(property(b, 'controller') === true) - Number(property(a, 'controller') === true))
    .flatMap((reference) => {
      const kind = stringAt(reference, 'kind')
      const name = stringAt(reference, 'name')
      if (kind === null || name === null) return []
      return [{ kind, name, namespace: kind === 'Node' ? null : namespace, uid: stringAt(reference, 'uid') }]
    })
}

const STATUS_LISTS = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const

function statusesOf(pod: unknown): readonly unknown[] {
  return STATUS_LISTS.flatMap((list) => arrayAt(pod, 'status', list))
}

const STATES = ['running', 'terminated', 'waiting'] as const

function containerStates(pod: unknown): readonly ContainerState[] {
  return statusesOf(pod).flatMap((status) => {
    const name = stringAt(status, 'name')
    const state = STATES.find((candidate) => isObject(at(status, ['state', candidate])))
    if (name === null || state === undefined) return []
    const detail = at(status, ['state', state])
    const started = stringAt(detail, 'startedAt')
    const restarts = property(status, 'restartCount')
    return [
      {
        name,
        state,
        reason: stringAt(detail, 'reason'),
        started: started === null ? null : parseTimestamp(started),
        restarts: typeof restarts === 'number' && Number.isInteger(restarts) ? Math.min(restarts, 2 ** 31 - 1) : 0
      }
    ]
  })
}

function podContainers(pod: unknown): readonly Container[] {
  const statuses = statusesOf(pod)
  return containersOf(property(pod, 'spec')).flatMap((container) => {
    const name = stringAt(container, 'name')
    if (name === null) return []
    const status = statuses.find((candidate) => stringAt(candidate, 'name') === name)
    const imageId = stringAt(status, 'imageID')
    return [
      {
        id: bareContainerId(stringAt(status, 'containerID') ?? ''),
        name,
        image_name: stringAt(container, 'image'),
        image_id: imageId === null ? null : bareImageId(imageId),
        privileged: at(container, ['securityContext', 'privileged']) === true
      }
    ]
  })
}

function podState(pod: unknown): PodState {
  const spec = property(pod, 'spec')
  return {
    node: stringAt(spec, 'nodeName'),
    service_account: stringAt(spec, 'serviceAccountName'),
    host_network: property(spec, 'hostNetwork') === true,
    host_pid: property(spec, 'hostPID') === true,
    host_ipc: property(spec, 'hostIPC') === true,
    containers: podContainers(pod),
    statuses: containerStates(pod)
  }
}

function addressesOf(object: unknown, kind: string): readonly string[] {
  const texts = (values: readonly unknown[]) =>
    values.filter((value): value is string => typeof value === 'string' && value !== '')
  switch (kind) {
    case 'Pod': {
      // Pods on the host's network have the node's address, which means the node and not the pod.
      if (at(object, ['spec', 'hostNetwork']) === true) return []
      const all = arrayAt(object, 'status', 'podIPs').map((entry) => property(entry, 'ip'))
      return [...new Set(texts([at(object, ['status', 'podIP']), ...all]))]
    }
    case 'Node':
      return texts(arrayAt(object, 'status', 'addresses').map((entry) => property(entry, 'address')))
    case 'Service': {
      const balancer = arrayAt(object, 'status', 'loadBalancer', 'ingress').map((entry) => property(entry, 'ip'))
      const all = [...arrayAt(object, 'spec', 'clusterIPs'), ...arrayAt(object, 'spec', 'externalIPs'), ...balancer]
      return [...new Set(texts(all))].filter((address) => address !== 'None')
    }
    case 'EndpointSlice':
      return texts(arrayAt(object, 'endpoints').flatMap((endpoint) => arrayAt(endpoint, 'addresses')))
    default:
      return []
  }
}

/**
 * What the inventory keeps of a Kubernetes object.
 * @param object parsed JSON of one object, as the API or kubectl gives it
 * @param observed when it was seen, microseconds since the epoch
 * @returns null for what has no kind, name and UID (lists, statuses, half-written bodies)
 */
export function inventoryRecordOf(object: unknown, cluster: Cluster, observed: number): InventoryRecord | null {
  const kind = stringAt(object, 'kind')
  const name = stringAt(object, 'metadata', 'name')
  const uid = stringAt(object, 'metadata', 'uid')
  if (kind === null || name === null || uid === null) return null
  const created = stringAt(object, 'metadata', 'creationTimestamp')
  return {
    cluster,
    kind,
    uid,
    name,
    namespace: stringAt(object, 'metadata', 'namespace'),
    observed,
    deleted: false,
    created: created === null ? null : parseTimestamp(created),
    labels: stringMapAt(object, 'metadata', 'labels'),
    owners: ownersOf(object),
    addresses: addressesOf(object, kind),
    references: referencesOf(object, kind),
    attributes: attributesOf(object, kind),
    pod: kind === 'Pod' ? podState(object) : null
  }
}

/**
 * Records of a `kubectl get … -o json` List or of one object; owner chains are completed from the list itself.
 * @returns the records, and how many items were no objects of the API
 */
export function inventoryFromList(
  json: unknown,
  cluster: Cluster,
  observed: number
): { readonly records: readonly InventoryRecord[]; readonly skipped: number } {
  const items = isObject(json) && Array.isArray(json['items']) ? json['items'] : [json]
  const records = items.flatMap((item) => inventoryRecordOf(item, cluster, observed) ?? [])
  const byUid = new Map(records.map((record) => [record.uid, record]))
  const chain = (record: InventoryRecord): readonly Workload[] => {
    const owners = [...record.owners]
    // Owner references cannot form a ring in a real cluster, but a file can say anything.
    for (let depth = 0; depth < 8; depth += 1) {
      const next = byUid.get(owners.at(-1)?.uid ?? '')?.owners[0]
      if (next === undefined) break
      owners.push(next)
    }
    return owners
  }
  return {
    records: records.map((record) => ({ ...record, owners: chain(record) })),
    skipped: items.length - records.length
  }
}

const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'patch'])
/** Subresources whose response is the whole object. */
const WHOLE_OBJECT_SUBRESOURCES: ReadonlySet<string | null> = new Set([null, 'status', 'ephemeralcontainers'])

/**
 * What an audit event tells about pods and workloads, without any agent or watch: bodies of successful writes, and deletions.
 * @param bodies the event's bodies, for those who share them with what else looks into them
 * @returns no record, or one
 */
export function inventoryFromAudit(
  event: AuditEvent,
  cluster: Cluster,
  bodies: Bodies = bodiesOf(event)
): readonly InventoryRecord[] {
  const reference = event.objectRef
  const kind = workloadKindOfResource(reference?.resource)
  if (kind === null || reference === null || event.stage !== 'ResponseComplete') return []
  if ((event.responseStatus?.code ?? 200) >= 400) return []
  const isDelete = event.verb === 'delete' && reference.subresource === null
  const isWrite = WRITES.has(event.verb ?? '') && WHOLE_OBJECT_SUBRESOURCES.has(reference.subresource)
  if (!isDelete && !isWrite) return []
  const body = bodies.response()
  // The response to a deletion is the object while it terminates, or a Status that names its UID.
  const record = inventoryRecordOf(isObject(body) ? { kind: kind.kind, ...body } : body, cluster, event.stageTimestamp)
  if (record === null || record.kind !== kind.kind) {
    const uid = isDelete ? (stringAt(body, 'details', 'uid') ?? reference.uid) : null
    if (uid === null || reference.name === null) return []
    return [
      {
        ...emptyRecord(cluster, kind.kind, uid, reference.name, event.stageTimestamp),
        namespace: reference.namespace,
        deleted: true
      }
    ]
  }
  return [isDelete ? { ...record, deleted: true } : record]
}
