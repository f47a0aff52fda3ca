import { type ByteRange, LazyRecord, locatorOf } from '../avro/lazy-record.ts'
import type { CompiledItem } from './compile.ts'
import type { EventView } from './event-view.ts'
import { factOf } from './facts/fact-catalogue.ts'
import type { FieldPath } from './field-paths.ts'
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

/** Names of the schema that lead to a field. */
export type Place = readonly string[]

const NAME = /^[A-Za-z_]\w*$/

type RangeReader = (view: EventView, into: ByteRange) => boolean

/**
 * Tells in which bytes a field is: none when a record that it would be in is null, which no field takes. Code of its own for each
 * place, as in `field-reader.ts`.
 * @returns false when the event is not read lazily there
 */
function rangeReader(place: Place): RangeReader {
  if (!place.every((name) => NAME.test(name))) throw new TypeError(`not a path in the event model: ${place.join('.')}`)
  const steps = place.slice(0, -1).map(
    (name) => `value = owner.${name};
      if (value === null) { into.from = into.to = 0; return owner instanceof LazyRecord }
      owner = value;`
  )
  const body = `return (view, into) => { let owner = view.event, value; ${steps.join('\n')}
    if (!(owner instanceof LazyRecord)) return false; owner.${locatorOf(place.at(-1) ?? '')}(into); return true }`
  // oxlint-disable-next-line typescript/no-implied-eval
  const make = new Function('LazyRecord', body) as (of: typeof LazyRecord) => RangeReader
  return make(LazyRecord)
}

function placesOf({ steps }: FieldPath): readonly Place[] | null {
  const [first] = steps
  if (first?.kind === 'json') return typeof first.root === 'object' ? (factOf(first.root.fact)?.reads ?? null) : null
  const names = steps.flatMap((step) => (step.kind === 'property' ? [step.name] : []))
  const isKey = steps.at(-1)?.kind === 'key'
  if (names.length === 0 || names.length + (isKey ? 1 : 0) < steps.length) return null
  return [names[0] === 'actor' ? ['actor'] : names]
}

/**
 * The places that the answer of an item depends on: those of its field, or of what its fact follows from; of a key that of the map,
 * and of the actor that of all that is known of it, so that several fields are looked up together.
 * @returns null for fields that have no such places
 */
export function rememberedPlaces({ fields }: CompiledItem): readonly Place[] | null {
  const places: Place[] = []
  for (const path of fields[0]?.paths ?? []) {
    const some = placesOf(path)
    if (some === null) return null
    places.push(...some)
  }
  return places.length === 0 ? null : places
}

/** @param questions how many will be asked */
export function fieldMemory(places: readonly Place[], questions: number): FieldMemory {
  const readers = places.map(rangeReader)
  const ranges = places.map((): ByteRange => ({ bytes: new Uint8Array(0), from: 0, to: 0 }))
  const remembered = new RememberedBytes(questions)
  const [first] = readers
  const [firstRange] = ranges
  const isLazy = (view: EventView): boolean => {
    if (first === undefined || firstRange === undefined || !first(view, firstRange)) return false
    for (let index = 1; index < ranges.length; index += 1) {
      const range = ranges[index]
      if (range === undefined || readers[index]?.(view, range) !== true) return false
    }
    return true
  }
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
      last = remembered.isWorthwhile() && isLazy(view) ? remembered.answersFor(ranges) : null
      return last
    }
  }
}
