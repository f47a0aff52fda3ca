import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startNativeServers } from '../../infra/native/start.ts'
import { plainProgress } from '../../infra/progress.ts'
import { weirHome } from '../../infra/settings.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { correlate } from '../../services/core/correlate/reducer.ts'
import { DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import { emptyState } from '../../services/core/correlate/state.ts'
import { advanceWindows, completeChanges, windowIndexOf } from '../../services/core/windows/reducer.ts'
import { emptyWindowState } from '../../services/core/windows/state.ts'
import { correlatorOptions } from '../../services/correlator/options.ts'
import { createCorrelatorStage } from '../../services/correlator/stage.ts'
import { createStandby, type Standby } from '../../services/correlator/standby.ts'
import { createChangelogReader } from '../../services/platform/kafka/changelog.ts'
import { readPartition } from '../../services/platform/kafka/partition-reader.ts'
import { createSender } from '../../services/platform/kafka/sender.ts'
import { createTopicAdmin } from '../../services/platform/kafka/topic-admin.ts'
import type { ChangelogReader, OutgoingMessage } from '../../services/platform/stage.ts'
import { createTestKafka } from '../support/kafka.ts'
import { CLUSTER, START_US } from '../support/signals.ts'
import { burstRule, lonelySignal, partSignal } from './correlator-load.ts'

const BATCH = 1_000
const STATE = 'weir.state.v1'
/** Most signals remembered per cluster. */
const LONELY = DEFAULT_CORRELATE_SETTINGS.max_signals_per_cluster

export interface Line {
  readonly name: string
  readonly value: string
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Memory in use once the garbage is gone, bytes. */
function memory(): number {
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const codec = createCodec(localSchemas())
const message = (key: string, value: Parameters<typeof codec.encode<'correlator-state'>>[1]): OutgoingMessage => ({
  topic: STATE,
  partition: 0,
  key: `${CLUSTER.id}/${key}`,
  value: codec.encode('correlator-state', value)
})

/** Groups of one event each. @param write is given what goes to the changelog, batch by batch */
async function fillWindows(
  keys: number,
  write: (messages: readonly OutgoingMessage[]) => Promise<void>
): Promise<readonly Line[]> {
  const index = windowIndexOf(burstRule('1h', 5))
  const before = memory()
  const state = emptyWindowState(CLUSTER.id)
  let written = 0
  for (let from = 0; from < keys; from += BATCH) {
    const signals = Array.from({ length: Math.min(BATCH, keys - from) }, (_, place) =>
      partSignal(from + place, from + place, START_US + from + place)
    )
    advanceWindows(state, index, signals, START_US - 600_000_000, { max_groups: keys })
    completeChanges(state, index)
    const messages = [...state.changes].flatMap(([key, value]) => (value === null ? [] : [message(key, value)]))
    state.changes.clear()
    for (const { key, value } of messages) written += Buffer.byteLength(key ?? '') + (value?.length ?? 0)
    await write(messages)
  }
  const used = memory() - before
  return [
    { name: 'keys', value: String(state.groups.size) },
    { name: 'in memory', value: `${(used / keys).toFixed(0)} bytes a key, ${(used / 1e6).toFixed(0)} MB` },
    { name: 'changelog', value: `${(written / keys).toFixed(0)} bytes a key before compression` }
  ]
}

function fillStitching(): readonly Line[] {
  const before = memory()
  const state = emptyState(CLUSTER.id)
  let written = 0
  for (let from = 0; from < LONELY; from += BATCH) {
    const signals = Array.from({ length: BATCH }, (_, place) => lonelySignal(from + place, (from + place) / 1_000))
    const settings = { ...DEFAULT_CORRELATE_SETTINGS, max_groups_per_cluster: LONELY }
    const { entries } = correlate(state, signals, START_US + 3_600_000_000, settings)
    for (const { key, value } of entries) if (value !== null) written += message(key, value).value?.length ?? 0
  }
  const used = memory() - before
  return [
    { name: 'signals for stitching', value: String(state.signals.size) },
    { name: 'in memory', value: `${(used / LONELY).toFixed(0)} bytes a signal` },
    { name: 'changelog', value: `${(written / LONELY).toFixed(0)} bytes a signal before compression` }
  ]
}

const NEVER = new AbortController().signal

/** @returns how much memory the state takes, bytes */
async function restart(
  name: string,
  changelog: ChangelogReader,
  standby: Standby | null,
  say: (line: Line) => void
): Promise<number> {
  const ports = { codec, options: correlatorOptions.parse({}), windows: burstRule('1h', 5), now_ms: Date.now }
  const stage = createCorrelatorStage(standby === null ? ports : { ...ports, standby })
  const before = memory()
  const cpu = process.cpuUsage()
  const started_ms = performance.now()
  await stage.onAssigned?.('weir.signals.v1', 0, { changelog })
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - started_ms) / 1000
  const load = loadavg()[0]?.toFixed(0)
  const value = `${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of CPU time, at a load of ${load}`
  say({ name, value })
  const used = memory() - before
  stage.onRevoked?.('weir.signals.v1', 0)
  return used
}

/**
 * What a key of windowed state costs in memory and in the changelog, and how long a restart takes that reads them all from a broker.
 * @param keys groups of one event each, all of one cluster and partition
 */
export async function benchState(keys: number, say: (line: Line) => void): Promise<void> {
  for (const line of fillStitching()) say(line)
  const data = mkdtempSync(join(tmpdir(), 'weir-bench-'))
  const servers = await startNativeServers({
    ...{ home: weirHome(), data, ports: 'free', fresh: true, throughput: true },
    only: ['kafka'],
    progress: plainProgress(process.stderr)
  })
  const kafka = await createTestKafka(servers.endpoints.kafka, { fetch_max_wait_ms: 250 })
  try {
    const topics = createTopicAdmin(kafka.admin)
    await topics.create(STATE, 1, { 'cleanup.policy': 'compact' }, undefined)
    await topics.untilReady([STATE])
    const sender = createSender(kafka.client)
    for (const line of await fillWindows(keys, (messages) => sender.send(messages))) say(line)
    const clock = { key: 'clock', cluster_id: CLUSTER.id, kind: 'clock' as const, watermark: START_US }
    const blank = { signal: null, sealed: null, cut_keys: [], published: null, document: null, packed: null }
    await sender.send([message('clock', { ...blank, ...clock })])

    const changelog = createChangelogReader(
      kafka.client,
      (fence) => sender.send([fence]),
      NEVER,
      () => {}
    )
    const restored = await restart('restart', changelog, null, say)
    say({ name: 'restored, in memory', value: `${(restored / keys).toFixed(0)} bytes a key` })

    // As an instance does that follows another and takes its partition over.
    const caughtUp = Promise.withResolvers<void>()
    const standby = createStandby({
      ...{ partitions: 1, max_bytes: Number.POSITIVE_INFINITY, pause: async () => {}, now_ms: Date.now },
      log: { info: () => {}, warn: (_fields: unknown, text?: string) => console.error(text) },
      read: (partition, from, signal, lag) =>
        readPartition(kafka.client, {
          ...{ topic: STATE, partition, from, signal, follow: true },
          lag: (messages) => {
            lag(messages)
            if (messages === 0) caughtUp.resolve()
          }
        })
    })
    await caughtUp.promise
    await restart('taken over by a standby', changelog, standby, say)
    await standby.stop()
    await sender.close()
  } finally {
    await kafka.close()
    await servers.stop()
    rmSync(data, { recursive: true, force: true })
  }
}
