import type { Cluster } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject } from '../json.ts'
import { auditEventFrom } from './audit.ts'
import { auditOf, type DecodedEvent, type DecodedEvents, decodeEach } from './decoded-event.ts'
import { describe, eventError } from './errors.ts'
import { parseJsonText } from './json-text.ts'
import { microsFrom } from './timestamp.ts'

/** EKS names a cluster's log group after it: /aws/eks/CLUSTER/cluster. */
const LOG_GROUP = /^\/aws\/eks\/([0-9A-Za-z][0-9A-Za-z_-]{0,99})\/cluster$/
const AUDIT_STREAM = 'kube-apiserver-audit'

/** Whether an object is a record of a CloudWatch Logs subscription. */
export function isSubscriptionRecord(json: JsonObject): boolean {
  return typeof json.messageType === 'string' && (Array.isArray(json.logEvents) || typeof json.logGroup === 'string')
}

/**
 * Whether an object is one log event of CloudWatch: out of a subscription record, or as FilterLogEvents gives it. The id
 * is a long decimal number; without one the log group tells.
 */
export function isLogEvent(json: JsonObject): boolean {
  if (typeof json.message !== 'string') return false
  const id = json.id ?? json.eventId
  return (typeof id === 'string' && /^\d{40,64}$/.test(id)) || clusterOf(json.logGroup, json.owner) !== null
}

/** Whether a plain audit event says that it comes from EKS: Panther keeps the name of the log in a field of its own. */
export function isMarkedAsEks(json: JsonObject): boolean {
  return json.p_log_type === 'Amazon.EKS.Audit'
}

function clusterOf(logGroup: unknown, owner: unknown): Cluster | null {
  const name = typeof logGroup === 'string' ? LOG_GROUP.exec(logGroup)?.[1] : undefined
  if (name === undefined) return null
  const account = typeof owner === 'string' && /^\d{12}$/.test(owner) ? owner : '-'
  return { id: `eks/${account}/${name}`, name }
}

/**
 * Turns one log event of CloudWatch into an audit event.
 * @param json `{id, timestamp, message}`; the message is the audit event as JSON text, the timestamp in milliseconds
 * @param arrival time to use when neither event nor envelope has one, microseconds since the epoch, or null
 * @param cluster the cluster when an envelope around it named one
 * @throws EVENT_TEXT_INVALID, and as `auditEventFrom`
 */
export function eksLogEventFrom(json: JsonObject, arrival: number | null, cluster: Cluster | null): DecodedEvent {
  const event = parseJsonText(json.message, 'the message of the log event')
  const named = cluster ?? clusterOf(json.logGroup, json.owner)
  return auditOf(auditEventFrom(event, microsFrom(json.timestamp) ?? arrival), 'eks', named)
}

/**
 * Turns a record of a CloudWatch Logs subscription into audit events. Decoding base64 and gzip, in which Kinesis, Firehose
 * and Lambda hand records over, comes before.
 * Format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
 * @param json `{messageType, owner, logGroup, logStream, logEvents}`; a CONTROL_MESSAGE holds no events
 * @param arrival as for `eksLogEventFrom`
 * @returns the events, and an error per log event that is none
 * @throws EVENT_NOT_AUDIT (another of the cluster's logs), EVENT_INCOMPLETE (no log events)
 */
export function eksEventsFrom(json: JsonObject, arrival: number | null): DecodedEvents {
  if (json.messageType === 'CONTROL_MESSAGE') return { events: [], rejected: [] }
  const { logEvents, logStream } = json
  if (typeof logStream === 'string' && logStream !== '' && !logStream.startsWith(AUDIT_STREAM)) {
    throw eventError('EVENT_NOT_AUDIT', `log stream ${describe(logStream)} is not ${AUDIT_STREAM}-…`)
  }
  if (!Array.isArray(logEvents)) {
    throw eventError('EVENT_INCOMPLETE', `the subscription record has ${describe(logEvents)} for logEvents`)
  }
  const cluster = clusterOf(json.logGroup, json.owner)
  return decodeEach(logEvents, 'log event', (item) => {
    if (!isObject(item)) throw eventError('EVENT_NOT_AN_OBJECT', `it is ${describe(item)}`)
    return eksLogEventFrom(item, arrival, cluster)
  })
}
