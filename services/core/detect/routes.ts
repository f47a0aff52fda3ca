import type { ItemClauses } from './clauses.ts'
import { type CompiledItem, compileNode, verdictOfNode } from './compile.ts'
import { type EventView, isLeftOut } from './event-view.ts'
import { type FieldFork, forkByField, UNTOLD } from './field-fork.ts'
import { fieldMemory, type Place, rememberedPlaces } from './field-memory.ts'
import type { BodyPart } from './field-paths.ts'
import { isOfClass, type LoadedRule } from './loaded-rule.ts'
import { simplify } from './partial-evaluation.ts'
import type { Candidate } from './plan.ts'
import { flattenTests, type ItemNode, itemsOf, type RuleNode } from './rule-tree.ts'

type Source = 'audit' | 'runtime' | 'cloud'

/**
 * Fields that events are routed by, in the order in which they are asked: those that tell most rules apart and are read soonest first,
 * facts last. Each has few values, or values that come again and again; what is new in every event, such as names and command lines, is
 * left to look-ups. A field is read only where a rule is left that asks for it.
 */
const ROUTED: Readonly<Record<Source, readonly string[]>> = {
  audit: [
    'audit.verb',
    'audit.objectRef.resource',
    'audit.objectRef.subresource',
    'actor.kind',
    'action',
    'outcome',
    'audit.responseStatus.code',
    'actor.is_system',
    // The gate of all rules about pod specs: true for writes to workloads, which is known without their bodies but for patches.
    'facts.writes_pod_spec',
    'audit.annotations.authorization.k8s.io/decision',
    'audit.annotations.authentication.k8s.io/legacy-token',
    'audit.annotations.authentication.k8s.io/stale-token',
    'audit.annotations.authentication.k8s.io/legacy-token-invalidated',
    'audit.impersonatedUser.username',
    'audit.objectRef.apiGroup',
    'audit.objectRef.namespace',
    'actor.name',
    'actor.service_account',
    'actor.credential_id',
    'actor.pod_uid',
    'actor.groups',
    'audit.userAgent',
    'source_ip',
    'enrichment.reason',
    'facts.source.kind',
    'facts.client',
    'facts.outside_own_namespace'
  ],
  runtime: [
    'container.id',
    'action',
    'runtime.category',
    'runtime.action',
    'outcome',
    'runtime.network.direction',
    'runtime.process.in_image',
    'runtime.process.entry',
    'runtime.process.interactive',
    'runtime.process.socket_stdio',
    'runtime.attributes.in_init_tree',
    'runtime.network.destination_port',
    'facts.destination.kind',
    // Few programs run again and again.
    'facts.process.program',
    'runtime.process.executable',
    'facts.process.parent'
  ],
  cloud: ['cloud.eventSource', 'cloud.eventName', 'outcome', 'cloud.source_kind', 'cloud.userIdentity.invokedBy']
}
/** Kinds of events that are told apart, and actions of each that are remembered: they come from sensors and could be any text. */
const CLASSES = 1_024

/** Bounds of what is remembered. Events beyond them are told apart no further, which costs more and changes nothing. */
export interface RouteLimits {
  /** Combinations of answers about one field that are told apart. */
  readonly answers: number
  /** Places in the graph of routes. */
  readonly junctions: number
}

const LIMITS: RouteLimits = { answers: 2_048, junctions: 8_192 }

/** A rule with what is left of its detection on a route; true when nothing is. */
export interface RoutedRule extends Candidate {
  readonly left: RuleNode | true
}

/** Whether the answer of an item follows from the value of one field, which is there whatever the audit level. */
function isAnswered({ item, fields, number }: CompiledItem): boolean {
  const [field] = fields
  if (number === null || field === undefined || fields.length !== 1) return false
  if (field.paths.some(({ body }) => body !== null)) return false
  return flattenTests(item.tests).every(({ kind }) => kind !== 'element' && kind !== 'fieldref')
}

/** Forks by the routed fields that rules say something about, in the order in which they are asked. */
function forksOf(
  rules: readonly LoadedRule[],
  clauses: ItemClauses,
  routed: readonly string[],
  answers: number
): readonly FieldFork[] {
  const items = rules.flatMap(({ detection }) => [...detection.items.values()])
  const placeOf = ({ fields }: CompiledItem) => routed.indexOf(fields[0]?.paths[0]?.path ?? '')
  const groups = [
    ...Map.groupBy(
      items.filter((item) => isAnswered(item) && placeOf(item) >= 0),
      ({ number }) => number
    ).values()
  ].toSorted(([one], [other]) => (one && other ? placeOf(one) - placeOf(other) : 0))
  const places = groups.map(([first]) => (first === undefined ? null : rememberedPlaces(first)))
  const nameOf = (some: readonly Place[] | null | undefined) => some?.map((names) => names.join('.')).join() ?? ''
  const memories = new Map(
    [...Map.groupBy(places, nameOf)].map(([name, [some, ...others]]) => [
      name,
      some ? fieldMemory(some, others.length + 1) : null
    ])
  )
  return groups.map((group, index) => forkByField(group, clauses, answers, memories.get(nameOf(places[index])) ?? null))
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

/**
 * Asks last of all, of events without any body, whether what items are read from was left out: rules of which nothing else is left then
 * cannot be told, which needs no look at any of them.
 */
const BODIES: readonly BodyPart[] = ['request', 'response', 'object', 'pod_template', 'pod_spec']

const hasBodies = ({ bodies }: EventView): boolean => bodies.has('request') || bodies.has('response')

interface BodyFork extends FieldFork {
  readonly isLeftOut: (view: EventView, item: ItemNode) => boolean
}

function forkByBodies(rules: readonly LoadedRule[]): BodyFork {
  const items = new Map(
    rules.flatMap(({ detection }) =>
      [...detection.items.values()].flatMap((item) =>
        item.bodies.some((part) => BODIES.includes(part)) ? [[item.item, item] as const] : []
      )
    )
  )
  return {
    items: new Map([...items].map(([node, { test }]) => [node, test])),
    branchOf: (view) => {
      if (hasBodies(view)) return 0
      return BODIES.reduce((bits, part) => bits * 2 + (isLeftOut(view, part) ? 1 : 0), 1)
    },
    isLeftOut: (view, node) =>
      items.get(node)?.bodies.some((part) => BODIES.includes(part) && isLeftOut(view, part)) ?? false
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
const undecided = () => 'unknown' as const
const unknown = () => undefined

/** What is left of rules for events that some fields are known of. */
interface Junction<Route> {
  readonly rules: readonly NumberedRule[]
  /** The next field that one of the rules says something about. */
  readonly fork: FieldFork | null
  readonly branches: (Junction<Route> | undefined)[]
  /** Where events go that are told apart no further. */
  route: Route | null
}

/** A rule with what is left of it, and a number for both. */
interface NumberedRule extends RoutedRule {
  readonly number: number
}

/** Makes what is left of rules; what is the same is made once. */
function leftOvers(places: ReadonlyMap<LoadedRule, number>) {
  const numbers = new Map<ItemNode, number>()
  const made = new Map<string, NumberedRule>()
  return (rule: LoadedRule, left: RuleNode | true, isUndecided: boolean): NumberedRule => {
    const place = places.get(rule) ?? 0
    const key = `${place}${isUndecided ? '?' : ':'}${treeKey(left, numbers)}`
    const known = made.get(key)
    if (known !== undefined) return known
    const { items, readsBodies } = rule.detection
    const found: NumberedRule = {
      rule,
      left: isUndecided ? true : left,
      place,
      number: made.size,
      test: left === true ? always : compileNode(left, items),
      verdict: isUndecided
        ? undecided
        : left === true || !readsBodies
          ? null
          : (view) => verdictOfNode(left, items, view)
    }
    made.set(key, found)
    return found
  }
}

/** Sorts events by source, category and action: which classes they are of. */
function byClass(rules: readonly LoadedRule[]): (view: EventView) => string {
  const classes = [...new Map(rules.map(({ events }) => [JSON.stringify(events), events])).values()]
  const byCategory = new Map<string, Map<string, string>>()
  const sortOf = ({ event }: EventView) => classes.map((wanted) => Number(isOfClass(wanted, event))).join('')
  let lastCategory = ''
  let lastAction = ''
  let last = ''
  return (view) => {
    const { runtime } = view.event
    if (runtime === null) return view.event.cloud === null ? 'audit' : 'cloud'
    const { category, action } = runtime
    // Events of one kind often follow each other.
    if (category === lastCategory && action === lastAction) return last
    let actions = byCategory.get(category)
    if (actions === undefined) {
      actions = new Map()
      byCategory.set(category, actions)
    }
    lastCategory = category
    lastAction = action
    last = actions.get(action) ?? sortOf(view)
    if (actions.size < CLASSES) actions.set(action, last)
    return last
  }
}

/**
 * Sorts events by class and by what rules say about their fields, and makes for each sort, when it is first met, what is left of
 * every rule that can still match: items about fields that were read are answered once for all events of the sort. A field is read
 * only where a rule that is left says something about it. Ways that leave the same of the same rules come together again, so that
 * what is made is a graph, as small as rules are different and not as large as fields can be combined.
 * @param clauses of the rules' items
 * @param places of all rules
 * @param make makes a route from the rules that are left
 */
export function router<Route>(
  rules: readonly LoadedRule[],
  clauses: ItemClauses,
  places: ReadonlyMap<LoadedRule, number>,
  make: (left: readonly RoutedRule[]) => Route,
  limits: RouteLimits = LIMITS
): (view: EventView) => Route {
  const bodies = forkByBodies(rules)
  const forks: Readonly<Record<Source, readonly FieldFork[]>> = {
    audit: [...forksOf(rules, clauses, ROUTED.audit, limits.answers), bodies],
    runtime: forksOf(rules, clauses, ROUTED.runtime, limits.answers),
    cloud: forksOf(rules, clauses, ROUTED.cloud, limits.answers)
  }
  const classOf = byClass(rules)
  const leftOf = leftOvers(places)
  const roots = new Map<string, Junction<Route>>()
  const junctions = new Map<string, Junction<Route>>()
  /** @param next forks that were not taken yet */
  const junction = (left: readonly NumberedRule[], source: Source, next: readonly FieldFork[]): Junction<Route> => {
    const fork = next.find(({ items }) => left.some((rule) => asksFor(rule.left, items))) ?? null
    const place = fork === null ? 'end' : `${source} ${forks[source].indexOf(fork)}`
    const key = `${place}:${left.map(({ number }) => number).join()}`
    const known = junctions.get(key)
    if (known !== undefined) return known
    const made: Junction<Route> = { rules: left, fork, branches: [], route: null }
    junctions.set(key, made)
    return made
  }
  const branch = (view: EventView, source: Source, { rules: left }: Junction<Route>, fork: FieldFork) =>
    junction(
      left.flatMap((rule): readonly NumberedRule[] => {
        if (rule.left === true || !asksFor(rule.left, fork.items)) return [rule]
        if (fork === bodies) {
          const isCut = !hasBodies(view) && itemsOf(rule.left).every((item) => bodies.isLeftOut(view, item))
          return isCut ? [leftOf(rule.rule, rule.left, true)] : [rule]
        }
        const node = simplify(rule.left, (item) => fork.items.get(item)?.(view))
        return node === false ? [] : [leftOf(rule.rule, node, false)]
      }),
      source,
      forks[source].slice(forks[source].indexOf(fork) + 1)
    )
  const wholeRules = ({ event }: EventView): readonly NumberedRule[] =>
    rules.flatMap((rule) => {
      if (!isOfClass(rule.events, event)) return []
      const left = simplify(rule.detection.node, unknown)
      return left === false ? [] : [leftOf(rule, left, false)]
    })
  return (view) => {
    const { runtime, cloud } = view.event
    const source = runtime !== null ? 'runtime' : cloud !== null ? 'cloud' : 'audit'
    const sort = classOf(view)
    let at: Junction<Route> | undefined = roots.get(sort)
    if (at === undefined) {
      at = junction(wholeRules(view), source, forks[source])
      if (roots.size < CLASSES) roots.set(sort, at)
    }
    while (at.fork !== null) {
      const told = at.fork.branchOf(view)
      if (told === UNTOLD) break
      let next: Junction<Route> | undefined = at.branches[told]
      if (next === undefined) {
        if (junctions.size >= limits.junctions) break
        next = branch(view, source, at, at.fork)
        at.branches[told] = next
      }
      at = next
    }
    at.route ??= make(at.rules)
    return at.route
  }
}
