import type { EnrichedEvent } from '../../../schemas/generated/types.ts'
import type { CompiledDetection } from './compile.ts'
import type { EventClass } from './field-map.ts'
import type { SearchTemplate } from './search-template.ts'
import type { FilterDocument, RuleDocument } from './sigma-document.ts'
import type { TitleTemplate } from './title-template.ts'

/** An exception that applies to a rule. */
export interface LoadedFilter {
  readonly document: FilterDocument
  readonly detection: CompiledDetection
}

/** A field that a signal shows. */
export interface EvidenceField {
  /** Path in the event model. */
  readonly path: string
  /** Number in the rule set's field table. */
  readonly field: number
}

/** A rule that is ready to be evaluated. */
export interface LoadedRule {
  readonly document: RuleDocument
  /** The classes of events that its log source means. */
  readonly events: readonly EventClass[]
  readonly detection: CompiledDetection
  readonly filters: readonly LoadedFilter[]
  readonly title: TitleTemplate
  /** Numbers of the fields that tell whether signals say the same thing; null for the default. */
  readonly dedup: readonly number[] | null
  readonly evidence: readonly EvidenceField[]
  readonly investigation: readonly { readonly step: string; readonly search: SearchTemplate | null }[]
  /** alert: its signals tell something by themselves; part: they only count towards correlations. */
  readonly role: 'alert' | 'part'
  /** Fields whose values its signals carry for correlations, by the names they use. */
  readonly carried: readonly EvidenceField[]
  readonly tactics: readonly string[]
  readonly techniques: readonly string[]
}

/** What alerts by itself, rule or correlation, as lists and coverage pages name it. */
export interface AlertingRule {
  readonly document: Pick<RuleDocument, 'file' | 'id' | 'name' | 'title' | 'level' | 'weir'>
  readonly tactics: readonly string[]
  readonly techniques: readonly string[]
}

/** Whether an event is of one of the classes. */
export function isOfClass(classes: readonly EventClass[], event: EnrichedEvent): boolean {
  return classes.some((wanted) => {
    if (wanted.source !== 'runtime') return event[wanted.source] !== null
    const { runtime } = event
    if (runtime === null) return false
    if (wanted.category !== null && wanted.category !== runtime.category) return false
    return wanted.actions === null || wanted.actions.includes(runtime.action)
  })
}

/** Whether a filter still holds at the time of an event: exceptions end at their expiry, the same on every replay. */
export function holdsAt(filter: LoadedFilter, event: EnrichedEvent): boolean {
  const { expires } = filter.document.weir
  return expires === null || event.time < expires
}
