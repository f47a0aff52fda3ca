import type {
  AuditEvent,
  AuditUser,
  Cluster,
  ObjectReference,
  ResponseStatus
} from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject } from '../json.ts'
import { apiObjectOfGoogleName } from './api-path.ts'
import { annotationsFrom, auditIdFrom } from './audit-parts.ts'
import { auditOf, type DecodedEvent } from './decoded-event.ts'
import { describe, eventError } from './errors.ts'
import { bodyOf, type Cuts, integerOf, LIMITS, textOf, textsOf } from './fields.ts'
import { type GoogleMethod, googleMethodOf, httpStatusOf } from './google-method.ts'
import { noteInto, timeOr } from './notes.ts'
import { microsFrom } from './timestamp.ts'

const DECISION = 'authorization.k8s.io/decision'

/** Subresources that turn the request into a stream: their one answer is "switching protocols". */
const STREAMS = new Set(['exec', 'attach', 'portforward'])

/** Whether an object is an entry of Google Cloud Logging with an audit record, or one that says it is from Kubernetes. */
export function isLogEntry(json: JsonObject): boolean {
  return isObject(json.protoPayload) || (isObject(json.operation) && json.operation.producer === 'k8s.io')
}

interface Permission {
  readonly name: string
  readonly resource: string | null
}

/** What the request was checked for. Some exports have the list beside the payload instead of in it. */
function authorizationsOf(entry: JsonObject, payload: JsonObject): readonly JsonObject[] {
  const list = payload.authorizationInfo ?? entry.authorizationInfo
  return Array.isArray(list) ? list.slice(0, LIMITS.items).filter(isObject) : []
}

function kubernetesPermission(authorizations: readonly JsonObject[]): Permission | null {
  for (const { permission, resource } of authorizations) {
    if (typeof permission !== 'string' || !permission.startsWith('io.k8s.')) continue
    return { name: permission, resource: typeof resource === 'string' ? resource : null }
  }
  return null
}

/**
 * The API request an entry is about. Other services of Google act on clusters too (Deployment Manager): then the method is
 * theirs, and the permission they needed names the request.
 */
function methodOf(payload: JsonObject, permission: Permission | null): GoogleMethod {
  const { methodName, serviceName } = payload
  if (typeof methodName === 'string' && (methodName.startsWith('io.k8s.') || serviceName === 'k8s.io')) {
    const method = googleMethodOf(methodName)
    if (method !== null) return method
  }
  const method = permission === null ? null : googleMethodOf(permission.name)
  if (method !== null) return method
  if (methodName === undefined && serviceName === undefined) {
    throw eventError('EVENT_INCOMPLETE', 'the log entry names no method')
  }
  throw eventError(
    'EVENT_NOT_KUBERNETES',
    `method ${describe(methodName)} of service ${describe(serviceName)} is no request to a Kubernetes API`
  )
}

function objectRefOf(method: GoogleMethod, name: string | null, uid: string | null): ObjectReference | null {
  if (method.resource === null) return null
  const named = name === null ? null : apiObjectOfGoogleName(name, method.resource)
  return {
    resource: method.resource,
    namespace: named?.namespace ?? null,
    name: named?.name ?? null,
    uid,
    // The method has the group with its domain reversed, and not always whole; the name has it as it is.
    apiGroup: named === null ? method.apiGroup : named.apiGroup,
    apiVersion: named?.apiVersion ?? method.apiVersion,
    resourceVersion: null,
    subresource: method.subresource ?? named?.subresource ?? null
  }
}

/** The path the request must have had; Google does not log it. */
function requestUriOf(method: GoogleMethod, name: string | null): string | null {
  if (name === null) return null
  if (method.resource === null) return `/${name}`
  return name.startsWith('core/') ? `/api/${name.slice('core/'.length)}` : `/apis/${name}`
}

function userOf(payload: JsonObject, cuts: Cuts): AuditUser {
  const info = isObject(payload.authenticationInfo) ? payload.authenticationInfo : {}
  const extra: Record<string, string[]> = {}
  for (const key of ['principalSubject', 'serviceAccountKeyName', 'authoritySelector']) {
    const values = textsOf(info[key], `user.extra.${key}`, cuts)
    if (values.length > 0) extra[key] = values
  }
  const username = textOf(info.principalEmail, 'user.username', cuts) ?? extra.principalSubject?.[0] ?? ''
  return { username, uid: null, groups: [], extra }
}

/** Labels of the entry are the annotations of the audit event; the decision is in the authorisations as well. */
function annotationsOf(entry: JsonObject, authorizations: readonly JsonObject[], cuts: Cuts): Record<string, string> {
  const annotations = annotationsFrom(entry.labels, cuts)
  if (annotations[DECISION] === undefined) {
    const granted = authorizations.map((authorization) => authorization.granted)
    if (granted.includes(false)) annotations[DECISION] = 'forbid'
    else if (granted.includes(true)) annotations[DECISION] = 'allow'
  }
  return annotations
}

function successOf(method: GoogleMethod): number {
  if (method.subresource !== null && STREAMS.has(method.subresource)) return 101
  return method.verb === 'create' ? 201 : 200
}

/**
 * The answer of the API server. Its own Status in the response has the HTTP status; else the gRPC status of the entry
 * stands for it, where an empty object means OK (protobuf leaves zeros out). Without either, an object in the response means
 * success, a refused authorisation means 403, and nothing is known otherwise.
 */
function responseStatusOf(
  payload: JsonObject,
  method: GoogleMethod,
  forbidden: boolean,
  cuts: Cuts
): ResponseStatus | null {
  const status = isObject(payload.status) ? payload.status : {}
  const response = isObject(payload.response) ? payload.response : {}
  // Of objects, status is an object; of the API's Status, it is Success or Failure.
  const answer = typeof response.status === 'string' ? response.status : null
  const returned = isObject(payload.response) && answer === null
  const grpc = isObject(payload.status) ? integerOf(status.code ?? 0, 0, 599) : null
  const succeeded = answer !== 'Failure' && (grpc === 0 || (grpc === null && returned && !forbidden))
  let code = answer === null ? null : integerOf(response.code, 100, 599)
  if (code === null && succeeded) code = successOf(method)
  if (code === null && grpc !== null && grpc !== 0) code = httpStatusOf(grpc)
  if (code === null && forbidden) code = 403
  if (code === null && answer === null) return null
  return {
    code,
    status: code !== null && code >= 400 ? 'Failure' : textOf(answer, 'responseStatus.status', cuts),
    reason: answer === null ? null : textOf(response.reason, 'responseStatus.reason', cuts),
    message: textOf(status.message ?? (answer === null ? null : response.message), 'responseStatus.message', cuts)
  }
}

/**
 * The stage an entry stands for. A long-running request (watch, exec, proxy) has two entries of one id: one with
 * `operation.first` alone when it begins to answer, one with `operation.last` alone when it ends. Others have one with both.
 */
function stageOf(entry: JsonObject, method: GoogleMethod): string {
  const operation = isObject(entry.operation) ? entry.operation : {}
  if (operation.first === true && operation.last !== true) return 'ResponseStarted'
  if (operation.last === true && operation.first !== true) return 'ResponseComplete'
  return method.subresource !== null && STREAMS.has(method.subresource) ? 'ResponseStarted' : 'ResponseComplete'
}

function clusterOf(entry: JsonObject): Cluster | null {
  const labels = isObject(entry.resource) && isObject(entry.resource.labels) ? entry.resource.labels : {}
  const { cluster_name: name, project_id: project, location } = labels
  if (typeof name !== 'string' || name === '' || name.length > 256) return null
  const part = (value: unknown) => (typeof value === 'string' && value !== '' && value.length <= 256 ? value : '-')
  return { id: `gke/${part(project)}/${part(location)}/${name}`, name }
}

/**
 * Turns an entry of Google Cloud Logging about a request to a cluster's API into an audit event. What Google leaves out stays
 * out (groups, query of the URI); path, HTTP status and stage are derived as told above.
 * Format: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry with a google.cloud.audit.AuditLog
 * @param json the entry, as parsed JSON
 * @param arrival time to use when the entry has none, microseconds since the epoch, or null
 * @throws EVENT_INCOMPLETE (no payload, no method), EVENT_NOT_KUBERNETES, EVENT_TIME_MISSING
 */
export function gkeEventFrom(json: JsonObject, arrival: number | null): DecodedEvent {
  const payload = json.protoPayload
  if (!isObject(payload))
    throw eventError('EVENT_INCOMPLETE', 'the log entry has no protoPayload, so it tells of no request')
  const cuts: Cuts = []
  const authorizations = authorizationsOf(json, payload)
  const permission = kubernetesPermission(authorizations)
  const method = methodOf(payload, permission)
  const name = textOf(payload.resourceName, 'requestURI', cuts) ?? permission?.resource ?? null
  const response = isObject(payload.response) ? payload.response : {}
  const uid = isObject(response.metadata) ? textOf(response.metadata.uid, 'objectRef.uid', cuts) : null
  const annotations = annotationsOf(json, authorizations, cuts)
  const caller = isObject(payload.requestMetadata) ? payload.requestMetadata : {}
  const time = microsFrom(json.timestamp) ?? microsFrom(payload.timestamp) ?? microsFrom(json.receiveTimestamp)
  const operationId = isObject(json.operation) ? json.operation.id : undefined
  const event: AuditEvent = {
    auditID: auditIdFrom(json.insertId ?? operationId, () => [payload, json.timestamp, authorizations, json.resource]),
    stage: stageOf(json, method),
    level: payload.response !== undefined ? 'RequestResponse' : payload.request !== undefined ? 'Request' : 'Metadata',
    verb: method.verb,
    requestURI: requestUriOf(method, name),
    user: userOf(payload, cuts),
    impersonatedUser: null,
    sourceIPs: textsOf(caller.callerIp ?? caller.callerIP, 'sourceIPs', cuts),
    userAgent: textOf(caller.callerSuppliedUserAgent, 'userAgent', cuts),
    objectRef: objectRefOf(method, name, uid),
    responseStatus: responseStatusOf(payload, method, annotations[DECISION] === 'forbid', cuts),
    requestObject: bodyOf(payload.request, 'requestObject', cuts),
    responseObject: bodyOf(payload.response, 'responseObject', cuts),
    requestReceivedTimestamp: null,
    stageTimestamp: timeOr(time, arrival, 'the log entry'),
    annotations: noteInto(annotations, cuts, time !== null)
  }
  return auditOf(event, 'gke', clusterOf(json))
}
