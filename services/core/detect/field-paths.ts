import { SCHEMAS } from '../../../schemas/generated/schemas.ts'
import { FACT_PATHS, factOf } from './facts/fact-catalogue.ts'
import { RULE_LIMITS } from './limits.ts'

/**
 * Paths into the event model. What exists is read from the Avro schema of EnrichedEvent, so a field added there is a field of
 * rules at once.
 */
export interface FieldPath {
  /** The full path from EnrichedEvent: how evidence and explanations name the field. */
  readonly path: string
  readonly steps: readonly PathStep[]
  readonly type: FieldType
  /** Set when the audit level may have left out what the field is read from. */
  readonly body: BodyPart | null
}

export type FieldType = 'text' | 'number' | 'boolean' | 'time' | 'record' | 'json'
export type BodyPart = 'request' | 'response' | 'pod_spec' | 'object' | 'pod_template'
/** What a path may lead into that is JSON: a body, or a fact by its name. */
export type JsonRoot = 'request' | 'response' | { readonly fact: string }

export type PathStep =
  | { readonly kind: 'property'; readonly name: string }
  /** Every element of a list, or one. */
  | { readonly kind: 'each'; readonly index: number | null }
  /** The rest of the path is one key of a map: such keys contain dots. */
  | { readonly kind: 'key'; readonly key: string }
  /** The rest of the path leads into a body that is JSON text or into a fact. `keys[i][j]` is segments i to j, joined by dots. */
  | { readonly kind: 'json'; readonly root: JsonRoot; readonly keys: readonly (readonly string[])[] }
  /** The path is looked up in the document of the view. `nulls`: whether a null in it is a value, or says that nothing is known. */
  | {
      readonly kind: 'document'
      readonly keys: readonly (readonly string[])[]
      readonly nulls: 'values' | 'missing'
    }

interface RecordType {
  readonly kind: 'record'
  readonly fields: ReadonlyMap<string, ModelType>
}
type ModelType =
  | RecordType
  | { readonly kind: 'array'; readonly items: ModelType }
  | { readonly kind: 'map'; readonly values: ModelType }
  | { readonly kind: 'leaf'; readonly type: FieldType }

/** Fields whose text is JSON: Avro has no type that says so. */
const JSON_BODIES: ReadonlyMap<string, 'request' | 'response'> = new Map([
  ['audit.requestObject', 'request'],
  ['audit.responseObject', 'response'],
  // Never left out by an audit level: what is not there, the request did not have.
  ['cloud.requestParameters', 'request'],
  ['cloud.responseElements', 'response']
])

const LEAVES: Readonly<Record<string, FieldType>> = {
  string: 'text',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  boolean: 'boolean'
}

interface AvroObject {
  readonly type: unknown
  readonly name?: string
  readonly logicalType?: string
  readonly fields?: readonly { readonly name: string; readonly type: unknown }[]
  readonly items?: unknown
  readonly values?: unknown
}

const isObject = (value: unknown): value is AvroObject => typeof value === 'object' && value !== null

/** The schema as the little that paths need. Named types are remembered, since Avro writes each out only once. */
function readSchema(schema: unknown, named: Map<string, ModelType>): ModelType {
  if (Array.isArray(schema)) {
    const branches: readonly unknown[] = schema
    const branch = branches.find((member) => member !== 'null')
    return readSchema(branch, named)
  }
  if (typeof schema === 'string') {
    const type = Object.hasOwn(LEAVES, schema) ? LEAVES[schema] : undefined
    if (type !== undefined) return { kind: 'leaf', type }
    const known = named.get(schema.slice(schema.lastIndexOf('.') + 1))
    if (known === undefined) throw new TypeError(`the schema refers to ${schema}, which it does not define before`)
    return known
  }
  if (!isObject(schema)) throw new TypeError('a schema is a name, a list or an object')
  if (schema.type === 'record') {
    const fields = new Map<string, ModelType>()
    const record: RecordType = { kind: 'record', fields }
    if (schema.name !== undefined) named.set(schema.name, record)
    for (const field of schema.fields ?? []) fields.set(field.name, readSchema(field.type, named))
    return record
  }
  if (schema.type === 'enum') {
    const leaf: ModelType = { kind: 'leaf', type: 'text' }
    if (schema.name !== undefined) named.set(schema.name, leaf)
    return leaf
  }
  if (schema.type === 'array') return { kind: 'array', items: readSchema(schema.items, named) }
  if (schema.type === 'map') return { kind: 'map', values: readSchema(schema.values, named) }
  if (schema.logicalType === 'timestamp-micros') return { kind: 'leaf', type: 'time' }
  return readSchema(schema.type, named)
}

const root = readSchema(SCHEMAS['enriched-event'], new Map())
const EMPTY: RecordType = { kind: 'record', fields: new Map() }
const recordAt = (name: string): RecordType => {
  const type = root.kind === 'record' ? root.fields.get(name) : undefined
  return type?.kind === 'record' ? type : EMPTY
}

/** Where a path may begin: the enriched event itself, and the raw records inside it without their names. */
const ROOTS: readonly { readonly prefix: string; readonly type: ModelType; readonly steps: readonly PathStep[] }[] = [
  { prefix: '', type: root, steps: [] },
  { prefix: 'audit.', type: recordAt('audit'), steps: [{ kind: 'property', name: 'audit' }] },
  { prefix: 'runtime.', type: recordAt('runtime'), steps: [{ kind: 'property', name: 'runtime' }] },
  { prefix: 'cloud.', type: recordAt('cloud'), steps: [{ kind: 'property', name: 'cloud' }] }
]

function joinedKeys(segments: readonly string[]): readonly (readonly string[])[] {
  return segments.map((_, first) =>
    segments.map((__, last) => (last < first ? '' : segments.slice(first, last + 1).join('.')))
  )
}

function jsonStep(root: JsonRoot, segments: readonly string[]): PathStep {
  return { kind: 'json', root, keys: joinedKeys(segments) }
}

interface Resolved {
  readonly steps: readonly PathStep[]
  readonly type: FieldType
}

function follow(
  type: ModelType,
  segments: readonly string[],
  path: string,
  steps: readonly PathStep[]
): Resolved | null {
  const [segment, ...rest] = segments
  switch (type.kind) {
    case 'leaf': {
      const body = JSON_BODIES.get(path)
      if (segment === undefined) return { steps, type: type.type }
      return body === undefined ? null : { steps: [...steps, jsonStep(body, segments)], type: 'json' }
    }
    case 'array':
      return follow(type.items, segments, path, [...steps, { kind: 'each', index: null }])
    case 'map': {
      if (segment === undefined) return { steps, type: 'record' }
      // The key is all that is left; what lies in it is a value or a list of values.
      return follow(type.values, [], `${path}.${segments.join('.')}`, [
        ...steps,
        { kind: 'key', key: segments.join('.') }
      ])
    }
    case 'record': {
      if (segment === undefined) return { steps, type: 'record' }
      const indexed = /^([^[\]]+)\[([0-9]{1,4})\]$/.exec(segment)
      const name = indexed?.[1] ?? segment
      const field = type.fields.get(name)
      if (field === undefined) return null
      const property: PathStep = { kind: 'property', name }
      const next = path === '' ? name : `${path}.${name}`
      if (indexed === null) return follow(field, rest, next, [...steps, property])
      if (field.kind !== 'array') return null
      return follow(field.items, rest, next, [...steps, property, { kind: 'each', index: Number(indexed[2]) }])
    }
  }
}

function bodyOf(path: string): BodyPart | null {
  if (/^audit\.requestObject(?:\.|$)/.test(path)) return 'request'
  if (/^audit\.responseObject(?:\.|$)/.test(path)) return 'response'
  return /^pod_spec(?:\.|$)/.test(path) ? 'pod_spec' : null
}

/** A path to a fact or into one; null when there is no such fact, or nothing of that name in it. */
function factPath(name: string, segments: readonly string[]): FieldPath | null {
  // The longest name counts: facts.source.kind is a fact by itself.
  for (let length = Math.min(segments.length, 3); length > 0; length -= 1) {
    const fact = segments.slice(0, length).join('.')
    const known = factOf(fact)
    if (known === null) continue
    const inner = segments.slice(length)
    if (known.fields !== null && inner.length > 0 && !known.fields.includes(inner.join('.'))) return null
    return { path: name, steps: [jsonStep({ fact }, inner)], type: 'json', body: known.part }
  }
  return null
}

/**
 * Looks a path up in the event model and among the facts.
 * @param name a path of EnrichedEvent, or of the audit, runtime or cloud event in it (`verb`, `process.name`, `eventName`); `[N]` after a list names
 *   one element, otherwise a path through a list means any element. Under requestObject, responseObject and maps every path exists
 * @returns null when the model has no such path
 */
export function resolvePath(name: string): FieldPath | null {
  const segments = name.split('.')
  if (segments.length > RULE_LIMITS.path_segments || segments.includes('')) return null
  const fact = factPath(name, segments)
  if (fact !== null) return fact
  for (const { prefix, type, steps } of ROOTS) {
    const found = follow(type, segments, prefix.slice(0, -1), steps)
    if (found !== null) return { path: prefix + name, ...found, body: bodyOf(prefix + name) }
  }
  return null
}

/**
 * A path into a document, where every path exists.
 * @param as how it is named to people, and what nulls in it mean
 * @returns null when it is too long or has an empty part
 */
export function documentPath(
  name: string,
  as: { readonly path: string; readonly nulls: 'values' | 'missing' }
): FieldPath | null {
  const segments = name.split('.')
  if (segments.length > RULE_LIMITS.path_segments || segments.includes('')) return null
  const step: PathStep = { kind: 'document', keys: joinedKeys(segments), nulls: as.nulls }
  return { path: as.path, steps: [step], type: 'json', body: null }
}

/** The path to the objects that a field holds, null when it holds plain values only. A body as a whole is one, too. */
export function objectsPath(path: FieldPath): FieldPath | null {
  if (path.type === 'record' || path.type === 'json') return path
  const body = JSON_BODIES.get(path.path)
  return body === undefined ? null : { ...path, steps: [...path.steps, jsonStep(body, [])], type: 'json' }
}

function listPaths(type: ModelType, path: string, into: Set<string>): void {
  if (type.kind === 'array') {
    listPaths(type.items, path, into)
    return
  }
  if (path !== '') into.add(path)
  if (type.kind !== 'record') return
  for (const [name, field] of type.fields) listPaths(field, path === '' ? name : `${path}.${name}`, into)
}

/** Every path that has a name, as rules write them, for suggestions. */
export const KNOWN_PATHS: ReadonlySet<string> = (() => {
  const paths = new Set<string>(FACT_PATHS)
  for (const { type } of ROOTS) listPaths(type, '', paths)
  return paths
})()
