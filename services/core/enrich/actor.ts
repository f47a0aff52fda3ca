import type { Actor, ActorKind, AuditEvent, AuditUser } from '../../../schemas/generated/types.ts'
import { isAnonymous, isSystemIdentity, nodeOf, serviceAccountOf } from './system-identities.ts'

/** Keys that the API server's token authenticator adds to `user.extra` (kubernetes.io/docs: authentication, bound tokens). */
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id'
const POD_UID = 'authentication.kubernetes.io/pod-uid'
const POD_NAME = 'authentication.kubernetes.io/pod-name'
const NODE_NAME = 'authentication.kubernetes.io/node-name'

const extra = (user: AuditUser, key: string): string | null => user.extra[key]?.[0] ?? null

/** UID of the pod whose token an API request was made with, null when it was no pod's. */
export function tokenPodUid(event: AuditEvent): string | null {
  return extra(event.user, POD_UID)
}

function kindOf(username: string): ActorKind {
  if (isAnonymous(username)) return 'anonymous'
  if (serviceAccountOf(username) !== null) return 'service_account'
  if (nodeOf(username) !== null) return 'node'
  return isSystemIdentity(username) ? 'control_plane' : 'user'
}

/**
 * The effective identity behind an API request: the impersonated user where there is one, since its permissions counted,
 * with the real user as impersonator. Token facts (credential, pod, node) are always the real user's.
 */
export function actorOf(event: AuditEvent): Actor {
  const real = event.user
  const effective = event.impersonatedUser ?? real
  const name = effective.username
  const account = serviceAccountOf(name)
  return {
    kind: kindOf(name),
    name,
    impersonator: event.impersonatedUser === null ? null : real.username,
    groups: effective.groups,
    is_system: isSystemIdentity(name),
    service_account: account === null ? null : `${account.namespace}/${account.name}`,
    credential_id: extra(real, CREDENTIAL_ID),
    pod_uid: tokenPodUid(event),
    pod_name: extra(real, POD_NAME),
    node_name: extra(real, NODE_NAME) ?? nodeOf(name)
  }
}
