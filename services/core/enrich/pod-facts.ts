import type { Container, InventoryRecord, Pod, Workload } from '../../../schemas/generated/types.ts'

/** What the enricher joins: a pod with its containers and top owner. Kept in Redis as JSON under several keys. */
export interface PodFacts {
  readonly pod: Pod
  readonly containers: readonly Container[]
  readonly workload: Workload
  /**
   * When this was observed, microseconds since the epoch: an older observation never replaces a newer one. 0 where only the
   * container runtime told of the pod: labels, owner and service account are not known then, and any word of the API counts more.
   */
  readonly observed: number
  /** The pod has been deleted. */
  readonly gone?: true
}

/**
 * Container ids are looked up by their first 12 characters: Falco gives 12, Tetragon 31, the runtime 64, and 48 bits do not
 * collide within a cluster. The facts carry the full ids, so a caller checks the rest.
 */
export const CONTAINER_KEY_CHARACTERS = 12

/** Look-up keys, unique over clusters. */
export const factKey = {
  podUid: (cluster: string, uid: string) => `${cluster}/pod/${uid}`,
  podName: (cluster: string, namespace: string, name: string) => `${cluster}/pod-name/${namespace}/${name}`,
  container: (cluster: string, id: string) => `${cluster}/container/${id.slice(0, CONTAINER_KEY_CHARACTERS)}`,
  /** Key of a workload's own owner, so that chains can be walked. */
  owner: (cluster: string, uid: string) => `${cluster}/owner/${uid}`,
  /** Key of the pod, node or service that has an address. */
  address: (cluster: string, address: string) => `${cluster}/address/${address}`,
  serviceAccount: (cluster: string, namespace: string, name: string) =>
    `${cluster}/service-account/${namespace}/${name}`
}

/**
 * The top of a pod's owner chain. Where the chain ends at a ReplicaSet or Job whose owner is not known, a ReplicaSet made by a
 * Deployment is recognised by its name: Deployment + '-' + the pod's label pod-template-hash (the Deployment controller's rule).
 * @param ownerOf the owner of a workload by UID, from an earlier record; null when not known
 */
export function topOwner(record: InventoryRecord, ownerOf: (uid: string) => Workload | null): Workload {
  const self: Workload = { kind: record.kind, name: record.name, namespace: record.namespace, uid: record.uid }
  let top = record.owners.at(-1)
  if (top === undefined) return self
  for (let depth = 0; depth < 8; depth += 1) {
    const next: Workload | null = top.uid === null ? null : ownerOf(top.uid)
    if (next === null) break
    top = next
  }
  const hash = record.labels['pod-template-hash']
  if (top.kind === 'ReplicaSet' && hash !== undefined && hash !== '' && top.name.endsWith(`-${hash}`)) {
    return { kind: 'Deployment', name: top.name.slice(0, -hash.length - 1), namespace: top.namespace, uid: null }
  }
  // A static pod is owned by its Node; what a response has to deal with is the pod itself.
  return top.kind === 'Node' ? self : top
}

/** Facts of a pod's record; null for records of other kinds. */
export function podFacts(record: InventoryRecord, ownerOf: (uid: string) => Workload | null): PodFacts | null {
  const { pod } = record
  if (pod === null) return null
  return {
    pod: {
      uid: record.uid,
      name: record.name,
      namespace: record.namespace,
      node: pod.node,
      ip: record.addresses[0] ?? null,
      service_account: pod.service_account === null ? null : `${record.namespace ?? ''}/${pod.service_account}`,
      labels: record.labels,
      created: record.created,
      host_network: pod.host_network,
      host_pid: pod.host_pid,
      host_ipc: pod.host_ipc
    },
    containers: pod.containers,
    workload: topOwner(record, ownerOf),
    observed: record.observed
  }
}

/**
 * Every key a pod's facts are kept under. A static pod has two UIDs: the one of its mirror in the API, and the one that kubelet
 * and runtime know, which is its `config_hash`.
 */
export function keysOfPod(record: InventoryRecord): readonly string[] {
  const cluster = record.cluster.id
  const static_uid = record.attributes['config_hash']
  return [
    factKey.podUid(cluster, record.uid),
    ...(static_uid === undefined ? [] : [factKey.podUid(cluster, static_uid)]),
    factKey.podName(cluster, record.namespace ?? '', record.name),
    ...containerKeys(cluster, record.pod?.containers ?? [])
  ]
}

/** Keys of the containers that have an id. */
export function containerKeys(cluster: string, containers: readonly Container[]): readonly string[] {
  return containers.filter(({ id }) => id !== '').map(({ id }) => factKey.container(cluster, id))
}
