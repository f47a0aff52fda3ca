import { leastItems } from './meters.ts'
import type { WindowRule } from './window-rule.ts'

/** Rules by numbers, so that a group names its own in four bytes. */
export interface GroupRules {
  numberOf(rule: WindowRule): number
  /** @throws RangeError when no rule has the number */
  ruleOf(number: number): WindowRule
  /**
   * With fewer events, and nothing told of it, nothing has to be done with a group of the rule when its time comes but to let go of events.
   * 0 where that cannot be said.
   */
  quietBelow(number: number): number
}

export function createGroupRules(): GroupRules {
  const rules: WindowRule[] = []
  const numbers = new Map<WindowRule, number>()
  const quiet: number[] = []
  let latestRule: WindowRule | null = null
  let latestNumber = -1
  return {
    numberOf(rule) {
      if (rule === latestRule) return latestNumber
      const known = numbers.get(rule)
      const number = known ?? rules.push(rule) - 1
      if (known === undefined) {
        numbers.set(rule, number)
        // Where results are counted, they come while groups are looked at, and what is to be let go of may make a window with them.
        quiet.push(rule.mode === 'sliding' && rule.depth === 0 ? leastItems(rule) : 0)
      }
      latestRule = rule
      latestNumber = number
      return number
    },

    ruleOf(number) {
      const rule = rules[number]
      if (rule === undefined) throw new RangeError(`there is no group of a rule ${number}`)
      return rule
    },

    quietBelow: (number) => quiet[number] ?? 0
  }
}
