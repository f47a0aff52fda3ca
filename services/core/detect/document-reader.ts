import type { EventValue, EventView } from './event-view.ts'

type Reader = (view: EventView) => readonly EventValue[]

/** Whether every object has something of this name without holding it. */
const isInherited = (name: string): boolean => name in Object.prototype

/**
 * Reads a path into a document where it leads through objects, one key for each segment, which is how most documents are. Wherever
 * a list lies on the way, or a key with dots in it, the path is left to a reader that tries every way.
 * @param keys for each segment the keys that it begins: itself alone, with the next one, with the next two, and so on
 * @param nulls whether a null is a value or means that there is none
 * @param other the reader for all other documents
 */
export function documentReader(
  keys: readonly (readonly string[])[],
  nulls: 'values' | 'missing',
  other: Reader
): Reader {
  const steps = keys.map((from, index) => ({ key: from[index] ?? '', joined: from.slice(index + 1) }))
  // Without inherited names a plain look-up finds what the object holds and nothing else.
  if (steps.length === 0 || steps.some(({ key, joined }) => [key, ...joined].some(isInherited))) return other
  return (view) => {
    let value = view.document
    for (const { key, joined } of steps) {
      if (typeof value !== 'object' || value === null) return [undefined]
      if (Array.isArray(value)) return other(view)
      const held = value as Record<string, unknown>
      for (const name of joined) if (held[name] !== undefined) return other(view)
      value = held[key]
    }
    if (Array.isArray(value)) return other(view)
    return [value === null && nulls === 'missing' ? undefined : (value as EventValue)]
  }
}
