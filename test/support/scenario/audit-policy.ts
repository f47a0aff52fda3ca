/** The audit policy the scenarios were recorded under, as code: which level an API request is logged at. */

export type AuditLevel = 'None' | 'Metadata' | 'Request' | 'RequestResponse'

export interface AuditedRequest {
  readonly username: string
  readonly verb: string
  /** API group, empty for the core group. */
  readonly group: string
  /** Resource in plural, null for non-resource requests. */
  readonly resource: string | null
  readonly subresource: string | null
  /** Path of a non-resource request. */
  readonly path: string
}

const CONTROL_PLANE = ['system:kube-scheduler', 'system:kube-controller-manager']
const QUIET_PATHS = /^\/(healthz|readyz|livez|version|openapi\/|metrics)/
const SECRET_BODIES = ['secrets', 'configmaps', 'serviceaccounts/token', 'tokenreviews']
const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection']
const FULL_CORE = [
  'pods',
  'pods/exec',
  'pods/attach',
  'pods/portforward',
  'pods/ephemeralcontainers',
  'pods/eviction',
  'pods/binding',
  'services',
  'serviceaccounts',
  'namespaces',
  'nodes',
  'nodes/proxy',
  'persistentvolumes',
  'replicationcontrollers'
]
const FULL_GROUPS = [
  'apps',
  'batch',
  'autoscaling',
  'rbac.authorization.k8s.io',
  'networking.k8s.io',
  'policy',
  'admissionregistration.k8s.io',
  'certificates.k8s.io',
  'authorization.k8s.io',
  'apiextensions.k8s.io'
]
const STREAMS = ['pods/exec', 'pods/attach', 'pods/portforward', 'nodes/proxy', 'pods/log']

/** Level of a request: lease renewals and watches of the control plane are dropped, bodies are kept where detections need them, those of secrets never. */
export function auditLevel(request: AuditedRequest): AuditLevel {
  const { username, verb, group, subresource } = request
  const resource = request.resource === null ? null : request.resource + (subresource === null ? '' : `/${subresource}`)
  if (CONTROL_PLANE.includes(username) && resource === 'leases') return 'None'
  if (resource === null && QUIET_PATHS.test(request.path)) return 'None'
  if (verb === 'watch' && (CONTROL_PLANE.includes(username) || username === 'system:apiserver')) return 'None'
  if (resource === null) return 'Metadata'
  if (SECRET_BODIES.includes(resource)) return 'Metadata'
  if (WRITES.includes(verb) && (FULL_GROUPS.includes(group) || (group === '' && FULL_CORE.includes(resource))))
    return 'RequestResponse'
  if (group === '' && STREAMS.includes(resource)) return 'Request'
  return 'Metadata'
}
