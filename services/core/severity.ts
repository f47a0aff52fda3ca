import type { Severity } from '../../schemas/generated/types.ts'

/** Severities from the least to the worst: Sigma's levels. */
export const SEVERITIES = ['informational', 'low', 'medium', 'high', 'critical'] as const satisfies readonly Severity[]

/** Rank of a severity, 0 for informational to 4 for critical. */
export function severityRank(severity: Severity): number {
  return SEVERITIES.indexOf(severity)
}
