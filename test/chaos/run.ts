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
import type { Codec } from '../../services/core/avro/codec.ts'
import { createSignalOutputs } from '../../services/enricher/signal-outputs.ts'
import { createHealth } from '../../services/platform/health.ts'
import { committedOffsets } from '../../services/platform/kafka/committed-offsets.ts'
import { readPartition } from '../../services/platform/kafka/partition-reader.ts'
import { createSender, type Sender } from '../../services/platform/kafka/sender.ts'
import { silentLogger } from '../../services/platform/log.ts'
import type { Message, OutgoingMessage } from '../../services/platform/stage.ts'
import { createRandom } from '../support/scenario/random.ts'
import { type Instances, startInstances } from './instances.ts'
import { chaosLoad, type Sent } from './load.ts'
import { differences, type Judged, type Outcome, outcomeOf, undisturbed } from './outcome.ts'
import { type Plan, planOf, type Step } from './plan.ts'
import { CHAOS_RULES } from './rules.ts'

export type ChaosServers = RunningServers<'kafka' | 'registry'>

const SIGNALS = 'weir.signals.v1'
const PARTS = 'weir.parts.v1'
const TOPICS = [
  ...[SIGNALS, `${SIGNALS}.dlq`, 'weir.correlated.v1', 'weir.incidents.v1', 'weir.state.v1'],
  ...[PARTS, 'weir.windows.v1']
] as const
const PARTITIONS = 3
const CLUSTERS = 5
/** Clusters whose windows are spread, where any are: of the first, enrichers know it, of the others the correlator alone. */
const SPREAD_CLUSTERS = ['cluster-0', 'cluster-1', 'cluster-2']
/** Less than the time after which incidents are closed: what a window tells after so long a silence stands alone. */
const SPREAD_SECOND_PHASE_MINUTES = 3 * 24 * 60
/** Processes of windows at the start, where some are spread. */
const SPREAD_INSTANCES = 2
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
  /** Messages of the topic of parts. */
  readonly parts: number
  readonly incidents: number
  readonly correlated: number
  /** Correlators that ended though nobody asked them to. They were started again. */
  readonly deaths: readonly string[]
  readonly differences: readonly string[]
  readonly took_ms: number
}

function settingsOf(
  servers: ChaosServers,
  seed: number,
  directory: string,
  { handle_max_messages, standby }: Plan,
  isSpread: boolean
): object {
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
    enricher: { rules: [join(directory, 'rules')], builtin_rules: false },
    correlator: { standby: { enabled: standby }, spread_clusters: isSpread ? SPREAD_CLUSTERS : [] }
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

/** Whether there are messages from an offset on; what transactions leave behind are none. */
async function hasMessages(
  world: World,
  topic: string,
  partition: number,
  from: bigint,
  end: string
): Promise<boolean> {
  for await (const messages of readPartition(world.kafka, { topic, partition, from: String(from), end }))
    if (messages.length > 0) return true
  return false
}

/** @returns where a group has not read a topic to its end, and where that is; only partitions without new messages count as read */
async function unreadOf(world: World, admin: Admin, group: string, topic: string) {
  const committed = await committedOffsets(admin, group, [topic])
  const ends = await admin.fetchTopicOffsets(topic)
  const unread: string[] = []
  for (const { partition, high } of ends) {
    const at = committed.get(`${topic}/${partition}`) ?? 0n
    const left = BigInt(high) - at
    if (left > MARKERS || (left > 0n && (await hasMessages(world, topic, partition, at, high))))
      unread.push(`${topic}/${partition}: ${at} of ${high}`)
  }
  return { unread, ends: ends.map(({ high }) => high).join() }
}

/** So many offsets at the end may be markers of transactions. */
const MARKERS = 20n

/** @param read groups with what they read: all of it has to be read while nothing is added */
async function untilConsumed(
  world: World,
  admin: Admin,
  read: ReadonlyArray<readonly [string, string]>,
  deaths: () => readonly string[]
): Promise<void> {
  const timeout_ms = DRAIN_TIMEOUT_MS * read.length
  const deadline_ms = Date.now() + timeout_ms
  for (let before = ''; ; ) {
    const states = []
    for (const [group, topic] of read) states.push(await unreadOf(world, admin, group, topic))
    const unread = states.flatMap((state) => state.unread)
    const ends = states.map((state) => state.ends).join(' ')
    if (unread.length === 0 && (read.length === 1 || ends === before)) return
    before = ends
    if (Date.now() > deadline_ms)
      throw new Error(`after ${timeout_ms} ms not all is read (${unread.join('; ')}); ${deaths().join('; ')}`)
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

/** @param toMessages what a piece of the load is sent as: one after the other */
async function feed(
  world: World,
  servers: ChaosServers,
  services: readonly Instances[],
  plan: Plan,
  load: readonly Sent[],
  toMessages: (piece: readonly Sent[]) => ReadonlyArray<readonly OutgoingMessage[]>
): Promise<void> {
  const sender = createSender(world.kafka)
  const under_way: Promise<void>[] = []
  const steps = [...plan.steps]
  const size = Math.ceil(load.length / PIECES)
  for (let from = 0; from < load.length; from += size) {
    for (let next = steps[0]; next !== undefined && next.at <= from / load.length; next = steps[0]) {
      const instances = services[steps.length % services.length]
      if (instances !== undefined) under_way.push(disturb(next, instances, servers))
      steps.shift()
    }
    for (const messages of toMessages(load.slice(from, from + size))) await sendSurely(sender, messages)
    await delay(PIECE_PAUSE_MS)
  }
  await Promise.all(under_way)
  await sender.close()
}

/** Sends a piece of the load as enrichers do that know of one spread cluster only. */
function asEnricher(codec: Codec, { windows, profiles }: Pick<Judged, 'windows' | 'profiles'>) {
  const spread = { clusters: SPREAD_CLUSTERS.slice(0, 1), windows, profiles }
  const begin = createSignalOutputs({ codec, spread, sent_parts_max_entries: 1_000 })
  return (piece: readonly Sent[]) => {
    const batch = begin()
    const all = piece.flatMap((sent) => (sent.signal === null ? [messageOf(codec, sent)] : batch.take([sent.signal])))
    const [first, others] = [true, false].map((is) => all.filter(({ isFirst }) => (isFirst === true) === is))
    return [first ?? [], [...(others ?? []), ...batch.rest()]]
  }
}

function messageOf(codec: Codec, { cluster_id, signal }: Sent): OutgoingMessage {
  const value = signal === null ? Buffer.from('no signal') : codec.encode('signal', signal)
  return { topic: SIGNALS, key: cluster_id, value }
}

/** Where windows are spread, messages are elsewhere than in the undisturbed run: what is wrong with them is the same. */
const placeless = (outcome: Outcome): Outcome => ({
  ...outcome,
  dead_letters: [...new Set(outcome.dead_letters.map((letter) => letter.slice(letter.indexOf(' '))))]
})

/**
 * One run: feeds signals, disturbs, waits until all are read, and compares with the undisturbed run.
 * @param isSpread whether windows of some clusters are spread over processes, which are disturbed, too; not so in the undisturbed run
 */
export async function chaosRun(
  servers: ChaosServers,
  seed: number,
  directory: string,
  isSpread: boolean
): Promise<ChaosResult> {
  const started_ms = performance.now()
  const random = createRandom(`chaos-${seed}`)
  const plan = planOf(random.fork('plan'), SESSION_TIMEOUT_MS)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(join(directory, 'rules'), { recursive: true })
  for (const [file, text] of Object.entries(CHAOS_RULES)) writeFileSync(join(directory, 'rules', file), text)
  const given = settingsOf(servers, seed, directory, plan, isSpread)
  const settings: Settings = settingsSchema.parse(given)
  const settings_file = join(directory, 'weir.yml')
  writeFileSync(settings_file, stringify(given))

  await setUpKafka(settings)
  const world = await openWorld(settings, silentLogger, createHealth())
  const { codec } = world
  const { windows, profiles } = await loadRules({ folders: [join(directory, 'rules')], builtin: false }, () => {})
  const load = chaosLoad(random.fork('load'), CLUSTERS, isSpread ? SPREAD_SECOND_PHASE_MINUTES : undefined)
  const plainly = (piece: readonly Sent[]) => [piece.map((sent) => messageOf(codec, sent))]
  const group = (service: string) => `${settings.kafka.group_prefix}.${service}`
  const read: (readonly [string, string])[] = [[group('correlator'), SIGNALS]]
  const services = [startInstances('correlator', plan.instances, settings_file, directory)]
  if (isSpread) {
    services.unshift(startInstances('windows', SPREAD_INSTANCES, settings_file, directory))
    read.push([group('windows'), PARTS])
  }
  const deaths = () => services.flatMap((instances) => instances.deaths)
  const stop = () => Promise.all(services.map((instances) => instances.stop()))
  const admin = world.kafka.kafka.admin()
  await admin.connect()
  try {
    await feed(world, servers, services, plan, load, isSpread ? asEnricher(codec, { windows, profiles }) : plainly)
    await untilConsumed(world, admin, read, deaths)
    await stop()
    const [signals = [], dead_letters = [], correlated = [], incidents = [], state = [], parts = [], ofWindows = []] =
      await Promise.all(TOPICS.map((topic) => readTopic(world, admin, topic)))
    const judged = { options: settings.correlator, windows, profiles }
    const found = await outcomeOf(codec, { incidents, correlated, dead_letters, state, windows: ofWindows }, judged)
    const calm = { ...judged, codec, topics: world.topics, options: { ...settings.correlator, spread_clusters: [] } }
    const given_signals = isSpread ? load.map((sent) => arrived(messageOf(codec, sent))) : signals
    const oneByOne = await undisturbed(calm, given_signals, 1)
    const together = await undisturbed(calm, given_signals, 100_000)
    const [is, one, all] = [found, oneByOne, together].map((outcome) => (isSpread ? placeless(outcome) : outcome))
    if (is === undefined || one === undefined || all === undefined) throw new RangeError('there are three outcomes')
    return {
      plan,
      signals: signals.length,
      parts: parts.length,
      incidents: found.incidents.size,
      correlated: found.correlated.size,
      deaths: deaths(),
      differences: differences(is, one, all, settings.correlator.spread_clusters),
      took_ms: performance.now() - started_ms
    }
  } finally {
    await stop()
    await admin.deleteTopics({ topics: [...TOPICS] })
    await admin.disconnect()
  }
}

/** A message as a stage in memory takes it. */
const arrived = ({ topic, key, value }: OutgoingMessage): Message => ({
  ...{ topic, partition: 0, offset: '0', headers: {}, timestamp_ms: 0 },
  ...{ key: key === null ? null : Buffer.from(key), value }
})
