import type { AuditEvent, CloudEvent, Cluster, EventSource, RuntimeEvent } from '../../../schemas/generated/types.ts'

/**
 * A raw event with the header of the batch it came in: what every source yields and what enrichment takes.
 * Exactly one of `audit`, `runtime` and `cloud` is there.
 */
export interface SourcedEvent {
  readonly audit: AuditEvent | null
  readonly runtime: RuntimeEvent | null
  readonly cloud?: CloudEvent | null
  readonly cluster: Cluster
  readonly source: EventSource
  /** When Weir received it, microseconds since the epoch. */
  readonly received: number
}

const NO_EVENT = 'an event is one of the audit log, of a sensor or of a cloud trail'

/**
 * Identity of an event, the same however often and whichever way it arrives.
 *
 * An audit event is told by its id and stage, and by the time its request was received: kube-apiserver takes the id from the
 * client's header `Audit-ID` if there is one, so an attacker could give his requests the ids of harmless ones and have them
 * passed over as duplicates. The time is the server's, to the microsecond.
 *
 * CloudTrail gives its events ids; the same event may be in the trails of several accounts and regions.
 */
export function eventId(event: Pick<SourcedEvent, 'audit' | 'runtime' | 'cloud'>): string {
  if (event.audit !== null) {
    const { auditID, stage, requestReceivedTimestamp } = event.audit
    return requestReceivedTimestamp === null ? `${auditID}/${stage}` : `${auditID}/${stage}/${requestReceivedTimestamp}`
  }
  if (event.runtime !== null) return event.runtime.id
  if (event.cloud != null) {
    const { recipientAccountId, awsRegion, eventID } = event.cloud
    return `${recipientAccountId ?? '-'}/${awsRegion ?? '-'}/${eventID}`
  }
  throw new TypeError(NO_EVENT)
}

/** When an event happened, microseconds since the epoch. */
export function eventTime(event: Pick<SourcedEvent, 'audit' | 'runtime' | 'cloud'>): number {
  if (event.audit !== null) return event.audit.stageTimestamp
  if (event.runtime !== null) return event.runtime.time
  if (event.cloud != null) return event.cloud.eventTime
  throw new TypeError(NO_EVENT)
}
