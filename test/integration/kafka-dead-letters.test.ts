import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { toDeadLetter } from '../../services/platform/dead-letter.ts'
import { listDeadLetters, replayDeadLetters, showDeadLetter } from '../../services/platform/kafka/dead-letters.ts'
import type { Message } from '../../services/platform/stage.ts'
import { createTestKafka, type TestKafka } from '../support/kafka.ts'

let kafka: TestKafka
let topic: string
let topics: string[]

beforeEach(async () => {
  kafka = await createTestKafka(inject('endpoints').kafka)
  topic = await kafka.topic('in', { partitions: 2 })
  topics = [`${topic}.dlq`]
})
afterEach(() => kafka.close())

const ALL = 1_000

/** Puts dead letters on the topic, as a stage would: number by number, with alternating codes. */
async function bury(count: number, more: Partial<Message> = {}): Promise<void> {
  const letters = Array.from({ length: count }, (_, index) => {
    const message: Message = {
      topic,
      partition: index % 2,
      offset: String(index),
      key: Buffer.from(`key ${index}`),
      value: Buffer.from(`value ${index}`),
      headers: { traceparent: 'abc' },
      timestamp_ms: 1_790_000_000_000 + index,
      ...more
    }
    const code = index % 3 === 0 ? 'CODEC_WRONG_MAGIC' : 'CODEC_NO_VALUE'
    const reason = { stage: 'decode', service: 'enricher', version: '1', message: `no. ${index}`, attempts: 1 }
    return toDeadLetter(message, { ...reason, code, failed_at_ms: 1_790_000_000_000 + index })
  })
  await kafka.send(letters)
}

describe('dead letters', () => {
  it('are listed by code, the newest so many', async () => {
    await bury(30)
    const all = await listDeadLetters(kafka.client, { topics, limit: ALL })
    expect(all.map(({ message }) => message)).toEqual(Array.from({ length: 30 }, (_, index) => `no. ${index}`))
    expect(all[4]).toMatchObject({
      original: { topic, partition: '0', offset: '4' },
      code: 'CODEC_NO_VALUE',
      service: 'enricher',
      value_bytes: 7,
      replayed: false
    })
    const some = await listDeadLetters(kafka.client, { topics, code: 'CODEC_WRONG_MAGIC', limit: 3 })
    expect(some.map(({ message }) => message)).toEqual(['no. 21', 'no. 24', 'no. 27'])
    expect(await listDeadLetters(kafka.client, { topics: ['no-such-topic.dlq'], limit: ALL })).toEqual([])
  })

  it('are shown whole', async () => {
    await bury(5)
    const [, , letter] = await listDeadLetters(kafka.client, { topics, limit: ALL })
    if (letter === undefined) throw new Error('there are five')
    const shown = await showDeadLetter(kafka.client, letter)
    expect(shown).toMatchObject({ ...letter, key: Buffer.from('key 2'), value: Buffer.from('value 2') })
    expect(shown.headers.traceparent).toBe('abc')
    for (const offset of ['999', 'x']) {
      const missing = showDeadLetter(kafka.client, { ...letter, offset })
      await expect(missing).rejects.toMatchObject({ code: 'KAFKA_NO_DEAD_LETTER' })
    }
  })

  it('are replayed once each, as they were, to where they were', async () => {
    await bury(10)
    const first = await replayDeadLetters(kafka.client, { topics, code: 'CODEC_WRONG_MAGIC', limit: 3 })
    expect(first).toEqual({ replayed: 3, already_replayed: 0, without_value: 0, not_messages: 0 })
    const rest = await replayDeadLetters(kafka.client, { topics, limit: ALL })
    expect(rest).toEqual({ replayed: 7, already_replayed: 3, without_value: 0, not_messages: 0 })
    expect(await replayDeadLetters(kafka.client, { topics, limit: ALL })).toMatchObject({
      replayed: 0,
      already_replayed: 10
    })

    const messages = await kafka.readAll(topic)
    expect(messages.map(({ key }) => String(key)).toSorted()).toEqual(
      Array.from({ length: 10 }, (_, i) => `key ${i}`).toSorted()
    )
    for (const { partition, key, value, headers } of messages) {
      const number = Number(String(key).slice(4))
      expect(partition).toBe(number % 2)
      expect(String(value)).toBe(`value ${number}`)
      expect(headers).toEqual({ traceparent: 'abc', 'weir.replays': '1' })
    }
    const listed = await listDeadLetters(kafka.client, { topics, limit: ALL })
    expect(listed).toHaveLength(10)
    expect(listed.every(({ replayed }) => replayed)).toBe(true)
  })

  it('that died again after a replay can be replayed again, and know how often they were', async () => {
    await bury(1)
    await replayDeadLetters(kafka.client, { topics, limit: ALL })
    const [message] = await kafka.readAll(topic)
    if (message === undefined) throw new Error('it was replayed')
    await bury(1, { headers: message.headers })
    expect(await replayDeadLetters(kafka.client, { topics, limit: ALL })).toMatchObject({
      replayed: 1,
      already_replayed: 1
    })
    expect((await kafka.readAll(topic)).map(({ headers }) => headers['weir.replays'])).toEqual(['1', '2'])
  })

  it('are not replayed twice by two replays at the same time', async () => {
    await bury(300)
    const replays = [1, 2, 3].map(() => replayDeadLetters(kafka.client, { topics, limit: ALL }))
    const results = await Promise.allSettled(replays)
    const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))
    expect(new Set(failed).size === 0 || failed.every((code) => code === 'KAFKA_FENCED')).toBe(true)
    await replayDeadLetters(kafka.client, { topics, limit: ALL })
    const keys = (await kafka.readAll(topic)).map(({ key }) => String(key))
    expect(keys).toHaveLength(300)
    expect(new Set(keys).size).toBe(300)
  })

  it('that name another topic in their headers go to their own all the same', async () => {
    const other = await kafka.topic('other')
    const forged = { 'dlq.topic': other, 'dlq.partition': '99', 'dlq.code': 'X' }
    await kafka.send([{ topic: `${topic}.dlq`, key: 'k', value: Buffer.from('v'), headers: forged }])
    expect(await replayDeadLetters(kafka.client, { topics, limit: ALL })).toMatchObject({ replayed: 1 })
    expect(await kafka.readAll(other)).toEqual([])
    expect(await kafka.readAll(topic)).toHaveLength(1)
    await expect(replayDeadLetters(kafka.client, { topics: [topic], limit: ALL })).rejects.toMatchObject({
      code: 'KAFKA_NO_DEAD_LETTER'
    })
  })
})
