import type { WindowRule } from '../windows/window-rule.ts'

/** Correlations of a cluster whose windows are spread over processes. */
export interface SpreadRules {
  /** Those whose groups may each be anywhere. */
  readonly spread: readonly WindowRule[]
  /** Those that have to see all of the cluster, in the order in which they were given. */
  readonly staying: readonly WindowRule[]
}

/**
 * Which correlations can be evaluated group by group, without anything else of their cluster: those with group-by over rules of single
 * events, each named once, that no other correlation refers to and that ask nothing of other groups (`heard`).
 * @param windows all correlations
 * @param profiles all profiles: what they tell is told where they are
 */
export function spreadRulesOf(
  windows: readonly WindowRule[],
  profiles: ReadonlyArray<{ readonly id: string }>
): SpreadRules {
  const results = new Set([...windows, ...profiles].map(({ id }) => id))
  const referred = new Set(windows.flatMap(({ parts }) => parts))
  const canSpread = ({ id, mode, role, grain_us, correlation, parts }: WindowRule) =>
    mode !== 'session' &&
    role === 'alert' &&
    grain_us === 0 &&
    correlation.group_by.length > 0 &&
    !referred.has(id) &&
    new Set(parts).size === parts.length &&
    parts.every((part) => !results.has(part))
  return { spread: windows.filter(canSpread), staying: windows.filter((rule) => !canSpread(rule)) }
}
