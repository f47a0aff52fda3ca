import type { EnrichedEvent } from '../../../schemas/generated/types.ts'
import { type EventLimit, type EventView, mayBeLeftOut } from './event-view.ts'
import { holdsAt, type LoadedFilter, type LoadedRule } from './loaded-rule.ts'
import type { Candidate, Plan } from './plan.ts'

/** Is told what a rule set does not show in its signals. Whoever listens counts it. */
export interface RuleSetObserver {
  /** A rule could not be evaluated, because the audit level (or a cloud's cut) left out what decides. */
  notEvaluable?(rule: LoadedRule, event: EnrichedEvent): void
  /** A rule matched and an exception silenced it. */
  filtered?(rule: LoadedRule, filter: LoadedFilter, event: EnrichedEvent): void
  /** A bound was met: what lies beyond it was not looked at. */
  limited?(limit: EventLimit, event: EnrichedEvent): void
}

/** The rules that match an event and that no exception silences, in the order of rules. */
export type Matcher = (view: EventView) => readonly LoadedRule[]

const NONE: readonly LoadedRule[] = []

/** Evaluates the candidates of a plan. */
export function matcherOf(plan: Plan, observer: RuleSetObserver): Matcher {
  return (view) => {
    const { event } = view
    let matching: Candidate[] | null = null
    let isCut = false
    for (const candidate of plan.candidates(view)) {
      const { rule, verdict } = candidate
      let matches = false
      if (verdict !== null) isCut ||= mayBeLeftOut(view)
      if (verdict === null || !isCut) {
        matches = candidate.test(view)
        // The test may have been the first to read a body.
        if (verdict !== null) isCut = mayBeLeftOut(view)
      }
      if (verdict !== null && isCut) {
        const told = verdict(view)
        matches = told === 'true'
        if (told === 'unknown') observer.notEvaluable?.(rule, event)
      }
      if (!matches) continue
      // An exception that cannot be told does not silence.
      const silencer = rule.filters.find(
        (filter) => holdsAt(filter, event) && filter.detection.verdict(view) === 'false'
      )
      if (silencer !== undefined) observer.filtered?.(rule, silencer, event)
      else if (matching === null) matching = [candidate]
      else matching.push(candidate)
    }
    for (const limit of view.limits) observer.limited?.(limit, event)
    if (matching === null) return NONE
    if (matching.length > 1) matching.sort((a, b) => a.place - b.place)
    return matching.map(({ rule }) => rule)
  }
}
