import { setTimeout as sleep } from 'node:timers/promises'
import { WeirError } from '../../services/core/errors.ts'
import { arrayAt, isObject, type JsonObject, parseJson, property, stringAt } from '../../services/core/json.ts'
import { apiPathOf } from '../../services/core/respond/permissions.ts'
import type {
  ClusterAnswer,
  ClusterApi,
  ClusterRequest,
  SendAs
} from '../../services/platform/kubernetes/cluster-api.ts'
import { KUBERNETES_ERRORS } from '../../services/platform/kubernetes/errors.ts'

/** What a fake API server does with a request instead of answering it; null to answer. */
export type Trouble = (
  request: ClusterRequest,
  times: number
) => { readonly status: number; readonly applied?: boolean; readonly retry_after_ms?: number } | null

type Mutable = { [key: string]: unknown }

/** A JSON patch on a copy; null when a test does not hold. */
function patched(object: JsonObject, operations: readonly unknown[]): Mutable | null {
  const copy = structuredClone(object) as Mutable
  for (const operation of operations) {
    const segments = (stringAt(operation, 'path') ?? '')
      .split('/')
      .slice(1)
      .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = segments.pop() ?? ''
    let parent: unknown = copy
    for (const segment of segments) parent = property(parent, segment)
    if (!isObject(parent)) return null
    const value = property(operation, 'value')
    switch (property(operation, 'op')) {
      case 'test':
        if (JSON.stringify(property(parent, last)) !== JSON.stringify(value)) return null
        break
      case 'remove':
        if (!Object.hasOwn(parent, last)) return null
        delete (parent as Mutable)[last]
        break
      default:
        ;(parent as Mutable)[last] = value
    }
  }
  return copy
}

/**
 * An API server of objects in memory, enough of one for the responder: create, read, list by label, JSON patch with tests,
 * deletion with UIDs, tokens. How it answers was checked against a real one (test/cluster-respond).
 */
export function createFakeCluster(initial: Readonly<Record<string, JsonObject>> = {}) {
  const objects = new Map<string, JsonObject>(Object.entries(initial))
  const changes: string[] = []
  const tries = new Map<string, number>()
  let trouble: Trouble = () => null
  let version = 1

  const answer = (status: number, body: unknown = {}, retry_after_ms: number | null = null): ClusterAnswer => ({
    status,
    body,
    text: JSON.stringify(body),
    retry_after_ms
  })
  const stored = (path: string, object: JsonObject): JsonObject => {
    version += 1
    const metadata = (object['metadata'] ?? {}) as JsonObject
    const withVersion = {
      ...object,
      metadata: { uid: `uid-of-${path}`, ...metadata, resourceVersion: String(version) }
    }
    objects.set(path, withVersion)
    return withVersion
  }

  function apply({ method, path, body }: ClusterRequest): ClusterAnswer {
    const [way = '', query = ''] = path.split('?')
    const parsed = parseJson(body ?? null)
    const known = objects.get(way)
    if (method !== 'GET') changes.push(`${method} ${way}`)
    switch (method) {
      case 'GET': {
        if (apiPathOf(way)?.name !== null) return known === undefined ? answer(404) : answer(200, known)
        const wanted = decodeURIComponent(/labelSelector=([^&]*)/.exec(query)?.[1] ?? '')
        // Of all namespaces where none is given.
        const [root, resource] = [way.slice(0, way.lastIndexOf('/')), way.slice(way.lastIndexOf('/') + 1)]
        const everywhere = way.includes('/namespaces/')
          ? null
          : new RegExp(`^${root}/namespaces/[^/]+/${resource}/[^/]+$`)
        const items = [...objects].filter(
          ([key]) =>
            (key.startsWith(`${way}/`) && !key.slice(way.length + 1).includes('/')) || everywhere?.test(key) === true
        )
        const matching = items.filter(([, item]) =>
          wanted
            .split(',')
            .filter((one) => one !== '')
            .every((one) => stringAt(item, 'metadata', 'labels', one.split('=')[0] ?? '') === one.split('=')[1])
        )
        return answer(200, { kind: 'List', items: matching.map(([, item]) => item) })
      }
      case 'POST': {
        if (way.endsWith('/token')) return answer(201, { status: { token: 'token' } })
        if (way.endsWith('/eviction')) {
          const pod = way.slice(0, -'/eviction'.length)
          const uid = stringAt(parsed, 'deleteOptions', 'preconditions', 'uid')
          if (!objects.has(pod)) return answer(404)
          if (stringAt(objects.get(pod), 'metadata', 'uid') !== uid) return answer(409)
          objects.delete(pod)
          return answer(201)
        }
        const at = `${way}/${stringAt(parsed, 'metadata', 'name') ?? ''}`
        if (objects.has(at)) return answer(409)
        return answer(201, stored(at, isObject(parsed) ? parsed : {}))
      }
      case 'PUT': {
        if (known === undefined) return answer(404)
        const same = stringAt(parsed, 'metadata', 'resourceVersion') === stringAt(known, 'metadata', 'resourceVersion')
        return same && isObject(parsed) ? answer(200, stored(way, parsed)) : answer(409)
      }
      case 'PATCH': {
        if (known === undefined) return answer(404)
        const next = patched(known, Array.isArray(parsed) ? parsed : [])
        return next === null
          ? answer(422, { message: 'the server rejected our request' })
          : answer(200, stored(way, next))
      }
      default: {
        if (known === undefined) return answer(404)
        const uid = stringAt(parsed, 'preconditions', 'uid')
        if (uid !== null && uid !== stringAt(known, 'metadata', 'uid')) return answer(409)
        objects.delete(way)
        return answer(200)
      }
    }
  }

  const api: ClusterApi = {
    close: () => {},
    async send(request: ClusterRequest, _as?: SendAs): Promise<ClusterAnswer> {
      await sleep(0)
      const key = `${request.method} ${request.path}`
      const times = (tries.get(key) ?? 0) + 1
      tries.set(key, times)
      const found = trouble(request, times)
      if (found === null) return apply(request)
      if (found.applied === true) apply(request)
      if (found.status === 0)
        throw new WeirError(KUBERNETES_ERRORS, 'KUBERNETES_UNREACHABLE', `${key} was not answered`)
      return answer(found.status, { message: `trouble ${found.status}` }, found.retry_after_ms ?? null)
    }
  }
  return {
    api,
    objects,
    /** Changes that were made or refused for their content, such as `PATCH /path`, in order. */
    changes,
    troubled(next: Trouble): void {
      trouble = next
    },
    /** Names of what is there for permissions. */
    permissions: () => [...objects.keys()].filter((path) => path.includes('weir-jit-')),
    items: (path: string) => arrayAt(apply({ method: 'GET', path }).body, 'items')
  }
}
