import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
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
import { advanceWindows, packParts, windowIndexOf } from '../../services/core/windows/reducer.ts'
import { emptyWindowState } from '../../services/core/windows/state.ts'
import { correlatorOptions } from '../../services/correlator/options.ts'
import { createCorrelatorStage } from '../../services/correlator/stage.ts'
import { createChangelogReader } from '../../services/platform/kafka/changelog.ts'
import { createSender } from '../../services/platform/kafka/sender.ts'
import { createTopicAdmin } from '../../services/platform/kafka/topic-admin.ts'
import type { OutgoingMessage } from '../../services/platform/stage.ts'
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
    packParts(state, index)
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

    const options = correlatorOptions.parse({})
    const windows = burstRule('1h', 5)
    const stage = createCorrelatorStage({ codec, options, windows, now_ms: Date.now })
    const before = memory()
    const cpu = process.cpuUsage()
    const started_ms = performance.now()
    const write = (fence: OutgoingMessage) => sender.send([fence])
    const changelog = createChangelogReader(kafka.client, write, new AbortController().signal, () => {})
    await stage.onAssigned?.('weir.signals.v1', 0, { changelog })
    const { user, system } = process.cpuUsage(cpu)
    const seconds = (performance.now() - started_ms) / 1000
    say({ name: 'restart', value: `${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of CPU time` })
    say({ name: 'restored, in memory', value: `${((memory() - before) / keys).toFixed(0)} bytes a key` })
    await sender.close()
  } finally {
    await kafka.close()
    await servers.stop()
    rmSync(data, { recursive: true, force: true })
  }
}
