import type { EnrichedEvent, Signal } from '../../../schemas/generated/types.ts'

/** The detections, ready to match. Made by `loadRuleSet` from Sigma text. */
export interface RuleSet {
  /** Number of rules that are loaded. */
  readonly size: number
  /**
   * Evaluates every rule on one event.
   * @returns a signal per matching rule, in the order of rule ids; signal ids come from rule id and event id
   */
  match(event: EnrichedEvent): readonly Signal[]
}
