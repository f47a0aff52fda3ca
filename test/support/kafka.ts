import { randomUUID } from 'node:crypto'
import type { Admin } from 'kafkajs'
import { createKafka, type KafkaClient } from '../../services/platform/kafka/client.ts'
import { committedOffsets } from '../../services/platform/kafka/committed-offsets.ts'
import { kafkaOptions } from '../../services/platform/kafka/options.ts'
import { readPartition } from '../../services/platform/kafka/partition-reader.ts'
import { createSender } from '../../services/platform/kafka/sender.ts'
import { createTopicAdmin } from '../../services/platform/kafka/topic-admin.ts'
import { type Logger, silentLogger } from '../../services/platform/log.ts'
import type { Message, OutgoingMessage } from '../../services/platform/stage.ts'

/** Settings with times short enough for tests. */
export function testKafkaOptions(endpoint: string, more: object = {}) {
  return kafkaOptions.parse({
    brokers: [endpoint],
    group_prefix: `test-${randomUUID().slice(0, 8)}`,
    fetch_max_wait_ms: 50,
    session_timeout_ms: 6_000,
    rebalance_timeout_ms: 6_000,
    heartbeat_interval_ms: 500,
    ...more
  })
}

const END_HEADER = 'test.end'

async function readUpTo(client: KafkaClient, topic: string, partition: number, id: string): Promise<Message[]> {
  const all: Message[] = []
  for await (const messages of readPartition(client, { topic, partition })) {
    const end = messages.findIndex(({ headers }) => headers[END_HEADER] === id)
    all.push(...(end < 0 ? messages : messages.slice(0, end)))
    if (end >= 0) break
  }
  return all.filter(({ headers }) => headers[END_HEADER] === undefined)
}

/** A part of a cluster for one test: topics and groups with names of their own. */
export interface TestKafka {
  readonly client: KafkaClient
  readonly admin: Admin
  /** Makes a topic with a name that begins with `name`. */
  topic(name: string, settings?: { partitions?: number; configs?: Record<string, string> }): Promise<string>
  send(messages: readonly OutgoingMessage[]): Promise<void>
  /**
   * All messages there are now, partition by partition. It writes a message of its own and reads up to that: a transaction
   * that was committed may become visible a little later, and nothing after it before that.
   */
  readAll(topic: string): Promise<Message[]>
  /** Offset from which a stage goes on, by partition; -1 where it has not committed any. */
  committed(stage: string, topic: string): Promise<number[]>
  close(): Promise<void>
}

export async function createTestKafka(
  endpoint: string,
  more: object = {},
  log: Logger = silentLogger
): Promise<TestKafka> {
  const client = createKafka(testKafkaOptions(endpoint, more), log)
  const admin = client.kafka.admin()
  await admin.connect()
  const topicAdmin = createTopicAdmin(admin)
  const sender = createSender(client)
  const topics: string[] = []

  return {
    client,
    admin,

    async topic(name, { partitions = 2, configs = {} } = {}) {
      const topic = `${client.options.group_prefix}.${name}.${topics.length}`
      const both = [topic, `${topic}.dlq`]
      for (const one of both) await topicAdmin.create(one, partitions, configs, undefined)
      await topicAdmin.untilReady(both)
      topics.push(...both)
      return topic
    },

    send: (messages) => sender.send(messages),

    async readAll(topic) {
      const all: Message[] = []
      for (const { partition } of await admin.fetchTopicOffsets(topic)) {
        const id = randomUUID()
        await sender.send([{ topic, partition, key: null, value: Buffer.from(id), headers: { [END_HEADER]: id } }])
        all.push(...(await readUpTo(client, topic, partition, id)))
      }
      return all
    },

    async committed(stage, topic) {
      const offsets = await committedOffsets(admin, `${client.options.group_prefix}.${stage}`, [topic])
      const partition = (place: string) => Number(place.slice(place.lastIndexOf('/') + 1))
      return [...offsets].toSorted(([a], [b]) => partition(a) - partition(b)).map(([, offset]) => Number(offset ?? -1n))
    },

    async close() {
      await sender.close()
      await admin.deleteTopics({ topics }).catch(() => {})
      await admin.disconnect()
    }
  }
}

/** Waits until a condition holds. @throws Error after `limit_ms`, naming the condition */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limit_ms = 60_000): Promise<void> {
  const deadline = performance.now() + limit_ms
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`after ${limit_ms} ms not yet: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
