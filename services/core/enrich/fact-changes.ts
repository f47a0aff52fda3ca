import type { InventoryRecord, Workload } from '../../../schemas/generated/types.ts'
import { factKey, keysOfPod, type PodFacts, podFacts } from './pod-facts.ts'

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
    if (record.kind === 'Pod') for (const key of keysOfPod(record)) pods.add(key)
    const top = record.owners.at(-1)
    if (top?.uid != null) owners.add(factKey.owner(record.cluster.id, top.uid))
  }
  return { pods: [...pods], owners: [...owners] }
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

  // Owners first: a pod and its ReplicaSet are often in one batch, in either order.
  for (const record of records) {
    const owner = record.owners[0]
    if (record.kind !== 'Pod' && owner !== undefined) owners.set(factKey.owner(record.cluster.id, record.uid), owner)
  }
  for (const record of records) {
    if (record.kind !== 'Pod') continue
    const cluster = record.cluster.id
    const uidKey = factKey.podUid(cluster, record.uid)
    const nameKey = factKey.podName(cluster, record.namespace ?? '', record.name)
    if (record.deleted) {
      for (const container of podAt(uidKey)?.containers ?? [])
        if (container.id !== '') expire.add(factKey.container(cluster, container.id))
      expire.add(uidKey)
      // The name may already mean the pod's successor (StatefulSets reuse names).
      if (podAt(nameKey)?.pod.uid === record.uid) expire.add(nameKey)
      continue
    }
    const ownerOf = (uid: string) =>
      owners.get(factKey.owner(cluster, uid)) ?? stored.owners.get(factKey.owner(cluster, uid)) ?? null
    const facts = podFacts(record, ownerOf)
    if (facts === null) continue
    for (const key of keysOfPod(record)) {
      if ((podAt(key)?.observed ?? 0) > facts.observed) continue
      pods.set(key, facts)
      expire.delete(key)
    }
  }
  return { pods, owners, expire }
}
