/** Name of a namespace: a DNS label (RFC 1123), as the Kubernetes API demands. */
export const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** Longest name of an object. */
const MAX_NAME_CHARACTERS = 253

/**
 * Whether something can be the name of a pod, workload, service account or node: DNS labels joined by dots. What is not
 * can never be an object's name, so it never becomes part of a request.
 */
export function isObjectName(name: string): boolean {
  return name.length <= MAX_NAME_CHARACTERS && name.split('.').every((label) => DNS_LABEL.test(label))
}

/** Whether something can be the name of a role or binding: these may hold colons and capitals, but must be one path segment. */
export function isPathSegmentName(name: string): boolean {
  return (
    name !== '' &&
    name !== '.' &&
    name !== '..' &&
    name.length <= MAX_NAME_CHARACTERS &&
    /^[A-Za-z0-9:._-]+$/.test(name)
  )
}

/** `namespace/name` taken apart; null when it is not two valid names. */
export function scopedName(text: string): { readonly namespace: string; readonly name: string } | null {
  const [namespace, name, ...rest] = text.split('/')
  if (namespace === undefined || name === undefined || rest.length > 0) return null
  return DNS_LABEL.test(namespace) && isObjectName(name) ? { namespace, name } : null
}

/**
 * A path of the Kubernetes API.
 * @param segments each is encoded, so that none can end up as more than one
 */
export function apiPath(...segments: readonly string[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('')
}
