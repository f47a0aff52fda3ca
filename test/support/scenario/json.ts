/** JSON as data: what raw source records and Kubernetes objects are made of. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export type JsonObject = { readonly [key: string]: Json }

/** The object without its undefined members, so that optional parts can be written in place. */
export function compact(members: { readonly [key: string]: Json | undefined }): JsonObject {
  const kept: Record<string, Json> = {}
  for (const [key, value] of Object.entries(members)) if (value !== undefined) kept[key] = value
  return kept
}

/**
 * The value with the keys of every object in alphabetical order, which is how kubectl prints objects.
 * Strings compare by UTF-16 unit, as Go's and JavaScript's default orders agree on for ASCII keys.
 */
export function withSortedKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map(withSortedKeys)
  if (value === null || typeof value !== 'object') return value
  const sorted: Record<string, Json> = {}
  for (const [key, member] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    sorted[key] = withSortedKeys(member)
  return sorted
}

/** One line of JSON as Go's encoding/json writes it: `<`, `>` and `&` as escapes. The API server's audit log is in this form. */
export function goJsonLine(value: Json): string {
  return JSON.stringify(value).replaceAll('&', '\\u0026').replaceAll('<', '\\u003c').replaceAll('>', '\\u003e')
}
