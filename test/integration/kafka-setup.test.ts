import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import type { Admin } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { SCHEMAS } from '../../schemas/generated/schemas.ts'
import type { Action } from '../../schemas/generated/types.ts'
import { createCodec } from '../../services/core/avro/codec.ts'
import { createKafka } from '../../services/platform/kafka/client.ts'
import { createTopicAdmin } from '../../services/platform/kafka/topic-admin.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { createRegistry } from '../../services/platform/registry/client.ts'
import { registryOptions } from '../../services/platform/registry/options.ts'
import { registrySchemas, type SchemaRegistry } from '../../services/platform/registry/registry.ts'
import { setupKafka } from '../../services/platform/setup/setup-kafka.ts'
import type { TopicAdmin } from '../../services/platform/setup/topic-admin.ts'
import { loadTopics, withPartitions } from '../../services/platform/topics.ts'
import { avroArbitrary } from '../support/avro-arbitrary.ts'
import { testKafkaOptions } from '../support/kafka.ts'

// The topics of Weir, under names of this test.
const prefix = `test-${randomUUID().slice(0, 8)}.`
const topics = loadTopics().map((topic) => ({ ...topic, name: `${prefix}${topic.name}` }))
const options = { message_max_bytes: 2_000_000 }

let kafka: Admin
let admin: TopicAdmin
let registry: SchemaRegistry

beforeAll(async () => {
  const endpoints = inject('endpoints')
  kafka = createKafka(testKafkaOptions(endpoints.kafka), silentLogger).kafka.admin()
  await kafka.connect()
  admin = createTopicAdmin(kafka)
  registry = createRegistry(registryOptions.parse({ url: endpoints.registry }))
})
afterAll(async () => {
  await kafka.deleteTopics({ topics: topics.map(({ name }) => name) }).catch(() => {})
  await kafka.disconnect()
})

describe('setting up real servers', () => {
  it('is refused to services before it was done', async () => {
    await expect(registrySchemas(registry, topics, { unknown_id_ttl_ms: 1000 })).rejects.toMatchObject({
      code: 'REGISTRY_NOT_REGISTERED'
    })
  })

  it('makes all topics and subjects as defined, then nothing more', async () => {
    const lines = await setupKafka(admin, registry, topics, options)
    expect(lines).toContain(`topic ${prefix}weir.audit.v1 created: 6 partitions, delete, 24 h`)
    const subjects = topics.filter(({ schema }) => schema !== null)
    expect(lines.filter((line) => line.includes('registered'))).toHaveLength(subjects.length)
    expect(subjects.length).toBeGreaterThan(9)
    const actual = await admin.describe(topics.map(({ name }) => name))
    for (const topic of topics) {
      const { partitions, configs } = actual.get(topic.name) ?? { partitions: 0, configs: new Map() }
      expect(partitions).toBe(topic.partitions)
      expect(configs.get('cleanup.policy')).toBe(topic.cleanup)
      expect(configs.get('retention.ms')).toBe(String(topic.retention_ms ?? -1))
    }
    expect(await setupKafka(admin, registry, topics, options)).toEqual([])
  })

  it('mends what drifted and leaves what others have set', async () => {
    const name = `${prefix}weir.events.v1`
    await admin.alterConfigs(name, { 'min.insync.replicas': '1', 'retention.ms': '1234567' })
    expect(await setupKafka(admin, registry, topics, options)).toEqual([
      `topic ${name}: retention.ms 1234567 → 604800000`
    ])
    const own = await kafka.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name }] })
    const entry = own.resources[0]?.configEntries.find(({ configName }) => configName === 'min.insync.replicas')
    // 1: set on the topic itself.
    expect(Number(entry?.configSource)).toBe(1)
  })

  it('adds partitions and refuses to take them away', async () => {
    const name = `${prefix}weir.events.v1`
    const more = withPartitions(topics, { [name]: 8 })
    expect(await setupKafka(admin, registry, more, options)).toEqual([`topic ${name}: 6 → 8 partitions`])
    await expect(setupKafka(admin, registry, topics, options)).rejects.toMatchObject({ code: 'KAFKA_TOPIC_SHRINK' })
    expect(await setupKafka(admin, registry, more, options)).toEqual([])
  })

  it('holds schemas to their compatibility', async () => {
    const subject = `${prefix}weir.signals.v1-value`
    expect(await registry.compatibility(subject)).toBe('FULL_TRANSITIVE')
    const broken = { type: 'record', name: 'Signal', namespace: 'io.weir', fields: [{ name: 'x', type: 'int' }] }
    await expect(registry.register(subject, broken)).rejects.toMatchObject({ code: 'REGISTRY_INCOMPATIBLE' })
  })

  it('lets services find their schemas, those of others, and that there are none', async () => {
    const schemas = await registrySchemas(registry, topics, { unknown_id_ttl_ms: 1000 })
    const codec = createCodec(schemas)
    const cluster = { id: 'c', name: 'n' }
    const [action] = fc.sample(avroArbitrary(SCHEMAS.action) as fc.Arbitrary<Action>, { seed: 5, numRuns: 1 })
    if (action === undefined) throw new Error('there is one')
    const message = codec.encode('action', action)
    expect(message.readUInt32BE(1)).toBe(schemas.idOf('action'))
    expect(structuredClone(await codec.decode('action', message))).toEqual(structuredClone(action))

    const subject = `${prefix}of-another-value`
    const extended = structuredClone(SCHEMAS.action) as { fields: object[] }
    extended.fields.push({ name: 'later', type: 'string', default: '' })
    const id = await registry.register(subject, extended)
    const foreign = Buffer.concat([message, Buffer.from([0])])
    foreign.writeUInt32BE(id, 1)
    expect(structuredClone(await codec.decode('action', foreign))).toEqual(structuredClone(action))

    message.writeUInt32BE(999_999, 1)
    await expect(codec.decode('action', message)).rejects.toMatchObject({ code: 'CODEC_UNKNOWN_SCHEMA_ID' })
    expect(() => codec.encode('cluster', cluster)).toThrow(/cluster/)
  })

  it('tells a wrong address from a schema that is not there', async () => {
    const { origin } = new URL(inject('endpoints').registry)
    const elsewhere = createRegistry(registryOptions.parse({ url: `${origin}/nothing/here`, retry_for_ms: 0 }))
    await expect(elsewhere.schema(1)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
    expect(await registry.schema(999_999)).toBeUndefined()
  })
})
