import type { AuditLevel } from './audit-policy.ts'
import type { Cluster, Node, Pod, ServiceAccount } from './cluster-model.ts'
import { compact, type Json, type JsonObject } from './json.ts'
import { rfc3339Micros } from './timeline.ts'

/** `user` of an audit event. */
export interface AuditUser {
  readonly username: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

export interface ObjectReference {
  readonly resource: string
  readonly namespace?: string
  readonly name?: string
  readonly uid?: string
  readonly apiGroup?: string
  readonly apiVersion?: string
  readonly resourceVersion?: string
  readonly subresource?: string
}

export interface AuditRecordInput {
  readonly auditID: string
  readonly stage: 'ResponseStarted' | 'ResponseComplete'
  readonly level: AuditLevel
  readonly verb: string
  readonly requestURI: string
  readonly user: AuditUser
  readonly sourceIPs: readonly string[]
  readonly userAgent: string
  readonly objectRef: ObjectReference | null
  readonly responseStatus: JsonObject
  readonly requestObject?: Json
  readonly responseObject?: Json
  readonly received_us: number
  readonly stage_us: number
  readonly annotations: Readonly<Record<string, string>>
}

/** An audit.k8s.io/v1 Event with its members in the order the API server writes them. */
export function auditRecord(input: AuditRecordInput): JsonObject {
  const reference = input.objectRef
  return compact({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: input.level,
    auditID: input.auditID,
    stage: input.stage,
    requestURI: input.requestURI,
    verb: input.verb,
    user: compact({
      username: input.user.username,
      uid: input.user.uid,
      groups: input.user.groups,
      extra: input.user.extra
    }),
    sourceIPs: input.sourceIPs,
    userAgent: input.userAgent,
    objectRef:
      reference === null
        ? undefined
        : compact({
            resource: reference.resource,
            namespace: reference.namespace,
            name: reference.name,
            uid: reference.uid,
            apiGroup: reference.apiGroup,
            apiVersion: reference.apiVersion,
            resourceVersion: reference.resourceVersion,
            subresource: reference.subresource
          }),
    responseStatus: input.responseStatus,
    requestObject: input.requestObject,
    responseObject: input.responseObject,
    requestReceivedTimestamp: rfc3339Micros(input.received_us),
    stageTimestamp: rfc3339Micros(input.stage_us),
    annotations: input.annotations
  })
}

const AUTHENTICATED = 'system:authenticated'

/** A person with a client certificate. */
export function humanUser(username: string, groups: readonly string[], credential: string): AuditUser {
  return {
    username,
    groups: [...groups, AUTHENTICATED],
    extra: { 'authentication.kubernetes.io/credential-id': [credential] }
  }
}

function serviceAccountGroups(namespace: string): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, AUTHENTICATED]
}

/** A service account by the bound token of one of its pods: the API server says which pod and node the token is of. */
export function podUser(pod: Pod): AuditUser {
  const { namespace, name, uid } = pod.serviceAccount
  return {
    username: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: serviceAccountGroups(namespace),
    extra: {
      'authentication.kubernetes.io/credential-id': [pod.credential],
      'authentication.kubernetes.io/node-name': [pod.node.name],
      'authentication.kubernetes.io/node-uid': [pod.node.uid],
      'authentication.kubernetes.io/pod-name': [pod.name],
      'authentication.kubernetes.io/pod-uid': [pod.uid]
    }
  }
}

/** A controller of kube-controller-manager, by a token that is bound to no pod. */
export function controllerUser(account: ServiceAccount, credential: string): AuditUser {
  return {
    username: `system:serviceaccount:${account.namespace}:${account.name}`,
    uid: account.uid,
    groups: serviceAccountGroups(account.namespace),
    extra: { 'authentication.kubernetes.io/credential-id': [credential] }
  }
}

export function nodeUser(node: Node): AuditUser {
  return {
    username: `system:node:${node.name}`,
    groups: ['system:nodes', AUTHENTICATED],
    extra: { 'authentication.kubernetes.io/credential-id': [node.credential] }
  }
}

/** A control-plane component with a client certificate, such as `system:kube-scheduler`. */
export function componentUser(cluster: Cluster, username: string): AuditUser {
  const credential = `X509SHA256=${cluster.random.fork(username).hex(64)}`
  return {
    username,
    groups: [AUTHENTICATED],
    extra: { 'authentication.kubernetes.io/credential-id': [credential] }
  }
}
