import type { ApiRequest } from '../../../schemas/generated/types.ts'
import { at, type JsonObject, property, stringAt } from '../json.ts'
import { apiPath } from './names.ts'

const API_SERVER = 'kube-apiserver'
const MERGE_PATCH = 'application/merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'
const JSON_BODY = 'application/json'

/** One operation of a JSON patch (RFC 6902). */
export interface PatchOperation {
  readonly op: 'test' | 'add' | 'replace' | 'remove'
  readonly path: string
  readonly value?: unknown
}

export function get(path: string): ApiRequest {
  return { to: API_SERVER, method: 'GET', path, body: null, content_type: null }
}

/** Changes the fields that are given and no others; null takes a field away (RFC 7386). */
export function mergePatch(path: string, body: unknown): ApiRequest {
  return { to: API_SERVER, method: 'PATCH', path, body: JSON.stringify(body), content_type: MERGE_PATCH }
}

/**
 * Changes an object only as long as it is the one that was looked at: the API server refuses the whole patch when another
 * object has taken its name, or when a `test` among the operations does not hold.
 */
export function guardedPatch(path: string, object: JsonObject, operations: readonly PatchOperation[]): ApiRequest {
  const body = [{ op: 'test', path: '/metadata/uid', value: uidOf(object) }, ...operations]
  return { to: API_SERVER, method: 'PATCH', path, body: JSON.stringify(body), content_type: JSON_PATCH }
}

export function create(path: string, body: unknown): ApiRequest {
  return { to: API_SERVER, method: 'POST', path, body: JSON.stringify(body), content_type: JSON_BODY }
}

/**
 * @param uid deletes the object only if it is still this one, and not another that has taken its name
 * @param grace_seconds instead of the time that the object itself gives its end
 */
export function remove(path: string, uid: string | null, grace_seconds?: number): ApiRequest {
  const options = {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(grace_seconds === undefined ? {} : { gracePeriodSeconds: grace_seconds }),
    ...(uid === null ? {} : { preconditions: { uid } })
  }
  return { to: API_SERVER, method: 'DELETE', path, body: JSON.stringify(options), content_type: JSON_BODY }
}

/** Has a pod leave, as long as it is this one, and its PodDisruptionBudgets allow it: the API server answers 429 while they do not. */
export function evict(namespace: string, name: string, uid: string): ApiRequest {
  return create(corePath(namespace, 'pods', name, 'eviction'), {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
    deleteOptions: { preconditions: { uid } }
  })
}

/** Whether a request is an eviction, which is a POST about a pod that is there. */
export function isEviction({ method, path }: Pick<ApiRequest, 'method' | 'path'>): boolean {
  return method === 'POST' && path.endsWith('/eviction')
}

/** A request to the agent of a node. */
export function toAgent(node: string, path: string, body: unknown): ApiRequest {
  return { to: `node-agent/${node}`, method: 'POST', path, body: JSON.stringify(body), content_type: JSON_BODY }
}

/** Who sends requests that take more than Weir may ever have: the person who takes a plan back, with their own rights. */
export const OPERATOR = 'kube-apiserver/operator'

export function byOperator(request: ApiRequest): ApiRequest {
  return { ...request, to: OPERATOR }
}

/** How a request reads in a sentence, such as an undo. */
export function requestText({ method, path, body }: ApiRequest): string {
  return body === null ? `${method} ${path}` : `${method} ${path} ${body}`
}

/** A key as a segment of a JSON pointer (RFC 6901). */
export function pointerSegment(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

export function uidOf(object: JsonObject): string {
  return stringAt(object, 'metadata', 'uid') ?? ''
}

/** Fields that the API server sets, and that would keep an object from being made again. */
const SERVER_FIELDS: ReadonlySet<string> = new Set([
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink'
])

/** An object as it can be made again. */
export function recreatable(object: JsonObject): JsonObject {
  const metadata = Object.entries(property(object, 'metadata') ?? {}).filter(([key]) => !SERVER_FIELDS.has(key))
  const { status: _, ...rest } = object
  return { ...rest, metadata: Object.fromEntries(metadata) }
}

/**
 * A change of entries of a map of strings, such as labels, and the change back.
 * @param pointer JSON pointer of the map, such as /metadata/labels
 * @param entries null takes an entry away
 */
export function mapPatch(
  path: string,
  object: JsonObject,
  pointer: string,
  entries: Readonly<Record<string, string>>
): { readonly patch: ApiRequest; readonly undo: ApiRequest } {
  const map = at(object, pointer.slice(1).split('/'))
  const place = (key: string) => `${pointer}/${pointerSegment(key)}`
  const added = Object.entries(entries).map(([key, value]): PatchOperation => ({ op: 'add', path: place(key), value }))
  const taken = Object.keys(entries).map((key): PatchOperation => {
    const before = property(map, key)
    return before === undefined ? { op: 'remove', path: place(key) } : { op: 'add', path: place(key), value: before }
  })
  const missing: readonly PatchOperation[] = map === undefined ? [{ op: 'add', path: pointer, value: {} }] : []
  return {
    patch: guardedPatch(path, object, [...missing, ...added]),
    undo: guardedPatch(path, object, taken)
  }
}

const CORE = ['api', 'v1'] as const

/** Path of an object of the core API, or of a collection when there is no name. */
export function corePath(namespace: string, resource: string, ...rest: readonly string[]): string {
  return apiPath(...CORE, 'namespaces', namespace, resource, ...rest)
}

/** Path of an object of the core API that is in no namespace. */
export function coreClusterPath(resource: string, ...rest: readonly string[]): string {
  return apiPath(...CORE, resource, ...rest)
}

/** Path of an object of a named API group. */
export function groupPath(
  group: string,
  version: string,
  namespace: string,
  resource: string,
  ...rest: readonly string[]
): string {
  return apiPath('apis', group, version, 'namespaces', namespace, resource, ...rest)
}

/** Path of an object of a named API group that is in no namespace. */
export function groupClusterPath(group: string, version: string, resource: string, ...rest: readonly string[]): string {
  return apiPath('apis', group, version, resource, ...rest)
}
