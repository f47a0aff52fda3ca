import { hash } from 'node:crypto'
import type { EnrichedEvent, Signal } from '../../../schemas/generated/types.ts'
import { ancestryOf, entitiesOf } from './entities.ts'
import { type EventValue, type EventView, textOfValue } from './event-view.ts'
import type { FieldTable } from './field-reader.ts'
import { EVENT_LIMITS } from './limits.ts'
import type { LoadedRule } from './loaded-rule.ts'
import { plainValues } from './plain-text.ts'

const digest = (parts: readonly unknown[]): string => hash('sha256', JSON.stringify(parts), 'hex').slice(0, 32)

/** Identity of a signal: the same rule on the same event is the same signal, however often it is evaluated. */
function signalId(ruleId: string, eventId: string): string {
  return digest([ruleId, eventId])
}

/** Who and which workload: what tells two signals of one rule apart when the rule does not say. */
function usualParts(event: EnrichedEvent): readonly (string | null)[] {
  const { actor, cloud, pod, workload } = event
  const where = workload ?? pod
  return [
    actor?.name ?? cloud?.userIdentity.arn ?? cloud?.userIdentity.principalId ?? null,
    workload?.kind ?? null,
    where?.namespace ?? null,
    where?.name ?? pod?.uid ?? event.source.instance
  ]
}

const textOrNull = (value: EventValue): string | null =>
  typeof value === 'object' && value !== null
    ? JSON.stringify(value).slice(0, EVENT_LIMITS.evidence_characters)
    : textOfValue(value)

function dedupKey(rule: LoadedRule, view: EventView, table: FieldTable): string {
  const parts =
    rule.dedup === null
      ? usualParts(view.event)
      : rule.dedup.map((field) => table.valuesOf(field, view).values.map(textOrNull))
  return digest([rule.document.id, view.event.cluster.id, parts])
}

function evidenceOf(rule: LoadedRule, view: EventView, table: FieldTable): Readonly<Record<string, string>> {
  const evidence: [string, string][] = []
  for (const { path, field } of rule.evidence) {
    if (evidence.length >= EVENT_LIMITS.evidence_fields) break
    const text = plainValues(table.valuesOf(field, view).values, EVENT_LIMITS.evidence_characters)
    if (text !== null) evidence.push([path, text])
  }
  return Object.fromEntries(evidence)
}

/** A long value is cut, and told from others that begin alike by a hash. */
function carriedText(value: EventValue): string | null {
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : textOfValue(value)
  if (text === null || text.length <= EVENT_LIMITS.carried_characters) return text
  return `${text.slice(0, EVENT_LIMITS.carried_characters - 32)}${hash('sha256', text, 'hex').slice(0, 32)}`
}

function carriedOf(rule: LoadedRule, view: EventView, table: FieldTable): Signal['correlation_fields'] {
  return Object.fromEntries(
    rule.carried.map(({ path, field }) => {
      const { values } = table.valuesOf(field, view)
      const texts = values.map(carriedText).filter((text) => text !== null)
      return [path, [...new Set(texts)].sort().slice(0, EVENT_LIMITS.carried_values)]
    })
  )
}

/**
 * The signal of a rule that matched.
 * @param view the event, with what has been looked up in it
 * @param table the field table that the rule was compiled with
 */
export function signalOf(rule: LoadedRule, view: EventView, table: FieldTable): Signal {
  const { event } = view
  const { document } = rule
  return {
    id: signalId(document.id, event.id),
    time: event.time,
    cluster: event.cluster,
    source: event.cloud !== null ? 'cloud' : event.audit === null ? 'runtime' : 'audit',
    rule: { id: document.id, code: document.weir.code, title: document.title, level: document.level },
    severity: document.weir.severity ?? document.level,
    title: rule.title(view),
    dedup_key: dedupKey(rule, view, table),
    event_id: event.id,
    action: event.action,
    outcome: event.outcome,
    tactics: rule.tactics,
    techniques: rule.techniques,
    entities: entitiesOf(event),
    evidence: evidenceOf(rule, view, table),
    ancestry: ancestryOf(event),
    playbook: document.weir.playbook,
    investigation: rule.investigation.map(({ step, search }) => ({
      step,
      query: search === null ? null : search(view)
    })),
    role: rule.role,
    sources: [],
    parts: [],
    count: 1,
    correlation_fields: carriedOf(rule, view, table),
    verdict: null
  }
}
