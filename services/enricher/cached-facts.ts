import { LRUCache } from 'lru-cache'
import { isSettled, type PodFacts } from '../core/enrich/pod-facts.ts'
import type { FactsStore } from '../platform/facts-store.ts'
import { lookups } from '../platform/metrics.ts'

/**
 * An LRU in front of the store. Only what is known and not about to change is kept: an unknown container may become known at any
 * moment, and a pod that has just come gets its address and its containers, so that they are asked for again each time.
 */
export interface CachedFacts {
  /**
   * @param keys every key of a batch; duplicates cost nothing
   * @param fresh asks the store for all of them, for events whose first look-up was not good enough
   */
  fetch(keys: Iterable<string>, fresh?: boolean): Promise<ReadonlyMap<string, PodFacts>>
}

export function createCachedFacts(
  store: FactsStore,
  options: { readonly max_entries: number; readonly ttl_ms: number }
): CachedFacts {
  const cache = new LRUCache<string, PodFacts>({ max: options.max_entries, ttl: options.ttl_ms })
  return {
    fetch: async (keys, fresh = false) => {
      const found = new Map<string, PodFacts>()
      const missing: string[] = []
      for (const key of new Set(keys)) {
        const facts = fresh ? undefined : cache.get(key)
        if (facts === undefined) missing.push(key)
        else found.set(key, facts)
      }
      lookups.inc({ answer: 'memory' }, found.size)
      if (missing.length === 0) return found
      const fetched = await store.fetch(missing)
      for (const [key, facts] of fetched) {
        if (isSettled(facts)) cache.set(key, facts)
        else cache.delete(key)
        found.set(key, facts)
      }
      lookups.inc({ answer: 'redis' }, fetched.size)
      lookups.inc({ answer: 'none' }, missing.length - fetched.size)
      return found
    }
  }
}
