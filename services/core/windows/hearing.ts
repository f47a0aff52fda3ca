import type { WindowState } from './state.ts'
import { horizonOf, type WindowRule } from './window-rule.ts'

/** Notes that an answer to an absence came, in whatever group. @param time microseconds since the epoch */
export function noteHeard({ heard }: WindowState, rule: WindowRule, time: number): void {
  const grain = Math.floor(time / rule.grain_us)
  const known = heard.get(rule)
  if (known === undefined) heard.set(rule, new Set([grain]))
  else known.add(grain)
}

/**
 * Whether answers came both before and after a time, each within the timespan: else their source was silent, or tells of nothing of
 * the kind, and that one is missing means nothing.
 */
export function wasHeard({ heard }: WindowState, rule: WindowRule, time: number): boolean {
  const known = heard.get(rule)
  if (known === undefined) return false
  const own = Math.floor(time / rule.grain_us)
  const most = Math.max(1, Math.floor(rule.timespan_us / rule.grain_us))
  const among = (from: number, to: number) => known.values().some((grain) => grain >= from && grain <= to)
  return among(own - most, own - 1) && among(own + 1, own + most)
}

/** Forgets when answers came that no event that is still open could ask for. */
export function forgetHeard({ heard, closed_before }: WindowState): void {
  for (const [rule, known] of heard) {
    for (const grain of known) {
      if ((grain + 1) * rule.grain_us + horizonOf(rule, 1) + rule.wait_us < closed_before) known.delete(grain)
    }
    if (known.size === 0) heard.delete(rule)
  }
}
