import type { Actor, ActorKind, AuditEvent, AuditUser } from '../../../schemas/generated/types.ts'
import { isAnonymous, isSystemIdentity, nodeOf, serviceAccountOf } from './system-identities.ts'

/** Keys that the API server's token authenticator adds to `user.extra` (kubernetes.io/docs: authentication, bound tokens). */
const EXTRA = 'authentication.kubernetes.io/'

const extra = (user: AuditUser, key: string): string | null => user.extra[EXTRA + key]?.[0] ?? null

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
    credential_id: extra(real, 'credential-id'),
    pod_uid: extra(real, 'pod-uid'),
    pod_name: extra(real, 'pod-name'),
    node_name: extra(real, 'node-name') ?? nodeOf(name)
  }
}
