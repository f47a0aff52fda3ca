import { plainText } from '../core/correlate/text.ts'
import { arrayAt, at, stringAt } from '../core/json.ts'
import type { ApiPath } from '../core/respond/permissions.ts'
import { PERMISSION_NAMESPACE, RESPONDER_ACCOUNT } from '../core/respond/roles.ts'
import { indexPattern } from '../platform/opensearch/index-names.ts'
import type { SearchDocument, SearchPort } from '../platform/opensearch/search-port.ts'

/** What of an API path tells an object. */
export type ObjectPlace = Pick<ApiPath, 'namespace' | 'resource' | 'name'>

/** A request by which somebody wrote an object, from the audit log. */
export interface Writer {
  readonly user: string
  /** Whom the user acted as; null unless impersonating. */
  readonly as: string | null
  readonly groups: readonly string[]
  readonly address: string | null
  readonly user_agent: string | null
  /** Such as `patch deployments/scale`. */
  readonly request: string
  /** As the audit log has it, ISO 8601. */
  readonly time: string
}

/** Who wrote an object last since a time, milliseconds since the epoch; null when nobody is known to have. */
export type WhoChanged = (object: ObjectPlace, since_ms: number) => Promise<Writer | null>

export interface WhoChangedPorts {
  readonly search: Pick<SearchPort, 'find'>
  readonly index_prefix: string
  readonly cluster_id: string
  readonly weir_namespace: string
}

const AUDIT = ['kubernetes', 'audit'] as const
const WRITES = ['create', 'update', 'patch']
/** Writes that are looked at, the latest first: controllers may have written since. */
const MAX_WRITES = 200
/** Of an object itself: its status says nothing of what it is to be. */
const SUBRESOURCES: ReadonlySet<string> = new Set(['', 'scale', 'ephemeralcontainers'])
const MAX_TEXT_BYTES = 200
const MAX_GROUPS = 5

function writerOf(document: SearchDocument): Writer {
  const audit = (...path: readonly string[]) => stringAt(document, ...AUDIT, ...path)
  const text = (value: string | null) => (value === null || value === '' ? null : plainText(value, MAX_TEXT_BYTES))
  const subresource = audit('objectRef', 'subresource') ?? ''
  return {
    user: text(audit('user', 'username')) ?? 'somebody without a name',
    as: text(audit('impersonatedUser', 'username')),
    groups: arrayAt(document, ...AUDIT, 'user', 'groups')
      .filter((group) => typeof group === 'string')
      .slice(0, MAX_GROUPS)
      .map((group) => plainText(group, MAX_TEXT_BYTES)),
    address: text(stringAt(document, 'source', 'address')),
    user_agent: text(audit('userAgent')),
    request: plainText(
      `${audit('verb') ?? ''} ${audit('objectRef', 'resource') ?? ''}${subresource === '' ? '' : `/${subresource}`}`,
      MAX_TEXT_BYTES
    ),
    time: stringAt(document, '@timestamp') ?? ''
  }
}

/**
 * Finds in the index of events who wrote an object: a person or workload rather than a controller, since controllers write what
 * others have asked for. Weir's own requests are left out, and what was refused.
 * @throws OPENSEARCH_UNAVAILABLE, OPENSEARCH_FORBIDDEN
 */
export function createWhoChanged({ search, index_prefix, cluster_id, weir_namespace }: WhoChangedPorts): WhoChanged {
  const isOwn = (user: string) =>
    user === `system:serviceaccount:${weir_namespace}:${RESPONDER_ACCOUNT}` ||
    user.startsWith(`system:serviceaccount:${PERMISSION_NAMESPACE}:`)
  return async ({ namespace, resource, name }, since_ms) => {
    if (name === null) return null
    const found = await search.find({
      index: indexPattern(index_prefix, 'events'),
      terms: {
        'orchestrator.cluster.id': [cluster_id],
        'kubernetes.audit.objectRef.resource': [resource],
        'kubernetes.audit.objectRef.name': [name],
        ...(namespace === null ? {} : { 'kubernetes.audit.objectRef.namespace': [namespace] }),
        'kubernetes.audit.verb': WRITES,
        'event.outcome': ['success']
      },
      sort: { field: '@timestamp', order: 'desc' },
      size: MAX_WRITES
    })
    const writes = found
      .map(({ document }) => document)
      .filter(
        (document) =>
          Date.parse(stringAt(document, '@timestamp') ?? '') >= since_ms &&
          SUBRESOURCES.has(stringAt(document, ...AUDIT, 'objectRef', 'subresource') ?? '') &&
          !isOwn(stringAt(document, ...AUDIT, 'user', 'username') ?? '')
      )
    const chosen = writes.find((document) => at(document, ['weir', 'actor', 'is_system']) !== true) ?? writes[0]
    return chosen === undefined ? null : writerOf(chosen)
  }
}

/** Such as `mallory (groups ci), from 10.0.0.5 with kubectl/v1.34, by patch deployments/scale at 2026-…`. */
export function writerText({ user, as, groups, address, user_agent, request, time }: Writer): string {
  return [
    `${user}${as === null ? '' : ` acting as ${as}`}${groups.length === 0 ? '' : ` (groups ${groups.join(', ')})`}`,
    `${address === null ? '' : `from ${address} `}${user_agent === null ? '' : `with ${user_agent}`}`.trim(),
    `by ${request} at ${time}`
  ]
    .filter((part) => part !== '')
    .join(', ')
}
