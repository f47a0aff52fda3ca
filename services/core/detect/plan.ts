import { clausesOfItems, type ItemClauses, necessaryClause } from './clauses.ts'
import type { CompiledItem, Predicate, Verdict } from './compile.ts'
import type { EventView } from './event-view.ts'
import { isOfClass, type LoadedRule } from './loaded-rule.ts'
import { type ProbeEntry, probeOf } from './probe.ts'
import { type RoutedRule, type RouteLimits, router } from './routes.ts'

/** A rule that may match an event, with what is left to test: the same answer as its detection's own test gives. */
export interface Candidate {
  readonly rule: LoadedRule
  readonly test: Predicate
  /** The same where the audit level may have left out what decides; null when nothing that is left to test can be. */
  readonly verdict: ((view: EventView) => Verdict) | null
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
  const candidates = rules.map((rule, place) => {
    const { test, verdict, readsBodies } = rule.detection
    return { rule, test, verdict: readsBodies ? verdict : null, place }
  })
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

/** Finds the candidates of a route for an event. */
type Route = (view: EventView) => readonly Candidate[]

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
  if (probes.length === 0) return () => alwaysCandidates

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
  return (view) => {
    if (mark === LAST_MARK) {
      marks.fill(0)
      mark = 0
    }
    mark += 1
    found = [...alwaysCandidates]
    for (const probe of probes) probe(view, hit)
    return found
  }
}

/**
 * The decision plan. Events are routed by all that rules say about their fields; what is left are rules that match, and rules that
 * ask for more than that, of which only those are candidates whose most telling clause holds. See README.md.
 */
export function planByDecision(rules: readonly LoadedRule[], limits?: RouteLimits): Plan {
  const clauses = clausesOfItems(rules.map(({ detection }) => [...detection.items.values()]))
  const places = new Map(rules.map((rule, index) => [rule, index]))
  const route = router(rules, clauses, places, (left) => routeOf(left, clauses), limits)
  return { candidates: (view) => route(view)(view) }
}
