import { type Codec, createCodec, type SchemaSource } from '../../core/avro/codec.ts'
import type { Health } from '../../platform/health.ts'
import { createKafka, type KafkaClient } from '../../platform/kafka/client.ts'
import { runStage } from '../../platform/kafka/stage-runner.ts'
import type { Running } from '../../platform/lifecycle.ts'
import type { Logger } from '../../platform/log.ts'
import { createRegistry } from '../../platform/registry/client.ts'
import { registrySchemas } from '../../platform/registry/registry.ts'
import type { HandleContext, Stage } from '../../platform/stage.ts'
import { loadTopics, type TopicDefinition, withPartitions } from '../../platform/topics.ts'
import { VERSION } from '../../platform/version.ts'
import type { Settings } from '../settings.ts'

/** What every service is given to work with. */
export interface World {
  readonly settings: Settings
  readonly log: Logger
  readonly health: Health
  readonly kafka: KafkaClient
  readonly topics: readonly TopicDefinition[]
  readonly schemas: SchemaSource
  readonly codec: Codec
  readonly now_ms: () => number
}

/**
 * Connects to the registry; Kafka is spoken to by whoever needs it.
 * @throws WeirError REGISTRY_NOT_REGISTERED when setup has not run, REGISTRY_UNREACHABLE, REGISTRY_REFUSED
 */
export async function openWorld(settings: Settings, log: Logger, health: Health): Promise<World> {
  const topics = withPartitions(loadTopics(), settings.kafka.partitions)
  const schemas = await registrySchemas(createRegistry(settings.registry), topics, settings.registry)
  return {
    settings,
    log,
    health,
    kafka: createKafka(settings.kafka, log),
    topics,
    schemas,
    codec: createCodec(schemas),
    now_ms: Date.now
  }
}

/** Runs a stage on Kafka, watched by the service's health. */
export function run(stage: Stage, { kafka, log, health }: World): Running {
  return runStage(stage, kafka, { log, health, version: VERSION })
}

/** Longest sleep between two heartbeats, milliseconds. */
const NAP_MS = 1_000

/** Waits until a time, with heartbeats, so that the partition stays ours; returns early when it is lost. */
export async function waitUntil(time_ms: number, { signal, heartbeat }: HandleContext): Promise<void> {
  for (let left = time_ms - Date.now(); left > 0 && !signal.aborted; left = time_ms - Date.now()) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(left, NAP_MS)))
    await heartbeat()
  }
}
