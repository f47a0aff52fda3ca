import type { AuditEvent } from '../../../../schemas/generated/types.ts'
import type { Bodies } from '../../bodies.ts'
import { at, isObject, type JsonObject, property } from '../../json.ts'

/** Operations of one JSON patch that are looked at: a body may hold as many as fit into it. */
const MAX_OPERATIONS = 1_000
const MAX_DEPTH = 32
/** Above every index that a patch may name in a list that fits into a request. */
const MAX_INDEX = 1_000_000_000

/** What answers with this kind says how a request went, and is not the object. */
const isStatus = (body: unknown): boolean =>
  property(body, 'kind') === 'Status' && property(body, 'apiVersion') === 'v1'

/** Segments of a JSON pointer (RFC 6901), none for the whole document, null when it is no pointer or too deep. */
function pointerSegments(pointer: unknown): readonly string[] | null {
  if (pointer === '') return []
  if (typeof pointer !== 'string' || !pointer.startsWith('/')) return null
  const segments = pointer.slice(1).split('/')
  return segments.length > MAX_DEPTH ? null : segments.map((one) => one.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** What is known of an object or list: keys in the order in which they were set, indices of lists as keys. */
type Tree = Map<string, unknown>

const isIndex = (key: string) => key === '-' || /^\d+$/.test(key)

function treeOf(known: unknown): Tree {
  if (known instanceof Map) return known
  if (Array.isArray(known)) return new Map(known.map((element, index) => [String(index), element]))
  return new Map(isObject(known) ? Object.entries(known) : [])
}

/**
 * Sets a value in a tree. Elements are added to lists, never laid over each other: what an earlier operation put at the same index
 * has moved on and is still in the object. Their keys get a number that no index has.
 */
function setAt(tree: Tree, [first, ...rest]: readonly string[], value: unknown, isAdded: boolean): void {
  if (first === undefined) return
  if (rest.length === 0) {
    const moves = first === '-' || (isAdded && isIndex(first) && tree.has(first))
    tree.set(moves ? `${MAX_INDEX + tree.size}` : first, value)
    return
  }
  const inner = treeOf(tree.get(first))
  tree.set(first, inner)
  setAt(inner, rest, value, isAdded)
}

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
  let tree: Tree = new Map()
  for (const operation of operations.slice(0, MAX_OPERATIONS)) {
    const kind = property(operation, 'op')
    const segments = pointerSegments(property(operation, 'path'))
    if ((kind !== 'add' && kind !== 'replace') || segments === null) continue
    const value = property(operation, 'value')
    if (segments.length === 0) tree = treeOf(value)
    else setAt(tree, segments, value, kind === 'add')
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
      if (path !== '') found.add(path)
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

/** Annotations in which isolation of containers was set before it had fields. */
const ISOLATION_ANNOTATION = /^annotations\..*(?:apparmor|seccomp)/

/**
 * Whether a write says anything about the pod spec: true for create and update, which carry it whole; for a patch when a path it
 * sets lies in the spec or above it. A patch that scales, labels or restarts a workload answers with a pod spec and says nothing
 * about it. What cannot be told, because the patch is not in the event or is too long, counts as said.
 * @param path of the pod spec in objects of that kind
 */
export function writesPodSpec(audit: Pick<AuditEvent, 'verb'>, bodies: Bodies, path: readonly string[]): boolean {
  if (audit.verb === 'create' || audit.verb === 'update') return true
  if (audit.verb !== 'patch') return false
  const body = bodies.request()
  const fields = patchedFields(audit, bodies)
  if (body === undefined || fields.length >= MAX_OPERATIONS) return true
  if (Array.isArray(body)) {
    // A path that cannot be read, or that is the whole document, may be that of the spec.
    const isOpen = (operation: unknown) => (pointerSegments(property(operation, 'path'))?.length ?? 0) === 0
    if (body.length > MAX_OPERATIONS || body.some(isOpen)) return true
  }
  const spec = path.join('.')
  const metadata = [...path.slice(0, -1), 'metadata', ''].join('.')
  return fields.some(
    (field) =>
      field === spec ||
      field.startsWith(`${spec}.`) ||
      spec.startsWith(`${field}.`) ||
      (field.startsWith(metadata) && ISOLATION_ANNOTATION.test(field.slice(metadata.length)))
  )
}

/** The pod spec in an object of any workload kind, null when there is none. */
export function podTemplateOf(object: unknown, path: readonly string[]): JsonObject | null {
  const spec = at(object, path)
  return isObject(spec) ? spec : null
}

/** The pod spec as a write asks for it: of a patch only what it sets. Null for other verbs, and where the body does not tell. */
export function askedPodSpec(
  audit: Pick<AuditEvent, 'verb'>,
  bodies: Bodies,
  path: readonly string[]
): JsonObject | null {
  const { verb } = audit
  return verb === 'create' || verb === 'update' || verb === 'patch'
    ? podTemplateOf(asked(bodies.request()), path)
    : null
}
