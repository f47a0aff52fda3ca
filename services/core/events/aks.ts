import type { AuditEvent, AuditUser, ResponseStatus } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject } from '../json.ts'
import { auditEventFrom } from './audit.ts'
import { auditIdFrom } from './audit-parts.ts'
import { azureObjectOf, azureOperationOf, azurePlaceOf } from './azure-resource.ts'
import { auditOf, type DecodedEvent, type DecodedEvents, decodeEach } from './decoded-event.ts'
import { describe, eventError } from './errors.ts'
import { type Cuts, integerOf, textOf, textsOf } from './fields.ts'
import { parseJsonText } from './json-text.ts'
import { NOTE_OPERATION, noteInto, timeOr } from './notes.ts'
import { microsFrom } from './timestamp.ts'

/** Categories of a cluster's diagnostic logs that hold audit events; the second leaves out get and list. */
const AUDIT_CATEGORIES = new Set(['kube-audit', 'kube-audit-admin'])

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

/** The REST API gives names as `{value, localizedValue}`, everything else as text. */
function nameOf(value: unknown): string | null {
  return text(isObject(value) ? value.value : value)
}

/** Whether an object is a record of Azure Monitor: a diagnostic log or the Activity log. */
export function isAzureRecord(json: JsonObject): boolean {
  if (nameOf(json.category) === null && text(json.Category) === null && nameOf(json.operationName) === null)
    return false
  return text(json.resourceId) !== null || text(json._ResourceId) !== null || isObject(json.properties)
}

/** Whether an object is a batch of such records, as Event Hubs and storage accounts hold them. */
export function isAzureBatch(json: JsonObject): boolean {
  return Array.isArray(json.records)
}

/** An audit event out of a diagnostic record: under properties.log, or log_s in a workspace's table, mostly as text. */
function diagnosticEventFrom(json: JsonObject, log: unknown, arrival: number | null): DecodedEvent {
  const event = isObject(log) ? log : parseJsonText(log, 'the log of the diagnostic record')
  const time = microsFrom(json.time) ?? microsFrom(json.TimeGenerated) ?? arrival
  return auditOf(auditEventFrom(event, time), 'aks', azurePlaceOf(json.resourceId ?? json._ResourceId)?.cluster ?? null)
}

const UPN = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn'
const NAME = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name'
const OBJECT_ID = 'http://schemas.microsoft.com/identity/claims/objectidentifier'

function activityUserOf(json: JsonObject, cuts: Cuts): AuditUser {
  const identity = isObject(json.identity) ? json.identity : {}
  const found = identity.claims ?? json.claims
  const claims: JsonObject = isObject(found) ? found : {}
  const properties = isObject(json.properties) ? json.properties : {}
  const username =
    textOf(claims[UPN], 'user.username', cuts) ??
    textOf(json.caller ?? properties.caller, 'user.username', cuts) ??
    textOf(claims[NAME] ?? claims.name ?? claims.appid, 'user.username', cuts)
  const extra: Record<string, string[]> = {}
  if (text(claims.appid) !== null) extra.appid = textsOf(claims.appid, 'user.extra.appid', cuts)
  return {
    username: username ?? '',
    uid: textOf(claims[OBJECT_ID] ?? claims.oid, 'user.uid', cuts),
    groups: textsOf(typeof claims.groups === 'string' ? claims.groups.split(',') : [], 'user.groups', cuts),
    extra
  }
}

/** The outcome in the words of the Activity log: resultType, and an HTTP status in resultSignature or the properties. */
function activityStatusOf(json: JsonObject, cuts: Cuts): { stage: string; status: ResponseStatus } {
  const result = (nameOf(json.resultType) ?? nameOf(json.status) ?? '').toLowerCase()
  const started = result.startsWith('start') || result.startsWith('accept')
  const failed = result.startsWith('fail')
  const properties = isObject(json.properties) ? json.properties : {}
  const given = integerOf(json.resultSignature, 100, 599) ?? integerOf(properties.statusCode, 100, 599)
  const status: ResponseStatus = {
    code: given ?? (result.startsWith('succe') ? 200 : null),
    status: failed ? 'Failure' : result.startsWith('succe') ? 'Success' : null,
    reason: given === null ? textOf(json.resultSignature, 'responseStatus.reason', cuts) : null,
    message: textOf(json.resultDescription ?? properties.statusMessage, 'responseStatus.message', cuts)
  }
  return { stage: started ? 'RequestReceived' : 'ResponseComplete', status }
}

/** Addresses come with a port at times: 203.0.113.7:50412. */
const withoutPort = (address: string) =>
  /^[\d.]+:\d+$/.test(address) ? (address.split(':', 1)[0] ?? address) : address

function activityEventFrom(json: JsonObject, operationName: string | null, arrival: number | null): DecodedEvent {
  const operation = operationName === null ? null : azureOperationOf(operationName)
  if (operation === null) {
    throw eventError('EVENT_NOT_KUBERNETES', `operation ${describe(operationName)} is about no Kubernetes cluster`)
  }
  const cuts: Cuts = []
  const place = azurePlaceOf(json.resourceId)
  const { stage, status } = activityStatusOf(json, cuts)
  const time = microsFrom(json.time) ?? microsFrom(json.eventTimestamp)
  const properties = isObject(json.properties) ? json.properties : {}
  const caller = textOf(json.callerIpAddress, 'sourceIPs', cuts)
  const event: AuditEvent = {
    // A correlation id is shared by all that one operation caused, so it is only a part of the content.
    auditID: auditIdFrom(json.eventDataId ?? properties.eventDataId, () => json),
    stage,
    level: 'Metadata',
    verb: operation.verb,
    requestURI: null,
    user: activityUserOf(json, cuts),
    impersonatedUser: null,
    sourceIPs: caller === null ? [] : [withoutPort(caller)],
    userAgent: null,
    objectRef: azureObjectOf(operation, place),
    responseStatus: status,
    requestObject: null,
    responseObject: null,
    requestReceivedTimestamp: null,
    stageTimestamp: timeOr(time, arrival, 'the Activity log record'),
    annotations: noteInto({ [NOTE_OPERATION]: operationName ?? '' }, cuts, time !== null)
  }
  return auditOf(event, 'aks', place?.cluster ?? null)
}

/**
 * Turns one record of Azure Monitor into an audit event: a diagnostic record of an AKS cluster's audit log, or a record of the
 * Activity log about a Kubernetes object (Azure RBAC for Kubernetes, Arc) or the cluster itself.
 * Formats: https://learn.microsoft.com/azure/aks/monitor-aks-reference and
 * https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema (as streamed to Event Hubs)
 * @param json the record, as parsed JSON
 * @param arrival time to use when neither record nor event has one, microseconds since the epoch, or null
 * @throws EVENT_NOT_AUDIT (another of the cluster's logs), EVENT_NOT_KUBERNETES, EVENT_TEXT_INVALID, and as `auditEventFrom`
 */
export function aksEventFrom(json: JsonObject, arrival: number | null): DecodedEvent {
  const category = nameOf(json.category) ?? text(json.Category)
  const log = isObject(json.properties) && json.properties.log !== undefined ? json.properties.log : json.log_s
  if (category !== null && AUDIT_CATEGORIES.has(category.toLowerCase())) return diagnosticEventFrom(json, log, arrival)
  if (log !== undefined) {
    throw eventError('EVENT_NOT_AUDIT', `category ${describe(category)} is not kube-audit or kube-audit-admin`)
  }
  return activityEventFrom(json, nameOf(json.operationName), arrival)
}

/**
 * Turns a batch of Azure Monitor records into audit events.
 * @param json `{records: […]}`
 * @param arrival as for `aksEventFrom`
 * @returns the events, and an error per record that is none
 */
export function aksEventsFrom(json: JsonObject, arrival: number | null): DecodedEvents {
  return decodeEach(Array.isArray(json.records) ? json.records : [], 'record', (record) => {
    if (!isObject(record)) throw eventError('EVENT_NOT_AN_OBJECT', `it is ${describe(record)}`)
    return aksEventFrom(record, arrival)
  })
}
