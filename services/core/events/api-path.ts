import type { ObjectReference } from '../../../schemas/generated/types.ts'

/** What a path of the Kubernetes API names. */
type ApiObject = Pick<ObjectReference, 'apiGroup' | 'apiVersion' | 'namespace' | 'resource' | 'name' | 'subresource'>

const orNull = (segment: string | undefined): string | null =>
  segment === undefined || segment === '' ? null : segment

/**
 * Splits what follows group and version in an API path: `namespaces/NS/RESOURCE/NAME/SUBRESOURCE`, or without namespace.
 * @param segments the segments
 * @param resource the resource when it is known otherwise: `namespaces/a/b` is either a list of b in a, or b of namespace a
 */
function splitObject(segments: readonly string[], resource: string | null): Omit<ApiObject, 'apiGroup' | 'apiVersion'> {
  const [first, second, third, ...rest] = segments
  const namespaced = first === 'namespaces' && third !== undefined && third !== '' && resource !== 'namespaces'
  // These are the namespace's own subresources; everything else below a namespace is a resource in it.
  const ofNamespace = resource === null && (third === 'finalize' || third === 'status') && rest.length === 0
  if (namespaced && !ofNamespace) {
    return {
      namespace: orNull(second),
      resource: third,
      name: orNull(rest[0]),
      subresource: orNull(rest[1])
    }
  }
  return {
    namespace: first === 'namespaces' ? orNull(second) : null,
    resource: orNull(first),
    name: orNull(second),
    subresource: orNull(third)
  }
}

/**
 * Reads the path of an API request, such as /apis/apps/v1/namespaces/shop/deployments/web/scale.
 * @param uri path, with or without query
 * @returns what it names, null when it is no path of a resource
 */
export function apiObjectOfUri(uri: string): ApiObject | null {
  const path = uri.split('?', 1)[0] ?? ''
  const segments = path.split('/', 12)
  if (segments[0] !== '') return null
  const grouped = segments[1] === 'apis'
  if (!grouped && segments[1] !== 'api') return null
  const start = grouped ? 4 : 3
  if (orNull(segments[start]) === null) return null
  return {
    apiGroup: grouped ? orNull(segments[2]) : null,
    apiVersion: orNull(segments[start - 1]),
    ...splitObject(segments.slice(start), null)
  }
}

/**
 * Reads the name of a resource in Google's audit log, such as core/v1/namespaces/shop/pods/web/exec.
 * @param resource the resource its method names, see `splitObject`
 * @returns what it names, null when it is no such name
 */
export function apiObjectOfGoogleName(name: string, resource: string | null): ApiObject | null {
  const segments = name.split('/', 12)
  if (segments.length < 3) return null
  return {
    apiGroup: segments[0] === 'core' ? null : orNull(segments[0]),
    apiVersion: orNull(segments[1]),
    ...splitObject(segments.slice(2), resource)
  }
}
