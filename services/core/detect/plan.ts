import { clausesOfItems, type ItemClauses, necessaryClause } from './clauses.ts'
import type { CompiledItem, Predicate } from './compile.ts'
import type { EventView } from './event-view.ts'
import { isOfClass, type LoadedRule } from './loaded-rule.ts'
import { type ProbeEntry, probeOf } from './probe.ts'
import { isRoutedInAudit, type RoutedRule, router } from './routes.ts'

/** A rule that may match an event, with what is left to test: the same answer as its detection's own test gives. */
export interface Candidate {
  readonly rule: LoadedRule
  readonly test: Predicate
  /** Place of the rule among all. */
  readonly place: number
}

/**
 * Chooses the rules that can match an event. Whatever it leaves out does not match, and would not be told to be left undecided
 * by the audit level.
 */
export interface Plan {
  /** Each rule at most once, in any order. */
  candidates(view: EventView): readonly Candidate[]
}

/** Actions come from sensors and could be any text: more kinds of events than this are routed without being remembered. */
const REMEMBERED = 256

/** A plan that routes events by source, category and action, and tests every rule there is for them. */
export function planByClass(rules: readonly LoadedRule[]): Plan {
  const candidates = rules.map((rule, place) => ({ rule, test: rule.detection.test, place }))
  const routes = new Map<string, readonly Candidate[]>()
  return {
    candidates({ event }) {
      const { runtime } = event
      const key =
        runtime === null ? (event.cloud === null ? 'audit' : 'cloud') : `${runtime.category} ${runtime.action}`
      const known = routes.get(key)
      if (known !== undefined) return known
      const found = candidates.filter(({ rule }) => isOfClass(rule.events, event))
      if (routes.size < REMEMBERED) routes.set(key, found)
      return found
    }
  }
}

/** Stands for the number of a field where keywords are looked for in all of them. */
const KEYWORDS = -1

/** Finds the candidates of a route for an event, and puts them behind others. */
type Route = (view: EventView, into: Candidate[]) => void

const LAST_MARK = 0xffff_ffff

/**
 * Makes a route: of every rule the most telling clause is looked up, for all rules with clauses about the same field at once, and
 * only rules whose clause holds are candidates.
 */
function routeOf(rules: readonly RoutedRule[], clauses: ItemClauses): Route {
  const entries = new Map<number, { readonly item: CompiledItem; readonly entries: ProbeEntry[] }>()
  const always: number[] = []
  rules.forEach(({ rule, left }, index) => {
    const clause = left === true ? null : necessaryClause(left, rule.detection.items, clauses)
    if (clause === null) always.push(index)
    for (const { item, atom } of clause?.conditions ?? []) {
      const field = item.number ?? KEYWORDS
      const known = entries.get(field)
      if (known === undefined) entries.set(field, { item, entries: [{ atom, rule: index }] })
      else known.entries.push({ atom, rule: index })
    }
  })
  const probes = [...entries.values()].map(({ item, entries: wanted }) => probeOf(item, wanted))
  const alwaysCandidates = rules.filter((_, index) => always.includes(index))

  // A rule that was found is marked with the number of the event, so that marks need no clearing.
  const marks = new Uint32Array(rules.length)
  let mark = 0
  let found: Candidate[] = []
  const hit = (index: number) => {
    if (marks[index] === mark) return
    marks[index] = mark
    const candidate = rules[index]
    if (candidate !== undefined) found.push(candidate)
  }
  return (view, into) => {
    for (const candidate of alwaysCandidates) into.push(candidate)
    if (mark === LAST_MARK) {
      marks.fill(0)
      mark = 0
    }
    mark += 1
    found = into
    for (const probe of probes) probe(view, hit)
  }
}

/**
 * The decision plan. Events are routed by what few things are said about; of what is left of the rules of a route, only those
 * are candidates whose most telling clause holds. Audit events have many routes: rules that say nothing about routed fields are
 * looked up apart, once for all of these, so that what is looked up stays small enough for the processor's caches. See README.md.
 */
export function planByDecision(rules: readonly LoadedRule[]): Plan {
  const clauses = clausesOfItems(rules.map(({ detection }) => [...detection.items.values()]))
  const make = (left: readonly RoutedRule[]) => routeOf(left, clauses)
  const places = new Map(rules.map((rule, index) => [rule, index]))
  const runtime = router(rules, places, make)
  const routed = router(rules.filter(isRoutedInAudit), places, make)
  const common = router(
    rules.filter((rule) => !isRoutedInAudit(rule)),
    places,
    make
  )
  return {
    candidates(view) {
      const found: Candidate[] = []
      if (view.event.runtime !== null) runtime(view)(view, found)
      else {
        common(view)(view, found)
        routed(view)(view, found)
      }
      return found
    }
  }
}
