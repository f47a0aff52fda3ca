import type { AuditEvent, AuditUser, EnrichedEvent } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject, parseJson, property } from '../json.ts'
import { compact, type Draft, freeForm, integer, type Tally, text, texts } from './bounds.ts'
import { isoTime } from './iso-time.ts'

/** Bodies of these hold credentials, which have no place in a search index. */
const SENSITIVE_RESOURCES: ReadonlySet<string> = new Set(['secrets', 'tokenreviews'])

const WRITES: Readonly<Record<string, string>> = {
  create: 'creation',
  update: 'change',
  patch: 'change',
  delete: 'deletion',
  deletecollection: 'deletion',
  post: 'creation',
  put: 'change'
}
/** Subresources whose request opens a connection into a container. */
const SESSIONS: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy'])
const IAM_GROUPS: ReadonlySet<string> = new Set(['rbac.authorization.k8s.io', 'authentication.k8s.io'])

function isSensitive(event: AuditEvent): boolean {
  const resource = event.objectRef?.resource
  if (typeof resource !== 'string') return false
  return (
    SENSITIVE_RESOURCES.has(resource) || (resource === 'serviceaccounts' && event.objectRef?.subresource === 'token')
  )
}

/** What of a body says which object it is, and nothing of what is in it. */
function identityOf(body: JsonObject): Draft {
  const metadata = property(body, 'metadata')
  const pick = (from: unknown, keys: readonly string[]) =>
    Object.fromEntries(keys.map((key) => [key, property(from, key)]).filter(([, value]) => value !== undefined))
  return {
    ...pick(body, ['kind', 'apiVersion', 'type']),
    metadata: pick(metadata, ['name', 'generateName', 'namespace', 'uid', 'labels', 'ownerReferences']),
    redacted: true
  }
}

/** A request or response body as a free-form object: credentials and bookkeeping left out. */
function body(json: string | null, sensitive: boolean, tally: Tally): JsonObject | undefined {
  if (json === null) return undefined
  const parsed = parseJson(json)
  if (parsed === undefined) {
    tally.truncated += 1
    return sensitive ? { redacted: true } : freeForm({ unparsed: json }, tally)
  }
  if (!isObject(parsed)) return sensitive ? { redacted: true } : freeForm(parsed, tally)
  if (sensitive) return freeForm(identityOf(parsed), tally)
  const metadata = property(parsed, 'metadata')
  if (property(metadata, 'managedFields') === undefined) return freeForm(parsed, tally)
  const { managedFields: _, ...kept } = metadata as Draft
  return freeForm({ ...parsed, metadata: kept }, tally)
}

function auditUser(user: AuditUser | null, tally: Tally): Draft | undefined {
  if (user === null) return undefined
  return compact({
    username: text(user.username, tally),
    uid: text(user.uid, tally),
    groups: texts(user.groups, tally),
    extra: freeForm(user.extra, tally)
  })
}

/**
 * The audit entry under the paths of audit.k8s.io/v1, so that queries and rules written for raw audit logs hold. Bodies,
 * annotations and user extras are free-form; bodies of secrets, token requests and reviews keep the object's identity only.
 */
function auditEntry(event: AuditEvent, tally: Tally): Draft {
  const sensitive = isSensitive(event)
  const { objectRef, responseStatus } = event
  const entry = compact({
    auditID: text(event.auditID, tally),
    stage: text(event.stage, tally),
    level: text(event.level, tally),
    verb: text(event.verb, tally),
    requestURI: text(event.requestURI, tally),
    user: auditUser(event.user, tally),
    impersonatedUser: auditUser(event.impersonatedUser, tally),
    sourceIPs: texts(event.sourceIPs, tally),
    userAgent: text(event.userAgent, tally),
    objectRef:
      objectRef === null
        ? undefined
        : compact({
            resource: text(objectRef.resource, tally),
            namespace: text(objectRef.namespace, tally),
            name: text(objectRef.name, tally),
            uid: text(objectRef.uid, tally),
            apiGroup: text(objectRef.apiGroup, tally),
            apiVersion: text(objectRef.apiVersion, tally),
            resourceVersion: text(objectRef.resourceVersion, tally),
            subresource: text(objectRef.subresource, tally)
          }),
    responseStatus:
      responseStatus === null
        ? undefined
        : compact({
            code: integer(responseStatus.code),
            status: text(responseStatus.status, tally),
            reason: text(responseStatus.reason, tally),
            message: text(responseStatus.message, tally)
          }),
    requestObject: body(event.requestObject, sensitive, tally),
    responseObject: body(event.responseObject, sensitive, tally),
    requestReceivedTimestamp: isoTime(event.requestReceivedTimestamp),
    stageTimestamp: isoTime(event.stageTimestamp),
    annotations: freeForm(event.annotations, tally)
  })
  return entry ?? {}
}

/**
 * ECS `event.category` and `event.type` of a request. Values are ECS's closed lists (9.0, fields `event.category` and
 * `event.type`); `api` is its category for API calls.
 */
export function auditCategory(event: AuditEvent): {
  readonly category: readonly string[]
  readonly type: readonly string[]
} {
  const category = ['api']
  if (IAM_GROUPS.has(event.objectRef?.apiGroup ?? '') || event.objectRef?.subresource === 'token') category.push('iam')
  const session = SESSIONS.has(event.objectRef?.subresource ?? '')
  if (session) category.push('session')
  const type = [session ? 'start' : (Object.hasOwn(WRITES, event.verb ?? '') && WRITES[event.verb ?? '']) || 'access']
  const code = event.responseStatus?.code
  if (code === 401 || code === 403) type.push('denied')
  else if (typeof code === 'number' && code < 400) type.push('allowed')
  return { category, type }
}

/** The ECS fields that only audit events fill. `user` is who authenticated, `user.effective` whom that user impersonates. */
export function auditFields(event: AuditEvent, whole: EnrichedEvent, tally: Tally): Draft {
  const { objectRef, impersonatedUser } = event
  return {
    user: compact({
      name: text(event.user.username, tally),
      id: text(event.user.uid, tally),
      group: compact({ name: texts(event.user.groups, tally) }),
      effective: impersonatedUser === null ? undefined : compact({ name: text(impersonatedUser.username, tally) })
    }),
    user_agent: compact({ original: text(event.userAgent, tally) }),
    url: compact({ original: text(event.requestURI, tally) }),
    http: compact({ response: compact({ status_code: integer(event.responseStatus?.code) }) }),
    source: compact({ address: text(whole.source_ip, tally), ip: text(whole.source_ip, tally) }),
    kubernetes: { audit: auditEntry(event, tally) },
    resource:
      objectRef === null
        ? undefined
        : compact({
            type: text(objectRef.resource, tally),
            name: text(objectRef.name, tally),
            id: text(objectRef.uid, tally)
          })
  }
}
