import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type PartitionRange, readPartition } from '../../services/platform/kafka/partition-reader.ts'
import { createTransactionalSender } from '../../services/platform/kafka/transactional-sender.ts'
import { createTestKafka, type TestKafka } from '../support/kafka.ts'

let kafka: TestKafka
beforeAll(async () => {
  // Small fetches, so that a range takes many.
  kafka = await createTestKafka(inject('endpoints').kafka, {
    fetch_max_bytes: 2_000,
    fetch_max_partition_bytes: 2_000,
    stall_timeout_ms: 1_500
  })
})
afterAll(() => kafka.close())

async function read(range: PartitionRange): Promise<readonly string[]> {
  const all: string[] = []
  for await (const messages of readPartition(kafka.client, range)) {
    all.push(...messages.map(({ offset, value }) => `${offset} ${value?.toString('utf8', 0, 4)}`))
  }
  return all
}

const textOf = (number: number): string => String(number).padStart(4, '0')

async function filled(count: number): Promise<string> {
  const topic = await kafka.topic('read', { partitions: 1 })
  for (let from = 0; from < count; from += 10) {
    const some = Array.from({ length: Math.min(10, count - from) }, (_, place) => textOf(from + place))
    await kafka.send(
      some.map((text) => ({ topic, key: 'k', value: Buffer.from(text.padEnd(300, `${Math.random()}`)) }))
    )
  }
  return topic
}

describe('a partition', () => {
  it('is read whole, from an offset on and up to one, each message once', async () => {
    const topic = await filled(100)
    const all = Array.from({ length: 100 }, (_, number) => `${number} ${textOf(number)}`)
    expect(await read({ topic, partition: 0, end: '100' })).toEqual(all)
    expect(await read({ topic, partition: 0, from: '37', end: '74' })).toEqual(all.slice(37, 74))
    expect(await read({ topic, partition: 0, from: '100', end: '100' })).toEqual([])
  })

  it('shows what was committed, and nothing of what was aborted, also from its middle on', async () => {
    const topic = await kafka.topic('committed', { partitions: 1 })
    const id = `${topic}-tx`
    const message = (text: string) => ({ topic, key: 'k', value: Buffer.from(text) })
    const first = createTransactionalSender(kafka.client, id)
    await first.fence()
    await first.commit([message('one1')], null)
    await first.close()
    // A transaction that is cut short by the next producer of its name.
    const producer = kafka.client.kafka.producer({ transactionalId: id, maxInFlightRequests: 1, idempotent: true })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({
      topic,
      messages: [
        { key: 'k', value: 'lost' },
        { key: 'k', value: 'lost' }
      ]
    })
    const second = createTransactionalSender(kafka.client, id)
    await second.fence()
    await second.commit([message('two2')], null)
    await second.close()
    await producer.disconnect()
    const [end] = await kafka.admin.fetchTopicOffsets(topic)
    for (const from of ['0', '2', '3', '4']) {
      const found = await read({ topic, partition: 0, from, end: end?.high ?? '' })
      expect(found.map((text) => text.split(' ')[1])).toEqual(from === '0' ? ['one1', 'two2'] : ['two2'])
    }
  })

  it('of which nothing comes is given up after a while, unless it is followed, which goes on when something comes', async () => {
    const topic = await filled(3)
    await expect(read({ topic, partition: 0 })).rejects.toThrow(expect.objectContaining({ code: 'KAFKA_READ_STALLED' }))
    const controller = new AbortController()
    const { signal } = controller
    const following = read({ topic, partition: 0, from: '1', follow: true, signal })
    await delay(2_500)
    await kafka.send([{ topic, key: 'k', value: Buffer.from('late') }])
    await delay(1_000)
    controller.abort()
    expect(await following).toEqual(['1 0001', '2 0002', '3 late'])
  })

  it('is read from its oldest message where older ones are asked for, and not at all from beyond its end', async () => {
    const topic = await filled(20)
    await kafka.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '10' }] })
    expect(await read({ topic, partition: 0, from: '2', end: '12' })).toEqual(['10 0010', '11 0011'])
    await expect(read({ topic, partition: 0, from: '50' })).rejects.toThrow(
      expect.objectContaining({ code: 'KAFKA_UNREACHABLE' })
    )
  })
})
