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

/**
 * Identity of an event, the same however often and whichever way it arrives.
 *
 * An audit event is told by its id and stage, and by the time its request was received: kube-apiserver takes the id from the
 * client's header `Audit-ID` if there is one, so an attacker could give his requests the ids of harmless ones and have them
 * passed over as duplicates. The time is the server's, to the microsecond.
 */
export function eventId(event: Pick<SourcedEvent, 'audit' | 'runtime'>): string {
  if (event.audit !== null) {
    const { auditID, stage, requestReceivedTimestamp } = event.audit
    return requestReceivedTimestamp === null ? `${auditID}/${stage}` : `${auditID}/${stage}/${requestReceivedTimestamp}`
  }
  if (event.runtime !== null) return event.runtime.id
  throw new TypeError('an event is an audit event or a runtime event')
}

/** When an event happened, microseconds since the epoch. */
export function eventTime(event: Pick<SourcedEvent, 'audit' | 'runtime'>): number {
  if (event.audit !== null) return event.audit.stageTimestamp
  if (event.runtime !== null) return event.runtime.time
  throw new TypeError('an event is an audit event or a runtime event')
}
