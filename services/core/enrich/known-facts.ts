import type { InventoryRecord, Workload } from '../../../schemas/generated/types.ts'
import { factChanges } from './fact-changes.ts'
import { factKey, type PodFacts, withOwners } from './pod-facts.ts'

/** All that inventory records have told, in memory. What was deleted stays known. */
export interface KnownFacts {
  /** As they were told of, by the keys of `factKey`: their owners may have become known since. */
  readonly pods: ReadonlyMap<string, PodFacts>
  /** Other objects by their keys. */
  readonly owners: ReadonlyMap<string, Workload>
  learn(records: readonly InventoryRecord[]): void
  /** A pod with all owners that are known by now; null when it is not known. */
  factsOf(key: string): PodFacts | null
}

export function createKnownFacts(): KnownFacts {
  const pods = new Map<string, PodFacts>()
  const owners = new Map<string, Workload>()
  return {
    pods,
    owners,
    learn: (records) => {
      const changes = factChanges(records, { pods, owners })
      for (const [key, facts] of changes.pods) pods.set(key, facts)
      for (const [key, owner] of changes.owners) owners.set(key, owner)
    },
    factsOf: (key) => {
      const facts = pods.get(key)
      if (facts?.waits_for === undefined) return facts ?? null
      const { cluster } = facts.waits_for
      return withOwners(facts, (uid) => owners.get(factKey.owner(cluster, uid)) ?? null)
    }
  }
}
