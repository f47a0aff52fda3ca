import type { Offset } from './errors.ts'
import type { AddressRange } from './ip-range.ts'
import type { RegexFlags } from './regex-syntax.ts'
import type { TextPart } from './text-pattern.ts'

/**
 * A detection as a tree, before fields are looked up and anything is compiled: what the parser makes, and what the compiler,
 * `explain` and later planners read.
 */
export type RuleNode =
  | { readonly kind: 'and' | 'or'; readonly children: readonly RuleNode[] }
  | { readonly kind: 'not'; readonly child: RuleNode }
  /** A search identifier used in the condition. */
  | { readonly kind: 'named'; readonly name: string; readonly child: RuleNode }
  | ItemNode

/** One line of a search identifier: a field (or, without one, the whole event) against values. */
export interface ItemNode {
  readonly kind: 'item'
  /** Null for keywords. */
  readonly field: string | null
  /** The key as written, modifiers included, for people. */
  readonly label: string
  readonly at: Offset
  /** The values as written, for people. */
  readonly expected: readonly string[]
  /** Whether one of the tests has to hold or each of them. Each may hold for another element of a list. */
  readonly linking: 'any' | 'all'
  readonly negated: boolean
  readonly tests: readonly ValueTest[]
}

export type Comparison = 'lt' | 'lte' | 'gt' | 'gte'
export type TimePart = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year'

/** What a value of the event is tested for. */
export type ValueTest =
  | { readonly kind: 'text'; readonly parts: readonly TextPart[]; readonly cased: boolean }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }
  | { readonly kind: 'regex'; readonly pattern: string; readonly flags: RegexFlags }
  | { readonly kind: 'range'; readonly range: AddressRange }
  | { readonly kind: 'compare'; readonly comparison: Comparison; readonly value: number }
  | { readonly kind: 'exists'; readonly value: boolean }
  | {
      readonly kind: 'fieldref'
      readonly field: string
      readonly at: Offset
      readonly place: 'whole' | 'start' | 'end' | 'inside'
      readonly cased: boolean
    }
  | { readonly kind: 'time'; readonly part: TimePart; readonly value: number; readonly comparison: Comparison | null }
  /** A map as a value: some object at the field's path for which the tree holds. Fields in it are named from that object. */
  | { readonly kind: 'element'; readonly node: RuleNode; readonly at: Offset }
  /** One value that a modifier turned into several: any of them counts for it. */
  | { readonly kind: 'one_of'; readonly tests: readonly ValueTest[] }

/** Every item of a tree, left to right; not those inside elements, whose fields are not the event's. */
export function itemsOf(node: RuleNode): readonly ItemNode[] {
  switch (node.kind) {
    case 'item':
      return [node]
    case 'not':
    case 'named':
      return itemsOf(node.child)
    default:
      return node.children.flatMap(itemsOf)
  }
}

/** Every test of a list, with those inside `one_of`. */
export function flattenTests(tests: readonly ValueTest[]): readonly ValueTest[] {
  return tests.flatMap((test) => (test.kind === 'one_of' ? flattenTests(test.tests) : [test]))
}

/** Number of items in a tree, counted as often as they are used; stops counting beyond `most`. */
export function countItems(node: RuleNode, most: number): number {
  if (node.kind === 'item') {
    let count = 1
    for (const test of node.tests) {
      if (count > most) break
      if (test.kind === 'element') count += countItems(test.node, most - count)
    }
    return count
  }
  if (node.kind === 'not' || node.kind === 'named') return countItems(node.child, most)
  let count = 0
  for (const child of node.children) {
    count += countItems(child, most - count)
    if (count > most) break
  }
  return count
}
