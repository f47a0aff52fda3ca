import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { readCompacted } from '../../services/platform/kafka/read-compacted.ts'
import { createTestKafka, type TestKafka } from '../support/kafka.ts'

let kafka: TestKafka
beforeAll(async () => {
  kafka = await createTestKafka(inject('endpoints').kafka)
})
afterAll(() => kafka.close())

it('a compacted topic is read as it stands: the latest of each key, of all partitions, without what was taken out', async () => {
  const topic = await kafka.topic('compacted', { partitions: 3, configs: { 'cleanup.policy': 'compact' } })
  const message = (key: string, value: string | null) => ({
    topic,
    key,
    value: value === null ? null : Buffer.from(value)
  })
  const keys = Array.from({ length: 20 }, (_, n) => `k${n}`)
  await kafka.send(keys.map((key) => message(key, 'old')))
  await kafka.send([...keys.map((key) => message(key, `new ${key}`)), message('k3', null)])
  const values = (await readCompacted(kafka.client, topic)).map(String)
  expect(values.toSorted()).toEqual(
    keys
      .filter((key) => key !== 'k3')
      .map((key) => `new ${key}`)
      .toSorted()
  )
})

it('a topic that is empty, or is not there, holds nothing', async () => {
  const topic = await kafka.topic('empty')
  expect(await readCompacted(kafka.client, topic)).toEqual([])
  expect(await readCompacted(kafka.client, `${topic}.none`)).toEqual([])
})
