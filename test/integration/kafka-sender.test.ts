import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { createKafka } from '../../services/platform/kafka/client.ts'
import { partitionOf } from '../../services/platform/kafka/partition.ts'
import { createPublisher } from '../../services/platform/kafka/publisher.ts'
import { silentLogger } from '../../services/platform/log.ts'
import type { Message, OutgoingMessage } from '../../services/platform/stage.ts'
import { createTestKafka, type TestKafka, testKafkaOptions } from '../support/kafka.ts'

let kafka: TestKafka
beforeEach(async () => {
  kafka = await createTestKafka(inject('endpoints').kafka)
})
afterEach(() => kafka.close())

const textOf = ({ value }: Message) => String(value)
const withOptions = (more: object) => createKafka(testKafkaOptions(inject('endpoints').kafka, more), silentLogger)

describe('a publisher', () => {
  it('loses and repeats nothing of many calls at the same time, and keeps their order', async () => {
    const topic = await kafka.topic('t', { partitions: 3 })
    const publisher = createPublisher(kafka.client)
    const calls = Array.from({ length: 200 }, (_, call) =>
      Array.from({ length: 5 }, (_, index): OutgoingMessage => {
        return { topic, key: `key-${call % 10}`, value: Buffer.from(`${call * 5 + index}`) }
      })
    )
    await Promise.all(calls.map((call) => publisher.publish(call)))
    await publisher.close()
    const messages = await kafka.readAll(topic)
    expect(
      messages
        .map(textOf)
        .map(Number)
        .sort((a, b) => a - b)
    ).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    for (const { key, partition } of messages) expect(partition).toBe(partitionOf(key ?? '', 3))
    for (let partition = 0; partition < 3; partition++) {
      const numbers = messages.filter((one) => one.partition === partition).map((one) => Number(textOf(one)))
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    }
  })

  it.each(['none', 'gzip', 'zstd'])('writes what consumers read back, compression %s', async (compression) => {
    const topic = await kafka.topic('t', { partitions: 1 })
    const publisher = createPublisher(withOptions({ compression }))
    const message = {
      topic,
      key: Buffer.from([0, 255]),
      value: Buffer.from('üx'.repeat(5000)),
      headers: { 'a.b': 'ü', empty: '' }
    }
    await publisher.publish([message, { topic, key: null, value: null }])
    await publisher.close()
    const [first, second] = await kafka.readAll(topic)
    expect(first).toMatchObject({ key: message.key, value: message.value, headers: message.headers, offset: '0' })
    expect(second).toMatchObject({ key: null, value: null, headers: {} })
    expect(Date.now() - Number(first?.timestamp_ms)).toBeLessThan(60_000)
  })

  it('spreads messages without a key over the partitions, and puts others where they were told to be', async () => {
    const topic = await kafka.topic('t', { partitions: 3 })
    const publisher = createPublisher(kafka.client)
    await publisher.publish(Array.from({ length: 300 }, () => ({ topic, key: null, value: Buffer.from('spread') })))
    await publisher.publish([{ topic, key: 'k', partition: 2, value: Buffer.from('told') }])
    await publisher.close()
    const messages = await kafka.readAll(topic)
    const counts = [0, 1, 2].map((partition) => messages.filter((one) => one.partition === partition).length)
    expect(Math.min(...counts)).toBeGreaterThan(50)
    expect(messages.find((one) => textOf(one) === 'told')?.partition).toBe(2)
  })

  it('takes a large message, refuses a larger one, and sends nothing of a call that has one', async () => {
    const topic = await kafka.topic('t', { partitions: 1, configs: { 'max.message.bytes': '8388608' } })
    const publisher = createPublisher(kafka.client)
    // Random bytes: what is refused for its size is refused as it is, not as it would be compressed.
    const noise = (length: number) => Buffer.from(Array.from({ length }, (_, index) => (index * 2654435761) >>> 13))
    await publisher.publish([{ topic, key: null, value: noise(5_000_000) }])
    const call = publisher.publish([
      { topic, key: null, value: Buffer.from('small') },
      { topic, key: null, value: Buffer.alloc(8 * 1024 * 1024) }
    ])
    await expect(call).rejects.toMatchObject({ code: 'KAFKA_MESSAGE_TOO_LARGE', retriable: false })
    await publisher.close()
    expect((await kafka.readAll(topic)).map(({ value }) => value?.length)).toEqual([5_000_000])
  })

  it('refuses to hold more than its bound, without harm to what it holds', async () => {
    const topic = await kafka.topic('t', { partitions: 1 })
    const publisher = createPublisher(withOptions({ queue_max_bytes: 50_000, message_max_bytes: 50_000 }))
    const call = () => publisher.publish([{ topic, key: null, value: Buffer.alloc(20_000) }])
    const results = await Promise.allSettled([call(), call(), call(), call()])
    const refused = results.filter((result) => result.status === 'rejected')
    expect(refused.map((result) => result.reason)).toEqual([
      expect.objectContaining({ code: 'KAFKA_QUEUE_FULL', retriable: true }),
      expect.objectContaining({ code: 'KAFKA_QUEUE_FULL' })
    ])
    await call()
    expect(await kafka.readAll(topic)).toHaveLength(3)
    await publisher.close()
    await expect(call()).rejects.toMatchObject({ code: 'KAFKA_CLOSED' })
  })

  it('says when messages cannot be written, and works again after that', async () => {
    const topic = await kafka.topic('t', { partitions: 1 })
    const publisher = createPublisher(withOptions({ retry_for_ms: 200 }))
    const lost = publisher.publish([{ topic: `${topic}.missing`, key: null, value: Buffer.from('x') }])
    await expect(lost).rejects.toMatchObject({ code: 'KAFKA_PUBLISH_FAILED', retriable: true })
    await publisher.publish([{ topic, key: null, value: Buffer.from('y') }])
    expect((await kafka.readAll(topic)).map(textOf)).toEqual(['y'])
    await publisher.close()
  })
})
