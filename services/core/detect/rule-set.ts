import type { EnrichedEvent, Signal } from '../../../schemas/generated/types.ts'
import type { Bodies } from '../bodies.ts'

/** The detections, ready to match. Made by `loadRuleSet` from Sigma text. */
export interface RuleSet {
  /** Number of rules that are loaded. */
  readonly size: number
  /**
   * Evaluates every rule on one event.
   * @param bodies the event's bodies, for those who share them with what else looks into them
   * @returns a signal per matching rule, in the order of rule ids; signal ids come from rule id and event id
   */
  match(event: EnrichedEvent, bodies?: Bodies): readonly Signal[]
}
