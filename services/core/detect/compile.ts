import type { OneReader } from './document-reader.ts'
import type { Problems } from './errors.ts'
import { type EventView, type FieldValues, isLeftOut, keywordValues } from './event-view.ts'
import type { FieldScope } from './field-map.ts'
import type { BodyPart } from './field-paths.ts'
import type { FieldSource, FieldTable } from './field-reader.ts'
import { type ElementScope, elementScope } from './list-element.ts'
import { flattenTests, type ItemNode, itemsOf, type RuleNode, type ValueTest } from './rule-tree.ts'
import { allOf, anyOf, anyOfOne, type FieldTest, isShort } from './value-tests.ts'

export type Predicate = (view: EventView) => boolean

/** True, false, or not to be told because the event lacks what a field is read from. */
export type Verdict = 'true' | 'false' | 'unknown'

/** A map under a field, ready to be evaluated on each element. */
export interface CompiledElement {
  readonly elements: ElementScope['elements']
  readonly detection: CompiledDetection
}

/** An item of a rule that can be evaluated. */
export interface CompiledItem {
  readonly item: ItemNode
  /** Number of its field in the table; null for keywords. */
  readonly number: number | null
  /** The fields it reads: its own, and those it compares with. Empty for keywords. */
  readonly fields: readonly FieldSource[]
  readonly values: (view: EventView) => FieldValues
  /** Reads its value when the field has no more than one. */
  readonly one: OneReader | null
  readonly test: Predicate
  /** Parts of the event that have to be there for the item to be told. */
  readonly bodies: readonly BodyPart[]
  /** One for each map among the values. */
  readonly elements: readonly CompiledElement[]
}

/** A detection that can be evaluated. */
export interface CompiledDetection {
  readonly node: RuleNode
  /** Whether the event matches; what the audit level left out counts as not there. */
  readonly test: Predicate
  /** As `test`, telling apart what is false and what cannot be told (Kleene's logic). */
  readonly verdict: (view: EventView) => Verdict
  readonly items: ReadonlyMap<ItemNode, CompiledItem>
  /** Whether anything in it may be unknown. */
  readonly readsBodies: boolean
}

function compileItem(item: ItemNode, scope: FieldScope, table: FieldTable, problems: Problems): CompiledItem | null {
  const numbers = new Map<string, number>()
  const fields: FieldSource[] = []
  const look = (name: string, at: number): boolean => {
    const source = scope.resolve(name)
    if (source === null) {
      problems.report(
        at,
        'RULE_FIELD_UNKNOWN',
        `the field ${name} is not known in this log source`,
        scope.suggest(name)
      )
      return false
    }
    numbers.set(name, table.numberOf(source))
    fields.push(source)
    return true
  }
  let known = item.field === null || look(item.field, item.at)
  for (const test of flattenTests(item.tests)) {
    if (test.kind === 'fieldref') known = look(test.field, test.at) && known
  }
  if (!known) return null
  const elements = new Map<ValueTest, CompiledElement>()
  for (const test of item.tests) {
    if (test.kind !== 'element' || fields[0] === undefined) continue
    const within = elementScope(fields[0], table, item.label, test.at, problems)
    const detection = within === null ? null : compileDetection(test.node, within.scope, within.table, problems)
    if (within === null || detection === null) return null
    elements.set(test, { elements: within.elements, detection })
  }
  const element = (test: ValueTest): FieldTest => {
    const compiled = elements.get(test)
    return (_, view) => compiled?.elements(view).some(compiled.detection.test) ?? false
  }
  const find = (name: string, view: EventView): FieldValues => table.valuesOf(numbers.get(name) ?? -1, view)
  const { field } = item
  const number = field === null ? null : (numbers.get(field) ?? -1)
  const values = number === null ? keywordValues : (view: EventView) => table.valuesOf(number, view)
  const matches = item.linking === 'all' ? allOf(item.tests, find, element) : anyOf(item.tests, find, element)
  const one = number === null ? null : table.oneOf(number)
  const matchesOne = item.linking === 'all' && item.tests.length > 1 ? null : anyOfOne(item.tests)
  const holds: Predicate =
    one === null || matchesOne === null
      ? (view) => matches(values(view), view)
      : (view) => {
          const value = one(view)
          return isShort(value) ? matchesOne(value) : matches(values(view), view)
        }
  const test: Predicate = item.negated ? (view) => !holds(view) : holds
  const bodies = new Set(fields.flatMap(({ paths }) => paths.map(({ body }) => body)).filter((body) => body !== null))
  return { item, number, fields, values, one, test, bodies: [...bodies], elements: [...elements.values()] }
}

/** Makes the test of a tree whose items are compiled. */
export function compileNode(node: RuleNode, items: ReadonlyMap<ItemNode, CompiledItem>): Predicate {
  switch (node.kind) {
    case 'item':
      return items.get(node)?.test ?? (() => false)
    case 'named':
      return compileNode(node.child, items)
    case 'not': {
      const child = compileNode(node.child, items)
      return (view) => !child(view)
    }
    default: {
      const children = node.children.map((child) => compileNode(child, items))
      if (node.kind === 'and') {
        return (view) => {
          for (const child of children) if (!child(view)) return false
          return true
        }
      }
      return (view) => {
        for (const child of children) if (child(view)) return true
        return false
      }
    }
  }
}

/** Verdict of one item. */
export function itemVerdict(compiled: CompiledItem, view: EventView): Verdict {
  if (compiled.bodies.some((body) => isLeftOut(view, body))) return 'unknown'
  return compiled.test(view) ? 'true' : 'false'
}

/** Combines verdicts of children in Kleene's logic. */
export function combineVerdicts(kind: 'and' | 'or', verdicts: readonly Verdict[]): Verdict {
  const decisive = kind === 'and' ? 'false' : 'true'
  if (verdicts.includes(decisive)) return decisive
  if (verdicts.includes('unknown')) return 'unknown'
  return kind === 'and' ? 'true' : 'false'
}

export function negateVerdict(verdict: Verdict): Verdict {
  if (verdict === 'unknown') return verdict
  return verdict === 'true' ? 'false' : 'true'
}

/** Verdict of a tree whose items are compiled. */
export function verdictOfNode(node: RuleNode, items: ReadonlyMap<ItemNode, CompiledItem>, view: EventView): Verdict {
  switch (node.kind) {
    case 'item': {
      const compiled = items.get(node)
      return compiled === undefined ? 'false' : itemVerdict(compiled, view)
    }
    case 'named':
      return verdictOfNode(node.child, items, view)
    case 'not':
      return negateVerdict(verdictOfNode(node.child, items, view))
    default: {
      const decisive = node.kind === 'and' ? 'false' : 'true'
      let isUnknown = false
      for (const child of node.children) {
        const verdict = verdictOfNode(child, items, view)
        if (verdict === decisive) return decisive
        if (verdict === 'unknown') isUnknown = true
      }
      return isUnknown ? 'unknown' : negateVerdict(decisive)
    }
  }
}

/**
 * Compiles a detection to closures.
 * @param scope where its fields are looked up
 * @param table shared by all rules that will look at the same events
 * @returns null when a field does not exist, which is reported
 */
export function compileDetection(
  node: RuleNode,
  scope: FieldScope,
  table: FieldTable,
  problems: Problems
): CompiledDetection | null {
  const items = new Map<ItemNode, CompiledItem>()
  let wrong = false
  for (const item of itemsOf(node)) {
    if (items.has(item)) continue
    const compiled = compileItem(item, scope, table, problems)
    if (compiled === null) wrong = true
    else items.set(item, compiled)
  }
  if (wrong) return null
  const readsBodies = [...items.values()].some(({ bodies }) => bodies.length > 0)
  const test = compileNode(node, items)
  // Without bodies there is nothing that could be left out.
  const verdict = readsBodies
    ? (view: EventView) => verdictOfNode(node, items, view)
    : (view: EventView) => (test(view) ? ('true' as const) : ('false' as const))
  return { node, test, verdict, items, readsBodies }
}
