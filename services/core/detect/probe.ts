import { type AddressIndex, addressIndex } from './address-index.ts'
import type { Atom } from './clauses.ts'
import type { CompiledItem } from './compile.ts'
import { type EventView, type FieldValues, isLeftOut, loweredOf, textOfValue } from './event-view.ts'
import { type Literal, type LiteralMachine, literalMachine } from './literal-machine.ts'
import { numberOf } from './value-tests.ts'

/** Looks all atoms about one field up in an event and tells whose hold. */
export type Probe = (view: EventView, hit: (rule: number) => void) => void

/** An atom and the number of the rule that needs it. */
export interface ProbeEntry {
  readonly atom: Atom
  readonly rule: number
}

function grouped<Key>(pairs: readonly (readonly [Key, number])[]): ReadonlyMap<Key, readonly number[]> | null {
  const groups = new Map<Key, Set<number>>()
  for (const [key, rule] of pairs) {
    const group = groups.get(key)
    if (group === undefined) groups.set(key, new Set([rule]))
    else group.add(rule)
  }
  return groups.size === 0 ? null : new Map([...groups].map(([key, group]) => [key, [...group]]))
}

function literalsOf(entries: readonly ProbeEntry[]): LiteralMachine | null {
  const literals = new Map<string, { text: string; place: Literal['place']; hits: number[] }>()
  for (const { atom, rule } of entries) {
    if (atom.kind !== 'literal') continue
    const { text, place } = atom
    const key = `${place} ${text}`
    const known = literals.get(key)
    if (known === undefined) literals.set(key, { text, place, hits: [rule] })
    else known.hits.push(rule)
  }
  return literals.size === 0 ? null : literalMachine([...literals.values()])
}

function rangesOf(entries: readonly ProbeEntry[]): AddressIndex | null {
  const ranges = entries.flatMap(({ atom, rule }) => (atom.kind === 'range' ? [{ range: atom.range, told: rule }] : []))
  return ranges.length === 0 ? null : addressIndex(ranges)
}

/** Which lengths values have whose lower case is one of some texts: a look-up costs reading the whole value several times. */
function lengthsOf(texts: Iterable<string>): (length: number) => boolean {
  const lengths: boolean[] = []
  for (const text of texts) {
    lengths[text.length] = true
    // Only the dotted capital I changes its length in lower case, from one to two.
    if (text.includes('i\u0307'))
      for (let length = text.length >> 1; length < text.length; length += 1) lengths[length] = true
  }
  return (length) => lengths[length] === true
}

/** Whether some value may be one of the texts, told by its length. */
function mayBeExact({ values }: FieldValues, isLength: (length: number) => boolean): boolean {
  for (const value of values) {
    if (typeof value === 'string' ? isLength(value.length) : value !== undefined && value !== null) return true
  }
  return false
}

type LookUp = (text: string, hit: (rule: number) => void) => void

/** Looks a text up in all ways that are needed. */
function lookUpsOf(...ways: readonly (LookUp | null)[]): LookUp {
  const needed = ways.filter((way) => way !== null)
  const [only] = needed
  if (needed.length === 1 && only !== undefined) return only
  return (text, hit) => {
    for (const way of needed) way(text, hit)
  }
}

/**
 * Makes the probe of a field.
 * @param item any item about the field: it says where the values are
 */
export function probeOf(item: CompiledItem, entries: readonly ProbeEntry[]): Probe {
  const exact = grouped(
    entries.flatMap(({ atom, rule }) => (atom.kind === 'exact' ? [[atom.text, rule] as const] : []))
  )
  const isLength = lengthsOf(exact?.keys() ?? [])
  const numbers = grouped(
    entries.flatMap(({ atom, rule }) => (atom.kind === 'number' ? [[atom.value, rule] as const] : []))
  )
  const literals = literalsOf(entries)
  const ranges = rangesOf(entries)
  const rules = [...new Set(entries.map(({ rule }) => rule))]
  const present = [...new Set(entries.flatMap(({ atom, rule }) => (atom.kind === 'present' ? [rule] : [])))]
  const readsBodies = item.bodies.length > 0
  const readsValues = literals !== null || ranges !== null || numbers !== null
  const tell = (found: readonly number[] | undefined, hit: (rule: number) => void): void => {
    if (found !== undefined) for (const rule of found) hit(rule)
  }
  const probe: Probe = (view, hit) => {
    if (readsBodies && item.bodies.some((body) => isLeftOut(view, body))) {
      // Nothing can be said: the rules are left undecided, which has to be told.
      tell(rules, hit)
      return
    }
    const found = item.values(view)
    if (present.length > 0 && found.values.some((value) => value !== undefined)) tell(present, hit)
    if (exact !== null && mayBeExact(found, isLength))
      for (const text of loweredOf(found)) if (text !== null) tell(exact.get(text), hit)
    if (!readsValues) return
    for (const value of found.values) {
      if (value === undefined || value === null) continue
      if (numbers !== null) {
        const number = numberOf(value)
        if (number !== null) tell(numbers.get(number), hit)
      }
      if (ranges !== null && typeof value === 'string') ranges(value, hit)
      if (literals !== null) {
        const text = textOfValue(value)
        if (text !== null) literals(text, hit)
      }
    }
  }
  const { one } = item
  if (one === null || readsBodies) return probe
  // Most fields have one text in most events: it takes no list of values to look it up.
  const inText = lookUpsOf(
    exact === null
      ? null
      : (text, hit) => {
          if (isLength(text.length)) tell(exact.get(text.toLowerCase()), hit)
        },
    numbers === null
      ? null
      : (text, hit) => {
          const number = numberOf(text)
          if (number !== null) tell(numbers.get(number), hit)
        },
    ranges,
    literals
  )
  const isNumeric = exact === null && literals === null
  return (view, hit) => {
    const value = one(view)
    if (value === undefined) return
    if (present.length > 0) tell(present, hit)
    if (value === null) return
    if (typeof value === 'string') inText(value, hit)
    else if (isNumeric && typeof value === 'number') tell(numbers?.get(value), hit)
    else probe(view, hit)
  }
}
