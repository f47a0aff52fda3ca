import type { ItemClauses } from './clauses.ts'
import type { CompiledItem } from './compile.ts'
import type { EventValue, EventView } from './event-view.ts'
import type { FieldMemory } from './field-memory.ts'
import { type ProbeEntry, probeOf } from './probe.ts'
import { UNANSWERED } from './remembered-bytes.ts'
import { flattenTests, type ItemNode } from './rule-tree.ts'

/** Number of the combination of answers that rules' items give for an event; `UNTOLD` for one too many. */
export type Fork = (view: EventView) => number

export const UNTOLD = -1
/** Values whose answers are remembered, for each field; when there are more, all are forgotten. */
const REMEMBERED_VALUES = 1_024
/** Longer values are not worth the memory. */
const REMEMBERED_CHARACTERS = 128
/** A field whose memory was full so often without most look-ups finding something has values that do not come again. */
const FULL_TIMES = 4
/** So few answers are worked out sooner than they are looked up. */
const FEW_ANSWERS = 6

type Value = string | number | boolean | undefined

/** The answers that all items about one field give, as one number. */
export interface FieldFork {
  readonly branchOf: Fork
  /** What it answers. */
  readonly items: ReadonlyMap<ItemNode, CompiledItem['test']>
}

/** Numbers combinations of answers: equal ones are one, so that their number is bounded by the rules, not by what events say. */
export function numbering(most: number): (answers: string) => number {
  const byAnswers = new Map<string, number>()
  return (answers) => {
    const known = byAnswers.get(answers)
    if (known !== undefined) return known
    if (byAnswers.size >= most) return UNTOLD
    byAnswers.set(answers, byAnswers.size)
    return byAnswers.size - 1
  }
}

/** The same for items that give the same answer about their field. */
const testsKey = ({ item: { tests, linking, negated } }: CompiledItem): string =>
  JSON.stringify([tests, linking, negated], (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value
  )

const isCheap = ({ item }: CompiledItem): boolean =>
  flattenTests(item.tests).every(({ kind }) => kind === 'exists' || kind === 'null' || kind === 'boolean')

/** Works out the answers about a field: only items are tested of which an atom was found in the value. */
function answering(items: readonly CompiledItem[], clauses: ItemClauses): (view: EventView) => string {
  const [first] = items
  const always: number[] = []
  const entries: ProbeEntry[] = []
  items.forEach((item, rule) => {
    const clause = clauses.get(item) ?? null
    if (clause === null) always.push(rule)
    else for (const { atom } of clause.conditions) entries.push({ atom, rule })
  })
  const probe = first === undefined || entries.length === 0 ? null : probeOf(first, entries)
  let hits: number[] = []
  const hit = (rule: number) => {
    hits.push(rule)
  }
  return (view) => {
    hits = []
    probe?.(view, hit)
    if (hits.length === 0 && always.length === 0) return ''
    const asked = [...new Set([...always, ...hits])].toSorted((one, other) => one - other)
    return asked.filter((rule) => items[rule]?.test(view) === true).join()
  }
}

/** Works the branch out from the value, which is remembered where it is short and comes again. */
function workedOut(
  first: CompiledItem | undefined,
  different: readonly CompiledItem[],
  clauses: ItemClauses,
  most: number
): Fork {
  if (different.length <= FEW_ANSWERS && different.every(isCheap)) {
    const asked = different.map(({ test }) => test)
    return (view) => {
      let bits = 0
      for (const test of asked) bits = bits * 2 + (test(view) ? 1 : 0)
      return bits
    }
  }
  const numberOf = numbering(most)
  const answersOf = answering(different, clauses)
  const remembered = new Map<Value, number>()
  let isRemembering = true
  let [full, found, looked] = [0, 0, 0]
  const learn = (value: Value, branch: number) => {
    if (remembered.size >= REMEMBERED_VALUES) {
      remembered.clear()
      full += 1
      if (full >= FULL_TIMES) {
        isRemembering = found * 2 > looked
        full = found = looked = 0
      }
    }
    if (branch !== UNTOLD) remembered.set(value, branch)
  }
  /** Null when the field has not exactly one plain value. */
  const read = (view: EventView): EventValue => {
    if (first === undefined) return null
    if (first.one !== null) return first.one(view)
    const { values } = first.values(view)
    return values.length === 1 ? values[0] : null
  }
  return (view) => {
    const value = isRemembering ? read(view) : null
    const isPlain = value !== null && typeof value !== 'object'
    if (!isPlain || (typeof value === 'string' && value.length > REMEMBERED_CHARACTERS))
      return numberOf(answersOf(view))
    looked += 1
    const known = remembered.get(value)
    if (known !== undefined) {
      found += 1
      return known
    }
    const branch = numberOf(answersOf(view))
    learn(value, branch)
    return branch
  }
}

/**
 * Makes the fork of a field.
 * @param items all that rules say about it
 * @param clauses of these items
 * @param most combinations of answers that are told apart
 * @param memory of the bytes that the field is in; null when there is none
 */
export function forkByField(
  items: readonly CompiledItem[],
  clauses: ItemClauses,
  most: number,
  memory: FieldMemory | null
): FieldFork {
  const tests = new Map(items.map(({ item, test }) => [item, test]))
  const different = [...new Map(items.map((item) => [testsKey(item), item])).values()]
  const worked = workedOut(items[0], different, clauses, most)
  if (memory === null) return { branchOf: worked, items: tests }
  const question = memory.question()
  const branchOf: Fork = (view) => {
    const answers = memory.answersOf(view)
    if (answers === null) return worked(view)
    const known = answers[question] ?? UNANSWERED
    if (known !== UNANSWERED) return known
    const branch = worked(view)
    answers[question] = branch
    return branch
  }
  return { branchOf, items: tests }
}
