import { describe, expect, it } from 'vitest'
import { SCHEMAS } from '../../../schemas/generated/schemas.ts'
import { createMemoryRegistry } from '../registry/memory.ts'
import { loadTopics, withPartitions } from '../topics.ts'
import { setupKafka } from './setup-kafka.ts'
import type { TopicAdmin } from './topic-admin.ts'

interface Topic {
  partitions: number
  configs: Map<string, string>
  replication_factor: number | undefined
}

/** Brokers in memory. */
function memoryAdmin() {
  const topics = new Map<string, Topic>()
  const topicOf = (name: string) => {
    const topic = topics.get(name)
    if (topic === undefined) throw new Error(`no topic ${name}`)
    return topic
  }
  const admin: TopicAdmin = {
    describe: async (names) =>
      new Map(names.flatMap((name) => (topics.has(name) ? [[name, structuredClone(topicOf(name))]] : []))),
    create: async (name, partitions, configs, replication_factor) => {
      if (topics.has(name)) throw new Error(`topic ${name} exists`)
      topics.set(name, { partitions, configs: new Map(Object.entries(configs)), replication_factor })
    },
    addPartitions: async (name, partitions) => {
      topicOf(name).partitions = partitions
    },
    untilReady: async () => {},
    alterConfigs: async (name, configs) => {
      for (const [entry, value] of Object.entries(configs)) topicOf(name).configs.set(entry, value)
    }
  }
  return { admin, topics }
}

const options = { message_max_bytes: 1_000_000 }
const topics = loadTopics()

describe('setting up', () => {
  it('makes every topic and subject and says so, then nothing more', async () => {
    const { admin, topics: made } = memoryAdmin()
    const registry = createMemoryRegistry()
    const lines = await setupKafka(admin, registry, topics, options)
    expect(lines).toContain('topic weir.audit.v1 created: 6 partitions, delete, 24 h')
    expect(lines).toContain('topic weir.state.v1 created: 6 partitions, compact')
    expect(lines).toContain('topic weir.audit.v1.dlq created: 1 partition, delete, 14 d')
    expect(lines.find((line) => line.includes('weir.signals.v1-value'))).toMatch(
      /^subject weir\.signals\.v1-value registered: schema signal, id \d+, FULL_TRANSITIVE$/
    )
    expect(made.size).toBe(topics.length)
    expect(Object.fromEntries(made.get('weir.incidents.v1')?.configs ?? [])).toMatchObject({
      'cleanup.policy': 'compact,delete',
      'retention.ms': '7776000000',
      'max.message.bytes': '1000000'
    })
    expect(await registry.find('weir.signals.v1-value', SCHEMAS.signal)).not.toBeNull()
    expect(await registry.compatibility('weir.signals.v1-value')).toBe('FULL_TRANSITIVE')
    expect(await setupKafka(admin, registry, topics, options)).toEqual([])
  })

  it('gives dead letters room for their headers', async () => {
    const { admin, topics: made } = memoryAdmin()
    await setupKafka(admin, createMemoryRegistry(), topics, options)
    expect(Number(made.get('weir.audit.v1.dlq')?.configs.get('max.message.bytes'))).toBeGreaterThan(1_000_000)
  })

  it('mends what has drifted, leaves what is not its own, and names both values', async () => {
    const { admin, topics: made } = memoryAdmin()
    const registry = createMemoryRegistry()
    await setupKafka(admin, registry, topics, options)
    const configs = made.get('weir.events.v1')?.configs
    configs?.set('retention.ms', '5')
    configs?.set('min.insync.replicas', '2')
    // The order of a set is no difference.
    made.get('weir.incidents.v1')?.configs.set('cleanup.policy', 'delete,compact')
    await registry.setCompatibility('weir.events.v1-value', 'NONE')
    expect(await setupKafka(admin, registry, topics, options)).toEqual([
      'topic weir.events.v1: retention.ms 5 → 604800000',
      'subject weir.events.v1-value: compatibility NONE → FULL_TRANSITIVE'
    ])
    expect(configs?.get('min.insync.replicas')).toBe('2')
    expect(await setupKafka(admin, registry, topics, options)).toEqual([])
  })

  it('adds partitions, and refuses to take any away before it changes anything', async () => {
    const { admin, topics: made } = memoryAdmin()
    const registry = createMemoryRegistry()
    await setupKafka(admin, registry, topics, options)
    const more = withPartitions(topics, { 'weir.events.v1': 8 })
    expect(await setupKafka(admin, registry, more, options)).toEqual(['topic weir.events.v1: 6 → 8 partitions'])
    made.get('weir.audit.v1')?.configs.set('retention.ms', '5')
    await expect(setupKafka(admin, registry, topics, options)).rejects.toMatchObject({
      code: 'KAFKA_TOPIC_SHRINK',
      message: expect.stringMatching(/weir\.events\.v1 has 8 partitions and should have 6/)
    })
    expect(made.get('weir.audit.v1')?.configs.get('retention.ms')).toBe('5')
  })

  it('goes on where it was interrupted', async () => {
    const { admin, topics: made } = memoryAdmin()
    const registry = createMemoryRegistry()
    let left = 3
    const flaky: TopicAdmin = {
      ...admin,
      create: async (...parameters) => {
        if (left-- === 0) throw new Error('the broker went away')
        await admin.create(...parameters)
      }
    }
    await expect(setupKafka(flaky, registry, topics, options)).rejects.toThrow(/went away/)
    expect(made.size).toBe(3)
    const lines = await setupKafka(admin, registry, topics, options)
    expect(lines.filter((line) => line.includes('created'))).toHaveLength(topics.length - 3)
  })

  it('refuses a schema that may not follow the one before', async () => {
    const { admin } = memoryAdmin()
    const registry = createMemoryRegistry()
    const subject = 'weir.signals.v1-value'
    await registry.register(subject, { type: 'record', name: 'Signal', namespace: 'io.weir', fields: [] })
    await registry.setCompatibility(subject, 'FULL_TRANSITIVE')
    await expect(setupKafka(admin, registry, topics, options)).rejects.toMatchObject({ code: 'REGISTRY_INCOMPATIBLE' })
  })

  it('asks for copies only where it was told to', async () => {
    for (const replication_factor of [undefined, 3]) {
      const { admin, topics: made } = memoryAdmin()
      await setupKafka(admin, createMemoryRegistry(), topics, { ...options, replication_factor })
      expect([...made.values()].every((topic) => topic.replication_factor === replication_factor)).toBe(true)
    }
  })
})
