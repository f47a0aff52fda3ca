import { hash } from 'node:crypto'
import { isObject } from '../json.ts'

/** Deeper content does not count for identity: no real record comes near, and recursion stays bounded. */
const DEPTH = 100

/** Longer texts are left to the engine, which has a start-up cost but is quicker per character. */
const SHORT_CHARACTERS = 200
/** More keys than these are left to the engine's sorting. */
const FEW_KEYS = 16

/** As JSON.stringify, which escapes quotes, backslashes, controls and lone surrogates: few texts have any of them. */
function quoted(text: string): string {
  if (text.length > SHORT_CHARACTERS) return JSON.stringify(text)
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code < 0x20 || code >= 0xd800 || code === 0x22 || code === 0x5c) return JSON.stringify(text)
  }
  return `"${text}"`
}

/** Sorts in place, by UTF-16 code units as `sort` does. */
function sortKeys(keys: string[]): readonly string[] {
  if (keys.length > FEW_KEYS) return keys.sort()
  for (let index = 1; index < keys.length; index += 1) {
    const key = keys[index] ?? ''
    let place = index
    for (let before = keys[place - 1]; before !== undefined && before > key; before = keys[place - 1]) {
      keys[place] = before
      place -= 1
    }
    keys[place] = key
  }
  return keys
}

function write(value: unknown, depth: number): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'number' || typeof value === 'boolean') return JSON.stringify(value)
  if (Array.isArray(value)) {
    if (depth === 0) return '[…]'
    let text = '['
    for (const item of value) text += `${write(item, depth - 1)},`
    return `${text}]`
  }
  if (isObject(value)) {
    if (depth === 0) return '{…}'
    let text = '{'
    for (const key of sortKeys(Object.keys(value))) {
      const inner = value[key]
      if (inner !== undefined) text += `${quoted(key)}:${write(inner, depth - 1)},`
    }
    return `${text}}`
  }
  return 'null'
}

/**
 * One text per JSON value, whatever the order of keys. Not JSON itself: it serves comparison only.
 * @param value a JSON value; absent parts count as null, absent properties as not there
 */
export function canonicalText(value: unknown): string {
  return write(value, DEPTH)
}

/** Identity made from content: 32 hexadecimal digits, the same for the same content however its keys are ordered. */
export function contentId(value: unknown): string {
  return hash('sha256', canonicalText(value), 'hex').slice(0, 32)
}
