import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SCHEMAS } from '../../../schemas/generated/schemas.ts'
import type {
  AuditBatch,
  CloudBatch,
  EnrichedEvent,
  RetryEvent,
  RuntimeBatch
} from '../../../schemas/generated/types.ts'
import { avroArbitrary } from '../../../test/support/avro-arbitrary.ts'
import { WeirError } from '../errors.ts'
import { createBatchReader } from './batch-reader.ts'
import { createCodec, localSchemas } from './codec.ts'
import { createRawEventWriter, type RawEvent } from './enriched-writer.ts'
import { buildType } from './schema-types.ts'
import { HEADER_BYTES } from './wire.ts'

const schemas = localSchemas()
const codec = createCodec(schemas)
const reader = createBatchReader(schemas)
const plain = <T>(value: T): T => structuredClone(value)

const auditBatches = avroArbitrary(SCHEMAS['audit-batch']) as fc.Arbitrary<AuditBatch>
const runtimeBatches = avroArbitrary(SCHEMAS['runtime-batch']) as fc.Arbitrary<RuntimeBatch>
const cloudBatches = avroArbitrary(SCHEMAS['cloud-batch']) as fc.Arbitrary<CloudBatch>
const enrichedEvents = avroArbitrary(SCHEMAS['enriched-event']) as fc.Arbitrary<EnrichedEvent>
const retryEvents = avroArbitrary(SCHEMAS['retry-event']) as fc.Arbitrary<RetryEvent>

describe.each([
  ['audit-batch', auditBatches],
  ['runtime-batch', runtimeBatches],
  ['cloud-batch', cloudBatches]
] as const)('%s', (name, batches) => {
  it('opens to the header and the events it was made of', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (batch) => {
        const open = await reader.open(name, codec.encode(name, batch as never))
        const { events, ...header } = batch
        expect(plain(open.header)).toEqual(plain(header))
        expect(open.events.map((event) => plain(event.value()))).toEqual(plain(events))
        expect(open.events.map((event) => event.index)).toEqual(events.map((_, index) => index))
      }),
      { numRuns: 40 }
    )
  })

  it('gives each event as a batch of its own', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (batch) => {
        const open = await reader.open(name, codec.encode(name, batch as never))
        for (const event of open.events) {
          const alone = await codec.decode(name, event.alone())
          expect(plain(alone)).toEqual(plain({ ...batch, events: [batch.events[event.index]] }))
        }
      }),
      { numRuns: 40 }
    )
  })

  it('reads blocks that carry their size', async () => {
    const withEvents = (batches as fc.Arbitrary<AuditBatch>).filter(({ events }) => events.length > 0)
    const [batch] = fc.sample(withEvents, { seed: 3, numRuns: 1 })
    const bare = codec.encode(name, { ...batch, events: [] } as never)
    const [event] = (await reader.open(name, codec.encode(name, batch as never))).events
    if (event?.bytes === undefined || event.bytes === null) throw new Error('the sample has no event')
    // One block of -1 items and its size in bytes (any number is skipped over), then the end.
    const blocks = Buffer.concat([bare.subarray(0, -1), Buffer.from([1, 10]), event.bytes, Buffer.from([0])])
    const open = await reader.open(name, blocks)
    expect(plain(open.events[0]?.value())).toEqual(plain(event.value()))
  })
})

describe('a batch of an older schema', () => {
  // A version without the field `received` after, and with another field before the events and one after them.
  const old = structuredClone(SCHEMAS['audit-batch']) as {
    fields: { name: string; type: unknown; default?: unknown }[]
  }
  old.fields.push({ name: 'dropped_after', type: 'string' })
  old.fields.unshift({ name: 'dropped_before', type: 'long' })
  const oldReader = createBatchReader({
    ...schemas,
    writerSchema: (id) => (id === 77 ? old : schemas.writerSchema(id))
  })
  const oldCodec = createCodec({ ...schemas, writerSchema: (id) => (id === 77 ? old : schemas.writerSchema(id)) })
  const oldType = buildType(old)
  const encodeOld = (batch: AuditBatch) =>
    Buffer.concat([
      Buffer.from([0, 0, 0, 0, 77]),
      oldType.toBuffer({ ...batch, dropped_before: 5, dropped_after: 'later' })
    ])

  it('opens all the same, and its bytes are not offered for copying', async () => {
    await fc.assert(
      fc.asyncProperty(auditBatches, async (batch) => {
        const open = await oldReader.open('audit-batch', encodeOld(batch))
        const { events, ...header } = batch
        expect(plain(open.header)).toEqual(plain(header))
        expect(open.events.map((event) => plain(event.value()))).toEqual(plain(events))
        expect(open.events.every((event) => event.bytes === null)).toBe(true)
      }),
      { numRuns: 20 }
    )
  })

  it('gives single events in the schema they were written with', async () => {
    await fc.assert(
      fc.asyncProperty(auditBatches, async (batch) => {
        for (const event of (await oldReader.open('audit-batch', encodeOld(batch))).events) {
          expect(event.alone().readUInt32BE(1)).toBe(77)
          const alone = await oldCodec.decode('audit-batch', event.alone())
          expect(plain(alone.events)).toEqual(plain([batch.events[event.index]]))
        }
      }),
      { numRuns: 20 }
    )
  })
})

it('a batch cut short or changed gives a code and no event', async () => {
  const [batch] = fc.sample(auditBatches, { seed: 11, numRuns: 1 }) as [AuditBatch]
  const message = codec.encode('audit-batch', batch)
  for (let length = 0; length < message.length; length++) {
    await expect(reader.open('audit-batch', message.subarray(0, length))).rejects.toMatchObject({
      code: 'CODEC_TRUNCATED_FRAME'
    })
  }
  await expect(reader.open('audit-batch', Buffer.concat([message, message]))).rejects.toMatchObject({
    code: 'CODEC_TRAILING_BYTES'
  })
  await expect(reader.open('audit-batch', null)).rejects.toMatchObject({ code: 'CODEC_NO_VALUE' })
  await expect(reader.open('runtime-batch', message)).rejects.toBeInstanceOf(WeirError)
})

/** The raw event of a generated record, and a record that has exactly one. */
function rawEventOf<T extends Pick<EnrichedEvent, 'audit' | 'runtime'> & Partial<Pick<EnrichedEvent, 'cloud'>>>(
  record: T
): { event: RawEvent; whole: T } | undefined {
  const { audit, runtime, cloud } = record
  // A record that waits has no place for events of a cloud.
  const none = cloud === undefined ? {} : { cloud: null }
  if (audit !== null) {
    const bytes = codec.encode('audit-event', audit).subarray(HEADER_BYTES)
    return { event: { type: 'audit', bytes, value: () => audit }, whole: { ...record, ...none, runtime: null } }
  }
  if (runtime !== null) {
    const bytes = codec.encode('runtime-event', runtime).subarray(HEADER_BYTES)
    return { event: { type: 'runtime', bytes, value: () => runtime }, whole: { ...record, ...none } }
  }
  if (cloud != null) {
    const bytes = codec.encode('cloud-event', cloud).subarray(HEADER_BYTES)
    return { event: { type: 'cloud', bytes, value: () => cloud }, whole: record }
  }
  return undefined
}

describe.each([
  ['enriched-event', enrichedEvents],
  ['retry-event', retryEvents]
] as const)('%s', (name, records) => {
  const writer = createRawEventWriter(name, schemas)

  it('made from copied bytes is what encoding the whole record gives', () => {
    let compared = 0
    fc.assert(
      fc.property(records as fc.Arbitrary<EnrichedEvent>, (record) => {
        const raw = rawEventOf(record)
        if (raw === undefined) return
        const { audit: _a, runtime: _r, cloud: _c, ...facts } = raw.whole
        const whole = codec.encode(name, raw.whole as never)
        expect(writer.encode(raw.event, facts as never)).toEqual(whole)
        expect(writer.encode({ ...raw.event, bytes: null }, facts as never)).toEqual(whole)
        compared++
      }),
      { numRuns: 100 }
    )
    expect(compared).toBeGreaterThan(20)
  })

  it('with facts that do not fit names the field', () => {
    const [record] = fc.sample(records as fc.Arbitrary<EnrichedEvent>, { seed: 1, numRuns: 1 }) as [EnrichedEvent]
    const event: RawEvent = { type: 'audit', bytes: Buffer.alloc(3), value: () => expect.unreachable() }
    expect(() => writer.encode(event, { ...record, cluster: { id: 'c', name: 5 } } as never)).toThrow(/cluster\.name/)
  })
})
