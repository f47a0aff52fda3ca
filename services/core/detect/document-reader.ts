import type { EventValue, EventView } from './event-view.ts'

/**
 * Reads a field that has one value. What is an object is not the value: it says that all values of the field have to be looked
 * for, of which there may be none or several.
 */
export type OneReader = (view: EventView) => EventValue

/** Is read where a path has to be followed every way. */
const SEVERAL: object = {}

/** Whether every object has something of this name without holding it. */
const isInherited = (name: string): boolean => name in Object.prototype

/**
 * Reads a path into a document where it leads through objects, one key for each segment, which is how most documents are. Wherever
 * a list lies on the way, or a key with dots in it, the path has to be followed every way.
 * @param keys for each segment the keys that it begins: itself alone, with the next one, with the next two, and so on
 * @param nulls whether a null is a value or means that there is none
 * @returns null when the path cannot be read this way in any document
 */
export function documentReader(keys: readonly (readonly string[])[], nulls: 'values' | 'missing'): OneReader | null {
  const steps = keys.map((from, index) => ({ key: from[index] ?? '', joined: from.slice(index + 1) }))
  // Without inherited names a plain look-up finds what the object holds and nothing else.
  if (steps.length === 0 || steps.some(({ key, joined }) => [key, ...joined].some(isInherited))) return null
  const [only] = steps
  if (steps.length === 1 && only !== undefined) {
    const { key } = only
    return ({ document }) => {
      if (typeof document !== 'object' || document === null) return undefined
      if (Array.isArray(document)) return SEVERAL
      const value = (document as Record<string, unknown>)[key]
      return value === null && nulls === 'missing' ? undefined : (value as EventValue)
    }
  }
  return (view) => {
    let value = view.document
    for (const { key, joined } of steps) {
      if (typeof value !== 'object' || value === null) return undefined
      if (Array.isArray(value)) return SEVERAL
      const held = value as Record<string, unknown>
      for (const name of joined) if (held[name] !== undefined) return SEVERAL
      value = held[key]
    }
    return value === null && nulls === 'missing' ? undefined : (value as EventValue)
  }
}
