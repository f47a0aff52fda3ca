import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import './client.ts'
import { recordBatch } from './kafkajs-mends.ts'

const require = createRequire(import.meta.url)
const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => unknown
const Long = require('kafkajs/src/utils/long') as { fromValue(value: unknown): unknown }
const decode = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: unknown) => Promise<{
  readonly lastOffsetDelta: number
  readonly inTransaction: boolean
  readonly producerId: string
  readonly records: ReadonlyArray<{
    readonly offset: string
    readonly key: Buffer | null
    readonly value: Buffer | null
    readonly headers: Readonly<Record<string, Buffer | Buffer[]>>
  }>
}>

const data = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.nat(40_000).map((size) => Buffer.alloc(size, 1))
)
const record = fc.record({
  key: data,
  value: data,
  headers: fc.dictionary(
    // kafkajs reads headers into an object, in which names that every object has come out as lists with what it has.
    fc.string().filter((name) => !(name in {})),
    fc.string(),
    { maxKeys: 3 }
  )
})
const bytesOf = (text: string | Buffer | null) => (typeof text === 'string' ? Buffer.from(text) : text)

it('kafkajs reads what is written in its place, compressed or not', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 20 }), fc.constantFrom(0, 4), async (given, codec) => {
      const { buffer } = await recordBatch({
        compression: codec,
        firstTimestamp: 1_700_000_000_000,
        maxTimestamp: 1_700_000_000_000,
        lastOffsetDelta: given.length - 1,
        transactional: codec === 0,
        producerId: Long.fromValue('12345678901'),
        producerEpoch: 3,
        firstSequence: 7,
        records: given.map((parts, offsetDelta) => ({ ...parts, offsetDelta, timestampDelta: 0 }))
      })
      const read = await decode(new Decoder(Buffer.from(buffer)))
      expect(read).toMatchObject({ lastOffsetDelta: given.length - 1, inTransaction: codec === 0 })
      expect(read.producerId).toBe('12345678901')
      expect(read.records.map(({ offset }) => offset)).toEqual(given.map((_, index) => String(index)))
      for (const [index, { key, value, headers }] of read.records.entries()) {
        expect(key).toEqual(bytesOf(given[index]?.key ?? null))
        expect(value).toEqual(bytesOf(given[index]?.value ?? null))
        expect(Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)]))).toEqual(
          given[index]?.headers
        )
      }
    }),
    { numRuns: 150 }
  )
})
