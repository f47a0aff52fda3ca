import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SCHEMAS, type SchemaName, type SchemaTypes } from '../../../schemas/generated/schemas.ts'
import { avroArbitrary } from '../../../test/support/avro-arbitrary.ts'
import { WeirError } from '../errors.ts'
import { type Codec, createCodec, localSchemas } from './codec.ts'
import { CODEC_ERRORS } from './errors.ts'
import { LONG_MAX, LONG_MIN } from './layout.ts'
import { buildType } from './schema-types.ts'
import { HEADER_BYTES } from './wire.ts'

const names = Object.keys(SCHEMAS) as SchemaName[]
const schemas = localSchemas()
const codec = createCodec(schemas)

const plain = (value: unknown): unknown => structuredClone(value)

async function codeOf(action: () => unknown): Promise<string> {
  try {
    await action()
  } catch (error) {
    if (error instanceof WeirError) return error.code
    throw error
  }
  return 'none'
}

/** A value of each schema, always the same. */
const sample = <Name extends SchemaName>(name: Name): SchemaTypes[Name] =>
  fc.sample(avroArbitrary(SCHEMAS[name]), { seed: 7, numRuns: 1 })[0] as SchemaTypes[Name]

/** A codec that also knows one schema of somebody else, with id 900. */
function codecWith(writer: unknown): Codec {
  return createCodec({ ...schemas, writerSchema: (id) => (id === 900 ? writer : schemas.writerSchema(id)) })
}

function frame(id: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(id, 1)
  return Buffer.concat([header, payload])
}

describe.each(names)('%s', (name) => {
  const arbitrary = avroArbitrary(SCHEMAS[name])

  it('comes back from encoding as it was', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, async (value) => {
        const decoded = await codec.decode(name, codec.encode(name, value as never))
        expect(plain(decoded)).toEqual(plain(value))
      }),
      { numRuns: 60 }
    )
  })

  it('is refused with a code when it is cut short, at any byte', async () => {
    const message = codec.encode(name, sample(name))
    for (let length = 0; length < message.length; length++) {
      expect(await codeOf(() => codec.decode(name, message.subarray(0, length)))).toBe('CODEC_TRUNCATED_FRAME')
    }
  })

  it('is refused with a code, or read, when bytes of it are changed: never more than that', async () => {
    const message = codec.encode(name, sample(name))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(message.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        async (changes) => {
          const changed = Buffer.from(message)
          for (const [position, byte] of changes) changed[position] = byte
          const code = await codeOf(() => codec.decode(name, changed))
          expect(['none', ...Object.keys(CODEC_ERRORS)]).toContain(code)
        }
      ),
      { numRuns: 200 }
    )
  })

  it('is not found in random bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (payload) => {
        const code = await codeOf(() => codec.decode(name, frame(schemas.idOf(name), Buffer.from(payload))))
        expect(['none', ...Object.keys(CODEC_ERRORS)]).toContain(code)
      }),
      { numRuns: 200 }
    )
  })
})

describe('what cannot be decoded', () => {
  const signal = codec.encode('signal', sample('signal'))

  it.each([
    ['no value', null, 'CODEC_NO_VALUE'],
    ['nothing', Buffer.alloc(0), 'CODEC_TRUNCATED_FRAME'],
    ['half a header', Buffer.from([0, 0, 0]), 'CODEC_TRUNCATED_FRAME'],
    ['another magic byte', Buffer.concat([Buffer.from([1]), signal.subarray(1)]), 'CODEC_WRONG_MAGIC'],
    ['JSON', Buffer.from('{}'), 'CODEC_WRONG_MAGIC'],
    ['an id nobody knows', frame(4711, signal.subarray(HEADER_BYTES)), 'CODEC_UNKNOWN_SCHEMA_ID'],
    ['a value of another schema', codec.encode('cluster', sample('cluster')), 'CODEC_UNREADABLE_SCHEMA'],
    ['a byte too many', Buffer.concat([signal, Buffer.from([0])]), 'CODEC_TRAILING_BYTES']
  ])('%s has its own code', async (_what, message, code) => {
    expect(await codeOf(() => codec.decode('signal', message))).toBe(code)
  })

  it('an array that claims more items than there are bytes costs nothing', async () => {
    const text = (name: string) => ({ name, type: 'string' })
    const nulls = { name: 'nulls', type: { type: 'array', items: 'null' } }
    const writer = { type: 'record', name: 'Cluster', namespace: 'io.weir', fields: [nulls, text('id'), text('name')] }
    const count = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
    const started = performance.now()
    expect(await codeOf(() => codecWith(writer).decode('cluster', frame(900, count)))).toBe('CODEC_TRUNCATED_FRAME')
    expect(performance.now() - started).toBeLessThan(1000)
  })

  it('an endless integer ends', async () => {
    const message = frame(schemas.idOf('cluster'), Buffer.alloc(1_000_000, 0xff))
    expect(await codeOf(() => codec.decode('cluster', message))).toBe('CODEC_CORRUPT_PAYLOAD')
  })

  it('a recursive schema cannot exhaust the stack', async () => {
    const writer = {
      type: 'record',
      name: 'Cluster',
      namespace: 'io.weir',
      fields: [
        { name: 'id', type: 'string' },
        { name: 'name', type: 'string' },
        { name: 'next', type: ['null', 'Cluster'] }
      ]
    }
    const payload = Buffer.alloc(300_000)
    for (let at = 0; at < payload.length; at += 3) payload[at + 2] = 2
    expect(await codeOf(() => codecWith(writer).decode('cluster', frame(900, payload)))).toBe('CODEC_CORRUPT_PAYLOAD')
    const shallow = buildType(writer).toBuffer({ id: 'a', name: 'b', next: { id: 'c', name: 'd', next: null } })
    expect(plain(await codecWith(writer).decode('cluster', frame(900, shallow)))).toEqual({ id: 'a', name: 'b' })
  })

  it.each([
    ['not a schema', { type: 'nonsense' }],
    ['no schema at all', 17],
    [
      'a record without the field that has no default',
      { type: 'record', name: 'Cluster', namespace: 'io.weir', fields: [] }
    ]
  ])('a writer schema that is %s is unreadable', async (_what, writer) => {
    expect(await codeOf(() => codecWith(writer).decode('cluster', frame(900, Buffer.from([0, 0]))))).toBe(
      'CODEC_UNREADABLE_SCHEMA'
    )
  })

  it('an unreachable registry is not the fault of the message', async () => {
    const outage = new Error('connection refused')
    const reader = createCodec({
      idOf: schemas.idOf,
      writerSchema: () => {
        throw outage
      }
    })
    await expect(reader.decode('signal', signal)).rejects.toBe(outage)
  })

  it('an id that was unknown is known as soon as the registry has it', async () => {
    let registered = false
    const reader = createCodec({
      ...schemas,
      writerSchema: (id) => (registered ? schemas.writerSchema(id) : undefined)
    })
    expect(await codeOf(() => reader.decode('signal', signal))).toBe('CODEC_UNKNOWN_SCHEMA_ID')
    registered = true
    expect(await codeOf(() => reader.decode('signal', signal))).toBe('none')
  })
})

describe('64-bit integers', () => {
  const longs = buildType({ type: 'record', name: 'Longs', fields: [{ name: 'value', type: 'long' }] })
  const zigzag = (value: bigint): Buffer => {
    const bytes: number[] = []
    for (let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)); ; rest >>= 7n) {
      bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0))
      if (rest <= 0x7fn) return Buffer.from(bytes)
    }
  }
  /** Reads one long the way a message is read. */
  async function readLong(value: bigint): Promise<number | string> {
    const writer = {
      type: 'record',
      name: 'CorrelatorState',
      namespace: 'io.weir',
      fields: [
        { name: 'watermark', type: 'long' },
        { name: 'key', type: 'string' },
        { name: 'cluster_id', type: 'string' },
        { name: 'kind', type: { type: 'enum', name: 'StateKind', symbols: ['clock'] } }
      ]
    }
    const message = frame(900, Buffer.concat([zigzag(value), Buffer.from([0, 0, 0])]))
    try {
      return (await codecWith(writer).decode('correlator-state', message)).watermark
    } catch (error) {
      return error instanceof WeirError ? error.code : String(error)
    }
  }

  it('are exact or refused when read, over their whole range', async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), async (value) => {
        const safe = value >= BigInt(LONG_MIN) && value <= BigInt(LONG_MAX)
        expect(await readLong(value)).toBe(safe ? Number(value) : 'CODEC_LONG_OUT_OF_RANGE')
      })
    )
  })

  it.each([
    [BigInt(LONG_MIN), LONG_MIN],
    [BigInt(LONG_MIN) - 1n, 'CODEC_LONG_OUT_OF_RANGE'],
    [BigInt(LONG_MAX), LONG_MAX],
    [BigInt(LONG_MAX) + 1n, 'CODEC_LONG_OUT_OF_RANGE'],
    [-(2n ** 63n), 'CODEC_LONG_OUT_OF_RANGE'],
    [2n ** 63n - 1n, 'CODEC_LONG_OUT_OF_RANGE']
  ])('%s reads as %s', async (value, expected) => {
    expect(await readLong(value)).toBe(expected)
  })

  it.each([LONG_MIN, LONG_MIN + 1, -1, 0, LONG_MAX])('%s is written and comes back', (value) => {
    expect(longs.fromBuffer(longs.toBuffer({ value })).value).toBe(value)
  })

  it.each([
    LONG_MIN - 1,
    LONG_MAX + 1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    2 ** 60,
    0.5,
    NaN,
    Infinity,
    '1',
    1n
  ])('%s is refused when written', (value) => {
    expect(() => longs.toBuffer({ value })).toThrow()
    expect(longs.isValid({ value })).toBe(false)
  })
})

describe('what cannot be encoded', () => {
  it('names the field, and not what is in it', async () => {
    const value = { ...sample('signal'), rule: { id: 'r', code: null, title: 3, level: 'secret-level' } }
    try {
      codec.encode('signal', value as never)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(WeirError)
      expect((error as WeirError).code).toBe('CODEC_VALUE_MISMATCH')
      expect((error as WeirError).message).toBe('signal: field rule.title is not of type string')
    }
  })

  it.each([undefined, null, 7, 'text', {}])('%s is no signal', async (value) => {
    expect(await codeOf(() => codec.encode('signal', value as never))).toBe('CODEC_VALUE_MISMATCH')
  })

  it('a time in nanoseconds is refused rather than rounded', async () => {
    const value = { ...sample('signal'), time: 1_790_000_000_000_000_000 }
    expect(await codeOf(() => codec.encode('signal', value))).toBe('CODEC_VALUE_MISMATCH')
  })
})

it('a key __proto__ stays a key', async () => {
  const labels = Object.fromEntries([
    ['__proto__', 'polluted'],
    ['app', 'shop']
  ])
  const value = { ...sample('inventory-record'), labels }
  const decoded = await codec.decode('inventory-record', codec.encode('inventory-record', value))
  expect(Object.entries(decoded.labels)).toEqual(Object.entries(labels))
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
})

it('messages longer than the scratch buffer come out whole', async () => {
  for (const length of [60_000, 70_000, 5_000_000, 10]) {
    const value = { id: 'x'.repeat(length), name: 'ü'.repeat(20) }
    expect(plain(await codec.decode('cluster', codec.encode('cluster', value)))).toEqual(value)
  }
})

it('a message keeps its bytes when the next is encoded', () => {
  const first = codec.encode('cluster', { id: 'first', name: '' })
  const copy = Buffer.from(first)
  codec.encode('cluster', { id: 'other', name: '' })
  expect(first).toEqual(copy)
})
