import type { AuditEvent } from '../../../../schemas/generated/types.ts'
import type { Bodies } from '../../bodies.ts'
import { at, isObject, type JsonObject, property } from '../../json.ts'

/** Operations of one JSON patch that are looked at: a body may hold as many as fit into it. */
const MAX_OPERATIONS = 1_000
const MAX_DEPTH = 32

/** What answers with this kind says how a request went, and is not the object. */
const isStatus = (body: unknown): boolean =>
  property(body, 'kind') === 'Status' && property(body, 'apiVersion') === 'v1'

/** Segments of a JSON pointer (RFC 6901), null when it is none or too deep. */
function pointerSegments(pointer: unknown): readonly string[] | null {
  if (typeof pointer !== 'string' || !pointer.startsWith('/')) return null
  const segments = pointer.slice(1).split('/')
  return segments.length > MAX_DEPTH ? null : segments.map((one) => one.replaceAll('~1', '/').replaceAll('~0', '~'))
}

type Tree = Map<string, unknown>

function setAt(tree: Tree, [first, ...rest]: readonly string[], value: unknown): void {
  if (first === undefined) return
  if (rest.length === 0) {
    tree.set(first, value)
    return
  }
  const known = tree.get(first)
  const inner: Tree = known instanceof Map ? known : new Map(isObject(known) ? Object.entries(known) : [])
  tree.set(first, inner)
  setAt(inner, rest, value)
}

const isIndex = (key: string) => key === '-' || /^\d+$/.test(key)

/** Maps whose keys are all indices stand for lists of which only some elements are known. */
function plain(value: unknown): unknown {
  if (!(value instanceof Map)) return value
  const entries = [...value].map(([key, inner]): [string, unknown] => [String(key), plain(inner)])
  if (entries.length > 0 && entries.every(([key]) => isIndex(key))) return entries.map(([, inner]) => inner)
  return Object.fromEntries(entries)
}

/**
 * What a JSON patch (RFC 6902) sets, as the part of the object that it is: added and replaced values where they go, lists holding
 * only the elements named. What is removed, moved or tested is not in it.
 */
export function objectOfJsonPatch(operations: readonly unknown[]): JsonObject {
  const tree: Tree = new Map()
  for (const operation of operations.slice(0, MAX_OPERATIONS)) {
    const kind = property(operation, 'op')
    const segments = pointerSegments(property(operation, 'path'))
    if ((kind === 'add' || kind === 'replace') && segments !== null) {
      setAt(tree, segments, property(operation, 'value'))
    }
  }
  const made = plain(tree)
  return isObject(made) ? made : {}
}

/** A request body as an object: a JSON patch becomes the part of the object that it sets. */
function asked(body: unknown): unknown {
  return Array.isArray(body) ? objectOfJsonPatch(body) : body
}

/**
 * The object that a request is about, whatever the verb: for a create or update as it was asked for, for a patch as it is afterwards
 * or, where the audit level left the answer out or the patch failed, as much of it as the patch tells, for a delete as it was.
 * @returns undefined when no body tells
 */
export function requestedObject(audit: Pick<AuditEvent, 'verb'>, bodies: Bodies): unknown {
  const answer = () => {
    const response = bodies.response()
    return isObject(response) && !isStatus(response) ? response : undefined
  }
  switch (audit.verb) {
    case 'create':
    case 'update': {
      const request = asked(bodies.request())
      return isObject(request) ? request : answer()
    }
    case 'patch': {
      const result = answer()
      if (result !== undefined) return result
      const request = asked(bodies.request())
      return isObject(request) ? request : undefined
    }
    default:
      return answer()
  }
}

/** The list of paths that a patch sets, dots between segments, list indices left out; other verbs have none. */
export function patchedFields(audit: Pick<AuditEvent, 'verb'>, bodies: Bodies): readonly string[] {
  if (audit.verb !== 'patch') return []
  const body = bodies.request()
  const found = new Set<string>()
  if (Array.isArray(body)) {
    for (const operation of body.slice(0, MAX_OPERATIONS)) {
      const segments = pointerSegments(property(operation, 'path'))
      if (segments === null || property(operation, 'op') === 'test') continue
      const path = segments.filter((key) => !isIndex(key)).join('.')
      found.add(path)
      leaves(property(operation, 'value'), path, 0, found)
    }
  } else leaves(body, '', 0, found)
  return [...found].slice(0, MAX_OPERATIONS)
}

function leaves(value: unknown, path: string, depth: number, into: Set<string>): void {
  if (into.size >= MAX_OPERATIONS || depth > MAX_DEPTH) return
  if (Array.isArray(value)) {
    for (const element of value) leaves(element, path, depth + 1, into)
    if (path !== '') into.add(path)
  } else if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) {
      // Keys of strategic merge patches that steer the merge and set nothing (kubernetes/community, strategic-merge-patch.md).
      if (key.startsWith('$')) continue
      leaves(inner, path === '' ? key : `${path}.${key}`, depth + 1, into)
    }
  } else if (path !== '') into.add(path)
}

/** The pod spec in an object of any workload kind, null when there is none. */
export function podTemplateOf(object: unknown, path: readonly string[]): JsonObject | null {
  const spec = at(object, path)
  return isObject(spec) ? spec : null
}
