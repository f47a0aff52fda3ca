import type { InventoryRecord, Workload } from '../../schemas/generated/types.ts'
import { createKnownFacts } from '../core/enrich/known-facts.ts'
import { type PodFacts, withKnownOwners } from '../core/enrich/pod-facts.ts'

/** Where what is known of pods is kept for joining. */
export interface FactsStore {
  /**
   * Facts of those keys that are known. One round trip, however many keys; another for each link of an owner chain that was not known
   * when its pod was stored.
   */
  fetch(keys: readonly string[]): Promise<ReadonlyMap<string, PodFacts>>
  /** Other objects that are known by those keys: of an address, of a service account, a workload's owner. */
  find(keys: readonly string[]): Promise<ReadonlyMap<string, Workload>>
  /** Takes inventory records in. Idempotent; records of one object must come in order. */
  apply(records: readonly InventoryRecord[]): Promise<void>
  /** False when the store has lost its content since it was filled, and has to be filled again. */
  isFilled(): Promise<boolean>
  /** Says that the store now holds all of the inventory. */
  markFilled(): Promise<void>
  close(): Promise<void>
}

/** A store in this process's memory, for `hunt` and the embedded pipeline. Deleted pods stay for as long as the process does. */
export function createMemoryFactsStore(): FactsStore {
  const { pods, owners, learn } = createKnownFacts()
  const pick = <Value>(keys: readonly string[], from: ReadonlyMap<string, Value>) =>
    new Map(keys.flatMap((key) => (from.has(key) ? [[key, from.get(key) as Value] as const] : [])))
  const find = async (keys: readonly string[]) => pick(keys, owners)
  return {
    fetch: (keys) => withKnownOwners(pick(keys, pods), find),
    find,
    apply: async (records) => learn(records),
    isFilled: async () => true,
    markFilled: async () => {},
    close: async () => {}
  }
}
