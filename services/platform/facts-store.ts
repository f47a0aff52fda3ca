import type { InventoryRecord, Workload } from '../../schemas/generated/types.ts'
import { factChanges, keysToRead } from '../core/enrich/fact-changes.ts'
import type { PodFacts } from '../core/enrich/pod-facts.ts'

/** Where what is known of pods is kept for joining. */
export interface FactsStore {
  /** Facts of those keys that are known. At most one round trip, however many keys. */
  fetch(keys: readonly string[]): Promise<ReadonlyMap<string, PodFacts>>
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
  const pods = new Map<string, PodFacts>()
  const owners = new Map<string, Workload>()
  return {
    fetch: async (keys) => {
      const found = new Map<string, PodFacts>()
      for (const key of keys) {
        const facts = pods.get(key)
        if (facts !== undefined) found.set(key, facts)
      }
      return found
    },
    apply: async (records) => {
      const wanted = keysToRead(records)
      const pick = <Value>(keys: readonly string[], from: ReadonlyMap<string, Value>) =>
        new Map(keys.flatMap((key) => (from.has(key) ? [[key, from.get(key) as Value] as const] : [])))
      const changes = factChanges(records, { pods: pick(wanted.pods, pods), owners: pick(wanted.owners, owners) })
      for (const [key, facts] of changes.pods) pods.set(key, facts)
      for (const [key, owner] of changes.owners) owners.set(key, owner)
    },
    isFilled: async () => true,
    markFilled: async () => {},
    close: async () => {}
  }
}
