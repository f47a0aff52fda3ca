import { type CompiledItem, compileNode } from './compile.ts'
import type { EventValue, EventView } from './event-view.ts'
import type { EventClass } from './field-map.ts'
import { isOfClass, type LoadedRule } from './loaded-rule.ts'
import { simplify } from './partial-evaluation.ts'
import type { Candidate } from './plan.ts'
import type { ItemNode, RuleNode } from './rule-tree.ts'

/**
 * Fields that few different things are said about and that tell most rules apart. Whoever sends requests chooses some of their
 * values, so events are not told apart by value but by the answers that the rules' items give for it. With each field: how many
 * combinations of answers are told apart. In the order in which they are read.
 */
const ROUTED: Readonly<Record<'audit' | 'runtime' | 'cloud', ReadonlyMap<string, number>>> = {
  audit: new Map([
    ['audit.verb', 128],
    ['audit.objectRef.resource', 2_048],
    ['audit.objectRef.subresource', 128],
    ['actor.kind', 32],
    ['action', 64],
    ['outcome', 16],
    ['audit.responseStatus.code', 32],
    // The gate of all rules about pod specs: true for writes to workloads, which is known without their bodies but for patches.
    ['facts.writes_pod_spec', 4]
  ]),
  runtime: new Map([
    ['action', 1_024],
    ['runtime.action', 1_024],
    ['runtime.network.direction', 16],
    ['outcome', 16]
  ]),
  cloud: new Map([
    ['cloud.eventSource', 512],
    ['outcome', 16]
  ])
}
/** Different combinations of answers about one class of events. */
const CLASSES = 1_024
/** Values whose answers are remembered, for each field; when there are more, all are forgotten. */
const REMEMBERED_VALUES = 1_024
/** Places in the tree of routes; events that would need more are told apart no further. */
const JUNCTIONS = 8_192

/** A rule with what is left of its detection on a route; true when nothing is. */
export interface RoutedRule extends Candidate {
  readonly left: RuleNode | true
}

/** Number of the combination of answers that the rules' items give for an event; `UNTOLD` for one too many. */
type Fork = (view: EventView) => number

const UNTOLD = -1
/** Longer values are not worth the memory. */
const REMEMBERED_CHARACTERS = 128

type Value = string | number | boolean | undefined

interface Branches {
  /** The branch of a value that was met before; undefined for others. */
  known(value: Value): number | undefined
  /** Remembers a value by what is answered for it. */
  learn(value: Value, answers: string): number
}

/**
 * Remembers the branch of a value. Equal answers are one branch, so that the number of branches is bounded by the rules, not by
 * what events say.
 */
function branches(byAnswers: Map<string, number>, most: number): Branches {
  const byValue = new Map<Value, number>()
  return {
    known: (value) => byValue.get(value),
    learn(value, answers) {
      let branch = byAnswers.get(answers)
      if (branch === undefined) {
        if (byAnswers.size >= most) return UNTOLD
        branch = byAnswers.size
        byAnswers.set(answers, branch)
      }
      if (typeof value === 'string' && value.length > REMEMBERED_CHARACTERS) return branch
      if (byValue.size >= REMEMBERED_VALUES) byValue.clear()
      byValue.set(value, branch)
      return branch
    }
  }
}

const bits = (answers: readonly boolean[]): string => answers.map(Number).join('')

function forkByClass(classes: readonly (readonly EventClass[])[]): Fork {
  const byAnswers = new Map<string, number>()
  const byCategory = new Map<string, Branches>()
  let lastCategory = ''
  let lastAction: string | undefined
  let last = UNTOLD
  return ({ event }) => {
    const category = event.runtime?.category ?? (event.cloud === null ? 'audit' : 'cloud')
    const action = event.runtime?.action
    // Events of one kind often follow each other.
    if (category === lastCategory && action === lastAction) return last
    let found = byCategory.get(category)
    if (found === undefined) {
      found = branches(byAnswers, CLASSES)
      byCategory.set(category, found)
    }
    last = found.known(action) ?? found.learn(action, bits(classes.map((wanted) => isOfClass(wanted, event))))
    lastCategory = category
    lastAction = action
    return last
  }
}

interface FieldFork {
  readonly branchOf: Fork
  /** What it answers. */
  readonly items: ReadonlyMap<ItemNode, CompiledItem['test']>
}

function forkByField(items: readonly CompiledItem[], most: number): FieldFork {
  const remembered = branches(new Map(), most)
  const [first] = items
  /** Null when the field has not exactly one value. */
  const read = (view: EventView): EventValue => {
    if (first === undefined) return null
    if (first.one !== null) return first.one(view)
    const { values } = first.values(view)
    return values.length === 1 ? values[0] : null
  }
  const branchOf: Fork = (view) => {
    const value = read(view)
    // These fields have one plain value or nothing; should one ever have something else, nothing is taken to be known.
    if (value === null || typeof value === 'object') return UNTOLD
    return remembered.known(value) ?? remembered.learn(value, bits(items.map(({ test }) => test(view))))
  }
  return { branchOf, items: new Map(items.map(({ item, test }) => [item, test])) }
}

/** How many answers about the field of an item are told apart; 0 when routing may not rely on it: it reads more, or another one. */
function routedAs({ fields, number }: CompiledItem, routed: ReadonlyMap<string, number>): number {
  const [field] = fields
  const [path] = field?.paths ?? []
  if (number === null || fields.length !== 1 || field?.paths.length !== 1 || path?.body !== null) return 0
  return routed.get(path.path) ?? 0
}

/** Whether a rule says anything about a field that audit events are routed by. */
export function isRoutedInAudit({ detection }: LoadedRule): boolean {
  return [...detection.items.values()].some((item) => routedAs(item, ROUTED.audit) > 0)
}

/** Forks by the routed fields that rules say something about, in the order of fields. */
function forksOf(rules: readonly LoadedRule[], routed: ReadonlyMap<string, number>): readonly FieldFork[] {
  const items = rules.flatMap(({ detection }) => [...detection.items.values()])
  const byNumber = Map.groupBy(
    items.filter((item) => routedAs(item, routed) > 0),
    ({ number }) => number
  )
  const order = [...routed.keys()]
  const placeOf = ([first]: readonly CompiledItem[]) => order.indexOf(first?.fields[0]?.paths[0]?.path ?? '')
  return [...byNumber.values()]
    .toSorted((one, other) => placeOf(one) - placeOf(other))
    .map((group) => {
      const [first] = group
      return forkByField(group, first === undefined ? 0 : routedAs(first, routed))
    })
}

/** Whether a tree has one of some items. */
function asksFor(node: RuleNode | true, items: ReadonlyMap<ItemNode, unknown>): boolean {
  if (node === true) return false
  switch (node.kind) {
    case 'item':
      return items.has(node)
    case 'not':
    case 'named':
      return asksFor(node.child, items)
    default:
      return node.children.some((child) => asksFor(child, items))
  }
}

/** The same for trees that are the same: items are told apart by number. */
function treeKey(node: RuleNode | true, numbers: Map<ItemNode, number>): string {
  if (node === true) return 'true'
  switch (node.kind) {
    case 'item': {
      const number = numbers.get(node) ?? numbers.size
      numbers.set(node, number)
      return String(number)
    }
    case 'not':
    case 'named':
      return `!${treeKey(node.child, numbers)}`
    default:
      return `${node.kind}(${node.children.map((child) => treeKey(child, numbers)).join()})`
  }
}

const always = () => true
const unknown = () => undefined

/** A rule on its way down the tree of routes. */
interface Left {
  readonly rule: LoadedRule
  readonly left: RuleNode | true
}

/** What is left of rules for events that some fields are known of. */
interface Junction<Route> {
  readonly rules: readonly Left[]
  /** The next field that one of the rules says something about. */
  readonly fork: FieldFork | null
  readonly branches: Map<number, Junction<Route>>
  /** Where events go that are told apart no further. */
  route: Route | null
}

/**
 * Sorts events by class, verb, resource and the other routed fields, and makes for each sort, when it is first met, what is left
 * of every rule that can still match: items about these fields are answered once for all events of the sort. A field is read only
 * where a rule that is left says something about it.
 * @param places of all rules
 * @param make makes a route from the rules that are left; sorts that leave the same share one
 */
export function router<Route>(
  rules: readonly LoadedRule[],
  places: ReadonlyMap<LoadedRule, number>,
  make: (left: readonly RoutedRule[]) => Route
): (view: EventView) => Route {
  // Classes of different sources may be answered alike, and are told apart by other fields all the same.
  const sourceOf = (routed: ReadonlyMap<string, number>) => ({
    all: forksOf(rules, routed),
    roots: new Map<number, Junction<Route>>()
  })
  const bySource = { audit: sourceOf(ROUTED.audit), runtime: sourceOf(ROUTED.runtime), cloud: sourceOf(ROUTED.cloud) }
  const byClass = forkByClass([...new Map(rules.map(({ events }) => [JSON.stringify(events), events])).values()])
  const shared = new Map<string, Route>()
  const numbers = new Map<ItemNode, number>()
  let junctions = 0
  const routed = (left: readonly Left[]): readonly RoutedRule[] =>
    left.map(({ rule, left: node }) => {
      const test = node === true ? always : compileNode(node, rule.detection.items)
      return { rule, left: node, test, place: places.get(rule) ?? 0 }
    })
  const routeOf = (left: readonly Left[]): Route => {
    const found = routed(left)
    const key = found.map((rule) => `${rule.place}:${treeKey(rule.left, numbers)}`).join(' ')
    const route = shared.get(key) ?? make(found)
    shared.set(key, route)
    return route
  }
  /** @param next forks that were not taken yet */
  const junction = (left: readonly Left[], next: readonly FieldFork[]): Junction<Route> => {
    junctions += 1
    const fork = next.find(({ items }) => left.some((rule) => asksFor(rule.left, items))) ?? null
    return { rules: left, fork, branches: new Map(), route: null }
  }
  const branch = (view: EventView, { rules: left }: Junction<Route>, fork: FieldFork, all: readonly FieldFork[]) =>
    junction(
      left.flatMap((rule): readonly Left[] => {
        if (!asksFor(rule.left, fork.items)) return [rule]
        const node = rule.left === true || simplify(rule.left, (item) => fork.items.get(item)?.(view))
        return node === false ? [] : [{ rule: rule.rule, left: node }]
      }),
      all.slice(all.indexOf(fork) + 1)
    )

  const wholeRules = ({ event }: EventView): readonly Left[] =>
    rules.flatMap((rule) => {
      if (!isOfClass(rule.events, event)) return []
      const left = simplify(rule.detection.node, unknown)
      return left === false ? [] : [{ rule, left }]
    })
  return (view) => {
    const { runtime, cloud } = view.event
    const { all, roots } = bySource[runtime !== null ? 'runtime' : cloud !== null ? 'cloud' : 'audit']
    const kind = byClass(view)
    if (kind === UNTOLD) return make(routed(wholeRules(view)))
    let at = roots.get(kind)
    if (at === undefined) {
      at = junction(wholeRules(view), all)
      roots.set(kind, at)
    }
    while (at.fork !== null) {
      const told = at.fork.branchOf(view)
      if (told === UNTOLD) break
      let next = at.branches.get(told)
      if (next === undefined) {
        if (junctions >= JUNCTIONS) break
        next = branch(view, at, at.fork, all)
        at.branches.set(told, next)
      }
      at = next
    }
    at.route ??= routeOf(at.rules)
    return at.route
  }
}
