import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { correlatorOptions } from '../../services/correlator/options.ts'
import { createCorrelatorStage } from '../../services/correlator/stage.ts'
import { createSignalOutputs } from '../../services/enricher/signal-outputs.ts'
import { createMemoryTopic } from '../../services/platform/memory/topic.ts'
import type { Message, OutgoingMessage, Stage } from '../../services/platform/stage.ts'
import { loadTopics, withPartitions } from '../../services/platform/topics.ts'
import { createWindowsStage } from '../../services/windows/stage.ts'
import { CLUSTER, START_US } from '../support/signals.ts'
import { burstRule, partSignal } from './correlator-load.ts'
import { type Figure, figure } from './measure.ts'

const EVENTS = 20_000
/** Each after a first one that does not count. */
const PASSES = 3
const BATCH = 500
/** Events of one actor in a window are few, and there are many actors. */
const ACTORS = 8_000
const EVENTS_PER_S = 200
const PARTITIONS = 3
const PARTS = 'weir.parts.v1'

const codec = createCodec(localSchemas())
const windows = burstRule('300s', 5)
const rules = { codec, windows, profiles: [], now_ms: Date.now }
const signals = Array.from({ length: EVENTS }, (_, number) =>
  partSignal(number, (number * 7919) % ACTORS, START_US + (number * 1e6) / EVENTS_PER_S)
)

/** What enrichers send of the signals, in batches, and how long that takes, microseconds of CPU time. */
function sent(spread_clusters: readonly string[]) {
  const before = process.cpuUsage()
  const begin = createSignalOutputs({
    ...{ codec, sent_parts_max_entries: 1_000 },
    spread: { clusters: spread_clusters, windows, profiles: [] }
  })
  const messages: OutgoingMessage[] = []
  for (let from = 0; from < EVENTS; from += BATCH) {
    const batch = begin()
    messages.push(...batch.take(signals.slice(from, from + BATCH)), ...batch.rest())
  }
  const { user, system } = process.cpuUsage(before)
  return { messages, cpu_us: user + system }
}

/** CPU time that a stage takes for messages of a topic, partition after partition, in batches; microseconds. */
async function handled(stage: Stage, topic: string, messages: readonly OutgoingMessage[]): Promise<number> {
  const definition = withPartitions(loadTopics(), { [PARTS]: PARTITIONS }).find(({ name }) => name === topic)
  if (definition === undefined) throw new RangeError(`there is no topic ${topic}`)
  const kept = createMemoryTopic(definition)
  for (const message of messages) if (message.topic === topic) kept.append(message, 0)
  const nothing = async function* (): AsyncGenerator<Message> {}
  const context = { signal: new AbortController().signal, heartbeat: async () => {} }
  for (const partition of kept.partitions) await stage.onAssigned?.(topic, partition, { changelog: { read: nothing } })
  const before = process.cpuUsage()
  for (const partition of kept.partitions) {
    for (let offset = 0; offset < kept.end(partition); offset += BATCH)
      await stage.handle({ topic, partition, messages: kept.from(partition, offset, BATCH) }, context)
  }
  const { user, system } = process.cpuUsage(before)
  return user + system
}

async function best(name: string, pass: () => Promise<number> | number): Promise<Figure> {
  let best_us = Number.POSITIVE_INFINITY
  for (let number = 0; number <= PASSES; number += 1) {
    const cpu_us = await pass()
    if (number > 0) best_us = Math.min(best_us, cpu_us)
  }
  return figure(name, EVENTS, best_us)
}

/** What parts of a big cluster cost, with its windows in the correlator and spread over processes; without Kafka. */
export async function benchSpread(): Promise<readonly Figure[]> {
  const spread_clusters = [CLUSTER.id]
  const [plain, spread] = [sent([]).messages, sent(spread_clusters).messages]
  const together = correlatorOptions.parse({})
  const apart = correlatorOptions.parse({ spread_clusters })
  const correlator = (options: typeof together) =>
    createCorrelatorStage({ ...rules, options, parts_partitions: PARTITIONS })
  return [
    await best('one process: enricher, encoding', () => sent([]).cpu_us),
    await best('one process: correlator', () => handled(correlator(together), 'weir.signals.v1', plain)),
    await best('spread: enricher, encoding', () => sent(spread_clusters).cpu_us),
    await best('spread: correlator', () => handled(correlator(apart), 'weir.signals.v1', spread)),
    await best('spread: windows, all processes together', () =>
      handled(createWindowsStage({ ...rules, options: apart }), PARTS, spread)
    ),
    await best('enrichers that do not know: correlator', () => handled(correlator(apart), 'weir.signals.v1', plain))
  ]
}
