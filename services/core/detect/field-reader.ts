import { bodyOf, type EventValue, type EventView, type FieldValues } from './event-view.ts'
import type { FieldPath, PathStep } from './field-paths.ts'
import { EVENT_LIMITS } from './limits.ts'

/** A field as rules of one kind of log source know it: one or more paths, and names that values go by in Sigma's taxonomy. */
export interface FieldSource {
  readonly paths: readonly FieldPath[]
  /** Text of a value to what stands for it. */
  readonly renames: ReadonlyMap<string, string>
}

interface Budget {
  steps: number
}

/**
 * Collects what lies at a path of a parsed body. Keys may contain dots, so at each object every way of joining the next segments
 * to a key is tried; hostile keys can make that many ways, hence the budget.
 */
function readJson(
  value: unknown,
  keys: readonly (readonly string[])[],
  from: number,
  into: EventValue[],
  budget: Budget
): void {
  budget.steps -= 1
  if (budget.steps < 0) return
  if (Array.isArray(value)) {
    for (const element of value) {
      if (budget.steps < 0) return
      readJson(element, keys, from, into, budget)
    }
    return
  }
  if (from === keys.length) {
    into.push(value as EventValue)
    return
  }
  let found = false
  if (typeof value === 'object' && value !== null) {
    for (let last = from; last < keys.length; last += 1) {
      const key = keys[from]?.[last] ?? ''
      if (!Object.hasOwn(value, key)) continue
      found = true
      readJson((value as Record<string, unknown>)[key], keys, last + 1, into, budget)
    }
  }
  if (!found) into.push(undefined)
}

/** The usual case of a document path, one key of an object that has no list under it. @returns false for any other case */
function readPlainKey(
  document: unknown,
  { keys, nulls }: Extract<PathStep, { kind: 'document' }>,
  into: EventValue[]
): boolean {
  const key = keys.length === 1 ? keys[0]?.[0] : undefined
  if (key === undefined || typeof document !== 'object' || document === null || Array.isArray(document)) return false
  const value = Object.hasOwn(document, key) ? (document as Record<string, unknown>)[key] : undefined
  if (Array.isArray(value)) return false
  into.push(value === null && nulls === 'missing' ? undefined : (value as EventValue))
  return true
}

function readSteps(
  value: unknown,
  steps: readonly PathStep[],
  from: number,
  view: EventView,
  into: EventValue[]
): void {
  let current = value
  for (let index = from; index < steps.length; index += 1) {
    const step = steps[index]
    if (step === undefined) return
    if (step.kind === 'document' && readPlainKey(view.document, step, into)) return
    if (step.kind === 'json' || step.kind === 'document') {
      const budget: Budget = { steps: EVENT_LIMITS.path_steps }
      const first = into.length
      readJson(step.kind === 'json' ? bodyOf(view, step.body) : view.document, step.keys, 0, into, budget)
      if (budget.steps < 0) view.limits.add('path_steps')
      if (step.kind === 'document' && step.nulls === 'missing') {
        for (let at = first; at < into.length; at += 1) into[at] ??= undefined
      }
      return
    }
    if (current === null || current === undefined) {
      into.push(undefined)
      return
    }
    if (step.kind === 'each') {
      if (!Array.isArray(current)) return
      if (step.index === null) {
        for (const element of current) readSteps(element, steps, index + 1, view, into)
        return
      }
      current = current[step.index]
    } else {
      const key = step.kind === 'key' ? step.key : step.name
      current = Object.hasOwn(current, key) ? (current as Record<string, unknown>)[key] : undefined
    }
  }
  // Avro cannot tell a null from what is not there; in the event model both mean that it is not known.
  into.push(current === null ? undefined : (current as EventValue))
}

/**
 * The values of a field.
 * @returns one value per element where the path leads through lists, undefined for each that lacks the rest of the path; a name
 *   for several paths lacks a value only when none of them has one
 */
function readField(source: FieldSource, view: EventView): readonly EventValue[] {
  const found: EventValue[] = []
  for (const { steps } of source.paths) readSteps(view.event, steps, 0, view, found)
  const isSet = (value: EventValue) => value !== undefined
  const values = source.paths.length > 1 && found.some(isSet) ? found.filter(isSet) : found
  if (source.renames.size === 0) return values
  return values.map((value) =>
    value === undefined || value === null || typeof value === 'object'
      ? value
      : (source.renames.get(String(value)) ?? value)
  )
}

/** Gives fields numbers, so that what one rule has looked up in an event is there for all others. */
export interface FieldTable {
  /** The number of a field; equal sources have equal numbers. */
  numberOf(source: FieldSource): number
  sourceOf(number: number): FieldSource
}

export function fieldTable(): FieldTable {
  const sources: FieldSource[] = []
  const numbers = new Map<string, number>()
  return {
    numberOf(source) {
      // A body as a whole is one path as text and another as an object.
      const key = JSON.stringify([source.paths.map(({ path, type }) => [path, type]), [...source.renames]])
      const known = numbers.get(key)
      if (known !== undefined) return known
      numbers.set(key, sources.length)
      return sources.push(source) - 1
    },
    sourceOf(number) {
      const source = sources[number]
      if (source === undefined) throw new RangeError(`there is no field number ${number}`)
      return source
    }
  }
}

/** The values of a numbered field, found once per event. */
export function valuesOf(table: FieldTable, number: number, view: EventView): FieldValues {
  const known = view.fields[number]
  if (known !== undefined) return known
  const found: FieldValues = { values: readField(table.sourceOf(number), view), lowered: null }
  view.fields[number] = found
  return found
}
