import fc from 'fast-check'
import { LONG_MAX, LONG_MIN } from '../../services/core/avro/layout.ts'

type Schema = string | readonly Schema[] | SchemaObject
interface SchemaObject {
  readonly type: Schema
  readonly name?: string
  readonly namespace?: string
  readonly fields?: readonly { readonly name: string; readonly type: Schema }[]
  readonly symbols?: readonly string[]
  readonly items?: Schema
  readonly values?: Schema
}

/** Well-formed text with what breaks encoders: empty, long, several bytes a character, and names of object internals. */
const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 100 }) },
  { weight: 1, arbitrary: fc.constantFrom('', '__proto__', 'constructor', 'toString', '\0', '🜨'.repeat(40)) }
)

const long = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 2_000_000_000_000_000 }) },
  { weight: 2, arbitrary: fc.maxSafeInteger().filter((value) => value >= LONG_MIN && value <= LONG_MAX) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(0, -1, 1, 63, 64, -64, -65, 2 ** 31, -(2 ** 31) - 1, LONG_MIN, LONG_MIN + 1, LONG_MAX)
  }
)

const primitives: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  null: fc.constant(null),
  boolean: fc.boolean(),
  int: fc.integer(),
  long,
  float: fc.float({ noNaN: true }),
  double: fc.double({ noNaN: true }),
  bytes: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  string: text
}

const shortName = (name: string) => name.slice(name.lastIndexOf('.') + 1)

/** An object whose keys are own properties, whatever they are called. */
const ownObject = (entries: readonly (readonly [string, unknown])[]): object => Object.fromEntries(entries)

/**
 * Values of an Avro schema, as our codec takes them and gives them back.
 * @param schema schema as parsed JSON, complete in itself, not recursive
 */
export function avroArbitrary(schema: unknown): fc.Arbitrary<unknown> {
  const named = new Map<string, fc.Arbitrary<unknown>>()

  function of(type: Schema): fc.Arbitrary<unknown> {
    if (typeof type === 'string') {
      const arbitrary = primitives[type] ?? named.get(shortName(type))
      if (arbitrary === undefined) throw new TypeError(`type ${type} is not defined`)
      return arbitrary
    }
    if (Array.isArray(type)) return fc.oneof(...type.map(of))
    const object = type as SchemaObject
    switch (object.type) {
      case 'record':
        return remember(
          object,
          fc.record(Object.fromEntries((object.fields ?? []).map(({ name, type }) => [name, of(type)])))
        )
      case 'enum':
        return remember(object, fc.constantFrom(...(object.symbols ?? [])))
      case 'array':
        return fc.array(of(object.items as Schema), { maxLength: 3 })
      case 'map':
        return fc.array(fc.tuple(text, of(object.values as Schema)), { maxLength: 3 }).map(ownObject)
      default:
        return of(object.type)
    }
  }

  function remember(object: SchemaObject, arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
    named.set(shortName(object.name ?? ''), arbitrary)
    return arbitrary
  }

  return of(schema as Schema)
}
