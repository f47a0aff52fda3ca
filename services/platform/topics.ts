import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { SCHEMAS, type SchemaName } from '../../schemas/generated/schemas.ts'

/** Ending of a dead-letter topic's name. */
export const DEAD_LETTER_SUFFIX = '.dlq'

/** Compatibility levels of a schema registry. */
export const COMPATIBILITIES = [
  'NONE',
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE'
] as const
export type Compatibility = (typeof COMPATIBILITIES)[number]

/** A topic as it should be. */
export interface TopicDefinition {
  readonly name: string
  /** Schema of its values, to be registered as `<name>-value`; null when the values are JSON, or bytes of any kind. */
  readonly schema: SchemaName | null
  readonly value: 'avro' | 'json' | 'bytes'
  /** What a message's key is made of, in words. */
  readonly key: string
  readonly partitions: number
  /** Topics with the same word have the same number of partitions, and equal keys are in equal partitions; null: alone. */
  readonly copartition: string | null
  readonly cleanup: 'delete' | 'compact' | 'compact,delete'
  /** How long messages are kept, milliseconds; null: for ever (compacted topics). */
  readonly retention_ms: number | null
  /** Of the subject; null where there is none. */
  readonly compatibility: Compatibility | null
  /** Name of the topic whose dead letters it holds; null for others. */
  readonly dead_letters_of: string | null
}

const schemaName = z.enum(Object.keys(SCHEMAS) as [SchemaName, ...SchemaName[]])
const retention_ms = z.number().int().positive()
const partitions = z.number().int().min(1).max(1000)
const topicName = z.string().regex(/^[a-zA-Z0-9._-]{1,245}$/)

const topic = z
  .strictObject({
    value: z.union([schemaName, z.literal('json'), z.literal('bytes')]),
    key: z.string(),
    cleanup: z.enum(['delete', 'compact', 'compact,delete']),
    retention_ms: retention_ms.optional(),
    partitions,
    copartition: z.string().optional(),
    compatibility: z.enum(COMPATIBILITIES).optional()
  })
  .refine((t) => (t.cleanup === 'compact') === (t.retention_ms === undefined), {
    message: 'retention_ms is needed, except where cleanup is compact, which keeps the latest of each key for ever'
  })
  .refine((t) => (t.value === 'json' || t.value === 'bytes') === (t.compatibility === undefined), {
    message: 'compatibility is needed where the value has a schema, and has no meaning elsewhere'
  })

const topicsFile = z
  .strictObject({
    topics: z.record(topicName, topic),
    dead_letters: z.strictObject({
      suffix: z.literal(DEAD_LETTER_SUFFIX),
      retention_ms,
      partitions,
      of: z.array(topicName)
    })
  })
  .superRefine(({ topics, dead_letters }, context) => {
    for (const name of dead_letters.of) {
      if (!Object.hasOwn(topics, name)) {
        context.addIssue({ code: 'custom', path: ['dead_letters', 'of'], message: `${name} is not a topic` })
      }
    }
    const counts = new Map<string, number>()
    for (const [name, { copartition, partitions }] of Object.entries(topics)) {
      if (copartition === undefined) continue
      const expected = counts.get(copartition) ?? partitions
      counts.set(copartition, expected)
      if (partitions !== expected) {
        const message = `topics copartitioned by ${copartition} need the same number of partitions (${expected})`
        context.addIssue({ code: 'custom', path: ['topics', name, 'partitions'], message })
      }
    }
  })

function toDefinition(name: string, parsed: z.infer<typeof topic>): TopicDefinition {
  const { value } = parsed
  const plain = value === 'json' || value === 'bytes'
  return {
    name,
    schema: plain ? null : value,
    value: plain ? value : 'avro',
    key: parsed.key,
    partitions: parsed.partitions,
    copartition: parsed.copartition ?? null,
    cleanup: parsed.cleanup,
    retention_ms: parsed.retention_ms ?? null,
    compatibility: parsed.compatibility ?? null,
    dead_letters_of: null
  }
}

/**
 * @param text content of a topics file, YAML
 * @returns its topics and their dead-letter topics
 * @throws Error naming what is wrong with it
 */
export function parseTopics(text: string): TopicDefinition[] {
  const result = topicsFile.safeParse(parse(text))
  if (!result.success) throw new Error(`topics file: ${z.prettifyError(result.error)}`)
  const { topics, dead_letters } = result.data
  return [
    ...Object.entries(topics).map(([name, parsed]) => toDefinition(name, parsed)),
    ...dead_letters.of.map((name): TopicDefinition => {
      return {
        name: `${name}${dead_letters.suffix}`,
        schema: null,
        value: 'bytes',
        key: `as ${name}`,
        partitions: dead_letters.partitions,
        copartition: null,
        cleanup: 'delete',
        retention_ms: dead_letters.retention_ms,
        compatibility: null,
        dead_letters_of: name
      }
    })
  ]
}

/** All topics of Weir, from `schemas/topics.yml`. */
export function loadTopics(): TopicDefinition[] {
  return parseTopics(readFileSync(join(import.meta.dirname, '..', '..', 'schemas', 'topics.yml'), 'utf8'))
}

/**
 * The topics with partition counts of the settings in place of the defaults.
 * @param overrides count by topic name; one for a copartitioned topic holds for all of its group
 * @throws Error when an override names no topic, or two disagree about a group
 */
export function withPartitions(
  topics: readonly TopicDefinition[],
  overrides: Readonly<Record<string, number>>
): TopicDefinition[] {
  const groups = new Map<string, number>()
  for (const [name, count] of Object.entries(overrides)) {
    const topic = topics.find((candidate) => candidate.name === name)
    if (topic === undefined) {
      const known = topics.map((candidate) => candidate.name).join(', ')
      throw new Error(`kafka.partitions: there is no topic ${name}; the topics are ${known}`)
    }
    if (topic.copartition === null) continue
    const other = groups.get(topic.copartition)
    if (other !== undefined && other !== count) {
      throw new Error(`kafka.partitions: ${name} needs as many partitions as the other topics of ${topic.copartition}`)
    }
    groups.set(topic.copartition, count)
  }
  return topics.map((topic) => {
    const own = Object.hasOwn(overrides, topic.name) ? overrides[topic.name] : undefined
    const grouped = topic.copartition === null ? undefined : groups.get(topic.copartition)
    return { ...topic, partitions: own ?? grouped ?? topic.partitions }
  })
}
