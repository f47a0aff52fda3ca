/**
 * Who belongs to the cluster itself. Being one of these is a fact for rules to weigh, never a reason to look away: a stolen
 * controller token keeps its name.
 */

/** Name patterns of the control plane, of the managed clouds' own principals and of nodes' bootstrap. */
const SYSTEM_PREFIXES = ['system:', 'eks:'] as const

/** Principals that AKS and GKE act under. Source: audit logs of both clouds, as the open rule sets list them. */
const SYSTEM_NAMES: ReadonlySet<string> = new Set([
  'aksService',
  'acsService',
  'hcpService',
  'masterclient',
  'nodeclient',
  'kubernetes-admin-aks'
])

const GKE_ROBOT = '@container-engine-robot.iam.gserviceaccount.com'
const SERVICE_ACCOUNT_PREFIX = 'system:serviceaccount:'

/** `namespace` and `name` of a service account's user name, or null. */
export function serviceAccountOf(username: string): { readonly namespace: string; readonly name: string } | null {
  if (!username.startsWith(SERVICE_ACCOUNT_PREFIX)) return null
  const rest = username.slice(SERVICE_ACCOUNT_PREFIX.length)
  const colon = rest.indexOf(':')
  if (colon <= 0 || colon === rest.length - 1) return null
  return { namespace: rest.slice(0, colon), name: rest.slice(colon + 1) }
}

/** Node name of a node's user name (system:node:NAME), or null. */
export function nodeOf(username: string): string | null {
  return username.startsWith('system:node:') && username.length > 'system:node:'.length
    ? username.slice('system:node:'.length)
    : null
}

/** True for requests without credentials: nobody, not a part of the system. An empty name is a source that did not say. */
export function isAnonymous(username: string): boolean {
  return username === 'system:anonymous'
}

/**
 * True for identities of the control plane, nodes, kube-system's service accounts and the cloud provider. Other service
 * accounts are workloads and not system; anonymous is nobody.
 */
export function isSystemIdentity(username: string): boolean {
  if (isAnonymous(username)) return false
  const account = serviceAccountOf(username)
  if (account !== null) return account.namespace === 'kube-system'
  return (
    SYSTEM_PREFIXES.some((prefix) => username.startsWith(prefix)) ||
    SYSTEM_NAMES.has(username) ||
    username.endsWith(GKE_ROBOT)
  )
}
