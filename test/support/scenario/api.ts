import { auditLevel } from './audit-policy.ts'
import { type AuditUser, auditRecord, type ObjectReference } from './audit-record.ts'
import type { Cluster } from './cluster-model.ts'
import { compact, type Json, type JsonObject } from './json.ts'
import type { ProcessTable } from './processes.ts'
import type { Random } from './random.ts'
import type { Label, Recorder } from './recording.ts'

/** What a part of a scenario works with. */
export interface World {
  readonly cluster: Cluster
  readonly processes: ProcessTable
  readonly random: Random
  readonly recorder: Recorder
}

/** The same world for one activity: its records get the label, its randomness is its own. */
export function activity(world: World, label: Label, name: string): World {
  return { ...world, random: world.random.fork(name), recorder: world.recorder.labelled(label) }
}

/** Someone who talks to the API server. */
export interface Client {
  readonly user: AuditUser
  readonly sourceIP: string
  readonly userAgent: string
  /** `authorization.k8s.io/reason` of what it may do. */
  readonly reason: string
}

export interface ApiCall {
  readonly verb: string
  /** API group, the core group when left out. */
  readonly group?: string
  readonly version?: string
  /** Resource in plural; a non-resource request has `path` instead. */
  readonly resource?: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  /** Query string, as the client wrote it. */
  readonly query?: string
  readonly path?: string
  /** Status code when it is not what the verb usually gives. */
  readonly code?: number
  readonly denied?: boolean
  readonly requestObject?: Json
  readonly responseObject?: Json
  /** More members of `objectRef`. */
  readonly uid?: string
  readonly resourceVersion?: string
  /** More annotations. */
  readonly annotations?: Readonly<Record<string, string>>
  /** Overrides the client's reason, such as for self-subject reviews. */
  readonly reason?: string
  /** How long an exec, log or watch stays open: makes two stages of one request. */
  readonly streams_us?: number
}

const BASIC_USER =
  'RBAC: allowed by ClusterRoleBinding "system:basic-user" of ClusterRole "system:basic-user" to Group "system:authenticated"'

function requestURI(call: ApiCall): string {
  const query = call.query === undefined ? '' : `?${call.query}`
  if (call.resource === undefined) return `${call.path ?? '/'}${query}`
  const version = call.version ?? 'v1'
  const root = call.group === undefined ? `/api/${version}` : `/apis/${call.group}/${version}`
  const namespace = call.namespace === undefined ? '' : `/namespaces/${call.namespace}`
  const named = call.name !== undefined && (call.verb !== 'create' || call.subresource !== undefined)
  const name = named ? `/${call.name}` : ''
  const subresource = call.subresource === undefined ? '' : `/${call.subresource}`
  return `${root}${namespace}/${call.resource}${name}${subresource}${query}`
}

function objectRef(call: ApiCall): ObjectReference | null {
  if (call.resource === undefined) return null
  return {
    resource: call.resource,
    apiVersion: call.version ?? 'v1',
    ...(call.namespace === undefined ? {} : { namespace: call.namespace }),
    // what a create is about stands in its body, which is not read when the request is denied
    ...(call.name === undefined || (call.denied === true && call.verb === 'create') ? {} : { name: call.name }),
    ...(call.uid === undefined ? {} : { uid: call.uid }),
    ...(call.group === undefined ? {} : { apiGroup: call.group }),
    ...(call.resourceVersion === undefined ? {} : { resourceVersion: call.resourceVersion }),
    ...(call.subresource === undefined ? {} : { subresource: call.subresource })
  }
}

function forbidden(client: Client, call: ApiCall): JsonObject {
  const { verb, group = '', resource = '', name, namespace, subresource } = call
  const qualified = group === '' ? resource : `${resource}.${group}`
  const subject = name === undefined || verb === 'create' ? qualified : `${qualified} "${name}"`
  const scope = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const full = subresource === undefined ? resource : `${resource}/${subresource}`
  return {
    metadata: {},
    status: 'Failure',
    message: `${subject} is forbidden: User "${client.user.username}" cannot ${verb} resource "${full}" in API group "${group}" ${scope}`,
    reason: 'Forbidden',
    details: compact({
      name: verb === 'create' ? undefined : name,
      group: group === '' ? undefined : group,
      kind: resource
    }),
    code: 403
  }
}

/**
 * Emits the audit records of one API request: one at completion, two for what streams, none where the policy says None.
 * @param at_us when the API server received it
 */
export function callApi(world: World, at_us: number, client: Client, call: ApiCall): void {
  const level = auditLevel({
    username: client.user.username,
    verb: call.verb,
    group: call.group ?? '',
    resource: call.resource ?? null,
    subresource: call.subresource ?? null,
    path: call.path ?? ''
  })
  if (level === 'None') return
  const denied = call.denied === true
  const failure = denied ? forbidden(client, call) : null
  const status = failure ?? { metadata: {}, code: call.code ?? (call.verb === 'create' ? 201 : 200) }
  const selfReview = call.resource?.startsWith('selfsubject') === true
  const reason = denied ? '' : (call.reason ?? (selfReview ? BASIC_USER : client.reason))
  // the authoriser answers before the body is read, so a denied request has no requestObject
  const requestObject = level === 'Metadata' || denied ? undefined : call.requestObject
  const responseObject =
    level !== 'RequestResponse'
      ? undefined
      : failure === null
        ? call.responseObject
        : { kind: 'Status', apiVersion: 'v1', ...failure }
  const stages =
    call.streams_us === undefined ? (['ResponseComplete'] as const) : (['ResponseStarted', 'ResponseComplete'] as const)
  const auditID = world.random.uuid()
  const started_us = at_us + world.random.integer(900, 6_500)
  for (const stage of stages) {
    const stage_us =
      stage === 'ResponseComplete' && call.streams_us !== undefined ? at_us + call.streams_us : started_us
    const record = auditRecord({
      auditID,
      stage,
      level,
      verb: call.verb,
      requestURI: requestURI(call),
      user: client.user,
      sourceIPs: [client.sourceIP],
      userAgent: client.userAgent,
      objectRef: objectRef(call),
      responseStatus: status,
      ...(requestObject === undefined ? {} : { requestObject }),
      ...(responseObject === undefined ? {} : { responseObject }),
      received_us: at_us,
      stage_us,
      annotations: {
        'authorization.k8s.io/decision': denied ? 'forbid' : 'allow',
        'authorization.k8s.io/reason': reason,
        ...call.annotations
      }
    })
    world.recorder.emit('audit', stage_us, 0, record)
  }
}
