import type { Admin } from 'kafkajs'
import { WeirError } from '../../core/errors.ts'
import type { ActualTopic, TopicAdmin } from '../setup/topic-admin.ts'
import { protocolTypeOf } from './client.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { kafkajs } from './kafkajs.ts'

const { ConfigResourceTypes, ConfigSource } = kafkajs
const TIMEOUT_MS = 30_000
const POLL_MS = 100

/** Entries of a topic by name, and which of them are set on the topic itself. */
interface TopicConfigs {
  readonly inForce: Map<string, string>
  readonly ownEntries: Map<string, string>
}

async function describeConfigs(admin: Admin, names: readonly string[]): Promise<Map<string, TopicConfigs>> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: ConfigResourceTypes.TOPIC, name }))
  })
  return new Map(
    resources.map(({ resourceName, configEntries }) => {
      const entries = configEntries.map((entry) => [entry.configName, entry.configValue] as const)
      const own = configEntries.filter((entry) => Number(entry.configSource) === ConfigSource.TOPIC_CONFIG)
      return [
        resourceName,
        { inForce: new Map(entries), ownEntries: new Map(own.map((entry) => [entry.configName, entry.configValue])) }
      ]
    })
  )
}

/** @param admin a connected admin client */
export function createTopicAdmin(admin: Admin): TopicAdmin {
  return {
    async describe(names) {
      const existing = new Set(await admin.listTopics())
      const found = names.filter((name) => existing.has(name))
      if (found.length === 0) return new Map<string, ActualTopic>()
      const { topics } = await admin.fetchTopicMetadata({ topics: [...found] })
      const configs = await describeConfigs(admin, found)
      return new Map(
        topics.map(({ name, partitions }) => [
          name,
          { partitions: partitions.length, configs: configs.get(name)?.inForce ?? new Map() }
        ])
      )
    },

    async create(name, partitions, configs, replication_factor) {
      const configEntries = Object.entries(configs).map(([entry, value]) => ({ name: entry, value }))
      const topic = {
        topic: name,
        numPartitions: partitions,
        replicationFactor: replication_factor ?? -1,
        configEntries
      }
      // kafkajs's own wait for leaders fails when the broker that answers has not heard of the topic yet.
      await admin.createTopics({ topics: [topic], timeout: TIMEOUT_MS, waitForLeaders: false })
    },

    async untilReady(names) {
      for (
        const deadline_ms = Date.now() + TIMEOUT_MS;
        ;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      ) {
        try {
          const { topics } = await admin.fetchTopicMetadata({ topics: [...names] })
          if (topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0))) return
        } catch (error) {
          if (Date.now() > deadline_ms || protocolTypeOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
          continue
        }
        if (Date.now() > deadline_ms) {
          const text = `topics have no leaders after ${TIMEOUT_MS} ms: are enough brokers up for the replication factor?`
          throw new WeirError(KAFKA_ERRORS, 'KAFKA_UNREACHABLE', text)
        }
      }
    },

    async addPartitions(name, partitions) {
      await admin.createPartitions({ topicPartitions: [{ topic: name, count: partitions }], timeout: TIMEOUT_MS })
    },

    async alterConfigs(name, configs) {
      // This request of Kafka's puts back to their defaults all entries that it does not name.
      const own = (await describeConfigs(admin, [name])).get(name)?.ownEntries ?? new Map<string, string>()
      const entries = new Map([...own, ...Object.entries(configs)])
      const configEntries = [...entries].map(([entry, value]) => ({ name: entry, value }))
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name, configEntries }]
      })
    }
  }
}
