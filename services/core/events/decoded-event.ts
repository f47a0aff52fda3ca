import type { AuditEvent, CloudEvent, Cluster, RuntimeEvent } from '../../../schemas/generated/types.ts'
import { type EventError, eventError, isEventError } from './errors.ts'
import { LIMITS } from './fields.ts'

/** An event as its source's decoder gives it. Exactly one of `audit`, `runtime` and `cloud` is there. */
export interface DecodedEvent {
  readonly audit: AuditEvent | null
  readonly runtime: RuntimeEvent | null
  readonly cloud?: CloudEvent
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

/**
 * Decodes the items of a list one by one, so that a bad one costs only itself.
 * @param items the list
 * @param what what an item is called in messages
 * @param decode turns one item into an event; an error of this area rejects the item
 */
export function decodeEach(
  items: readonly unknown[],
  what: string,
  decode: (item: unknown) => DecodedEvent | DecodedEvents
): DecodedEvents {
  const events: DecodedEvent[] = []
  const rejected: EventError[] = []
  if (items.length > LIMITS.records) {
    const message = `there are ${items.length} of ${what} in one record, ${LIMITS.records} are read at once: split it`
    return { events, rejected: [eventError('EVENT_TOO_MANY', message)] }
  }
  const reject = (index: number, error: EventError) =>
    rejected.push(eventError(error.code, `${what} ${index}: ${error.message}`, { cause: error }))
  for (let index = 0; index < items.length; index++) {
    try {
      const decoded = decode(items[index])
      if ('rejected' in decoded) {
        for (const event of decoded.events) events.push(event)
        for (const error of decoded.rejected) reject(index, error)
      } else {
        events.push(decoded)
      }
    } catch (error) {
      if (!isEventError(error)) throw error
      reject(index, error)
    }
  }
  return { events, rejected }
}
