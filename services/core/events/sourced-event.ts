import type { AuditEvent, Cluster, EventSource, RuntimeEvent } from '../../../schemas/generated/types.ts'

/**
 * A raw event with the header of the batch it came in: what every source yields and what enrichment takes.
 * Exactly one of `audit` and `runtime` is not null.
 */
export interface SourcedEvent {
  readonly audit: AuditEvent | null
  readonly runtime: RuntimeEvent | null
  readonly cluster: Cluster
  readonly source: EventSource
  /** When Weir received it, microseconds since the epoch. */
  readonly received: number
}

/** Identity of an event, the same however often and whichever way it arrives. */
export function eventId(event: Pick<SourcedEvent, 'audit' | 'runtime'>): string {
  if (event.audit !== null) return `${event.audit.auditID}/${event.audit.stage}`
  if (event.runtime !== null) return event.runtime.id
  throw new TypeError('an event is an audit event or a runtime event')
}

/** When an event happened, microseconds since the epoch. */
export function eventTime(event: Pick<SourcedEvent, 'audit' | 'runtime'>): number {
  if (event.audit !== null) return event.audit.stageTimestamp
  if (event.runtime !== null) return event.runtime.time
  throw new TypeError('an event is an audit event or a runtime event')
}
