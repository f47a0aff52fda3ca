import type avro from 'avsc'
import { SCHEMAS, type SchemaName, type SchemaTypes } from '../../../schemas/generated/schemas.ts'
import { messageOf, WeirError } from '../errors.ts'
import { CODEC_ERRORS } from './errors.ts'
import { type Cursor, compileWalk, type Walk, walkAll } from './layout.ts'
import { buildType, typeOf } from './schema-types.ts'
import { HEADER_BYTES, schemaIdOf, writeHeader } from './wire.ts'

/** Where schemas and their ids come from: the registry's part in coding. */
export interface SchemaSource {
  /**
   * The schema with this id as parsed JSON, `undefined` when there is none; or a promise of it. May throw when it cannot be said: the error
   * passes through, since an unreachable registry must not turn good messages into dead letters. Asked again for every
   * message of an unknown id; it is the source that remembers for how long an id is unknown.
   */
  readonly writerSchema: (id: number) => unknown
  /** Id of today's schema of this name. */
  readonly idOf: (name: SchemaName) => number
}

export interface Codec {
  /**
   * @returns wire header and value
   * @throws CODEC_VALUE_MISMATCH, naming the field
   */
  encode<Name extends SchemaName>(name: Name, value: SchemaTypes[Name]): Buffer
  /**
   * @returns the value as today's schema of this name has it, whichever version it was written with; records are class
   *   instances without methods, see `buildType`
   * @throws CODEC_NO_VALUE, CODEC_WRONG_MAGIC, CODEC_TRUNCATED_FRAME, CODEC_UNKNOWN_SCHEMA_ID, CODEC_UNREADABLE_SCHEMA,
   *   CODEC_CORRUPT_PAYLOAD, CODEC_LONG_OUT_OF_RANGE, CODEC_TRAILING_BYTES; and what the schema source throws
   */
  decode<Name extends SchemaName>(name: Name, message: Buffer | null): Promise<SchemaTypes[Name]>
}

/** How messages of one writer's schema are read as one of ours. */
export interface Reading {
  readonly walk: Walk
  /** Whether the writer's schema encodes as today's does (its documentation may differ). */
  readonly isCurrent: boolean
  /** Absent when it does. */
  readonly resolver: ReturnType<avro.Type['createResolver']> | undefined
  readonly writerSchema: unknown
}

/**
 * Looks up how to read, and remembers it per writer id and reader name. Bounded: ids are given out by the registry, an
 * unknown one is not remembered.
 */
export function createReadings(source: SchemaSource): (id: number, name: SchemaName) => Promise<Reading> | Reading {
  const readings = new Map<string, Reading>()

  async function lookUp(id: number, name: SchemaName): Promise<Reading> {
    const schema = await source.writerSchema(id)
    if (schema === undefined || schema === null) {
      throw new WeirError(CODEC_ERRORS, 'CODEC_UNKNOWN_SCHEMA_ID', `the registry has no schema with id ${id}`)
    }
    let reading: Reading
    try {
      const writer = buildType(schema)
      const isCurrent = writer.equals(typeOf(name))
      const resolver = isCurrent ? undefined : typeOf(name).createResolver(writer)
      reading = { walk: compileWalk(schema), isCurrent, resolver, writerSchema: schema }
    } catch (error) {
      const message = `schema ${id} cannot be read as ${name}: ${messageOf(error).slice(0, 200)}`
      throw new WeirError(CODEC_ERRORS, 'CODEC_UNREADABLE_SCHEMA', message, { cause: error })
    }
    readings.set(`${id} ${name}`, reading)
    return reading
  }

  return (id, name) => readings.get(`${id} ${name}`) ?? lookUp(id, name)
}

/** Decodes the value of a message whose bytes a walk has proved. */
export function decodeWalked(name: SchemaName, message: Buffer, reading: Reading): unknown {
  try {
    return typeOf(name).decode(message, HEADER_BYTES, reading.resolver).value
  } catch (error) {
    throw new WeirError(CODEC_ERRORS, 'CODEC_CORRUPT_PAYLOAD', `${name}: ${messageOf(error)}`, { cause: error })
  }
}

const FIRST_SCRATCH_BYTES = 64 * 1024
const KEPT_SCRATCH_BYTES = 4 * 1024 * 1024

/**
 * Encodes values one after another through a buffer that is kept and grows, so that each costs one allocation.
 * @returns function that gives `reserved` unset bytes followed by the encoded value
 */
export function createEncoder(): (type: avro.Type, what: string, value: unknown, reserved: number) => Buffer {
  let scratch = Buffer.allocUnsafeSlow(FIRST_SCRATCH_BYTES)

  function write(type: avro.Type, what: string, value: unknown, target: Buffer, reserved: number): number {
    try {
      return type.encode(value, target, reserved)
    } catch (error) {
      throw mismatch(type, what, value, error)
    }
  }

  return (type, what, value, reserved) => {
    let end = write(type, what, value, scratch, reserved)
    if (end >= 0) return Buffer.from(scratch.subarray(0, end))
    // A negative result says by how much the buffer was too short.
    const target = Buffer.allocUnsafeSlow(scratch.length - end)
    end = write(type, what, value, target, reserved)
    if (target.length <= KEPT_SCRATCH_BYTES) scratch = target
    return target.length <= KEPT_SCRATCH_BYTES ? Buffer.from(target.subarray(0, end)) : target.subarray(0, end)
  }
}

function mismatch(type: avro.Type, what: string, value: unknown, cause: unknown): WeirError {
  let field = ''
  let expected = ''
  try {
    type.isValid(value, {
      errorHook: (path, _value, wanted) => {
        if (expected !== '') return
        field = path.join('.')
        expected = wanted.branchName ?? wanted.typeName
      }
    })
  } catch {
    // A value that cannot even be looked at keeps the general message.
  }
  const where = field === '' ? 'value' : `field ${field}`
  const message = expected === '' ? `${what}: the value does not fit` : `${what}: ${where} is not of type ${expected}`
  return new WeirError(CODEC_ERRORS, 'CODEC_VALUE_MISMATCH', message, { cause })
}

/**
 * Codec of all our schemas in the wire format of Confluent-compatible registries.
 * @param source where writers' schemas and our ids come from
 */
export function createCodec(source: SchemaSource): Codec {
  const readingOf = createReadings(source)
  const encodeValue = createEncoder()

  return {
    encode(name, value) {
      const message = encodeValue(typeOf(name), name, value, HEADER_BYTES)
      writeHeader(message, source.idOf(name))
      return message
    },

    async decode<Name extends SchemaName>(name: Name, message: Buffer | null) {
      const id = schemaIdOf(message)
      const bytes = message as Buffer
      const known = readingOf(id, name)
      const reading = known instanceof Promise ? await known : known
      const cursor: Cursor = { bytes, position: HEADER_BYTES }
      walkAll(reading.walk, cursor, name)
      return decodeWalked(name, bytes, reading) as SchemaTypes[Name]
    }
  }
}

/**
 * Schema source of a process that talks to nobody: today's schemas, numbered from 1 in the order of their names.
 */
export function localSchemas(): SchemaSource {
  const names = (Object.keys(SCHEMAS) as SchemaName[]).sort()
  return {
    writerSchema: (id) => {
      const name = names[id - 1]
      return name === undefined ? undefined : SCHEMAS[name]
    },
    idOf: (name) => names.indexOf(name) + 1
  }
}
