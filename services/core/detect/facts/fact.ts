import type { AuditEvent, EnrichedEvent } from '../../../../schemas/generated/types.ts'
import type { Bodies } from '../../bodies.ts'

/** What a fact is read from, so that a rule can be told undecided when the audit level left that out. */
export type FactPart = 'object' | 'pod_template' | 'request' | null

/** What facts are worked out from. */
export interface FactSubject {
  readonly event: EnrichedEvent
  readonly bodies: Bodies
}

/** Gives facts that other facts are made from, by name. */
export type FactReader = (name: string) => unknown

/** Something worked out from an event that Sigma cannot say: a field of rules, found once per event and only when a rule asks. */
export interface Fact {
  /** What it is, in one line for rule authors. */
  readonly doc: string
  readonly part: FactPart
  /** Names inside it; null when it is JSON, where every path exists; empty for plain values. */
  readonly fields: readonly string[] | null
  /** All fields of the event that it follows from, each as names of the event model; null when it is not known to need no more. */
  readonly reads: readonly (readonly string[])[] | null
  readonly compute: (subject: FactSubject, facts: FactReader) => unknown
}

export function fact(part: FactPart, fields: Fact['fields'], doc: string, compute: Fact['compute']): Fact {
  return { doc, part, fields, reads: null, compute }
}

function textAt(event: EnrichedEvent, path: readonly string[]): string | null {
  let value: unknown = event
  for (const name of path) {
    if (typeof value !== 'object' || value === null) return null
    value = (value as Record<string, unknown>)[name]
  }
  return typeof value === 'string' ? value : null
}

/** A plain value that follows from one text of the event and nothing else. */
export function factOfText(reads: readonly string[], doc: string, from: (text: string | null) => unknown): Fact {
  return { doc, part: null, fields: [], reads: [reads], compute: ({ event }) => from(textAt(event, reads)) }
}

/** A fact that is worked out from the object of a request, or from the pod spec in it, and nothing else. */
export function factOf(
  part: 'object' | 'pod_template',
  fields: Fact['fields'],
  doc: string,
  from: (value: unknown) => unknown
): Fact {
  return fact(part, fields, doc, (_, facts) => from(facts(part)))
}

/** A fact of audit events; others have none. */
export function audit<T>(
  from: (subject: { readonly event: EnrichedEvent & { readonly audit: AuditEvent }; readonly bodies: Bodies }) => T
) {
  return ({ event, bodies }: FactSubject): T | null =>
    event.audit === null ? null : from({ event: event as EnrichedEvent & { audit: AuditEvent }, bodies })
}
