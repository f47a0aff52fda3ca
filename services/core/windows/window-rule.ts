import type { Severity, SourceType } from '../../../schemas/generated/types.ts'
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
  /** Where the events of the rules come from that it refers to itself. */
  readonly sources: readonly SourceType[]
  /** Over how many correlations it stands: those with 0 only refer to rules. */
  readonly depth: number
  /** Of an absence that has to be heard, see `Correlation.heard`: times of answers are told apart to this, microseconds; 0 for others. */
  readonly grain_us: number
  /** How much longer than for events one has to wait for the results it refers to, microseconds. */
  readonly wait_us: number
}

/** Most events of one part remembered per group, hence also the largest number that can be asked for. */
export const MAX_ITEMS_PER_PART = 1_000

/** How long after its time an event can still matter to a window, microseconds, lateness not counted. */
export function horizonOf({ mode, timespan_us, grain_us }: WindowRule, part: number): number {
  if (mode !== 'absence') return timespan_us
  return part === 0 ? timespan_us * 2 : timespan_us * 3 + grain_us
}

/** Minutes that lie side by side within hours, and so within days. */
const GRAINS = [30, 20, 15, 12, 10, 6, 5, 4, 3, 2, 1] as const
const MINUTE_US = 60_000_000

/** To what times of answers are told apart when there are many, microseconds: half the timespan at most, a minute at least. */
export function answerGrain_us({ type, heard, timespan_ms }: Correlation): number {
  if (type !== 'absence' || !heard) return 0
  return (GRAINS.find((minutes) => minutes * 2 * MINUTE_US <= timespan_ms * 1000) ?? 1) * MINUTE_US
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
