import type { AuditUser, ObjectReference, ResponseStatus } from '../../../schemas/generated/types.ts'
import { isObject } from '../json.ts'
import { contentId } from './canonical.ts'
import { type Cuts, intOf, textMapOf, textOf, textsMapOf, textsOf } from './fields.ts'
import { NOTE_PREFIX } from './notes.ts'

const NO_USER: AuditUser = { username: '', uid: null, groups: [], extra: {} }

/** Some SIEMs replace what their column names cannot hold; the keys of the authenticator are worth reading all the same. */
const RENAMED_EXTRA = 'authentication_kubernetes_io_slash_'

function extraFrom(value: unknown, field: string, cuts: Cuts): Record<string, string[]> {
  const extra = textsMapOf(value, field, cuts)
  for (const key of Object.keys(extra)) {
    if (!key.startsWith(RENAMED_EXTRA)) continue
    extra[`authentication.kubernetes.io/${key.slice(RENAMED_EXTRA.length)}`] ??= extra[key] ?? []
    delete extra[key]
  }
  return extra
}

/** A user of an audit event; an unnamed one when there is none. */
export function userFrom(value: unknown, field: string, cuts: Cuts): AuditUser {
  if (!isObject(value)) return NO_USER
  return {
    username: textOf(value.username, `${field}.username`, cuts) ?? '',
    uid: textOf(value.uid, `${field}.uid`, cuts),
    groups: textsOf(value.groups, `${field}.groups`, cuts),
    extra: extraFrom(value.extra, `${field}.extra`, cuts)
  }
}

/** The object of a request, null when none of its fields says anything. */
export function objectRefFrom(value: unknown, cuts: Cuts): ObjectReference | null {
  if (!isObject(value)) return null
  const reference: ObjectReference = {
    resource: textOf(value.resource, 'objectRef.resource', cuts),
    namespace: textOf(value.namespace, 'objectRef.namespace', cuts),
    name: textOf(value.name, 'objectRef.name', cuts),
    uid: textOf(value.uid, 'objectRef.uid', cuts),
    apiGroup: textOf(value.apiGroup, 'objectRef.apiGroup', cuts),
    apiVersion: textOf(value.apiVersion, 'objectRef.apiVersion', cuts),
    resourceVersion: textOf(value.resourceVersion, 'objectRef.resourceVersion', cuts),
    subresource: textOf(value.subresource, 'objectRef.subresource', cuts)
  }
  return reference.resource === null && reference.name === null && reference.namespace === null ? null : reference
}

export function responseStatusFrom(value: unknown, cuts: Cuts): ResponseStatus | null {
  if (!isObject(value)) return null
  return {
    code: intOf(value.code),
    status: textOf(value.status, 'responseStatus.status', cuts),
    reason: textOf(value.reason, 'responseStatus.reason', cuts),
    message: textOf(value.message, 'responseStatus.message', cuts)
  }
}

/** Annotations of a record, without any that would pass for ours. */
export function annotationsFrom(value: unknown, cuts: Cuts): Record<string, string> {
  const annotations = textMapOf(value, 'annotations', cuts)
  for (const key of Object.keys(annotations)) if (key.startsWith(NOTE_PREFIX)) delete annotations[key]
  return annotations
}

/**
 * The identity of a request. Clients may choose it (header Audit-ID), so what could not serve as a part of a document id
 * is replaced by its hash, and a missing one by a hash of the content.
 */
export function auditIdFrom(value: unknown, content: () => unknown): string {
  if (typeof value !== 'string' || value === '') return `content-${contentId(content())}`
  return /^[\x21-\x7e]{1,128}$/.test(value) ? value : `opaque-${contentId(value)}`
}

/** Stage names as Kubernetes writes them; one that is not known yet passes, one that is no name does not. */
export function stageFrom(value: unknown, answered: boolean): string {
  if (typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value)) return value
  return answered ? 'ResponseComplete' : 'RequestReceived'
}
