/**
 * Remembers ids to tell duplicates: at least the latest `capacity` of them and at most twice as many, so that memory is bounded
 * on input without end.
 */
export interface RecentIds {
  /** @returns true the first time an id is seen, as far as is remembered */
  isNew(id: string): boolean
  /** Makes an id new again. */
  forget(id: string): void
}

export function createRecentIds(capacity: number): RecentIds {
  let current = new Set<string>()
  let previous = new Set<string>()
  return {
    isNew: (id) => {
      if (current.has(id) || previous.has(id)) return false
      if (current.size >= capacity) {
        previous = current
        current = new Set()
      }
      current.add(id)
      return true
    },
    forget: (id) => {
      current.delete(id)
      previous.delete(id)
    }
  }
}
