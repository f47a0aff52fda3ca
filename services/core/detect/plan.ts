import type { Predicate } from './compile.ts'
import type { EventView } from './event-view.ts'
import { isOfClass, type LoadedRule } from './loaded-rule.ts'
import { router } from './routes.ts'

/** A rule that may match an event, with what is left to test: the same answer as its detection's own test gives. */
export interface Candidate {
  readonly rule: LoadedRule
  readonly test: Predicate
}

/**
 * Chooses the rules that can match an event. Whatever it leaves out does not match, and would not be told to be left undecided
 * by the audit level; order is that of the rules.
 */
export interface Plan {
  candidates(view: EventView): readonly Candidate[]
}

/** Actions come from sensors and could be any text: more kinds of events than this are routed without being remembered. */
const REMEMBERED = 256

/** A plan that routes events by source, category and action, and tests every rule there is for them. */
export function planByClass(rules: readonly LoadedRule[]): Plan {
  const candidates = rules.map((rule) => ({ rule, test: rule.detection.test }))
  const routes = new Map<string, readonly Candidate[]>()
  return {
    candidates({ event }) {
      const { runtime } = event
      const key = runtime === null ? 'audit' : `${runtime.category} ${runtime.action}`
      const known = routes.get(key)
      if (known !== undefined) return known
      const found = candidates.filter(({ rule }) => isOfClass(rule.events, event))
      if (routes.size < REMEMBERED) routes.set(key, found)
      return found
    }
  }
}

/** A plan that routes events by what few things are said about, and tests what is left of the rules of a route. */
export function planByRoute(rules: readonly LoadedRule[]): Plan {
  return { candidates: router<readonly Candidate[]>(rules, (left) => left) }
}
