import { hash } from 'node:crypto'
import { isObject } from '../json.ts'

/** Deeper content does not count for identity: no real record comes near, and recursion stays bounded. */
const DEPTH = 100

function write(value: unknown, depth: number, out: string[]): void {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    out.push(JSON.stringify(value))
  } else if (Array.isArray(value)) {
    if (depth === 0) return void out.push('[…]')
    out.push('[')
    for (const item of value) {
      write(item, depth - 1, out)
      out.push(',')
    }
    out.push(']')
  } else if (isObject(value)) {
    if (depth === 0) return void out.push('{…}')
    out.push('{')
    for (const key of Object.keys(value).sort()) {
      if (value[key] === undefined) continue
      out.push(JSON.stringify(key), ':')
      write(value[key], depth - 1, out)
      out.push(',')
    }
    out.push('}')
  } else {
    out.push('null')
  }
}

/**
 * One text per JSON value, whatever the order of keys. Not JSON itself: it serves comparison only.
 * @param value a JSON value; absent parts count as null, absent properties as not there
 */
export function canonicalText(value: unknown): string {
  const out: string[] = []
  write(value, DEPTH, out)
  return out.join('')
}

/** Identity made from content: 32 hexadecimal digits, the same for the same content however its keys are ordered. */
export function contentId(value: unknown): string {
  return hash('sha256', canonicalText(value), 'hex').slice(0, 32)
}
