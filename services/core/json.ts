/** Reading JSON of unknown shape. Only own properties are ever looked at, so keys such as `__proto__` mean nothing. */

export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Own property of an object, undefined for everything else. */
export function property(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

/** The value at a path of own properties. */
export function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce(property, value)
}

export function stringAt(value: unknown, ...path: string[]): string | null {
  const found = at(value, path)
  return typeof found === 'string' && found !== '' ? found : null
}

export function arrayAt(value: unknown, ...path: string[]): readonly unknown[] {
  const found = at(value, path)
  return Array.isArray(found) ? found : []
}

/** A map of strings; entries that are not strings are left out. */
export function stringMapAt(value: unknown, ...path: string[]): Readonly<Record<string, string>> {
  const found = at(value, path)
  if (!isObject(found)) return {}
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  )
}

/** JSON text as a value, or undefined when it is not JSON: bodies in audit events may be cut short. */
export function parseJson(text: string | null): unknown {
  if (text === null) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
