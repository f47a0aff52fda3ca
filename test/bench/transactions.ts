import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNativeServers } from '../../infra/native/start.ts'
import { plainProgress } from '../../infra/progress.ts'
import { weirHome } from '../../infra/settings.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { correlatorOptions } from '../../services/correlator/options.ts'
import { createCorrelatorStage } from '../../services/correlator/stage.ts'
import { runStage } from '../../services/platform/kafka/stage-runner.ts'
import { createTopicAdmin } from '../../services/platform/kafka/topic-admin.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { createTestKafka, until } from '../support/kafka.ts'
import { CLUSTER, START_US } from '../support/signals.ts'
import { burstRule, lonelySignal, partSignal } from './correlator-load.ts'
import { type Figure, figure } from './measure.ts'

const SIGNALS = 10_000
const INPUT = 'weir.signals.v1'
const TOPICS = [INPUT, `${INPUT}.dlq`, 'weir.correlated.v1', 'weir.incidents.v1', 'weir.state.v1'] as const
const codec = createCodec(localSchemas())

/** One correlator over all signals of the topic, by a consumer group of its own. */
async function consume(endpoint: string, transactional: boolean): Promise<Figure> {
  const kafka = await createTestKafka(endpoint, { handle_max_messages: 500 })
  const topics = createTopicAdmin(kafka.admin)
  for (const topic of TOPICS) await topics.create(topic, 1, {}, undefined)
  await topics.untilReady(TOPICS)
  const signals = Array.from({ length: SIGNALS }, (_, number) =>
    number % 2 === 0
      ? partSignal(number, number % 1_000, START_US + number * 100_000)
      : lonelySignal(number, number / 600)
  )
  await kafka.send(signals.map((signal) => ({ topic: INPUT, key: CLUSTER.id, value: codec.encode('signal', signal) })))
  const options = correlatorOptions.parse({})
  const stage = createCorrelatorStage({ codec, options, windows: burstRule('5m', 20), now_ms: Date.now })
  const running = runStage({ ...stage, transactional }, kafka.client, { log: silentLogger, version: 'bench' })
  await running.joined
  await until('the partition is ready', () => running.partitions().length === 1)
  const before = process.cpuUsage()
  const done = async () => (await kafka.committed('correlator', INPUT))[0] === SIGNALS
  await until('all signals are read', done, 300_000)
  const { user, system } = process.cpuUsage(before)
  await running.stop()
  await kafka.admin.deleteTopics({ topics: [...TOPICS] })
  await kafka.close()
  return figure(transactional ? 'with transactions' : 'without', SIGNALS, user + system)
}

/** What a signal takes in the correlator's process from and to Kafka, in one transaction per batch and without any. */
export async function benchTransactions(): Promise<readonly Figure[]> {
  const data = mkdtempSync(join(tmpdir(), 'weir-bench-'))
  const servers = await startNativeServers({
    ...{ home: weirHome(), data, ports: 'free', fresh: true, throughput: true },
    only: ['kafka'],
    progress: plainProgress(process.stderr)
  })
  try {
    // The first warms everything up.
    await consume(servers.endpoints.kafka, true)
    const without = await consume(servers.endpoints.kafka, false)
    const within = await consume(servers.endpoints.kafka, true)
    return [without, { ...within, ratio: within.us_per_event / without.us_per_event }]
  } finally {
    await servers.stop()
    rmSync(data, { recursive: true, force: true })
  }
}
