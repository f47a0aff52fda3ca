import type { InventoryRecord, Workload } from '../../../schemas/generated/types.ts'
import { hasEnded } from './inventory-objects.ts'
import { containerKeys, factKey, keysOfPod, type PodFacts, podFacts } from './pod-facts.ts'
import { completedContainers, factsOfContainer, withAddress, withContainer } from './runtime-containers.ts'
import { workloadKindOfKind } from './workload-kinds.ts'

/** How long what was deleted stays resolvable: events of a pod arrive after its end. */
export const TOMBSTONE_SECONDS = 3600

/** What is stored now, for the keys that `keysToRead` asked for. */
export interface StoredFacts {
  readonly pods: ReadonlyMap<string, PodFacts>
  readonly owners: ReadonlyMap<string, Workload>
}

/** What to do to the store, in order. `expire` lets a key go after TOMBSTONE_SECONDS. */
export interface FactChanges {
  readonly pods: ReadonlyMap<string, PodFacts>
  /** Other objects by their keys: owners of workloads, objects behind addresses, service accounts. */
  readonly owners: ReadonlyMap<string, Workload>
  readonly expire: ReadonlySet<string>
}

/** Keys whose present values decide what records change. */
export function keysToRead(records: readonly InventoryRecord[]): {
  readonly pods: readonly string[]
  readonly owners: readonly string[]
} {
  const pods = new Set<string>()
  const owners = new Set<string>()
  for (const record of records) {
    const cluster = record.cluster.id
    if (record.kind === 'Pod') for (const key of keysOfPod(record)) pods.add(key)
    if (record.kind === 'Container') for (const key of keysOfContainer(record)) pods.add(key)
    const top = record.owners.at(-1)
    if (top?.uid != null && record.kind !== 'Container') owners.add(factKey.owner(cluster, top.uid))
    for (const key of objectKeys(record)) owners.add(key)
  }
  return { pods: [...pods], owners: [...owners] }
}

/** Keys under which a container's record changes the facts of its pod. */
function keysOfContainer(record: InventoryRecord): readonly string[] {
  const cluster = record.cluster.id
  const [owner] = record.owners
  if (owner?.uid == null) return []
  return [
    factKey.podUid(cluster, owner.uid),
    factKey.podName(cluster, owner.namespace ?? '', owner.name),
    ...containerKeys(cluster, record.pod?.containers ?? [])
  ]
}

/** Kinds that an address means. The addresses of an endpoint slice are those of pods, which have keys of their own. */
const ADDRESSED: ReadonlySet<string> = new Set(['Pod', 'Node', 'Service'])

/** Keys that mean the object itself. */
function objectKeys(record: InventoryRecord): readonly string[] {
  const cluster = record.cluster.id
  if (record.kind === 'ServiceAccount') return [factKey.serviceAccount(cluster, record.namespace ?? '', record.name)]
  if (!ADDRESSED.has(record.kind) || hasEnded(record.attributes['phase'])) return []
  return record.addresses.map((address) => factKey.address(cluster, address))
}

/**
 * What a batch of inventory records changes in the store that events are joined with. Later records of the batch see the
 * effects of earlier ones, so the result does not depend on how records are batched.
 */
export function factChanges(records: readonly InventoryRecord[], stored: StoredFacts): FactChanges {
  const pods = new Map<string, PodFacts>()
  const owners = new Map<string, Workload>()
  const expire = new Set<string>()
  const podAt = (key: string) => pods.get(key) ?? stored.pods.get(key)
  const ownerAt = (key: string) => owners.get(key) ?? stored.owners.get(key)
  const setPod = (key: string, facts: PodFacts) => {
    pods.set(key, facts)
    if (facts.gone === true) expire.add(key)
    else expire.delete(key)
  }

  function changeObject(record: InventoryRecord): void {
    const { kind, name, namespace, uid } = record
    for (const key of objectKeys(record)) {
      if (!record.deleted) {
        owners.set(key, { kind, name, namespace, uid })
        expire.delete(key)
      } else if (ownerAt(key)?.uid === uid) expire.add(key)
    }
  }

  function changeOwner(record: InventoryRecord): void {
    const { kind, name, namespace, uid, deleted } = record
    const [owner] = record.owners
    const key = factKey.owner(record.cluster.id, uid)
    if (owner !== undefined) {
      owners.set(key, owner)
      expire.delete(key)
    } else if (!deleted && workloadKindOfKind(kind) !== null) {
      // What has no owner is its own, so that nobody waits for one.
      owners.set(key, { kind, name, namespace, uid })
      expire.delete(key)
    }
    if (deleted) expire.add(key)
  }

  function deletePod(record: InventoryRecord): void {
    const cluster = record.cluster.id
    const known = podAt(factKey.podUid(cluster, record.uid))
    for (const key of containerKeys(cluster, known?.containers ?? [])) expire.add(key)
    for (const key of keysOfPod(record)) {
      const facts = podAt(key)
      // The name may already mean the pod's successor (StatefulSets reuse names).
      if (facts === undefined || facts.pod.uid !== record.uid) continue
      setPod(key, { ...facts, observed: Math.max(facts.observed, record.observed), gone: true })
    }
  }

  function changePod(record: InventoryRecord): void {
    const cluster = record.cluster.id
    const ownerOf = (uid: string) => ownerAt(factKey.owner(cluster, uid)) ?? null
    const told = podFacts(record, ownerOf)
    if (told === null) return
    const static_uid = record.attributes['config_hash']
    const known =
      podAt(factKey.podUid(cluster, record.uid)) ??
      (static_uid === undefined ? undefined : podAt(factKey.podUid(cluster, static_uid)))
    if ((known?.observed ?? 0) > told.observed) return
    const facts = {
      ...told,
      pod: withAddress(told.pod, known?.pod.ip ?? null),
      containers: completedContainers(told.containers, known?.containers ?? [])
    }
    for (const key of new Set([...keysOfPod(record), ...containerKeys(cluster, facts.containers)])) {
      // A name may already mean a later pod.
      if ((podAt(key)?.observed ?? 0) > facts.observed) continue
      setPod(key, facts)
    }
    changeObject(record)
  }

  function changeContainer(record: InventoryRecord): void {
    const told = factsOfContainer(record)
    const [container] = record.pod?.containers ?? []
    const [uidKey, nameKey, containerKey] = keysOfContainer(record)
    if (told === null || container === undefined || uidKey === undefined || nameKey === undefined) return
    const known = podAt(uidKey)
    const facts = known === undefined ? told : withContainer(known, container, told.pod.ip)
    // Of a container that is gone, and of whose pod nothing is known, nothing but itself may still be asked for.
    if (facts !== known && !(record.deleted && known === undefined)) {
      setPod(uidKey, facts)
      const named = podAt(nameKey)
      if (named === undefined || named.pod.uid === facts.pod.uid) setPod(nameKey, facts)
    }
    if (containerKey === undefined) return
    setPod(containerKey, facts)
    if (record.deleted) expire.add(containerKey)
  }

  // Owners first: a pod and its ReplicaSet are often in one batch, in either order.
  for (const record of records) {
    if (record.kind !== 'Pod' && record.kind !== 'Container') changeOwner(record)
  }
  for (const record of records) {
    if (record.kind === 'Container') changeContainer(record)
    else if (record.kind !== 'Pod') changeObject(record)
    else if (record.deleted) {
      deletePod(record)
      changeObject(record)
    } else changePod(record)
  }
  return { pods, owners, expire }
}
