import fc from 'fast-check'
import type { KafkaMessage } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import type { OutgoingMessage } from '../stage.ts'
import { piecesOf } from './message.ts'
import { chunksOf, createPartitioner, expectSizes, oversizeOf, sizeOf, toTopicMessages } from './outgoing.ts'

const messages = fc.array(
  fc.record({
    topic: fc.constantFrom('a', 'b'),
    key: fc.option(fc.string({ maxLength: 5 })),
    value: fc.option(fc.nat(3000).map((length) => Buffer.alloc(length)))
  }),
  { maxLength: 40 }
) as fc.Arbitrary<OutgoingMessage[]>

describe('produce requests', () => {
  it('carry all messages in order, none more than its bound unless one message alone does', () => {
    fc.assert(
      fc.property(messages, fc.integer({ min: 100, max: 5000 }), (all, bound) => {
        const chunks = [...chunksOf(all, bound)]
        expect(chunks.flat()).toEqual(all)
        for (const chunk of chunks) {
          const bytes = chunk.reduce((sum, message) => sum + sizeOf(message), 0)
          expect(chunk.length === 1 || bytes <= bound).toBe(true)
        }
      })
    )
    const many = Array.from({ length: 1200 }, (): OutgoingMessage => ({ topic: 'a', key: null, value: null }))
    expect([...chunksOf(many, 1e9)].map((chunk) => chunk.length)).toEqual([500, 500, 200])
  })

  it('group messages by topic and keep their order', () => {
    const [a, b] = toTopicMessages([
      { topic: 'a', key: '1', value: null },
      { topic: 'b', key: '2', value: null, partition: 3, headers: { x: 'y' } },
      { topic: 'a', key: '3', value: null }
    ])
    expect(a).toEqual({
      topic: 'a',
      messages: [
        { key: '1', value: null },
        { key: '3', value: null }
      ]
    })
    expect(b).toEqual({ topic: 'b', messages: [{ key: '2', value: null, partition: 3, headers: { x: 'y' } }] })
  })
})

describe('the size of a message', () => {
  it('counts bytes, not characters, of everything in it', () => {
    const base = sizeOf({ topic: 't', key: null, value: null })
    expect(sizeOf({ topic: 't', key: 'ü', value: Buffer.alloc(10), headers: { ab: 'ü' } }) - base).toBe(2 + 10 + 4)
  })

  it('is bounded, with room for the headers of dead letters', () => {
    const value = Buffer.alloc(1000)
    expect(oversizeOf({ topic: 't', key: null, value }, 900)).toMatchObject({ code: 'KAFKA_MESSAGE_TOO_LARGE' })
    expect(oversizeOf({ topic: 't.dlq', key: null, value }, 900)).toBeNull()
    expect(oversizeOf({ topic: 't.dlq', key: null, value: Buffer.alloc(100_000) }, 900)).not.toBeNull()
    expect(() => expectSizes([{ topic: 't', key: null, value }], 900)).toThrow(/1\d\d\d bytes for t is larger/)
  })
})

describe('the partitioner', () => {
  const partitionMetadata = [0, 1, 2].map((partitionId) => {
    return { partitionErrorCode: 0, partitionId, leader: 0, replicas: [0], isr: [0] }
  })

  it('decides once for a message, with a key or without', () => {
    const partitioner = createPartitioner()
    const batch = Array.from({ length: 200 }, (_, index) => ({ key: index % 2 === 0 ? `${index}` : null, value: null }))
    const decide = () => batch.map((message) => partitioner({ topic: 't', partitionMetadata, message }))
    const first = decide()
    expect(decide()).toEqual(first)
    expect(new Set(first)).toEqual(new Set([0, 1, 2]))
  })

  it('leaves a message where it was told to be', () => {
    const message = { key: 'k', value: null, partition: 7 }
    expect(createPartitioner()({ topic: 't', partitionMetadata, message })).toBe(7)
  })
})

it('a stage gets messages in pieces, all and in order', () => {
  const fetched = fc.array(fc.nat(50).map((length) => ({ key: null, value: Buffer.alloc(length) }) as KafkaMessage))
  fc.assert(
    fc.property(fetched, fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 200 }), (all, count, bytes) => {
      const pieces = [...piecesOf(all, { handle_max_messages: count, handle_max_bytes: bytes })]
      expect(pieces.flat()).toEqual(all)
      for (const piece of pieces) {
        expect(piece.length).toBeLessThanOrEqual(count)
        const size = piece.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
        expect(piece.length === 1 || size <= bytes).toBe(true)
      }
    })
  )
})
