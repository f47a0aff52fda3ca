import type { Severity } from '../../../schemas/generated/types.ts'
import type { Correlation } from '../detect/correlation-document.ts'

/** What a windowed rule counts, and the parts it counts: a Sigma correlation whose references are resolved. */
export interface WindowRule {
  readonly id: string
  readonly name: string | null
  readonly code: string | null
  readonly title: string
  readonly level: Severity
  readonly severity: Severity
  readonly tactics: readonly string[]
  readonly techniques: readonly string[]
  readonly playbook: string | null
  readonly investigation: readonly { readonly step: string; readonly query: string | null }[]
  /** Title of its signals, `{field}` for values of group-by, `{count}`, `{value}` and `{values}`. */
  readonly template: string
  readonly correlation: Correlation
  /** Whether it alerts by itself, or is only a part of another correlation. */
  readonly role: 'alert' | 'part'
  /** Ids of the rules and correlations it refers to, in their order. */
  readonly parts: readonly string[]
  readonly timespan_us: number
  /**
   * sliding: told as soon as the criteria hold for the timespan before an event, since more events do not undo it;
   * complete: only told when a whole timespan has passed, since more events may undo it;
   * session: no window at all, see core/sessions.
   */
  readonly mode: 'sliding' | 'complete' | 'absence' | 'session'
  /** Per part: the names under which its group-by values and the counted field are carried. */
  readonly fields: ReadonlyArray<{ readonly group: readonly string[]; readonly counted: readonly string[] }>
  /** Over how many correlations it stands: those with 0 only refer to rules. */
  readonly depth: number
  /** How much longer than for events one has to wait for the results it refers to, microseconds. */
  readonly wait_us: number
}

/** Most events of one part remembered per group, hence also the largest number that can be asked for. */
export const MAX_ITEMS_PER_PART = 1_000

/** How long after its time an event can still matter to a window, microseconds, lateness not counted. */
export function horizonOf({ mode, timespan_us }: WindowRule, part: number): number {
  if (mode !== 'absence') return timespan_us
  return timespan_us * (part === 0 ? 2 : 3)
}

/** How windows of a correlation are evaluated, see `WindowRule.mode`. */
export function modeOf({ type, criteria, expression }: Correlation): WindowRule['mode'] {
  if (type === 'absence' || type === 'session') return type
  if (type === 'value_avg' || type === 'value_percentile') return 'complete'
  if (expression !== null && /\bnot\b/i.test(expression.text)) return 'complete'
  return [...criteria.keys()].some((criterion) => criterion !== 'gt' && criterion !== 'gte') ? 'complete' : 'sliding'
}

/** Whether an event of this time still matters to a rule. */
export function matters(rule: WindowRule, part: number, time: number, closed_before: number): boolean {
  return time + horizonOf(rule, part) + rule.wait_us >= closed_before
}
