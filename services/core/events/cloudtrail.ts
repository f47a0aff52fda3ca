import type { CloudEvent, Cluster } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject } from '../json.ts'
import { contentId } from './canonical.ts'
import {
  cloudBodyOf,
  cloudIdentityFrom,
  cloudResourcesFrom,
  cloudWorkloadOf,
  issuedKeyOf,
  sessionNameOf
} from './cloudtrail-parts.ts'
import { type DecodedEvent, type DecodedEvents, decodeEach } from './decoded-event.ts'
import { isLogEvent, isSubscriptionRecord } from './eks.ts'
import { describe, eventError } from './errors.ts'
import { booleanOf, type Cuts, textMapOf, textOf } from './fields.ts'
import { parseJsonText } from './json-text.ts'
import { noteInto, timeOr } from './notes.ts'
import { microsFrom } from './timestamp.ts'

/**
 * Whether an object is a record of CloudTrail. Notifications of S3 and SES have the same names for time, service and operation, but
 * no identity of ours and services called aws:….
 */
export function isTrailRecord(json: JsonObject): boolean {
  return (
    typeof json.eventName === 'string' &&
    typeof json.eventSource === 'string' &&
    !json.eventSource.startsWith('aws:') &&
    (typeof json.eventID === 'string' || isObject(json.userIdentity)) &&
    (typeof json.eventVersion === 'string' || typeof json.eventTime === 'string')
  )
}

const firstOf = (value: unknown): JsonObject | null => (Array.isArray(value) && isObject(value[0]) ? value[0] : null)

/** Whether an object is a file of CloudTrail. An empty one is told by having nothing but the list. */
export function isTrailFile(json: JsonObject): boolean {
  if (!Array.isArray(json.Records)) return false
  const first = firstOf(json.Records)
  return first === null ? Object.keys(json).length === 1 : isTrailRecord(first)
}

/** CloudTrail names its log streams ACCOUNT_CloudTrail_REGION, with more behind it in large accounts. */
const TRAIL_STREAM = /^\d{12}_CloudTrail_/
const holdsRecord = (message: unknown): boolean =>
  typeof message === 'string' && /^\s*\{\s*"eventVersion"/.test(message) && message.includes('"eventSource"')

/** Whether an object is what CloudWatch Logs hands over of a trail: a subscription record, or one log event. */
export function isTrailDelivery(json: JsonObject): boolean {
  if (isSubscriptionRecord(json)) {
    if (typeof json.logStream === 'string' && TRAIL_STREAM.test(json.logStream)) return true
    return holdsRecord(firstOf(json.logEvents)?.message)
  }
  return isLogEvent(json) && holdsRecord(json.message)
}

/** Account and region are parts of an event's identity. */
const SHORT = 64
const EVENT_ID = /^[0-9A-Za-z-]{8,64}$/

function identityOf(json: JsonObject): string {
  if (typeof json.eventID === 'string' && EVENT_ID.test(json.eventID)) return json.eventID
  return `content-${contentId(json)}`
}

/**
 * Turns one record of CloudTrail into an event of ours. Fields of a wrong type count as absent; what is too large is cut and named
 * in the note weir.io/cut. Tokens of sessions are left out.
 * Fields: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 * @param json the record, as parsed JSON
 * @param arrival time to use when the record has none, microseconds since the epoch, or null
 * @throws EVENT_NOT_AN_OBJECT, EVENT_INCOMPLETE (no service or operation), EVENT_TIME_MISSING
 */
export function cloudEventFrom(json: unknown, arrival: number | null = null): CloudEvent {
  if (!isObject(json))
    throw eventError('EVENT_NOT_AN_OBJECT', `a record of CloudTrail is an object, this is ${describe(json)}`)
  const cuts: Cuts = []
  const text = (key: string) => textOf(json[key], key, cuts)
  const eventSource = text('eventSource')
  const eventName = text('eventName')
  if (eventSource === null || eventName === null) {
    throw eventError(
      'EVENT_INCOMPLETE',
      `a record of CloudTrail names a service and an operation; this has ${describe(json.eventSource)} for eventSource and ${describe(json.eventName)} for eventName`
    )
  }
  const time = microsFrom(json.eventTime)
  const userIdentity = cloudIdentityFrom(json.userIdentity, cuts)
  const response = isObject(json.responseElements) ? json.responseElements : null
  const errorCode = text('errorCode')
  const event: CloudEvent = {
    eventID: identityOf(json),
    eventTime: timeOr(time, arrival, 'the record of CloudTrail'),
    eventSource,
    eventName,
    eventType: text('eventType'),
    eventCategory: text('eventCategory'),
    readOnly: booleanOf(json.readOnly),
    awsRegion: textOf(json.awsRegion, 'awsRegion', cuts, SHORT),
    recipientAccountId:
      textOf(json.recipientAccountId, 'recipientAccountId', cuts, SHORT) ??
      textOf(userIdentity.accountId, 'recipientAccountId', cuts, SHORT),
    sourceIPAddress: text('sourceIPAddress'),
    vpcEndpointId: text('vpcEndpointId'),
    userAgent: text('userAgent'),
    errorCode,
    errorMessage: text('errorMessage'),
    userIdentity,
    resources: cloudResourcesFrom(json.resources, cuts),
    requestParameters: cloudBodyOf(json.requestParameters, 'requestParameters', cuts),
    responseElements: cloudBodyOf(json.responseElements, 'responseElements', cuts),
    additionalEventData: textMapOf(json.additionalEventData, 'additionalEventData', cuts),
    provider: 'aws',
    session_name: sessionNameOf(userIdentity),
    issued_key_id: issuedKeyOf(response),
    workload: cloudWorkloadOf(userIdentity, json.requestParameters, response, errorCode),
    source_kind: null,
    notes: {}
  }
  return { ...event, notes: noteInto({}, cuts, time !== null) }
}

const EKS_ARN = /^arn:[a-z-]+:eks:[a-z0-9-]+:(\d{12}):cluster\/([0-9A-Za-z][0-9A-Za-z_-]{0,99})$/

/** The cluster that EKS Pod Identity names, as the audit logs of EKS name it. */
export function clusterOfArn(arn: string | null): Cluster | null {
  const [, account, name] = (arn === null ? null : EKS_ARN.exec(arn)) ?? []
  return account === undefined || name === undefined ? null : { id: `eks/${account}/${name}`, name }
}

function decodedFrom(json: unknown, arrival: number | null): DecodedEvent {
  const cloud = cloudEventFrom(json, arrival)
  return { audit: null, runtime: null, cloud, provider: 'cloudtrail', cluster: null, node: null }
}

function logEventFrom(json: unknown, arrival: number | null): DecodedEvent {
  if (!isObject(json)) throw eventError('EVENT_NOT_AN_OBJECT', `it is ${describe(json)}`)
  const record = parseJsonText(json.message, 'the message of the log event')
  return decodedFrom(record, microsFrom(json.timestamp) ?? arrival)
}

/**
 * Turns what a trail delivers into events: one record, a file (`{"Records": […]}`), or what CloudWatch Logs hands over of it.
 * Records inside an envelope of EventBridge are found by whoever knows wrappers.
 * @param arrival as for `cloudEventFrom`
 * @throws as `cloudEventFrom` for one record; of many, errors stand beside the events
 */
export function trailEventsFrom(json: JsonObject, arrival: number | null): DecodedEvent | DecodedEvents {
  if (isTrailRecord(json)) return decodedFrom(json, arrival)
  if (Array.isArray(json.Records)) return decodeEach(json.Records, 'record', (record) => decodedFrom(record, arrival))
  if (json.messageType === 'CONTROL_MESSAGE') return { events: [], rejected: [] }
  if (Array.isArray(json.logEvents))
    return decodeEach(json.logEvents, 'log event', (item) => logEventFrom(item, arrival))
  return logEventFrom(json, arrival)
}
