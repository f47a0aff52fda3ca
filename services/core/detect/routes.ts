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
 * combinations of answers are told apart; all fields of a source together have to stay below 2^53.
 */
const ROUTED: Readonly<Record<'audit' | 'runtime' | 'cloud', ReadonlyMap<string, number>>> = {
  audit: new Map([
    ['audit.verb', 128],
    ['audit.objectRef.resource', 2_048],
    ['audit.objectRef.subresource', 128],
    ['actor.kind', 32],
    ['action', 64],
    ['outcome', 16],
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
/** Combinations of answers that have a route of their own; further ones are routed by class of event alone. */
const ROUTES = 1_024

/** A rule with what is left of its detection on a route; true when nothing is. */
export interface RoutedRule extends Candidate {
  readonly left: RuleNode | true
}

/** Number of the combination of answers that the rules' items give for an event; `UNTOLD` for one too many. */
type Fork = (view: EventView) => number

const UNTOLD = -1
/** Longer values are not worth the memory. */
const REMEMBERED_CHARACTERS = 128

interface Branches {
  get(value: string | undefined, answers: () => string): number
}

/**
 * Remembers the branch of a value. Equal answers are one branch, so that the number of branches is bounded by the rules, not by
 * what events say.
 */
function branches(byAnswers: Map<string, number>, most: number): Branches {
  const byValue = new Map<string | undefined, number>()
  return {
    get(value, answers) {
      const known = byValue.get(value)
      if (known !== undefined) return known
      const said = answers()
      let branch = byAnswers.get(said)
      if (branch === undefined) {
        if (byAnswers.size >= most) return UNTOLD
        branch = byAnswers.size
        byAnswers.set(said, branch)
      }
      if (value !== undefined && value.length > REMEMBERED_CHARACTERS) return branch
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
    last = found.get(action, () => bits(classes.map((wanted) => isOfClass(wanted, event))))
    lastCategory = category
    lastAction = action
    return last
  }
}

interface FieldFork {
  readonly branchOf: Fork
  readonly most: number
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
    // These fields have one text, yes or no, or nothing; should one ever have something else, nothing is taken to be known.
    if (typeof value !== 'string' && typeof value !== 'boolean' && value !== undefined) return UNTOLD
    return remembered.get(typeof value === 'boolean' ? String(value) : value, () =>
      bits(items.map(({ test }) => test(view)))
    )
  }
  return { branchOf, most }
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

/** Forks by the routed fields that rules say something about, and the items that they answer. */
function forksOf(rules: readonly LoadedRule[], routed: ReadonlyMap<string, number>) {
  const items = rules.flatMap(({ detection }) => [...detection.items.values()])
  const byNumber = Map.groupBy(
    items.filter((item) => routedAs(item, routed) > 0),
    ({ number }) => number
  )
  const groups = [...byNumber.values()]
  return {
    forks: groups.map((group) => forkByField(group, Math.max(...group.map((item) => routedAs(item, routed))))),
    answered: new Map(groups.flat().map(({ item, test }) => [item, test]))
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

/**
 * Sorts events by class, verb, resource and the other routed fields, and makes for each sort, when it is first met, what is left
 * of every rule that can still match: items about these fields are answered once for all events of the sort.
 * @param places of all rules
 * @param make makes a route from the rules that are left; sorts that leave the same share one
 */
export function router<Route>(
  rules: readonly LoadedRule[],
  places: ReadonlyMap<LoadedRule, number>,
  make: (left: readonly RoutedRule[]) => Route
): (view: EventView) => Route {
  // Numbers of branches mean something else for each source, and so have routes of their own.
  const bySource = {
    audit: { ...forksOf(rules, ROUTED.audit), routes: new Map<number, Route>() },
    runtime: { ...forksOf(rules, ROUTED.runtime), routes: new Map<number, Route>() },
    cloud: { ...forksOf(rules, ROUTED.cloud), routes: new Map<number, Route>() }
  }
  const byClass = forkByClass([...new Map(rules.map(({ events }) => [JSON.stringify(events), events])).values()])
  const shared = new Map<string, Route>()
  const numbers = new Map<ItemNode, number>()
  const rulesFor = (view: EventView, known: (item: ItemNode) => boolean | undefined): readonly RoutedRule[] =>
    rules.flatMap((rule): readonly RoutedRule[] => {
      if (!isOfClass(rule.events, view.event)) return []
      const { detection } = rule
      const left = simplify(detection.node, known)
      if (left === false) return []
      const test = left === true ? always : compileNode(left, detection.items)
      return [{ rule, left, test, place: places.get(rule) ?? 0 }]
    })
  const routeOf = (left: readonly RoutedRule[]): Route => {
    const key = left.map((rule) => `${rule.place}:${treeKey(rule.left, numbers)}`).join(' ')
    const route = shared.get(key) ?? make(left)
    shared.set(key, route)
    return route
  }

  /** For what has no route of its own, by class of event. */
  const general = new Map<number, Route>()
  const generalRoute = (view: EventView, kind: number): Route => {
    if (kind === UNTOLD) return make(rulesFor(view, unknown))
    const route = general.get(kind) ?? routeOf(rulesFor(view, unknown))
    general.set(kind, route)
    return route
  }
  return (view) => {
    const kind = byClass(view)
    if (kind === UNTOLD) return generalRoute(view, kind)
    const { runtime, cloud } = view.event
    const { forks, answered, routes } = bySource[runtime !== null ? 'runtime' : cloud !== null ? 'cloud' : 'audit']
    let key = kind
    for (const { branchOf, most } of forks) {
      const branch = branchOf(view)
      if (branch === UNTOLD) return generalRoute(view, kind)
      key = key * most + branch
    }
    const known = routes.get(key)
    if (known !== undefined) return known
    if (routes.size >= ROUTES) return generalRoute(view, kind)
    const route = routeOf(rulesFor(view, (item) => answered.get(item)?.(view)))
    routes.set(key, route)
    return route
  }
}
