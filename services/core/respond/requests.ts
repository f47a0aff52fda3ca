import type { ApiRequest } from '../../../schemas/generated/types.ts'
import { apiPath } from './names.ts'

const API_SERVER = 'kube-apiserver'
const MERGE_PATCH = 'application/merge-patch+json'
const JSON_BODY = 'application/json'

export function get(path: string): ApiRequest {
  return { to: API_SERVER, method: 'GET', path, body: null, content_type: null }
}

/** Changes the fields that are given and no others; null takes a field away (RFC 7386). */
export function mergePatch(path: string, body: unknown): ApiRequest {
  return { to: API_SERVER, method: 'PATCH', path, body: JSON.stringify(body), content_type: MERGE_PATCH }
}

export function create(path: string, body: unknown): ApiRequest {
  return { to: API_SERVER, method: 'POST', path, body: JSON.stringify(body), content_type: JSON_BODY }
}

/** @param uid deletes the object only if it is still this one, and not another that has taken its name */
export function remove(path: string, uid: string | null): ApiRequest {
  const options = { apiVersion: 'v1', kind: 'DeleteOptions', ...(uid === null ? {} : { preconditions: { uid } }) }
  return { to: API_SERVER, method: 'DELETE', path, body: JSON.stringify(options), content_type: JSON_BODY }
}

/** A request to the agent of a node. */
export function toAgent(node: string, path: string, body: unknown): ApiRequest {
  return { to: `node-agent/${node}`, method: 'POST', path, body: JSON.stringify(body), content_type: JSON_BODY }
}

/** How a request reads in a sentence, such as an undo. */
export function requestText({ method, path, body }: ApiRequest): string {
  return body === null ? `${method} ${path}` : `${method} ${path} ${body}`
}

const CORE = ['api', 'v1'] as const

/** Path of an object of the core API, or of a collection when there is no name. */
export function corePath(namespace: string, resource: string, ...rest: readonly string[]): string {
  return apiPath(...CORE, 'namespaces', namespace, resource, ...rest)
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
