import type { AuditEvent } from '../../../schemas/generated/types.ts'
import type { JsonObject } from '../json.ts'
import { apiObjectOfUri } from './api-path.ts'
import { stageFrom } from './audit-parts.ts'
import type { FalcoFields } from './falco-fields.ts'
import { type Cuts, textOf } from './fields.ts'
import { noteInto, timeOr } from './notes.ts'

/** Lists come as text with commas, at times in parentheses. */
function listOf(text: string | null): string[] {
  if (text === null) return []
  const bare = text.startsWith('(') && text.endsWith(')') ? text.slice(1, -1) : text
  return bare
    .split(',', 1000)
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/**
 * Reads the API request out of an alert of Falco's k8saudit plugins (fields ka.*).
 *
 * An alert becomes an audit event only when its fields name who, what and on what: user, verb, and a resource or URI. What
 * Falco said of it is kept in annotations under falco.org/. It never takes the id of the request (ka.auditid): it has less
 * than the event itself, and must not stand in its place where both are collected. Alerts with less stay alerts.
 * Fields: https://github.com/falcosecurity/plugins/tree/main/plugins/k8saudit#supported-fields
 * @param alert the alert
 * @param id identity of the alert
 * @param time time of the alert, null when it has none
 * @param arrival time to use instead, or null
 * @returns null when the fields do not suffice
 */
export function falcoAuditEventFrom(
  alert: JsonObject,
  fields: FalcoFields,
  id: string,
  time: number | null,
  arrival: number | null,
  cuts: Cuts
): AuditEvent | null {
  const username = fields.text('ka.user.name')
  const verb = fields.text('ka.verb')
  const uri = fields.text('ka.uri')
  const resource = fields.text('ka.target.resource')
  if (username === null || verb === null || (uri === null && resource === null)) return null
  const named = uri === null ? null : apiObjectOfUri(uri)
  const impersonated = fields.text('ka.impuser.name')
  const code = fields.integer(100, 599, 'ka.response.code')
  const annotations: Record<string, string> = {}
  const annotate = (key: string, value: string | null) => {
    if (value !== null) annotations[key] = value
  }
  annotate('authorization.k8s.io/decision', fields.text('ka.auth.decision'))
  annotate('authorization.k8s.io/reason', fields.text('ka.auth.reason'))
  annotate('falco.org/rule', textOf(alert.rule, 'annotations', cuts))
  annotate('falco.org/priority', textOf(alert.priority, 'annotations', cuts))
  annotate('falco.org/output', textOf(alert.output, 'annotations', cuts))
  annotate('falco.org/audit-id', fields.text('ka.auditid'))
  return {
    auditID: id,
    stage: stageFrom(fields.text('ka.stage'), code !== null),
    level: null,
    verb,
    requestURI: uri,
    user: { username, uid: null, groups: listOf(fields.text('ka.user.groups')), extra: {} },
    impersonatedUser: impersonated === null ? null : { username: impersonated, uid: null, groups: [], extra: {} },
    sourceIPs: listOf(fields.text('ka.sourceips')),
    userAgent: fields.text('ka.useragent'),
    objectRef:
      resource === null && named === null
        ? null
        : {
            resource: resource ?? named?.resource ?? null,
            namespace: fields.text('ka.target.namespace') ?? named?.namespace ?? null,
            name: fields.text('ka.target.name') ?? named?.name ?? null,
            uid: null,
            apiGroup: named?.apiGroup ?? null,
            apiVersion: named?.apiVersion ?? null,
            resourceVersion: null,
            subresource: fields.text('ka.target.subresource') ?? named?.subresource ?? null
          },
    responseStatus:
      code === null ? null : { code, status: null, reason: fields.text('ka.response.reason'), message: null },
    requestObject: null,
    responseObject: null,
    requestReceivedTimestamp: null,
    stageTimestamp: timeOr(time, arrival, 'the alert'),
    annotations: noteInto(annotations, cuts, time !== null)
  }
}
