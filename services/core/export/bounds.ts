import { isObject, type JsonObject } from '../json.ts'

/**
 * Longest string in a document, UTF-16 units. Templates set `ignore_above` to the same number, so whatever is stored can be
 * searched; and it is at most 24,573 bytes of UTF-8, under Lucene's limit of 32,766 bytes for one term.
 */
export const MAX_TEXT_CHARACTERS = 8191
/** Most elements of a list. */
export const MAX_LIST_ITEMS = 1000
/** Strings in free-form objects are indexed together with their path, so they have to leave room for it. */
const MAX_LEAF_CHARACTERS = 4096
const MAX_KEY_CHARACTERS = 256
const MAX_DEPTH = 12
/** Most values, at all levels together, of one free-form object. */
const MAX_VALUES = 2000

/** Counts what was cut from a document, so that cutting is visible in it (`weir.truncated`). */
export interface Tally {
  truncated: number
}

/** A document in the making: own keys only, undefined values are left out when it is written. */
export type Draft = Record<string, unknown>

function cut(value: string, limit: number, tally: Tally): string {
  // A lone surrogate is not UTF-8, and half a pair must not be left at the cut either.
  if (value.length <= limit) return value.isWellFormed() ? value : value.toWellFormed()
  tally.truncated += 1
  return value.slice(0, limit).toWellFormed()
}

/** A string within bounds; undefined for null, for the empty string and for what is not a string. */
export function text(value: unknown, tally: Tally): string | undefined {
  return typeof value === 'string' && value !== '' ? cut(value, MAX_TEXT_CHARACTERS, tally) : undefined
}

/** A list of strings within bounds; undefined when there is none. */
export function texts(values: readonly unknown[], tally: Tally): readonly string[] | undefined {
  const list: string[] = []
  for (const value of take(values, tally)) {
    const bounded = text(value, tally)
    if (bounded !== undefined) list.push(bounded)
  }
  return list.length === 0 ? undefined : list
}

/** The first elements of a list, the rest counted as cut. */
export function take<T>(values: readonly T[], tally: Tally): readonly T[] {
  if (values.length <= MAX_LIST_ITEMS) return values
  tally.truncated += values.length - MAX_LIST_ITEMS
  return values.slice(0, MAX_LIST_ITEMS)
}

/** A whole number that a `long` holds; undefined otherwise. */
export function integer(value: number | null | undefined): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined
}

/** The object, or undefined when none of its values is defined: writing JSON leaves undefined values out by itself. */
export function compact(draft: Draft): Draft | undefined {
  for (const key of Object.keys(draft)) if (draft[key] !== undefined) return draft
  return undefined
}

/**
 * Keys that JSON readers with a guard against prototype poisoning refuse, and with them the whole answer they are in
 * (OpenSearch's JavaScript client and Dashboards do): someone naming a key of a ConfigMap `__proto__` must not blind a search.
 */
function safeKey(key: string, value: unknown, tally: Tally): string {
  if (key === '__proto__') return '(__proto__)'
  if (key === 'constructor' && isObject(value)) return '(constructor)'
  return cut(key, MAX_KEY_CHARACTERS, tally)
}

/**
 * An object of unknown shape for a `flat_object` field: bounded in depth, number of values, keys and strings.
 * @param value anything; what is not an object is put under the key `value`
 * @returns undefined when there is nothing in it
 */
export function freeForm(value: unknown, tally: Tally): JsonObject | undefined {
  let values = 0
  const copy = (node: unknown, depth: number): unknown => {
    values += 1
    if (typeof node === 'string') return cut(node, MAX_LEAF_CHARACTERS, tally)
    if (typeof node !== 'object' || node === null) return node
    if (depth >= MAX_DEPTH) {
      tally.truncated += 1
      return undefined
    }
    if (Array.isArray(node)) {
      const list: unknown[] = []
      for (const item of node) {
        if (values >= MAX_VALUES) {
          tally.truncated += 1
          break
        }
        list.push(copy(item, depth + 1) ?? null)
      }
      return list
    }
    // No key means anything: the only one that would, `__proto__`, is renamed.
    const object: Draft = {}
    const source = node as Draft
    for (const key of Object.keys(source)) {
      const item = source[key]
      if (values >= MAX_VALUES) {
        tally.truncated += 1
        break
      }
      object[safeKey(key, item, tally)] = copy(item, depth + 1)
    }
    return object
  }
  if (value === undefined || value === null) return undefined
  const bounded = isObject(value) ? value : { value }
  return Object.keys(bounded).length === 0 ? undefined : (copy(bounded, 0) as JsonObject)
}
