import { isObject, type JsonObject } from '../json.ts'
import { booleanOf, type Cuts, integerOf, textOf } from './fields.ts'

/** The output fields of an alert. Values may be null, "<NA>" (not available), numbers, or numbers as text. */
export interface FalcoFields {
  readonly raw: JsonObject
  /** The value of the first of these fields that has one. */
  text(...names: string[]): string | null
  integer(low: number, high: number, ...names: string[]): number | null
  boolean(name: string): boolean | null
}

const ABSENT = new Set(['', '<NA>', 'N/A', '(null)'])

/** Whether a value says nothing. */
export function isAbsent(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === 'string' && ABSENT.has(value))
}

/** Output fields of an alert, for reading. */
export function falcoFieldsOf(alert: JsonObject, cuts: Cuts): FalcoFields {
  const raw = isObject(alert.output_fields) ? alert.output_fields : {}
  const find = (names: readonly string[]) => {
    for (const name of names) if (Object.hasOwn(raw, name) && !isAbsent(raw[name])) return raw[name]
    return undefined
  }
  return {
    raw,
    text: (...names) => textOf(find(names), names[0] ?? '', cuts),
    integer: (low, high, ...names) => integerOf(find(names), low, high),
    boolean: (name) => booleanOf(find([name]))
  }
}
