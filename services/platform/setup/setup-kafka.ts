import { SCHEMAS } from '../../../schemas/generated/schemas.ts'
import { WeirError } from '../../core/errors.ts'
import { KAFKA_ERRORS } from '../kafka/errors.ts'
import { DEAD_LETTER_EXTRA_BYTES } from '../kafka/outgoing.ts'
import { type SchemaRegistry, subjectOf } from '../registry/registry.ts'
import type { TopicDefinition } from '../topics.ts'
import type { ActualTopic, TopicAdmin } from './topic-admin.ts'

export interface SetupKafkaOptions {
  /** Largest message, bytes. */
  readonly message_max_bytes: number
  /** Copies of each new topic; the brokers' default when absent. */
  readonly replication_factor?: number | undefined
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Configuration of a topic: the entries that are ours; others are left as they are. */
function configsOf(topic: TopicDefinition, { message_max_bytes }: SetupKafkaOptions): Record<string, string> {
  const compacts = topic.cleanup !== 'delete'
  // Brokers delete and compact whole segments only, and none that is still written to.
  const segment_ms = topic.retention_ms === null ? 6 * HOUR_MS : Math.max(10 * MINUTE_MS, topic.retention_ms / 6)
  return {
    'cleanup.policy': topic.cleanup,
    'retention.ms': String(topic.retention_ms ?? -1),
    'segment.ms': String(Math.min(DAY_MS, Math.round(segment_ms))),
    // As the producers compress: the brokers need not do it again.
    'compression.type': 'producer',
    'max.message.bytes': String(message_max_bytes + (topic.dead_letters_of === null ? 0 : DEAD_LETTER_EXTRA_BYTES)),
    ...(compacts && { 'min.cleanable.dirty.ratio': '0.2', 'delete.retention.ms': String(DAY_MS) })
  }
}

function span(milliseconds: number): string {
  if (milliseconds % DAY_MS === 0 && milliseconds > DAY_MS) return `${milliseconds / DAY_MS} d`
  if (milliseconds % HOUR_MS === 0) return `${milliseconds / HOUR_MS} h`
  return `${milliseconds} ms`
}

function described(topic: TopicDefinition): string {
  const partitions = `${topic.partitions} partition${topic.partitions === 1 ? '' : 's'}`
  const kept = topic.retention_ms === null ? '' : `, ${span(topic.retention_ms)}`
  return `${partitions}, ${topic.cleanup}${kept}`
}

/** `cleanup.policy` is a set. */
const sameValue = (name: string, a: string | undefined, b: string) =>
  a === b || (name === 'cleanup.policy' && a?.split(',').sort().join() === b.split(',').sort().join())

function refuseShrinking(topic: TopicDefinition, actual: ActualTopic): void {
  if (actual.partitions <= topic.partitions) return
  const text =
    `topic ${topic.name} has ${actual.partitions} partitions and should have ${topic.partitions}: Kafka cannot take ` +
    `partitions away. Set kafka.partitions for it to ${actual.partitions}, or delete the topic and what is on it.`
  throw new WeirError(KAFKA_ERRORS, 'KAFKA_TOPIC_SHRINK', text)
}

async function setupTopic(
  admin: TopicAdmin,
  topic: TopicDefinition,
  actual: ActualTopic | undefined,
  options: SetupKafkaOptions
): Promise<string[]> {
  const { name, partitions } = topic
  const wanted = configsOf(topic, options)
  if (actual === undefined) {
    await admin.create(name, partitions, wanted, options.replication_factor)
    return [`topic ${name} created: ${described(topic)}`]
  }
  const lines: string[] = []
  if (actual.partitions < partitions) {
    await admin.addPartitions(name, partitions)
    lines.push(`topic ${name}: ${actual.partitions} → ${partitions} partitions`)
  }
  const drifted = Object.entries(wanted).filter(([entry, value]) => !sameValue(entry, actual.configs.get(entry), value))
  if (drifted.length > 0) {
    await admin.alterConfigs(name, Object.fromEntries(drifted))
    for (const [entry, value] of drifted) {
      lines.push(`topic ${name}: ${entry} ${actual.configs.get(entry) ?? 'unset'} → ${value}`)
    }
  }
  return lines
}

async function setupSubject(registry: SchemaRegistry, topic: TopicDefinition): Promise<string[]> {
  const { name, schema: schemaName, compatibility } = topic
  if (schemaName === null || compatibility === null) return []
  const subject = subjectOf(name)
  const schema = SCHEMAS[schemaName]
  const lines: string[] = []
  const level = await registry.compatibility(subject)
  // Of an existing subject the level comes first, so that the new schema is held to it.
  if (level !== null && level !== compatibility) {
    await registry.setCompatibility(subject, compatibility)
    lines.push(`subject ${subject}: compatibility ${level} → ${compatibility}`)
  }
  if ((await registry.find(subject, schema)) === null) {
    const id = await registry.register(subject, schema)
    lines.push(`subject ${subject} registered: schema ${schemaName}, id ${id}, ${compatibility}`)
  }
  if (level === null) {
    await registry.setCompatibility(subject, compatibility)
    if (lines.length === 0) lines.push(`subject ${subject}: compatibility ${compatibility}`)
  }
  return lines
}

/**
 * Brings topics and subjects to what they should be. Idempotent, and safe while services run: it adds topics, partitions and
 * schemas and changes the configuration entries that are ours, and removes nothing.
 * @returns a line for each change made; none when all was in place
 * @throws KAFKA_TOPIC_SHRINK before anything is changed; REGISTRY_INCOMPATIBLE, REGISTRY_UNREACHABLE, REGISTRY_REFUSED,
 *   and what the admin client throws: run it again, it goes on where it stopped
 */
export async function setupKafka(
  admin: TopicAdmin,
  registry: SchemaRegistry,
  topics: readonly TopicDefinition[],
  options: SetupKafkaOptions
): Promise<string[]> {
  const actual = await admin.describe(topics.map(({ name }) => name))
  for (const topic of topics) {
    const existing = actual.get(topic.name)
    if (existing !== undefined) refuseShrinking(topic, existing)
  }
  const lines: string[] = []
  for (const topic of topics) lines.push(...(await setupTopic(admin, topic, actual.get(topic.name), options)))
  const created = topics.filter(({ name }) => !actual.has(name)).map(({ name }) => name)
  if (created.length > 0) await admin.untilReady(created)
  for (const topic of topics) lines.push(...(await setupSubject(registry, topic)))
  return lines
}
