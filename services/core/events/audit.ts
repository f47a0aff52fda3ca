import type { AuditEvent } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject } from '../json.ts'
import { annotationsFrom, auditIdFrom, objectRefFrom, responseStatusFrom, stageFrom, userFrom } from './audit-parts.ts'
import { describe, eventError, isEventError } from './errors.ts'
import { bodyOf, type Cuts, LIMITS, textOf, textsOf } from './fields.ts'
import { noteInto, timeOr } from './notes.ts'
import { microsFrom } from './timestamp.ts'

const API_GROUP = 'audit.k8s.io/'

function isAuditVersion(apiVersion: unknown): boolean {
  return typeof apiVersion === 'string' && apiVersion.startsWith(API_GROUP)
}

/**
 * Whether an object is an audit event by its looks. Kind and apiVersion are not always there: the items of an EventList
 * and what some shippers write lack them; then fields that only audit events have together decide.
 */
export function isAuditEvent(json: JsonObject): boolean {
  if (json.kind === 'Event') return isAuditVersion(json.apiVersion)
  if (json.kind !== undefined || json.apiVersion !== undefined) return false
  return (
    (typeof json.stage === 'string' || typeof json.auditID === 'string') &&
    (typeof json.requestURI === 'string' || isObject(json.objectRef) || typeof json.verb === 'string')
  )
}

/** Whether an object is a list of audit events. */
export function isAuditEventList(json: JsonObject): boolean {
  return json.kind === 'EventList' && isAuditVersion(json.apiVersion)
}

function requireAuditEvent(json: unknown): asserts json is JsonObject {
  if (!isObject(json)) throw eventError('EVENT_NOT_AN_OBJECT', `an audit event is an object, this is ${describe(json)}`)
  if (json.kind !== undefined && json.kind !== 'Event') {
    throw eventError('EVENT_KIND_WRONG', `kind is ${describe(json.kind)} where an audit event has "Event"`)
  }
  // Kubernetes has a second kind named Event, for people to read; its apiVersion is v1 or events.k8s.io/v1.
  if (json.apiVersion !== undefined && !isAuditVersion(json.apiVersion)) {
    throw eventError(
      'EVENT_KIND_WRONG',
      `apiVersion is ${describe(json.apiVersion)} where an audit event has "audit.k8s.io/v1"`
    )
  }
}

/**
 * Turns one audit event of Kubernetes (audit.k8s.io/v1 and its betas, as parsed JSON) into ours. What real logs leave out
 * is made good where that invents nothing: the time of the stage from the other times the event carries, the id from the
 * content. Fields of a wrong type count as absent; what is too large is cut and named in the annotation weir.io/cut.
 * Fields: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
 * @param json the event
 * @param arrival time to use when the event has none, microseconds since the epoch, or null
 * @throws EVENT_NOT_AN_OBJECT, EVENT_KIND_WRONG, EVENT_INCOMPLETE (no user, no URI and no object), EVENT_TIME_MISSING
 */
export function auditEventFrom(json: unknown, arrival: number | null = null): AuditEvent {
  requireAuditEvent(json)
  const cuts: Cuts = []
  const user = userFrom(json.user, 'user', cuts)
  const requestURI = textOf(json.requestURI, 'requestURI', cuts, LIMITS.uri)
  const objectRef = objectRefFrom(json.objectRef, cuts)
  if (user.username === '' && requestURI === null && objectRef === null) {
    throw eventError(
      'EVENT_INCOMPLETE',
      'an audit event names a user, a request URI or an object; this has none of them'
    )
  }
  const responseStatus = responseStatusFrom(json.responseStatus, cuts)
  // v1beta1 wrote `timestamp` for the time of the request, and `metadata.creationTimestamp` beside it.
  const received = microsFrom(json.requestReceivedTimestamp) ?? microsFrom(json.timestamp)
  const created = isObject(json.metadata) ? microsFrom(json.metadata.creationTimestamp) : null
  const stageTime = microsFrom(json.stageTimestamp) ?? received ?? created
  const verb = textOf(json.verb, 'verb', cuts)
  const requestObject = bodyOf(json.requestObject, 'requestObject', cuts)
  const responseObject = bodyOf(json.responseObject, 'responseObject', cuts)
  const sourceIPs = textsOf(json.sourceIPs, 'sourceIPs', cuts)
  const userAgent = textOf(json.userAgent, 'userAgent', cuts)
  const level = textOf(json.level, 'level', cuts)
  const impersonatedUser = isObject(json.impersonatedUser)
    ? userFrom(json.impersonatedUser, 'impersonatedUser', cuts)
    : null
  const annotations = annotationsFrom(json.annotations, cuts)
  return {
    auditID: auditIdFrom(json.auditID, () => IDENTIFYING.map((field) => json[field])),
    stage: stageFrom(json.stage, responseStatus !== null),
    level,
    verb,
    requestURI,
    user,
    impersonatedUser,
    sourceIPs,
    userAgent,
    objectRef,
    responseStatus,
    requestObject,
    responseObject,
    requestReceivedTimestamp: received,
    stageTimestamp: timeOr(stageTime, arrival, 'the audit event'),
    annotations: noteInto(annotations, cuts, stageTime !== null)
  }
}

/** What an event without an auditID is told apart by; anything else a shipper may have added does not count. */
const IDENTIFYING = [
  'level',
  'stage',
  'verb',
  'requestURI',
  'user',
  'impersonatedUser',
  'sourceIPs',
  'userAgent',
  'objectRef',
  'responseStatus',
  'requestObject',
  'responseObject',
  'requestReceivedTimestamp',
  'stageTimestamp',
  'timestamp',
  'metadata',
  'annotations'
] as const

/**
 * The items of an EventList, as kube-apiserver's webhook backend sends it, before they are read.
 * @throws EVENT_NOT_AN_OBJECT, EVENT_KIND_WRONG, EVENT_INCOMPLETE (no items), EVENT_TOO_MANY
 */
export function auditEventItems(json: unknown): readonly unknown[] {
  if (!isObject(json)) {
    throw eventError('EVENT_NOT_AN_OBJECT', `a list of audit events is an object, this is ${describe(json)}`)
  }
  if (!isAuditEventList(json)) {
    throw eventError(
      'EVENT_KIND_WRONG',
      `this is kind ${describe(json.kind)} of ${describe(json.apiVersion)}, not "EventList" of "audit.k8s.io/v1"`
    )
  }
  const { items } = json
  if (!Array.isArray(items)) throw eventError('EVENT_INCOMPLETE', `the EventList has ${describe(items)} for items`)
  if (items.length > LIMITS.records) {
    throw eventError('EVENT_TOO_MANY', `the EventList has ${items.length} items, ${LIMITS.records} are read at once`)
  }
  return items
}

/**
 * Turns an EventList into events, all or none; `decodeRecords` in format.ts gives the good ones beside the bad.
 * @param json the list, as parsed JSON
 * @param arrival as for `auditEventFrom`
 * @throws as `auditEventItems`, and as `auditEventFrom` with the number of the item in the message
 */
export function auditEventsFrom(json: unknown, arrival: number | null = null): AuditEvent[] {
  return auditEventItems(json).map((item, index) => {
    try {
      return auditEventFrom(item, arrival)
    } catch (error) {
      if (isEventError(error)) throw eventError(error.code, `item ${index}: ${error.message}`, { cause: error })
      throw error
    }
  })
}
