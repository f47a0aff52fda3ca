import avro from 'avsc'
import { SCHEMAS, type SchemaName } from '../../../schemas/generated/schemas.ts'
import { LONG_MAX, LONG_MIN } from './layout.ts'

/** What avsc reads from and writes to; its own declarations leave it out. */
interface Tap {
  readLong(): number
  skipLong(): void
  readString(): string
  writeLong(value: number): void
}
type Hook = ((value: unknown, type: unknown) => void) | undefined

const isSafe = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= LONG_MIN && Number(value) <= LONG_MAX

/**
 * avsc's long, refusing what it would encode wrongly: below -(2^52) its arithmetic rounds, and -(2^52)-1 comes back as
 * +2^52. Bytes that are out of range are refused earlier, by the walk of `layout.ts`.
 */
class SafeLongType extends avro.types.LongType {
  _check(value: unknown, _flags: unknown, hook: Hook): boolean {
    const safe = isSafe(value)
    if (!safe) hook?.(value, this)
    return safe
  }

  _write(tap: Tap, value: unknown): void {
    if (!isSafe(value)) throw new TypeError('a 64-bit integer is outside -(2^52) to 2^52-1')
    tap.writeLong(value)
  }
}

/**
 * avsc's map, for keys that others chose: as an ordinary assignment `__proto__` would set the prototype of the map, or
 * vanish.
 */
class SafeMapType extends avro.types.MapType {
  _read(tap: Tap): Record<string, unknown> {
    const values = this.valuesType as { _read(tap: Tap): unknown }
    const map: Record<string, unknown> = {}
    for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
      if (count < 0) {
        count = -count
        tap.skipLong()
      }
      for (; count > 0; count--) {
        const key = tap.readString()
        const value = values._read(tap)
        if (key === '__proto__') {
          Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
        } else {
          map[key] = value
        }
      }
    }
    return map
  }
}

const safeLong = new SafeLongType()

type ForSchemaOptions = NonNullable<Parameters<typeof avro.Type.forSchema>[1]>

function safeTypes(schema: unknown, options: ForSchemaOptions): avro.Type | undefined {
  if (schema === 'long') return safeLong
  if (typeof schema !== 'object' || schema === null || !('type' in schema)) return undefined
  if (schema.type === 'long') return safeLong
  if (schema.type === 'map') return new SafeMapType(schema as avro.Schema, options)
  return undefined
}

/**
 * @param schema an Avro schema as parsed JSON, complete in itself
 * @returns avsc type; decoded records are instances of a class of their own with the fields as own properties and no
 *   methods, unions are bare values, logical types are their numbers
 * @throws Error of avsc when it is not a schema
 */
export function buildType(schema: unknown): avro.Type {
  return avro.Type.forSchema(schema as avro.Schema, {
    omitRecordMethods: true,
    wrapUnions: 'never',
    typeHook: safeTypes
  })
}

const types = new Map<SchemaName, avro.Type>()

/** avsc type of one of our schemas, built when it is first asked for. */
export function typeOf(name: SchemaName): avro.Type {
  let type = types.get(name)
  if (type === undefined) {
    type = buildType(SCHEMAS[name])
    types.set(name, type)
  }
  return type
}

/**
 * Record type of some of the fields of one of our record schemas, to encode or decode a part of a record by itself.
 * @param choose which fields, in the order of the schema
 */
export function partialType(name: SchemaName, choose: (field: string) => boolean): avro.Type {
  const whole = typeOf(name)
  if (!(whole instanceof avro.types.RecordType)) throw new TypeError(`${name} is not a record`)
  const { fields: definitions } = SCHEMAS[name] as { fields: readonly { name: string; default?: unknown }[] }
  const fields = whole.fields
    .map((field, index) => ({ ...definitions[index], name: field.name, type: field.type }))
    .filter((field) => choose(field.name))
  return buildType({ type: 'record', name: 'Part', namespace: 'io.weir', fields })
}
