import type { Severity } from '../../../schemas/generated/types.ts'

/** Severities as numbers, those of OCSF `severity_id` (1.6.0): 1 informational to 5 critical. */
export const SEVERITY_NUMBER = { informational: 1, low: 2, medium: 3, high: 4, critical: 5 } as const satisfies Record<
  Severity,
  number
>
