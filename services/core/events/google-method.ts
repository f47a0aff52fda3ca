/** What a permission or method of Google's audit log says about an API request. */
export interface GoogleMethod {
  readonly verb: string
  /** null for a path that is no resource, and of the core group. */
  readonly apiGroup: string | null
  readonly apiVersion: string | null
  /** null for a path that is no resource. */
  readonly resource: string | null
  readonly subresource: string | null
}

const VERSION = /^v\d{1,3}(?:(?:alpha|beta)\d{1,3})?$/

/** Groups of Kubernetes whose name has no domain. */
const SHORT_GROUPS = new Set(['apps', 'autoscaling', 'batch', 'extensions', 'policy'])

function apiGroupOf(reversed: readonly string[]): string | null {
  const [first, second, ...rest] = reversed
  if (first !== 'io' || second !== 'k8s') return reversed.toReversed().join('.')
  if (rest.length === 1 && rest[0] === 'core') return null
  if (rest.length === 1 && rest[0] !== undefined && SHORT_GROUPS.has(rest[0])) return rest[0]
  return [...rest.toReversed(), 'k8s', 'io'].join('.')
}

/**
 * Reads a method name: the API group with its domain reversed, version, resource, subresource, verb, joined by dots, such as
 * io.k8s.core.v1.pods.exec.create, io.k8s.authorization.rbac.v1.rolebindings.patch, io.cert-manager.v1.certificates.get.
 * A request for a path that is no resource has io.k8s.VERB only.
 * Source: https://cloud.google.com/kubernetes-engine/docs/how-to/audit-logging and entries as they are.
 * @returns its parts, null when it is not of that form
 */
export function googleMethodOf(name: string): GoogleMethod | null {
  if (name.length > 512) return null
  const parts = name.split('.')
  const version = parts.findIndex((part, index) => index >= 2 && VERSION.test(part))
  const verb = parts.at(-1)
  if (verb === undefined || verb === '') return null
  if (version === -1) {
    const plain = parts.length === 3 && parts[0] === 'io' && parts[1] === 'k8s'
    return plain ? { verb, apiGroup: null, apiVersion: null, resource: null, subresource: null } : null
  }
  const resource = parts[version + 1]
  if (resource === undefined || parts.length < version + 3) return null
  const subresource = parts.slice(version + 2, -1).join('/')
  return {
    verb,
    apiGroup: apiGroupOf(parts.slice(0, version)),
    apiVersion: parts[version] ?? null,
    resource,
    subresource: subresource === '' ? null : subresource
  }
}

/**
 * HTTP status of each gRPC status, as Google's APIs map them.
 * Source: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
 */
const HTTP_STATUS: readonly number[] = [
  200, // OK
  499, // CANCELLED
  500, // UNKNOWN
  400, // INVALID_ARGUMENT
  504, // DEADLINE_EXCEEDED
  404, // NOT_FOUND
  409, // ALREADY_EXISTS
  403, // PERMISSION_DENIED
  429, // RESOURCE_EXHAUSTED
  400, // FAILED_PRECONDITION
  409, // ABORTED
  400, // OUT_OF_RANGE
  501, // UNIMPLEMENTED
  500, // INTERNAL
  503, // UNAVAILABLE
  500, // DATA_LOSS
  401 // UNAUTHENTICATED
]

/** HTTP status of a gRPC status; 500 for one that is not known. A number that is an HTTP status already stays. */
export function httpStatusOf(grpc: number): number {
  return grpc >= 100 && grpc <= 599 ? grpc : (HTTP_STATUS[grpc] ?? 500)
}
