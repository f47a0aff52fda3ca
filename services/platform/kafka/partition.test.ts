import fc from 'fast-check'
import { expect, it } from 'vitest'
import { kafkajs } from './kafkajs.ts'
import { murmur2, partitionOf } from './partition.ts'

it.each([
  // From the tests of Apache Kafka (UtilsTest.testMurmur2).
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107]
])('murmur2 of %s is what Kafka computes', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash)
})

it('a key goes to the partition where other clients put it', () => {
  const partitioner = kafkajs.Partitioners.DefaultPartitioner()
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (key, count) => {
      const partitionMetadata = Array.from({ length: count }, (_, partitionId) => {
        return { partitionErrorCode: 0, partitionId, leader: 0, replicas: [0], isr: [0] }
      })
      const message = { key: Buffer.from(key), value: null }
      expect(partitionOf(key, count)).toBe(partitioner({ topic: 't', partitionMetadata, message }))
    })
  )
})
