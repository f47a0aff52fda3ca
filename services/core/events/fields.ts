import { isObject } from '../json.ts'

/**
 * Bounds of what one event may carry, in UTF-16 code units and entries, bodies in bytes. They are well above what real clusters
 * write (managed clouds cut a log entry at 256 KiB); what crosses them is cut, and the event says where. A body may be as large as
 * etcd lets an object be (1.5 MiB, its default for --max-request-bytes), or one could hide what it asks for behind padding.
 */
export const LIMITS = {
  text: 16_384,
  uri: 65_536,
  body: 1_572_864,
  items: 1_000,
  items_text: 65_536,
  entries: 250,
  entries_text: 131_072,
  records: 100_000
} as const

/** Names of the fields that lost something to a bound. */
export type Cuts = string[]

function shorten(value: string, limit: number, field: string, cuts: Cuts): string {
  if (value.length <= limit) return value
  cuts.push(field)
  // The cut may have gone through a surrogate pair.
  return value.slice(0, limit).toWellFormed()
}

/** A text or what can pass for one (number, boolean), bounded; null when there is none or it is empty. */
export function textOf(value: unknown, field: string, cuts: Cuts, limit: number = LIMITS.text): string | null {
  if (typeof value === 'string') return value === '' ? null : shorten(value, limit, field, cuts)
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
}

/** A whole number in [low, high], also when written as text; null for anything else. */
export function integerOf(value: unknown, low: number, high: number): number | null {
  if (typeof value === 'string' && (value.length > 20 || !/^-?\d+$/.test(value))) return null
  const number = typeof value === 'string' ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= low && number <= high ? number : null
}

/** A number as Avro's int holds it, from 0 up. */
export const intOf = (value: unknown): number | null => integerOf(value, 0, 0x7fffffff)

/** true and false, also when written as text. */
export function booleanOf(value: unknown): boolean | null {
  if (value === true || value === 'true') return true
  return value === false || value === 'false' ? false : null
}

/** Texts of a list, or of a single one where a list should be; bounded in number and in sum. */
export function textsOf(value: unknown, field: string, cuts: Cuts): string[] {
  if (!Array.isArray(value)) {
    const single = textOf(value, field, cuts)
    return single === null ? [] : [single]
  }
  const texts: string[] = []
  let left: number = LIMITS.items_text
  for (const item of value) {
    const text = textOf(item, field, cuts)
    if (text === null) continue
    if (texts.length === LIMITS.items || text.length > left) {
      cuts.push(field)
      break
    }
    left -= text.length
    texts.push(text)
  }
  return texts
}

/**
 * Reads the entries of a map within bounds. `__proto__` is no key here: it would mean something to code further on that
 * copies maps by assignment, as Avro's decoder does.
 * @param read gives an entry's value and its size, or null to leave it out
 */
function entriesOf<Value>(
  value: unknown,
  field: string,
  cuts: Cuts,
  read: (entry: unknown, key: string) => { readonly value: Value; readonly size: number } | null
): Record<string, Value> {
  const map: Record<string, Value> = {}
  if (!isObject(value)) return map
  let count = 0
  let left: number = LIMITS.entries_text
  for (const key of Object.keys(value)) {
    if (key === '__proto__') continue
    const entry = read(value[key], key)
    if (entry === null) continue
    const size = key.length + entry.size
    if (++count > LIMITS.entries || size > left) {
      cuts.push(field)
      break
    }
    left -= size
    map[key] = entry.value
  }
  return map
}

/** A map of texts; values of other types become their JSON text. */
export function textMapOf(value: unknown, field: string, cuts: Cuts): Record<string, string> {
  return entriesOf(value, field, cuts, (entry) => {
    if (entry === null || entry === undefined) return null
    const text = typeof entry === 'string' ? entry : (jsonTextOf(entry) ?? '')
    const bounded = shorten(text, LIMITS.text, field, cuts)
    return { value: bounded, size: bounded.length }
  })
}

/** A map of lists of texts; a single text counts as a list of one. */
export function textsMapOf(value: unknown, field: string, cuts: Cuts): Record<string, string[]> {
  return entriesOf(value, field, cuts, (entry) => {
    const texts = textsOf(entry, field, cuts)
    return { value: texts, size: texts.reduce((sum, text) => sum + text.length, 0) }
  })
}

/** JSON text of a value, or null when it is nested too deeply to be written. */
export function jsonTextOf(value: unknown): string | null {
  try {
    return JSON.stringify(value) ?? null
  } catch (error) {
    // JSON.parse takes any depth, JSON.stringify recurses: only the stack's end is expected here.
    if (error instanceof RangeError) return null
    throw error
  }
}

/**
 * A body as JSON text. Some shippers hand over the text itself, which is kept as it is. A body beyond the bound is left
 * out whole, because half a JSON text is of no use to anyone.
 */
export function bodyOf(value: unknown, field: string, cuts: Cuts): string | null {
  if (value === undefined || value === null) return null
  const text = typeof value === 'string' && isJsonContainer(value) ? value : jsonTextOf(value)
  if (text !== null && isWithin(text, LIMITS.body)) return text
  cuts.push(field)
  return null
}

/** Whether a text is no longer than so many bytes of UTF-8, three at most for each code unit. */
const isWithin = (text: string, bytes: number): boolean =>
  text.length * 3 <= bytes || (text.length <= bytes && Buffer.byteLength(text) <= bytes)

function isJsonContainer(text: string): boolean {
  const first = text.charCodeAt(0)
  if (first !== 123 && first !== 91) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
