import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { stringify } from 'yaml'
import type { RunningServers } from '../../infra/running-servers.ts'
import { setUpKafka } from '../../services/cli/commands/setup.ts'
import { loadRules } from '../../services/cli/rules.ts'
import { openWorld, type World } from '../../services/cli/serve/world.ts'
import { type Settings, settingsSchema } from '../../services/cli/settings.ts'
import { createHealth } from '../../services/platform/health.ts'
import { committedOffsets } from '../../services/platform/kafka/committed-offsets.ts'
import { readPartition } from '../../services/platform/kafka/partition-reader.ts'
import { createSender, type Sender } from '../../services/platform/kafka/sender.ts'
import { silentLogger } from '../../services/platform/log.ts'
import type { Message, OutgoingMessage } from '../../services/platform/stage.ts'
import { createRandom } from '../support/scenario/random.ts'
import { type Instances, startInstances } from './instances.ts'
import { chaosLoad } from './load.ts'
import { differences, outcomeOf, undisturbed } from './outcome.ts'
import { type Plan, planOf, type Step } from './plan.ts'
import { CHAOS_RULES } from './rules.ts'

export type ChaosServers = RunningServers<'kafka' | 'registry'>

const SIGNALS = 'weir.signals.v1'
const TOPICS = [SIGNALS, `${SIGNALS}.dlq`, 'weir.correlated.v1', 'weir.incidents.v1', 'weir.state.v1'] as const
const PARTITIONS = 3
const CLUSTERS = 5
const PIECES = 40
const PIECE_PAUSE_MS = 60
const SESSION_TIMEOUT_MS = 2_000
/** On a busy machine a transaction takes a tenth of a second, and there are hundreds. */
const DRAIN_TIMEOUT_MS = 240_000

/** Broker settings that make a run short: consumers may be missed soon, and the broker itself, too. */
export const CHAOS_BROKER: Readonly<Record<string, string>> = {
  'group.min.session.timeout.ms': '1000',
  'broker.session.timeout.ms': '1500',
  'broker.heartbeat.interval.ms': '300'
}

export interface ChaosResult {
  readonly plan: Plan
  readonly signals: number
  readonly incidents: number
  readonly correlated: number
  /** Correlators that ended though nobody asked them to. They were started again. */
  readonly deaths: readonly string[]
  readonly differences: readonly string[]
  readonly took_ms: number
}

function settingsOf(servers: ChaosServers, seed: number, directory: string, plan: Plan): object {
  const { handle_max_messages, standby } = plan
  return {
    log: { level: 'info' },
    health: { host: '127.0.0.1', port: 0 },
    kafka: {
      brokers: [servers.endpoints.kafka],
      group_prefix: `chaos-${seed}`,
      partitions: Object.fromEntries(TOPICS.map((topic) => [topic, topic.endsWith('.dlq') ? 1 : PARTITIONS])),
      session_timeout_ms: SESSION_TIMEOUT_MS,
      rebalance_timeout_ms: 4_000,
      heartbeat_interval_ms: 300,
      fetch_max_wait_ms: 50,
      handle_max_messages
    },
    registry: { url: servers.endpoints.registry },
    correlator: { standby: { enabled: standby } },
    enricher: { rules: [join(directory, 'rules')], builtin_rules: false }
  }
}

async function disturb(step: Step, instances: Instances, servers: ChaosServers): Promise<void> {
  const { kind, which, lasts_ms } = step
  switch (kind) {
    case 'kill':
      return instances.kill(which, lasts_ms)
    case 'stall':
      return await instances.stall(which, lasts_ms)
    case 'join':
      if (instances.count() < 3) instances.join()
      return
    case 'leave':
      if (instances.count() > 1) await instances.leave(which)
      return
    case 'broker_kill':
      return await servers.restart('kafka', { signal: 'SIGKILL' })
    default:
      return await servers.restart('kafka')
  }
}

/** Sends once more what may not have arrived: the correlator takes duplicates, and the undisturbed run gets them, too. */
async function sendSurely(sender: Sender, messages: readonly OutgoingMessage[]): Promise<void> {
  for (let left = 5; ; left -= 1) {
    try {
      return await sender.send(messages)
    } catch (error) {
      if (left <= 0) throw error
      await delay(500)
    }
  }
}

async function untilConsumed(admin: Admin, group: string, deaths: readonly string[]): Promise<void> {
  const deadline_ms = Date.now() + DRAIN_TIMEOUT_MS
  for (;;) {
    const committed = await committedOffsets(admin, group, [SIGNALS])
    const ends = await admin.fetchTopicOffsets(SIGNALS)
    const unread = ends.filter(({ partition, high }) => (committed.get(`${SIGNALS}/${partition}`) ?? 0n) < BigInt(high))
    if (unread.length === 0) return
    if (Date.now() > deadline_ms) {
      const places = unread.map(
        ({ partition, high }) => `${partition}: ${committed.get(`${SIGNALS}/${partition}`)} of ${high}`
      )
      throw new Error(
        `after ${DRAIN_TIMEOUT_MS} ms not all signals are read (${places.join('; ')}); ${deaths.join('; ')}`
      )
    }
    await delay(50)
  }
}

async function readTopic(world: World, admin: Admin, topic: string): Promise<readonly Message[]> {
  const ends = await admin.fetchTopicOffsets(topic)
  const parts = await Promise.all(
    ends.map(async ({ partition, low, high }) => {
      const all: Message[] = []
      if (low === high) return all
      for await (const messages of readPartition(world.kafka, { topic, partition, end: high })) all.push(...messages)
      return all
    })
  )
  return parts.flat()
}

async function feed(
  world: World,
  servers: ChaosServers,
  instances: Instances,
  plan: Plan,
  messages: readonly OutgoingMessage[]
): Promise<void> {
  const sender = createSender(world.kafka)
  const under_way: Promise<void>[] = []
  const steps = [...plan.steps]
  const size = Math.ceil(messages.length / PIECES)
  for (let from = 0; from < messages.length; from += size) {
    for (let next = steps[0]; next !== undefined && next.at <= from / messages.length; next = steps[0]) {
      under_way.push(disturb(next, instances, servers))
      steps.shift()
    }
    await sendSurely(sender, messages.slice(from, from + size))
    await delay(PIECE_PAUSE_MS)
  }
  await Promise.all(under_way)
  await sender.close()
}

/** One run: feeds signals, disturbs, waits until all are read, and compares with the undisturbed run. */
export async function chaosRun(servers: ChaosServers, seed: number, directory: string): Promise<ChaosResult> {
  const started_ms = performance.now()
  const random = createRandom(`chaos-${seed}`)
  const plan = planOf(random.fork('plan'), SESSION_TIMEOUT_MS)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(join(directory, 'rules'), { recursive: true })
  for (const [file, text] of Object.entries(CHAOS_RULES)) writeFileSync(join(directory, 'rules', file), text)
  const given = settingsOf(servers, seed, directory, plan)
  const settings: Settings = settingsSchema.parse(given)
  const settings_file = join(directory, 'weir.yml')
  writeFileSync(settings_file, stringify(given))

  await setUpKafka(settings)
  const world = await openWorld(settings, silentLogger, createHealth())
  const { codec } = world
  const messages = chaosLoad(random.fork('load'), CLUSTERS).map(({ cluster_id, signal }) => ({
    topic: SIGNALS,
    key: cluster_id,
    value: signal === null ? Buffer.from('no signal') : codec.encode('signal', signal)
  }))
  const instances = startInstances(plan.instances, settings_file, directory)
  const admin = world.kafka.kafka.admin()
  await admin.connect()
  try {
    await feed(world, servers, instances, plan, messages)
    await untilConsumed(admin, `${settings.kafka.group_prefix}.correlator`, instances.deaths)
    await instances.stop()
    const [signals, dead_letters, correlated, incidents, state] = await Promise.all(
      TOPICS.map((topic) => readTopic(world, admin, topic))
    )
    const { windows, profiles } = await loadRules({ folders: [join(directory, 'rules')], builtin: false }, () => {})
    const calm = { codec, topics: world.topics, options: settings.correlator, windows, profiles }
    const published = {
      incidents: incidents ?? [],
      correlated: correlated ?? [],
      dead_letters: dead_letters ?? [],
      state: state ?? []
    }
    const found = await outcomeOf(codec, published, calm)
    const oneByOne = await undisturbed(calm, signals ?? [], 1)
    const together = await undisturbed(calm, signals ?? [], 100_000)
    return {
      plan,
      signals: signals?.length ?? 0,
      incidents: found.incidents.size,
      correlated: found.correlated.size,
      deaths: instances.deaths,
      differences: differences(found, oneByOne, together),
      took_ms: performance.now() - started_ms
    }
  } finally {
    await instances.stop()
    await admin.deleteTopics({ topics: [...TOPICS] })
    await admin.disconnect()
  }
}
