import { type EventValue, type EventView, type FieldValues, loweredOf, meetLimit, textOfValue } from './event-view.ts'
import { type AddressRange, inRange, parseAddress } from './ip-range.ts'
import { EVENT_LIMITS } from './limits.ts'
import { compileRegex } from './regex-machine.ts'
import type { Comparison, TimePart, ValueTest } from './rule-tree.ts'
import { compilePattern, plainText } from './text-pattern.ts'

/** Whether some value of a field passes a test. */
export type FieldTest = (found: FieldValues, view: EventView) => boolean

/** Finds the values of a field that a rule compares with. */
export type OtherField = (name: string, view: EventView) => FieldValues

const some = (test: (value: EventValue) => boolean): FieldTest => {
  return ({ values }) => {
    for (const value of values) if (test(value)) return true
    return false
  }
}

/** A number, or text that is exactly the decimal form of one; null for everything else. */
export function numberOf(value: EventValue): number | null {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || !/^-?[0-9]{1,15}(?:\.[0-9]{1,15})?$/.test(value)) return null
  return Number(value)
}

function compare(comparison: Comparison, seen: number, value: number): boolean {
  switch (comparison) {
    case 'lt':
      return seen < value
    case 'lte':
      return seen <= value
    case 'gt':
      return seen > value
    case 'gte':
      return seen >= value
  }
}

const DAY_MS = 86_400_000

/** ISO 8601 week: the one that holds the year's first Thursday is week 1. */
function weekOf(date: Date): number {
  const day = (date.getUTCDay() + 6) % 7
  const thursday = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() - day + 3)
  const firstDay = Date.UTC(new Date(thursday).getUTCFullYear(), 0, 1)
  return Math.floor((thursday - firstDay) / DAY_MS / 7) + 1
}

/** A part of a time in UTC; null for what is no time. Numbers are microseconds since the epoch, as everywhere in the model. */
function timePartOf(value: EventValue, part: TimePart): number | null {
  const ms =
    typeof value === 'number'
      ? value / 1000
      : typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T/.test(value)
        ? Date.parse(value)
        : Number.NaN
  const date = new Date(ms)
  if (Number.isNaN(date.getTime())) return null
  switch (part) {
    case 'minute':
      return date.getUTCMinutes()
    case 'hour':
      return date.getUTCHours()
    case 'day':
      return date.getUTCDate()
    case 'week':
      return weekOf(date)
    case 'month':
      return date.getUTCMonth() + 1
    case 'year':
      return date.getUTCFullYear()
  }
}

function textTest(matches: (text: string) => boolean, cased: boolean): FieldTest {
  if (cased) {
    return some((value) => {
      const text = textOfValue(value)
      return text !== null && matches(text)
    })
  }
  return (found) => {
    for (const text of loweredOf(found)) if (text !== null && matches(text)) return true
    return false
  }
}

function regexTest(test: Extract<ValueTest, { kind: 'regex' }>): FieldTest {
  const machine = compileRegex(test.pattern, test.flags)
  return ({ values }, view) => {
    for (const value of values) {
      const text = textOfValue(value)
      if (text === null) continue
      if (text.length <= EVENT_LIMITS.regex_input_characters) {
        if (machine.test(text)) return true
        continue
      }
      meetLimit(view, 'regex_input_characters')
      if (machine.test(text.slice(0, EVENT_LIMITS.regex_input_characters))) return true
    }
    return false
  }
}

/** An address is read once, however many ranges it is compared with. */
function rangesTest(ranges: readonly AddressRange[]): FieldTest {
  return some((value) => {
    const address = typeof value === 'string' ? parseAddress(value) : null
    return address !== null && ranges.some((range) => inRange(range, address))
  })
}

function referenceTest(test: Extract<ValueTest, { kind: 'fieldref' }>, other: OtherField): FieldTest {
  const textsOf = (found: FieldValues) => (test.cased ? found.values.map(textOfValue) : loweredOf(found))
  return (found, view) => {
    const others = textsOf(other(test.field, view))
    return textsOf(found).some(
      (text) =>
        text !== null &&
        others.some((part) => {
          if (part === null) return false
          if (test.place === 'start') return text.startsWith(part)
          if (test.place === 'end') return text.endsWith(part)
          return test.place === 'inside' ? text.includes(part) : text === part
        })
    )
  }
}

/** Makes the test that some element of a list passes; what an element is, only the compiler of rules knows. */
export type ElementTests = (test: Extract<ValueTest, { kind: 'element' }>) => FieldTest

/** Makes one test of a rule. */
function compileTest(test: ValueTest, other: OtherField, element: ElementTests): FieldTest {
  switch (test.kind) {
    case 'text':
      return textTest(compilePattern(test.parts, test.cased), test.cased)
    case 'number':
      return some((value) => numberOf(value) === test.value)
    case 'boolean':
      return some(
        (value) => value === test.value || (typeof value === 'string' && value.toLowerCase() === String(test.value))
      )
    case 'null':
      // A list without elements has no value either.
      return ({ values }) => values.length === 0 || values.some((value) => value === null || value === undefined)
    case 'regex':
      return regexTest(test)
    case 'range':
      return rangesTest([test.range])
    case 'compare':
      return some((value) => {
        const seen = numberOf(value)
        return seen !== null && compare(test.comparison, seen, test.value)
      })
    case 'exists':
      return ({ values }) => values.some((value) => value !== undefined) === test.value
    case 'time':
      return some((value) => {
        const seen = timePartOf(value, test.part)
        return (
          seen !== null && (test.comparison === null ? seen === test.value : compare(test.comparison, seen, test.value))
        )
      })
    case 'fieldref':
      return referenceTest(test, other)
    case 'one_of':
      return anyOf(test.tests, other, element)
    case 'element':
      return element(test)
  }
}

/** Text without wildcards that case does not matter for: many of these are one look-up in a set. */
function exactText(test: ValueTest): string | null {
  return test.kind === 'text' && !test.cased ? (plainText(test.parts)?.toLowerCase() ?? null) : null
}

/** Makes the test that one of several passes. */
export function anyOf(tests: readonly ValueTest[], other: OtherField, element: ElementTests): FieldTest {
  const exact = new Set(tests.map(exactText).filter((text) => text !== null))
  const ranges = tests.flatMap((test) => (test.kind === 'range' ? [test.range] : []))
  const rest = tests.filter((test) => exactText(test) === null && test.kind !== 'range')
  const all = [
    ...(exact.size === 0 ? [] : [textTest((text) => exact.has(text), false)]),
    ...(ranges.length === 0 ? [] : [rangesTest(ranges)]),
    ...rest.map((test) => compileTest(test, other, element))
  ]
  const [only] = all
  if (all.length === 1 && only !== undefined) return only
  return (found, view) => {
    for (const test of all) if (test(found, view)) return true
    return false
  }
}

/** Makes the test that each of several passes, each perhaps by another value. */
export function allOf(tests: readonly ValueTest[], other: OtherField, element: ElementTests): FieldTest {
  const all = tests.map((test) => compileTest(test, other, element))
  return (found, view) => {
    for (const test of all) if (!test(found, view)) return false
    return true
  }
}

/** Longer texts are put into lower case once for all rules that look at them, which takes a place to keep them in. */
const LOWERED_CHARACTERS = 96

/** A test of a field that has one value at most. */
export type OneTest = (value: Exclude<EventValue, object> | null) => boolean

function oneTextTest(tests: readonly Extract<ValueTest, { kind: 'text' }>[]): OneTest {
  const exact = new Set(tests.map(exactText).filter((text) => text !== null))
  const patterns = tests.filter((test) => exactText(test) === null).map(({ parts }) => compilePattern(parts, false))
  return (value) => {
    const text = textOfValue(value)?.toLowerCase()
    if (text === undefined) return false
    if (exact.has(text)) return true
    for (const matches of patterns) if (matches(text)) return true
    return false
  }
}

/**
 * The same as `anyOf` for a field with one value at most, without a list to keep it in: most items ask for a few short texts.
 * @returns null for tests that are not of this sort
 */
export function anyOfOne(tests: readonly ValueTest[]): OneTest | null {
  const texts: Extract<ValueTest, { kind: 'text' }>[] = []
  const others: OneTest[] = []
  for (const test of tests) {
    if (test.kind === 'text' && !test.cased) texts.push(test)
    else if (test.kind === 'null') others.push((value) => value === null || value === undefined)
    else if (test.kind === 'exists') others.push((value) => (value !== undefined) === test.value)
    else if (test.kind === 'number') others.push((value) => numberOf(value) === test.value)
    else return null
  }
  if (texts.length > 0) others.push(oneTextTest(texts))
  const [only] = others
  if (only === undefined) return null
  return others.length === 1 ? only : (value) => others.some((test) => test(value))
}

/** Whether a value is one that `anyOfOne` tests at no more cost than a list of values would take. */
export const isShort = (value: EventValue): value is Exclude<EventValue, object> | null =>
  value === null || (typeof value === 'string' ? value.length <= LOWERED_CHARACTERS : typeof value !== 'object')
