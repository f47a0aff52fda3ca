import { type ByteRange, LazyRecord, locatorOf } from '../avro/lazy-record.ts'
import type { CompiledItem } from './compile.ts'
import type { EventView } from './event-view.ts'
import { factOf } from './facts/fact-catalogue.ts'
import { type Answers, RememberedBytes } from './remembered-bytes.ts'

/**
 * Remembers what was answered about some fields of events that are read lazily, by the bytes of these fields: what comes again is
 * neither decoded nor looked at.
 */
export interface FieldMemory {
  /** Gives one more question its number. */
  question(): number
  /** The answers for an event's bytes, in which who asks fills in what is not answered; null when they are not remembered. */
  answersOf(view: EventView): Answers | null
}

const NAME = /^[A-Za-z_]\w*$/

/** Tells in which bytes the property is to which names of the schema lead; false when the event is not read lazily there. */
function rangeReader(names: readonly string[]): (view: EventView, into: ByteRange) => boolean {
  if (!names.every((name) => NAME.test(name))) throw new TypeError(`not a path in the event model: ${names.join('.')}`)
  const steps = names.slice(0, -1).map((name) => `value = value.${name}; if (value === null) return false;`)
  const locate = locatorOf(names.at(-1) ?? '')
  const body = `return (view, into) => { let value = view.event; ${steps.join(' ')}
    if (!(value instanceof LazyRecord)) return false; value.${locate}(into); return true }`
  // oxlint-disable-next-line typescript/no-implied-eval
  const make = new Function('LazyRecord', body) as (
    of: typeof LazyRecord
  ) => (view: EventView, into: ByteRange) => boolean
  return make(LazyRecord)
}

/**
 * The bytes that the answer of an item depends on: those of its field, or of the text that its fact follows from; of a key those of
 * the map, and of the actor those of all that is known of it, so that several fields are looked up together.
 * @returns names of the schema that lead there, null for fields that have no such place
 */
export function rememberedPlace({ fields }: CompiledItem): readonly string[] | null {
  const [path, other] = fields[0]?.paths ?? []
  if (path === undefined || other !== undefined) return null
  const [first] = path.steps
  if (first?.kind === 'json') return typeof first.root === 'object' ? (factOf(first.root.fact)?.reads ?? null) : null
  const names = path.steps.flatMap((step) => (step.kind === 'property' ? [step.name] : []))
  const isKey = path.steps.at(-1)?.kind === 'key'
  if (names.length === 0 || names.length + (isKey ? 1 : 0) < path.steps.length) return null
  return names[0] === 'actor' ? ['actor'] : names
}

/** @param questions how many will be asked */
export function fieldMemory(place: readonly string[], questions: number): FieldMemory {
  const rangeOf = rangeReader(place)
  const remembered = new RememberedBytes(questions)
  const range: ByteRange = { bytes: new Uint8Array(0), from: 0, to: 0 }
  let asked = 0
  let lastView: EventView | null = null
  let last: Answers | null = null
  return {
    question: () => {
      asked += 1
      return asked - 1
    },
    answersOf(view) {
      if (lastView === view) return last
      lastView = view
      last =
        remembered.isWorthwhile() && rangeOf(view, range)
          ? remembered.answersFor(range.bytes, range.from, range.to)
          : null
      return last
    }
  }
}
