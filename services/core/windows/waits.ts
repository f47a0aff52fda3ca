import type { WindowRule } from './window-rule.ts'

/**
 * How much longer than for the quickest events each correlation has to wait until nothing changes its windows any more: for the results it
 * refers to, which are final when their window (or a profile's hour or period) is over; for sources that may be later than others; and
 * for answers of a later grain.
 * @param windows what one refers to stands before it
 * @param profiles how long after its time what a profile tells may change, microseconds by id
 * @param later_us how much later than the quickest the events of a correlation's rules may come, microseconds
 */
export function withWaits(
  windows: readonly WindowRule[],
  profiles: ReadonlyMap<string, number>,
  later_us: (rule: WindowRule) => number = () => 0
): readonly WindowRule[] {
  const delays = new Map(profiles)
  return windows.map((rule) => {
    // Whether the answers were heard of is known a grain later, and looked for on both sides.
    const beyond_us = rule.correlation.direction === 'before' ? rule.timespan_us : 0
    const hearing_us = rule.grain_us === 0 ? 0 : rule.grain_us + beyond_us
    const wait_us = Math.max(later_us(rule), ...rule.parts.map((part) => delays.get(part) ?? 0)) + hearing_us
    delays.set(rule.id, wait_us + rule.timespan_us * (rule.mode === 'absence' ? 2 : 1))
    return { ...rule, wait_us }
  })
}
