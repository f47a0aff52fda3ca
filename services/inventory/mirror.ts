import { LRUCache } from 'lru-cache'
import type { Cluster, InventoryRecord, Workload } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { imagesOfPod } from '../core/enrich/images.ts'
import { inventoryRecordOf } from '../core/enrich/inventory.ts'
import { isObject } from '../core/json.ts'
import { inventoryObjects } from './metrics.ts'

/** Owners that are gone but may still have pods: the garbage collector takes those after them. */
const GONE_OWNERS_MAX = 10_000
const IMAGES_MAX = 20_000
const CHAIN_MAX = 8

export interface MirrorOptions {
  readonly codec: Pick<Codec, 'encode' | 'decode'>
  readonly cluster: Cluster
  /** Kinds whose objects are all known once they have been listed. */
  readonly kinds: readonly string[]
  readonly now_ms: () => number
}

/**
 * What is known of the API's objects, so that only changes are published, and so that what has vanished unseen can be told. It
 * keeps each object as its encoded record: 200 to 600 bytes.
 */
export interface Mirror {
  /** @returns records to publish: none when nothing of what is kept has changed */
  present(kind: string, object: unknown): Promise<readonly InventoryRecord[]>
  gone(kind: string, object: unknown): Promise<readonly InventoryRecord[]>
  listing(kind: string): void
  /** @returns tombstones of what is not there any more */
  listed(kind: string): Promise<readonly InventoryRecord[]>
  /**
   * Whether the API surely no longer has the object of a record that somebody published: it was observed before the latest whole
   * list, and is not known. null while its kind has not been listed.
   */
  isAbsent(record: InventoryRecord): boolean | null
}

export function createMirror({ codec, cluster, kinds, now_ms }: MirrorOptions): Mirror {
  const known = new Map(kinds.map((kind) => [kind, new Map<string, Buffer>()]))
  /** Time of the latest complete list, and of the one under way, microseconds. */
  const listedAt = new Map<string, number>()
  const listing = new Map<string, { readonly started: number; readonly seen: Set<string> }>()
  const owners = new Map<string, Workload>()
  const goneOwners = new LRUCache<string, Workload>({ max: GONE_OWNERS_MAX })
  /** Pods whose chain ends at a workload that has not been seen yet, by its UID. */
  const waiting = new Map<string, Set<string>>()
  const images = new LRUCache<string, Buffer>({ max: IMAGES_MAX })
  /** UIDs by which kubelet and runtime know static pods. */
  const staticUids = new Map<string, string>()

  const ofKind = (kind: string) => known.get(kind) ?? new Map<string, Buffer>()
  const bytesOf = (record: InventoryRecord) => Buffer.from(codec.encode('inventory-record', { ...record, observed: 0 }))

  function chainOf(record: InventoryRecord): readonly Workload[] {
    const chain = [...record.owners.slice(0, 1)]
    while (chain.length > 0 && chain.length < CHAIN_MAX) {
      const uid = chain.at(-1)?.uid
      const next = uid == null ? undefined : (owners.get(uid) ?? goneOwners.get(uid))
      if (next === undefined) break
      chain.push(next)
    }
    return chain.length > 0 ? chain : record.owners
  }

  function withChain(record: InventoryRecord): InventoryRecord {
    const chain = chainOf(record)
    const top = chain.at(-1)
    if (top?.uid != null && !record.deleted && known.get(top.kind)?.has(top.uid) === false) {
      const pods = waiting.get(top.uid) ?? new Set()
      waiting.set(top.uid, pods.add(record.uid))
    }
    return { ...record, owners: chain }
  }

  /** @returns the record, unless it is known already */
  function changed(records: Map<string, Buffer> | LRUCache<string, Buffer>, record: InventoryRecord) {
    const bytes = bytesOf(record)
    if (records.get(record.uid)?.equals(bytes)) return []
    records.set(record.uid, bytes)
    return [record]
  }

  /** Pods that waited for an owner. */
  async function completed(uid: string): Promise<InventoryRecord[]> {
    const pods = waiting.get(uid)
    waiting.delete(uid)
    const records: InventoryRecord[] = []
    for (const pod of pods ?? []) {
      const bytes = ofKind('Pod').get(pod)
      if (bytes === undefined) continue
      const record = { ...(await codec.decode('inventory-record', bytes)), observed: now_ms() * 1000 }
      records.push(...changed(ofKind('Pod'), withChain(record)))
    }
    return records
  }

  function recordOf(kind: string, object: unknown): InventoryRecord | null {
    // Items of a list have no kind, and metadata alone has one of its own.
    return isObject(object) ? inventoryRecordOf({ ...object, kind }, cluster, now_ms() * 1000) : null
  }

  function forget(kind: string, record: InventoryRecord): InventoryRecord {
    const told = kind === 'Pod' ? withChain({ ...record, deleted: true }) : { ...record, deleted: true }
    ofKind(kind).delete(record.uid)
    const top = told.owners.at(-1)?.uid ?? ''
    const pods = waiting.get(top)
    if (pods?.delete(record.uid) && pods.size === 0) waiting.delete(top)
    const owner = owners.get(record.uid)
    if (owner !== undefined) goneOwners.set(record.uid, owner)
    owners.delete(record.uid)
    const static_uid = record.attributes['config_hash']
    if (static_uid !== undefined) staticUids.delete(static_uid)
    inventoryObjects.set({ kind }, ofKind(kind).size)
    return told
  }

  return {
    present: async (kind, object) => {
      const record = recordOf(kind, object)
      if (record === null) return []
      listing.get(kind)?.seen.add(record.uid)
      if (kind === 'Pod') {
        const static_uid = record.attributes['config_hash']
        if (static_uid !== undefined) staticUids.set(static_uid, record.uid)
        const told = changed(ofKind(kind), withChain(record))
        inventoryObjects.set({ kind }, ofKind(kind).size)
        return [...told, ...told.flatMap((pod) => imagesOfPod(pod).flatMap((image) => changed(images, image)))]
      }
      const [owner] = record.owners
      if (owner !== undefined) owners.set(record.uid, owner)
      const told = changed(ofKind(kind), record)
      inventoryObjects.set({ kind }, ofKind(kind).size)
      return [...told, ...(await completed(record.uid))]
    },

    gone: async (kind, object) => {
      const record = recordOf(kind, object)
      return record === null ? [] : [forget(kind, record)]
    },

    listing: (kind) => {
      listing.set(kind, { started: now_ms() * 1000, seen: new Set() })
    },

    listed: async (kind) => {
      const list = listing.get(kind)
      listing.delete(kind)
      if (list === undefined) return []
      listedAt.set(kind, list.started)
      const vanished: InventoryRecord[] = []
      for (const [uid, bytes] of [...ofKind(kind)]) {
        if (list.seen.has(uid)) continue
        const record = await codec.decode('inventory-record', bytes)
        vanished.push(forget(kind, { ...record, observed: now_ms() * 1000 }))
      }
      return vanished
    },

    isAbsent: (record) => {
      const [owner] = record.owners
      const [kind, uid] = record.kind === 'Container' ? ['Pod', owner?.uid ?? ''] : [record.kind, record.uid]
      const records = known.get(kind)
      // Of kinds that are not watched nothing can be said.
      if (record.cluster.id !== cluster.id || records === undefined) return false
      const time = listedAt.get(kind)
      if (time === undefined) return null
      return record.observed < time && !records.has(uid) && !staticUids.has(uid)
    }
  }
}
