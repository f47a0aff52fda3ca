import { WeirError } from '../errors.ts'
import { CODEC_ERRORS, type CodecErrorCode } from './errors.ts'

/**
 * Walks over encoded values without building them: finds where a value ends and proves that every byte up to there is what
 * the schema says. It runs before avsc reads untrusted bytes, because avsc trusts lengths: an array count of 2^40 makes it
 * loop and allocate without end, and longs near the edges of their range come out wrong without an error.
 */

/** Where a walk stands. One is used for a whole message. */
export interface Cursor {
  readonly bytes: Uint8Array
  position: number
}

/** Moves the cursor over one value. */
export type Walk = (cursor: Cursor) => void

/** Range in which a 64-bit integer is exact on its way through zigzag coding in JavaScript numbers. */
export const LONG_MIN = -(2 ** 52)
export const LONG_MAX = 2 ** 52 - 1

const INT_MIN = -(2 ** 31)
const INT_MAX = 2 ** 31 - 1
const VARINT_MAX_BYTES = 10
/** Deeper nesting is refused: only a recursive schema can reach it, and none of ours is recursive. */
const MAX_DEPTH = 64

/** Thrown inside a walk; carries the path to the field as it is passed upwards. */
class BadBytes extends Error {
  readonly code: CodecErrorCode
  readonly path: string[] = []

  constructor(code: CodecErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type JsonObject = { readonly [key: string]: Json }

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function truncated(): BadBytes {
  return new BadBytes('CODEC_TRUNCATED_FRAME', 'the message ends within the value')
}

/**
 * Reads a zigzag varint.
 * @returns the number, exact if it lies between LONG_MIN and LONG_MAX, else something outside of that range
 */
function readLong(cursor: Cursor): number {
  const { bytes } = cursor
  const start = cursor.position
  const first = bytes[start]
  if (first !== undefined && first < 0x80) {
    cursor.position = start + 1
    return (first >>> 1) ^ -(first & 1)
  }
  let value = 0
  let scale = 1
  for (let position = start; ; position++) {
    const byte = bytes[position]
    if (byte === undefined) throw truncated()
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      cursor.position = position + 1
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    if (position - start + 1 === VARINT_MAX_BYTES) {
      throw new BadBytes('CODEC_CORRUPT_PAYLOAD', 'an integer is longer than 10 bytes')
    }
    scale *= 128
  }
}

const walkNull: Walk = () => {}

const walkBoolean: Walk = (cursor) => {
  const byte = cursor.bytes[cursor.position]
  if (byte === undefined) throw truncated()
  if (byte > 1) throw new BadBytes('CODEC_CORRUPT_PAYLOAD', `byte ${byte} is neither true nor false`)
  cursor.position++
}

const walkInt: Walk = (cursor) => {
  const value = readLong(cursor)
  if (value < INT_MIN || value > INT_MAX) throw new BadBytes('CODEC_CORRUPT_PAYLOAD', 'a number does not fit 32 bits')
}

const walkLong: Walk = (cursor) => {
  const value = readLong(cursor)
  if (value < LONG_MIN || value > LONG_MAX) {
    throw new BadBytes('CODEC_LONG_OUT_OF_RANGE', 'a 64-bit integer is outside -(2^52) to 2^52-1')
  }
}

function walkFixed(size: number): Walk {
  return (cursor) => {
    cursor.position += size
    if (cursor.position > cursor.bytes.length) throw truncated()
  }
}

const walkBytes: Walk = (cursor) => {
  const length = readLong(cursor)
  if (length < 0) throw new BadBytes('CODEC_CORRUPT_PAYLOAD', 'a length is negative')
  if (length > cursor.bytes.length - cursor.position) throw truncated()
  cursor.position += length
}

function walkIndex(count: number, what: string): (cursor: Cursor) => number {
  return (cursor) => {
    const index = readLong(cursor)
    if (index < 0 || index >= count) {
      throw new BadBytes('CODEC_CORRUPT_PAYLOAD', `${what} ${index} is not among the ${count} of the schema`)
    }
    return index
  }
}

/**
 * Reads the head of a block of an array or map.
 * @returns the number of items, 0 at the end; no more than there are bytes left, since an item without a byte would let a
 *   short message ask for any number of items
 */
export function readBlock(cursor: Cursor): number {
  let count = readLong(cursor)
  if (count < 0) {
    count = -count
    const size = readLong(cursor)
    if (size < 0) throw new BadBytes('CODEC_CORRUPT_PAYLOAD', 'a block size is negative')
  }
  if (count > cursor.bytes.length - cursor.position) throw truncated()
  return count
}

function walkBlocks(walkItem: Walk): Walk {
  return (cursor) => {
    let allowed = cursor.bytes.length - cursor.position
    let index = 0
    try {
      for (let count = readBlock(cursor); count > 0; count = readBlock(cursor)) {
        allowed -= count
        if (allowed < 0) throw truncated()
        for (; count > 0; count--, index++) walkItem(cursor)
      }
    } catch (error) {
      if (error instanceof BadBytes) error.path.push(String(index))
      throw error
    }
  }
}

const PRIMITIVES: ReadonlyMap<Json | undefined, Walk> = new Map([
  ['null', walkNull],
  ['boolean', walkBoolean],
  ['int', walkInt],
  ['long', walkLong],
  ['float', walkFixed(4)],
  ['double', walkFixed(8)],
  ['bytes', walkBytes],
  ['string', walkBytes]
])

interface Scope {
  readonly named: Map<string, Walk>
  /** How many records the walk is in. One for all walks of a schema: a walk never yields. */
  depth: number
}

const qualified = (name: string, namespace: string) =>
  name.includes('.') || namespace === '' ? name : `${namespace}.${name}`

function namespaceOf(schema: JsonObject, name: string, inherited: string): string {
  if (name.includes('.')) return name.slice(0, name.lastIndexOf('.'))
  return typeof schema.namespace === 'string' ? schema.namespace : inherited
}

function compileRecord(schema: JsonObject, name: string, namespace: string, scope: Scope): Walk {
  const fields: { name: string; walk: Walk }[] = []
  const walkRecord: Walk = (cursor) => {
    if (++scope.depth > MAX_DEPTH) throw new BadBytes('CODEC_CORRUPT_PAYLOAD', `nested deeper than ${MAX_DEPTH}`)
    let at = 0
    try {
      for (const field of fields) {
        field.walk(cursor)
        at++
      }
    } catch (error) {
      if (error instanceof BadBytes) error.path.push(fields[at]?.name ?? '')
      throw error
    } finally {
      scope.depth--
    }
  }
  // Before the fields, so that a field can be of the record's own type.
  scope.named.set(name, walkRecord)
  if (!Array.isArray(schema.fields)) throw new TypeError(`record ${name} has no fields`)
  for (const field of schema.fields as readonly Json[]) {
    if (!isObject(field) || typeof field.name !== 'string') throw new TypeError(`a field of ${name} has no name`)
    fields.push({ name: field.name, walk: compile(field.type, namespace, scope) })
  }
  return walkRecord
}

function compileNamed(schema: JsonObject, inherited: string, scope: Scope): Walk {
  if (typeof schema.name !== 'string') throw new TypeError('a named type has no name')
  const namespace = namespaceOf(schema, schema.name, inherited)
  const name = qualified(schema.name, namespace)
  if (schema.type === 'record' || schema.type === 'error') return compileRecord(schema, name, namespace, scope)
  let walk: Walk
  if (schema.type === 'enum') {
    if (!Array.isArray(schema.symbols)) throw new TypeError(`enum ${name} has no symbols`)
    walk = walkIndex(schema.symbols.length, 'symbol')
  } else {
    if (!Number.isSafeInteger(schema.size) || Number(schema.size) < 0) throw new TypeError(`fixed ${name} has no size`)
    walk = walkFixed(Number(schema.size))
  }
  scope.named.set(name, walk)
  return walk
}

function compileUnion(branches: readonly Json[], namespace: string, scope: Scope): Walk {
  const walks = branches.map((branch) => compile(branch, namespace, scope))
  const readBranch = walkIndex(walks.length, 'branch')
  return (cursor) => walks[readBranch(cursor)]?.(cursor)
}

function compile(schema: Json | undefined, namespace: string, scope: Scope): Walk {
  if (typeof schema === 'string') {
    const walk = PRIMITIVES.get(schema) ?? scope.named.get(qualified(schema, namespace)) ?? scope.named.get(schema)
    if (walk === undefined) throw new TypeError(`type ${schema} is not defined`)
    return walk
  }
  if (Array.isArray(schema)) return compileUnion(schema as readonly Json[], namespace, scope)
  if (!isObject(schema)) throw new TypeError('a type is neither a name nor an object')
  switch (schema.type) {
    case 'record':
    case 'error':
    case 'enum':
    case 'fixed':
      return compileNamed(schema, namespace, scope)
    case 'array':
      return walkBlocks(compile(schema.items, namespace, scope))
    case 'map': {
      const walkValue = compile(schema.values, namespace, scope)
      return walkBlocks((cursor) => {
        walkBytes(cursor)
        walkValue(cursor)
      })
    }
    default:
      return compile(schema.type, namespace, scope)
  }
}

/**
 * @param schema an Avro schema as parsed JSON, complete in itself
 * @returns a walk that throws nothing but what `walkAll` and `guarded` turn into a WeirError
 * @throws TypeError when it is not a schema
 */
export function compileWalk(schema: unknown): Walk {
  const scope: Scope = { named: new Map(), depth: 0 }
  const walk = compile(schema as Json, '', scope)
  return (cursor) => {
    scope.depth = 0
    walk(cursor)
  }
}

/** Parts of a record schema whose field `events` is an array: what surrounds the array, and one of its items. */
export interface BatchWalks {
  readonly head: Walk
  readonly event: Walk
  readonly tail: Walk
}

/**
 * @param schema schema of a record with an array `events`
 * @throws TypeError when it has none
 */
export function compileBatchWalks(schema: unknown): BatchWalks {
  if (!isObject(schema) || typeof schema.name !== 'string' || !Array.isArray(schema.fields)) {
    throw new TypeError('a batch is a record')
  }
  const scope: Scope = { named: new Map(), depth: 0 }
  const namespace = namespaceOf(schema, schema.name, '')
  const parts: { head: Walk[]; tail: Walk[] } = { head: [], tail: [] }
  let event: Walk | undefined
  for (const field of schema.fields as readonly Json[]) {
    if (!isObject(field)) throw new TypeError('a field is an object')
    if (field.name === 'events' && isObject(field.type) && field.type.type === 'array') {
      event = compile(field.type.items, namespace, scope)
    } else {
      const walk = compile(field.type, namespace, scope)
      parts[event === undefined ? 'head' : 'tail'].push(walk)
    }
  }
  if (event === undefined) throw new TypeError('the record has no array `events`')
  const all = (walks: readonly Walk[]): Walk => {
    return (cursor) => {
      for (const walk of walks) walk(cursor)
    }
  }
  return { head: all(parts.head), event, tail: all(parts.tail) }
}

/**
 * Runs a walk, or several, over untrusted bytes.
 * @throws WeirError with the codes CODEC_TRUNCATED_FRAME, CODEC_CORRUPT_PAYLOAD, CODEC_LONG_OUT_OF_RANGE; the message names
 *   the field and its byte, never its content
 */
export function guarded<T>(cursor: Cursor, what: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof BadBytes)) throw error
    const field = error.path.toReversed().join('.')
    const where = field === '' ? '' : ` in ${field}`
    throw new WeirError(CODEC_ERRORS, error.code, `${what}: ${error.message}${where}, near byte ${cursor.position}`)
  }
}

/**
 * Proves that the bytes from `cursor.position` to the end are one value.
 * @throws as `guarded`, and CODEC_TRAILING_BYTES
 */
export function walkAll(walk: Walk, cursor: Cursor, what: string): void {
  guarded(cursor, what, () => walk(cursor))
  expectEnd(cursor, what)
}

/** @throws CODEC_TRAILING_BYTES when there are bytes left */
export function expectEnd(cursor: Cursor, what: string): void {
  const left = cursor.bytes.length - cursor.position
  if (left > 0) throw new WeirError(CODEC_ERRORS, 'CODEC_TRAILING_BYTES', `${what}: ${left} bytes after the value`)
}
