import type { Type } from 'avsc'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SCHEMAS } from '../../../schemas/generated/schemas.ts'
import { avroArbitrary } from '../../../test/support/avro-arbitrary.ts'
import { compileWalk, walkAll } from './layout.ts'
import {
  type ByteRange,
  createLazyReader,
  fieldIndex,
  type LazyReader,
  locatorOf,
  mapKey,
  plainOf,
  valueInMap
} from './lazy-record.ts'
import { typeOf } from './schema-types.ts'

const NAMES = ['runtime-event', 'audit-event', 'enriched-event'] as const

function readerOf(name: (typeof NAMES)[number]): LazyReader {
  const reader = createLazyReader(SCHEMAS[name])
  if (reader === null) throw new Error(`${name} has no lazy reader`)
  return reader
}

const fieldsOf = (type: Type): readonly { readonly name: string; readonly type: Type }[] =>
  (type as unknown as { fields?: { name: string; type: Type }[] }).fields ?? []

/** The fields of a lazy record and of the records in it: type, bytes and value. */
function* locatedFields(type: Type, record: unknown): Generator<[Type, ByteRange, unknown]> {
  const methods = record as Readonly<Record<string, (into: ByteRange) => void>>
  for (const field of fieldsOf(type)) {
    const range: ByteRange = { bytes: new Uint8Array(0), from: 0, to: 0 }
    methods[locatorOf(field.name)]?.call(record, range)
    const value = (record as Readonly<Record<string, unknown>>)[field.name]
    yield [field.type, range, structuredClone(plainOf(value))]
    const branches = (field.type as unknown as { types?: Type[] }).types ?? [field.type]
    const inner = branches.find((branch) => fieldsOf(branch).length > 0)
    if (inner !== undefined && value !== null) yield* locatedFields(inner, value)
  }
}

const lengthOf = (walk: ReturnType<typeof compileWalk>, bytes: Buffer): number => {
  try {
    walkAll(walk, { bytes, position: 0 }, 'test')
    return bytes.length
  } catch {
    return -1
  }
}

describe.each(NAMES)('%s, read lazily', (name) => {
  const reader = readerOf(name)
  const type = typeOf(name)
  const walk = compileWalk(SCHEMAS[name])
  const values = avroArbitrary(SCHEMAS[name])

  it('is what the decoder makes of it', () => {
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 4 }), (records) => {
        const bytes = Buffer.concat(records.map((record) => type.toBuffer(record)))
        const index = fieldIndex()
        const places: { at: number; start: number; end: number }[] = []
        for (let start = 0; start < bytes.length; ) {
          const at = index.used
          const end = reader.note(bytes, start, index)
          expect(end).toBeGreaterThan(start)
          places.push({ at, start, end })
          start = end
        }
        expect(places.length).toBe(records.length)
        for (const { at, start, end } of places) {
          const expected = structuredClone(type.fromBuffer(bytes.subarray(start, end)))
          const record = reader.record(bytes, index, at, start, end)
          expect(plainOf(record)).toEqual(expected)
          expect(JSON.stringify(record)).toBe(JSON.stringify(expected))
          // What was remembered is the same.
          expect(plainOf(record)).toEqual(expected)
        }
      }),
      { numRuns: 200 }
    )
  })

  it('tells in which bytes each field is', () => {
    fc.assert(
      fc.property(values, fc.nat(9), (value, before) => {
        const bytes = Buffer.concat([Buffer.alloc(before), type.toBuffer(value)])
        const index = fieldIndex()
        reader.note(bytes, before, index)
        const ranges = [...locatedFields(type, reader.record(bytes, index, 0, before, bytes.length))]
        expect(ranges.length).toBeGreaterThanOrEqual(fieldsOf(type).length)
        for (const [field, range, expected] of ranges) {
          expect(field.fromBuffer(Buffer.from(range.bytes.subarray(range.from, range.to)))).toEqual(expected)
        }
      }),
      { numRuns: 100 }
    )
  })

  it('refuses every byte string that the walk refuses', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 })
    let refused = 0
    fc.assert(
      fc.property(values, flips, fc.option(fc.nat()), (value, changes, cut) => {
        const whole = type.toBuffer(value)
        for (const [place, byte] of changes) whole[place % whole.length] = byte
        const bytes = cut === null ? whole : whole.subarray(0, cut % whole.length)
        const index = fieldIndex()
        const end = reader.note(bytes, 0, index)
        if (lengthOf(walk, bytes) < 0) {
          refused += 1
          expect(end).not.toBe(bytes.length)
        }
        if (end !== bytes.length) return
        expect(plainOf(reader.record(bytes, index, 0, 0, end))).toEqual(structuredClone(type.fromBuffer(bytes)))
      }),
      { numRuns: 500 }
    )
    expect(refused).toBeGreaterThan(50)
  })
})

describe('a lazy reader', () => {
  const record = (type: unknown) => ({ type: 'record', name: 'R', fields: [{ name: 'a', type }] })
  const noteOf = (type: unknown, bytes: readonly number[]) =>
    createLazyReader(record(type))?.note(Buffer.from(bytes), 0, fieldIndex())

  it.each([
    ['a string that is longer than the bytes', 'string', [4, 0x61]],
    ['a negative length', 'string', [1]],
    ['a giant length', 'string', [0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['a giant count', { type: 'array', items: 'string' }, [0x80, 0x80, 0x80, 0x80, 0x01]],
    ['a count with too few items', { type: 'array', items: 'long' }, [0xfe, 0xff, 0x7f, 2]],
    ['a branch that is not there', ['null', 'string'], [4]],
    ['a symbol that is not there', { type: 'enum', name: 'E', symbols: ['x'] }, [2]],
    ['a boolean that is none', 'boolean', [2]],
    ['an int of 33 bits', 'int', [0xff, 0xff, 0xff, 0xff, 0x10]],
    ['a long of 54 bits', 'long', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10]],
    ['no byte at all', 'long', []]
  ])('refuses %s', (_, type, bytes) => {
    expect(noteOf(type, bytes)).toBe(-1)
  })

  it('does not take types that our schemas do not have, nor names that are none', () => {
    for (const type of ['bytes', 'double', ['string', 'null'], ['null', 'string', 'int'], 'unheard']) {
      expect(createLazyReader(record(type))).toBeNull()
    }
    const named = { type: 'record', name: 'R', fields: [{ name: 'a() {} get b', type: 'string' }] }
    expect(createLazyReader(named)).toBeNull()
    expect(createLazyReader({ type: 'record', name: 'R', fields: [{ name: 'next', type: ['null', 'R'] }] })).toBeNull()
  })
})

describe('a key of a map, read lazily', () => {
  const reader = readerOf('runtime-event')
  const type = typeOf('runtime-event')
  const keys = fc.constantFrom('', 'a', 'fd.name', '__proto__', 'constructor', 'schlüssel', 'k'.repeat(200))
  const entries = fc.uniqueArray(fc.tuple(keys, fc.string({ unit: 'grapheme', maxLength: 300 })), {
    selector: ([key]) => key
  })
  const events = avroArbitrary(SCHEMAS['runtime-event'])

  it('is what the decoded map has, whether the map was decoded before or not', () => {
    fc.assert(
      fc.property(events, entries, keys, fc.boolean(), (event, pairs, asked, before) => {
        const map: Record<string, string> = {}
        for (const [key, value] of pairs)
          Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
        const bytes = type.toBuffer({ ...(event as object), attributes: map })
        const index = fieldIndex()
        reader.note(bytes, 0, index)
        const record = reader.record(bytes, index, 0, 0, bytes.length) as { readonly attributes: unknown }
        if (before) expect(record.attributes).toEqual(map)
        const expected = pairs.find(([key]) => key === asked)?.[1]
        expect(valueInMap(record, 'attributes', mapKey(asked))).toBe(expected)
        expect(valueInMap({ attributes: map }, 'attributes', mapKey(asked))).toBe(expected)
      })
    )
  })
})
