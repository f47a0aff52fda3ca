import { isObject } from '../json.ts'
import { type Cuts, jsonTextOf } from './fields.ts'
import { NOTE_PREFIX, noteInto } from './notes.ts'

/** Bounds of what a sensor said beyond the fields of a runtime event. */
const LIMITS = { entries: 250, value: 4_096, sum: 65_536, depth: 5 } as const

/** Attributes in the making. */
export interface Attributes {
  readonly map: Record<string, string>
  count: number
  left: number
  readonly cuts: Cuts
}

export function newAttributes(cuts: Cuts): Attributes {
  return { map: {}, count: 0, left: LIMITS.sum, cuts }
}

/** Adds a text under a sensor's name for it, within bounds. */
export function addText(attributes: Attributes, name: string, value: string): void {
  if (name === '__proto__' || name.startsWith(NOTE_PREFIX)) return
  if (attributes.count === LIMITS.entries || name.length > 256 || attributes.left < name.length) {
    attributes.cuts.push('attributes')
    return
  }
  const limit = Math.min(LIMITS.value, attributes.left - name.length)
  const bounded = value.length > limit ? value.slice(0, limit).toWellFormed() : value
  if (bounded.length < value.length) attributes.cuts.push(`attributes.${name}`)
  attributes.map[name] = bounded
  attributes.count++
  attributes.left -= name.length + bounded.length
}

/** Adds any value: scalars as text, lists of scalars joined by commas, objects entry by entry with dotted names. */
export function addValue(attributes: Attributes, name: string, value: unknown, depth: number = LIMITS.depth): void {
  if (value === null || value === undefined) return
  if (typeof value === 'string') {
    addText(attributes, name, value)
  } else if (isObject(value) && depth > 0) {
    for (const key of Object.keys(value)) addValue(attributes, `${name}.${key}`, value[key], depth - 1)
  } else if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) {
    addText(attributes, name, value.join(','))
  } else {
    // What is nested beyond reason is not worth more than the fact that it was there.
    addText(attributes, name, jsonTextOf(value) ?? '…')
  }
}

/** The finished attributes, with our notes on what was cut and where the time is from. */
export function attributesOf(attributes: Attributes, timed: boolean): Record<string, string> {
  return noteInto(attributes.map, attributes.cuts, timed)
}
