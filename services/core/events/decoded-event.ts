import type { AuditEvent, Cluster, RuntimeEvent } from '../../../schemas/generated/types.ts'
import type { EventError } from './errors.ts'

/** An event as its source's decoder gives it. Exactly one of `audit` and `runtime` is not null. */
export interface DecodedEvent {
  readonly audit: AuditEvent | null
  readonly runtime: RuntimeEvent | null
  /** As in `EventSource.provider`. */
  readonly provider: string
  /**
   * The cluster the record names, null where it names none. A record knows a cluster by its cloud name, not by the uid of
   * its kube-system namespace, so `id` is made of what the cloud has: `eks/ACCOUNT/NAME` and the like.
   */
  readonly cluster: Cluster | null
  /** Node the record names, null where it names none. */
  readonly node: string | null
}

/** What one record came to. Bad parts never cost good ones: both are given. */
export interface DecodedEvents {
  readonly events: readonly DecodedEvent[]
  readonly rejected: readonly EventError[]
}

/** Shorthand for an audit event of a provider. */
export function auditOf(audit: AuditEvent, provider: string, cluster: Cluster | null): DecodedEvent {
  return { audit, runtime: null, provider, cluster, node: null }
}
