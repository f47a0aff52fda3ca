import { mapKey, plainOf, valueInMap } from '../avro/lazy-record.ts'
import { documentReader, type OneReader } from './document-reader.ts'
import { bodyOf, type EventValue, type EventView, type FieldValues, factIn, meetLimit } from './event-view.ts'
import type { FieldPath, JsonRoot, PathStep } from './field-paths.ts'
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

const documentAt = (view: EventView, root: JsonRoot): unknown =>
  typeof root === 'string' ? bodyOf(view, root) : factIn(view, root.fact)

/** In a fact of our own a null says that nothing is known; in what clients sent it is a value. */
const hasOwnNulls = (step: Extract<PathStep, { kind: 'json' | 'document' }>): boolean =>
  step.kind === 'json' ? typeof step.root === 'object' && step.root.fact.startsWith('facts.') : step.nulls === 'missing'

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
    if (step.kind === 'json' || step.kind === 'document') {
      const budget: Budget = { steps: EVENT_LIMITS.path_steps }
      const first = into.length
      readJson(step.kind === 'json' ? documentAt(view, step.root) : view.document, step.keys, 0, into, budget)
      if (budget.steps < 0) meetLimit(view, 'path_steps')
      if (hasOwnNulls(step)) {
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
    } else if (step.kind === 'property') {
      // The name is from the schema; a record that is read lazily has accessors, no properties of its own.
      current = (current as Record<string, unknown>)[step.name]
    } else current = Object.hasOwn(current, step.key) ? (current as Record<string, unknown>)[step.key] : undefined
  }
  // Avro cannot tell a null from what is not there; in the event model both mean that it is not known.
  into.push(current === null ? undefined : (current as EventValue))
}

/** Reads the values of a field from an event. */
type Reader = (view: EventView) => readonly EventValue[]

const NAME = /^[A-Za-z_]\w*$/

/**
 * Reads a path that leads through properties of the model only. The function is generated: in code of its own the same property of
 * the same kind of object is read each time, which engines read several times as fast as whatever property comes.
 * @param names from the schema, so that none is one that every object has; checked to be nothing but names all the same
 */
function propertyReader(names: readonly string[]): OneReader {
  if (!names.every((name) => NAME.test(name))) throw new TypeError(`not a path in the event model: ${names.join('.')}`)
  const steps = names.map(
    (name) => `value = value.${name}; if (value === null || value === undefined) return undefined;`
  )
  // oxlint-disable-next-line typescript/no-implied-eval
  return new Function('view', `let value = view.event; ${steps.join(' ')} return value`) as OneReader
}

/** Reads a path through properties and elements of lists with an index, such as the parent's (`ancestors[0]`). */
function elementReader(steps: readonly (string | number)[]): Reader {
  return ({ event }) => {
    let value: unknown = event
    for (const step of steps) {
      if (value === null || value === undefined) return [undefined]
      if (typeof step === 'number') {
        if (!Array.isArray(value)) return []
        value = value[step]
      } else value = (value as Record<string, unknown>)[step]
    }
    return [(value ?? undefined) as EventValue]
  }
}

/** Reads a key of a map that properties lead to, such as an annotation of an audit event. */
function keyReader(names: readonly string[], text: string): OneReader {
  const key = mapKey(text)
  const map = names.at(-1) ?? ''
  const read = propertyReader(names.slice(0, -1))
  return (view) => (valueInMap(read(view), map, key) ?? undefined) as EventValue
}

/** Reads a fact that is a plain value, or one value in it; gives the object or list where more has to be followed. */
function factReader(step: Extract<PathStep, { kind: 'json' }>, name: string): OneReader {
  const { keys } = step
  const nothing: EventValue = hasOwnNulls(step) ? undefined : null
  const [only] = keys.length === 1 ? (keys[0] ?? []) : []
  const isPlain = (value: unknown): value is EventValue => typeof value !== 'object' || value === null
  return (view) => {
    const value = factIn(view, name)
    if (isPlain(value)) return keys.length > 0 ? undefined : value === null ? nothing : value
    if (only === undefined || Array.isArray(value)) return value
    if (!Object.hasOwn(value, only)) return undefined
    const inner = (value as Record<string, unknown>)[only]
    return inner === null ? nothing : (inner as EventValue)
  }
}

/** How the values of a path are read: all of them, and the one of most events where there is but one. */
interface PathReader {
  readonly all: Reader
  readonly one: OneReader | null
}

function pathReader(path: FieldPath): PathReader {
  const { all, one } = stepsReader(path)
  return path.type === 'record' ? { all: (view) => all(view).map(plainOf), one: null } : { all, one }
}

function stepsReader({ steps }: FieldPath): PathReader {
  const fixed = steps.flatMap((step): readonly (string | number)[] => {
    if (step.kind === 'property') return [step.name]
    return step.kind === 'each' && step.index !== null ? [step.index] : []
  })
  const [first, ...rest] = fixed
  // Keys of maps, bodies and whole lists are followed step by step.
  if (fixed.length === steps.length && typeof first === 'string') {
    const names = rest.filter((name) => typeof name === 'string')
    if (names.length < rest.length) return { all: elementReader(fixed), one: null }
    const one = propertyReader([first, ...names])
    return { all: (view) => [one(view)], one }
  }
  const last = steps.at(-1)
  if (last?.kind === 'key' && steps.slice(0, -1).every(({ kind }) => kind === 'property')) {
    const names = fixed.filter((name) => typeof name === 'string')
    const one = keyReader(names, last.key)
    return { all: (view) => [one(view)], one }
  }
  const follow: Reader = (view) => {
    const values: EventValue[] = []
    readSteps(view.event, steps, 0, view, values)
    return values
  }
  const [step] = steps
  const one =
    step?.kind === 'document'
      ? documentReader(step.keys, step.nulls)
      : step?.kind === 'json' && typeof step.root === 'object'
        ? factReader(step, step.root.fact)
        : null
  if (one === null) return { all: follow, one }
  return {
    all: (view) => {
      const value = one(view)
      return typeof value === 'object' && value !== null ? follow(view) : [value]
    },
    one
  }
}

/** A name for several paths lacks a value only when none of them has one. */
function anyOfPaths(readers: readonly Reader[], view: EventView): readonly EventValue[] {
  const set: EventValue[] = []
  const all: EventValue[] = []
  for (const read of readers) {
    for (const value of read(view)) {
      all.push(value)
      if (value !== undefined) set.push(value)
    }
  }
  return set.length > 0 ? set : all
}

/**
 * Makes the reader of a field: one value per element where the path leads through lists, undefined for each that lacks the rest
 * of the path.
 */
function fieldReader({ paths, renames }: FieldSource): PathReader {
  const readers = paths.map(pathReader)
  const [only] = readers
  const { all, one } =
    readers.length === 1 && only !== undefined
      ? only
      : {
          all: (view: EventView) =>
            anyOfPaths(
              readers.map((reader) => reader.all),
              view
            ),
          one: null
        }
  if (renames.size === 0) return { all, one }
  return {
    all: (view) =>
      all(view).map((value) =>
        value === undefined || value === null || typeof value === 'object'
          ? value
          : (renames.get(String(value)) ?? value)
      ),
    one: null
  }
}

/** Gives fields numbers, so that what one rule has looked up in an event is there for all others. */
export interface FieldTable {
  /** The number of a field; equal sources have equal numbers. */
  numberOf(source: FieldSource): number
  /** The values of a numbered field. They are found once while rules look at one event, and again after another event. */
  valuesOf(number: number, view: EventView): FieldValues
  /** Reads the value of a numbered field that has one, which takes less; null for fields that may have several. */
  oneOf(number: number): OneReader | null
}

interface Slot {
  readonly reader: PathReader
  /** The view that `found` is of: slots are not made anew for every event. */
  view: EventView | null
  found: FieldValues
}

export function fieldTable(): FieldTable {
  const slots: Slot[] = []
  const numbers = new Map<string, number>()
  return {
    numberOf(source) {
      // A body as a whole is one path as text and another as an object.
      const key = JSON.stringify([source.paths.map(({ path, type }) => [path, type]), [...source.renames]])
      const known = numbers.get(key)
      if (known !== undefined) return known
      numbers.set(key, slots.length)
      return slots.push({ reader: fieldReader(source), view: null, found: { values: [], lowered: null } }) - 1
    },
    valuesOf(number, view) {
      const slot = slots[number]
      if (slot === undefined) throw new RangeError(`there is no field number ${number}`)
      if (slot.view !== view) {
        slot.found = { values: slot.reader.all(view), lowered: null }
        slot.view = view
      }
      return slot.found
    },
    oneOf: (number) => slots[number]?.reader.one ?? null
  }
}
