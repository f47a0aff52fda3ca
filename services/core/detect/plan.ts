import type { EnrichedEvent } from '../../../schemas/generated/types.ts'
import { isOfClass, type LoadedRule } from './loaded-rule.ts'

/** Chooses the rules that can match an event. Whatever it leaves out must not match; order is that of the rules. */
export interface Plan {
  candidates(event: EnrichedEvent): readonly LoadedRule[]
}

/** Actions come from sensors and could be any text: more kinds of events than this are routed without being remembered. */
const REMEMBERED = 256

/** A plan that routes events by source, category and action. */
export function planByClass(rules: readonly LoadedRule[]): Plan {
  const routes = new Map<string, readonly LoadedRule[]>()
  return {
    candidates(event) {
      const { runtime } = event
      const key = runtime === null ? 'audit' : `${runtime.category} ${runtime.action}`
      const known = routes.get(key)
      if (known !== undefined) return known
      const found = rules.filter(({ events }) => isOfClass(events, event))
      if (routes.size < REMEMBERED) routes.set(key, found)
      return found
    }
  }
}
