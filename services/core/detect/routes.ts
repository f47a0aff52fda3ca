import { type CompiledItem, compileNode } from './compile.ts'
import type { EventView } from './event-view.ts'
import type { EventClass } from './field-map.ts'
import { isOfClass, type LoadedRule } from './loaded-rule.ts'
import { simplify } from './partial-evaluation.ts'
import type { Candidate } from './plan.ts'
import type { ItemNode, RuleNode } from './rule-tree.ts'

/**
 * Fields that few different things are said about and that tell most rules apart. Whoever sends requests chooses some of their
 * values, so events are not told apart by value but by the answers that the rules' items give for it.
 */
const ROUTED: ReadonlySet<string> = new Set([
  'audit.verb',
  'audit.objectRef.resource',
  'audit.objectRef.subresource',
  'outcome'
])
/** Values whose answers are remembered, for each field; when there are more, all are forgotten. */
const REMEMBERED_VALUES = 1_024
/** Combinations of answers that have a route of their own; further ones are routed by class of event alone. */
const ROUTES = 1_024
/** Different combinations of answers about one field. */
const ANSWERS = 1_024

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
function branches(byAnswers: Map<string, number>): Branches {
  const byValue = new Map<string | undefined, number>()
  return {
    get(value, answers) {
      const known = byValue.get(value)
      if (known !== undefined) return known
      const said = answers()
      let branch = byAnswers.get(said)
      if (branch === undefined) {
        if (byAnswers.size >= ANSWERS) return UNTOLD
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
  return ({ event }) => {
    const category = event.runtime?.category ?? 'audit'
    let found = byCategory.get(category)
    if (found === undefined) {
      found = branches(byAnswers)
      byCategory.set(category, found)
    }
    return found.get(event.runtime?.action, () => bits(classes.map((wanted) => isOfClass(wanted, event))))
  }
}

function forkByField(items: readonly CompiledItem[]): Fork {
  const remembered = branches(new Map())
  const [first] = items
  return (view) => {
    const values = first?.values(view).values ?? []
    const [value] = values
    // These fields have one text or none; should one ever have something else, nothing is taken to be known.
    if (values.length !== 1 || (typeof value !== 'string' && value !== undefined)) return UNTOLD
    return remembered.get(value, () => bits(items.map(({ test }) => test(view))))
  }
}

/** Whether routing may rely on an item: it reads one routed field and nothing else. */
function isRouted({ fields, number }: CompiledItem): boolean {
  const [field] = fields
  const [path] = field?.paths ?? []
  return (
    number !== null && fields.length === 1 && field?.paths.length === 1 && path?.body === null && ROUTED.has(path.path)
  )
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
 * @param make makes a route from the rules that are left; sorts that leave the same share one
 */
export function router<Route>(
  rules: readonly LoadedRule[],
  make: (left: readonly RoutedRule[]) => Route
): (view: EventView) => Route {
  const items = rules.flatMap(({ detection }) => [...detection.items.values()]).filter(isRouted)
  const byNumber = Map.groupBy(items, ({ number }) => number)
  const byClass = forkByClass([...new Map(rules.map(({ events }) => [JSON.stringify(events), events])).values()])
  const byField = [...byNumber.values()].map(forkByField)
  const answered = new Map(items.map(({ item, test }) => [item, test]))
  const shared = new Map<string, Route>()
  const numbers = new Map<ItemNode, number>()
  const order = new Map(rules.map((rule, index) => [rule, index]))

  const rulesFor = (view: EventView, known: (item: ItemNode) => boolean | undefined): readonly RoutedRule[] =>
    rules.flatMap((rule): readonly RoutedRule[] => {
      if (!isOfClass(rule.events, view.event)) return []
      const { detection } = rule
      const left = simplify(detection.node, known)
      if (left === false) return []
      return [{ rule, left, test: left === true ? always : compileNode(left, detection.items) }]
    })
  const routeOf = (left: readonly RoutedRule[]): Route => {
    const key = left.map((rule) => `${order.get(rule.rule)}:${treeKey(rule.left, numbers)}`).join(' ')
    const route = shared.get(key) ?? make(left)
    shared.set(key, route)
    return route
  }

  const routes = new Map<number, Route>()
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
    let key = kind
    for (const fork of byField) {
      const branch = fork(view)
      if (branch === UNTOLD) return generalRoute(view, kind)
      key = key * ANSWERS + branch
    }
    const known = routes.get(key)
    if (known !== undefined) return known
    if (routes.size >= ROUTES) return generalRoute(view, kind)
    const route = routeOf(rulesFor(view, (item) => answered.get(item)?.(view)))
    routes.set(key, route)
    return route
  }
}
