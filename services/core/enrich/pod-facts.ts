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
  /** The workload at which the chain of owners ends without its own record having been seen: it may have an owner, too. */
  readonly waits_for?: { readonly cluster: string; readonly uid: string }
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

/** Owner of a workload by UID; the workload itself where it is known to have none, null where nothing is known of it. */
export type OwnerOf = (uid: string) => Workload | null

const LONGEST_CHAIN = 8

/** The end of a chain of owners, and the UID of the workload there of which nothing is known. */
interface ChainEnd {
  readonly top: Workload
  readonly unseen: string | null
}

function climb(from: Workload, ownerOf: OwnerOf): ChainEnd {
  let top = from
  // Owner references cannot form a ring in a real cluster, but a body can say anything.
  for (let depth = 0; depth < LONGEST_CHAIN && top.uid !== null; depth += 1) {
    const next = ownerOf(top.uid)
    if (next === null) return { top, unseen: top.uid }
    if (next.uid === top.uid) break
    top = next
  }
  return { top, unseen: null }
}

/**
 * Where a chain ends at a ReplicaSet whose owner is not known, one made by a Deployment is recognised by its name: Deployment + '-' +
 * the pod's label pod-template-hash (the Deployment controller's rule).
 */
function deploymentOf(top: Workload, labels: Readonly<Record<string, string>>): Workload {
  const hash = labels['pod-template-hash']
  if (top.kind !== 'ReplicaSet' || hash === undefined || hash === '' || !top.name.endsWith(`-${hash}`)) return top
  return { kind: 'Deployment', name: top.name.slice(0, -hash.length - 1), namespace: top.namespace, uid: null }
}

function endOfChain(record: InventoryRecord, ownerOf: OwnerOf): ChainEnd {
  const self: Workload = { kind: record.kind, name: record.name, namespace: record.namespace, uid: record.uid }
  const owner = record.owners.at(-1)
  // A static pod is owned by its Node; what a response has to deal with is the pod itself.
  if (owner === undefined || owner.kind === 'Node') return { top: self, unseen: null }
  const { top, unseen } = climb(owner, ownerOf)
  return { top: deploymentOf(top, record.labels), unseen }
}

/** The top of a pod's owner chain, as far as it is known. */
export function topOwner(record: InventoryRecord, ownerOf: OwnerOf): Workload {
  return endOfChain(record, ownerOf).top
}

const awaiting = (cluster: string, unseen: string | null): Pick<PodFacts, 'waits_for'> =>
  unseen === null ? {} : { waits_for: { cluster, uid: unseen } }

/** The facts with the owner that has become known since: objects of the API are told of in any order. */
export function withOwners(facts: PodFacts, ownerOf: OwnerOf): PodFacts {
  const { waits_for, ...settled } = facts
  if (waits_for === undefined) return facts
  const owner = ownerOf(waits_for.uid)
  if (owner === null) return facts
  if (owner.uid === waits_for.uid) return settled
  const { top, unseen } = climb(owner, ownerOf)
  return { ...settled, workload: deploymentOf(top, facts.pod.labels), ...awaiting(waits_for.cluster, unseen) }
}

/**
 * Facts with all owners that are known by now.
 * @param find owners by `factKey.owner`; asked once for each link of the longest chain that is not whole
 */
export async function withKnownOwners(
  found: ReadonlyMap<string, PodFacts>,
  find: (keys: readonly string[]) => Promise<ReadonlyMap<string, Workload>>
): Promise<ReadonlyMap<string, PodFacts>> {
  const owners = new Map<string, Workload | null>()
  let pods = found
  for (let depth = 0; depth < LONGEST_CHAIN; depth += 1) {
    const keys = [...pods.values()].flatMap(({ waits_for }) =>
      waits_for === undefined ? [] : [factKey.owner(waits_for.cluster, waits_for.uid)]
    )
    const unasked = [...new Set(keys)].filter((key) => !owners.has(key))
    if (unasked.length === 0) return pods
    const answers = await find(unasked)
    for (const key of unasked) owners.set(key, answers.get(key) ?? null)
    pods = new Map(
      [...pods].map(([key, facts]) => {
        const cluster = facts.waits_for?.cluster ?? ''
        return [key, withOwners(facts, (uid) => owners.get(factKey.owner(cluster, uid)) ?? null)]
      })
    )
  }
  return pods
}

/** Kinds that are mostly made by another: their owner is worth waiting for. */
const MADE_BY_OTHERS: ReadonlySet<string> = new Set(['ReplicaSet', 'Job'])

/** Whether the workload named is likely not the top one. */
export const lacksOwner = ({ waits_for, workload }: PodFacts): boolean =>
  waits_for !== undefined && MADE_BY_OTHERS.has(workload.kind)

/** Whether a later word about a pod that runs is unlikely to change what events are joined with. */
export const isSettled = (facts: PodFacts): boolean =>
  facts.observed > 0 &&
  !lacksOwner(facts) &&
  (facts.pod.ip !== null || facts.pod.host_network === true) &&
  facts.containers.every(({ id }) => id !== '')

/** Facts of a pod's record; null for records of other kinds. */
export function podFacts(record: InventoryRecord, ownerOf: OwnerOf): PodFacts | null {
  const { pod } = record
  if (pod === null) return null
  const { top, unseen } = endOfChain(record, ownerOf)
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
    workload: top,
    observed: record.observed,
    ...awaiting(record.cluster.id, unseen)
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
