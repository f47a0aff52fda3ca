import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { startNativeServers } from '../../infra/native/start.ts'
import { plainProgress } from '../../infra/progress.ts'
import { weirHome } from '../../infra/settings.ts'
import { setUpKafka } from '../../services/cli/commands/setup.ts'
import { openWorld, type World } from '../../services/cli/serve/world.ts'
import { settingsSchema } from '../../services/cli/settings.ts'
import { createHealth } from '../../services/platform/health.ts'
import { readTopic } from '../../services/platform/kafka/read-topic.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { cpuOf, memoryOf, runExecs, runLoad } from './sensor-processes.ts'

const WEIR = join(import.meta.dirname, '../../bin/weir.js')
const READY_MS = 120_000
const REST_S = 10
const SAMPLE_MS = 200
/** One enriched event in so many is decoded for its time: the reader must not be what is measured. */
const SAMPLED = 37
const LOADS = [
  { name: '5k/s', rate: 5000, seconds: 10 },
  { name: '30k/s', rate: 30_000, seconds: 10 }
] as const
const EXECS = 300
const EXEC_PAUSE_S = 0.02
/** Processes one after the other, without other load: events as nodes have them. */
const MIXED_EXECS = 1500

/** What is aimed at, and what was found. */
export interface Must {
  readonly name: string
  readonly wanted: string
  readonly found: string
  readonly met: boolean
}

interface Service {
  readonly child: ChildProcess
  readonly pid: number
  /** The end of what it has logged. */
  said(): string
  stop(): Promise<void>
}

async function startService(name: string, file: string, folder: string): Promise<Service> {
  const log = join(folder, `${name}.log`)
  const output = openSync(log, 'w')
  const child = spawn(process.execPath, [WEIR, 'serve', name, '-c', file], {
    stdio: ['ignore', output, output],
    env: { ...process.env, WEIR_NO_BOOTSTRAP: '1' }
  })
  closeSync(output)
  const began = performance.now()
  for (;;) {
    const text = readFileSync(log, 'utf8')
    const port = /"health":\{"address":"127\.0\.0\.1","family":"IPv4","port":(\d+)\}/.exec(text)?.[1]
    if (port !== undefined && (await fetch(`http://127.0.0.1:${port}/readyz`)).ok) break
    if (child.exitCode !== null || performance.now() - began > READY_MS) {
      child.kill('SIGKILL')
      throw new Error(`${name} is not ready: ${text.slice(-2000)}`)
    }
    await sleep(SAMPLE_MS)
  }
  return {
    child,
    pid: child.pid ?? 0,
    said: () => readFileSync(log, 'utf8').slice(-2000),
    stop: async () => {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    }
  }
}

/** Bytes of a topic as the broker keeps them. */
function bytesOnDisk(folder: string, topic: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.name.endsWith('.log') && basename(entry.parentPath).startsWith(`${topic}-`)) {
      bytes += statSync(join(entry.parentPath, entry.name)).size
    }
  }
  return bytes
}

interface Lateness {
  /** How late some of the events were, milliseconds. */
  readonly late_ms: number[]
  stop(): Promise<void>
}

/**
 * Reads a topic as it is written.
 * @param sampled one message in so many is decoded
 * @param timeOf when the event of the load happened that a message tells of, microseconds; null when it tells of none
 */
async function watchLateness(
  { kafka }: World,
  topic: string,
  sampled: number,
  timeOf: (value: Buffer | null) => Promise<number | null>
): Promise<Lateness> {
  const consumer = kafka.kafka.consumer({ groupId: `bench-sensor-${topic}`, maxWaitTimeInMs: 50 })
  const late_ms: number[] = []
  let count = 0
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: false })
  await consumer.run({
    eachBatch: async ({ batch }) => {
      const now = Date.now()
      for (const { value } of batch.messages) {
        count += 1
        if (count % sampled !== 0) continue
        const time = await timeOf(value)
        if (time !== null) late_ms.push(now - time / 1000)
      }
    }
  })
  return { late_ms, stop: () => consumer.disconnect() }
}

const watchEnriched = (world: World): Promise<Lateness> =>
  watchLateness(world, 'weir.events.v1', SAMPLED, async (value) => {
    const event = await world.codec.decode('enriched-event', value)
    return event.runtime?.category === 'file' ? event.time : null
  })

/** One batch in so many is decoded for the time of its events. */
const SAMPLED_BATCHES = 7

/** How late batches are on Kafka, by the first of their events, which has waited longest. */
const watchPublished = (world: World): Promise<Lateness> =>
  watchLateness(world, 'weir.runtime.v1', SAMPLED_BATCHES, async (value) => {
    const { events } = await world.codec.decode('runtime-batch', value)
    return events.find(({ category }) => category === 'file')?.time ?? null
  })

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

interface Arrived {
  readonly opens: number
  readonly execs: number
  readonly lost: number
  readonly gaps: number
}

/** What is on Kafka, held against what the load did: opens of the path, processes by mark, gaps between sequence numbers. */
async function readArrived(world: World, path: string, mark: string): Promise<Arrived> {
  const execs = new Set<string>()
  const next = new Map<string, number>()
  let opens = 0
  let lost = 0
  let gaps = 0
  for await (const { value } of readTopic(world.kafka, 'weir.runtime.v1')) {
    const batch = await world.codec.decode('runtime-batch', value)
    const stream = `${batch.node}/${batch.sensor}`
    const first = Number(batch.first_sequence)
    if (first !== (next.get(stream) ?? 1)) gaps += 1
    next.set(stream, first + batch.events.length)
    for (const { action, file, process, attributes } of batch.events) {
      if (action === 'open_write' && file?.path === path) opens += 1
      if (action === 'exec' && process?.args[1]?.startsWith(mark) === true) execs.add(process.args[1])
      if (action === 'drop') lost += Number(attributes['count'] ?? 1)
    }
  }
  return { opens, execs: execs.size, lost, gaps }
}

/** Samples memory of a process while something goes on. */
async function mostMemory(pid: number, work: Promise<unknown>): Promise<number> {
  let most = 0
  let done = false
  const ended = work.finally(() => {
    done = true
  })
  while (!done) {
    most = Math.max(most, memoryOf(pid, 'now'))
    await sleep(SAMPLE_MS)
  }
  await ended
  return most
}

const mb = (value: number) => `${value.toFixed(0)} MB`

/**
 * The whole agent, as it is started on a node: from the kernel to Kafka, with an enricher behind it. Kafka, the enricher and the load
 * share the processors with it.
 */
export async function benchAgent(print: (must: Must) => void): Promise<void> {
  const progress = plainProgress(process.stderr)
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'))
  const only = ['kafka', 'registry', 'redis'] as const
  const servers = await startNativeServers({
    home: weirHome(),
    data: folder,
    ports: 'free',
    only,
    fresh: true,
    progress
  })
  const path = join(folder, 'written')
  const mark = `weir-bench-${process.pid}`
  try {
    const given = {
      health: { host: '127.0.0.1', port: 0 },
      kafka: { brokers: [servers.endpoints.kafka], group_prefix: 'bench' },
      registry: { url: servers.endpoints.registry },
      redis: { url: servers.endpoints.redis },
      node_agent: {
        node: 'bench',
        sources: [{ type: 'builtin' }],
        spool: { directory: join(folder, 'spool') }
      }
    }
    const file = join(folder, 'weir.yml')
    writeFileSync(file, stringify(given))
    const settings = settingsSchema.parse(given)
    await setUpKafka(settings)
    const world = await openWorld(settings, silentLogger, createHealth())
    const enricher = await startService('enricher', file, folder)
    // The first start on a node compiles; what is measured is how the agent runs from then on.
    const first = await startService('node-agent', file, folder)
    await first.stop()
    const agent = await startService('node-agent', file, folder)
    try {
      await measureAgent({ world, agent, folder, path, mark, print })
    } catch (error) {
      if (agent.child.exitCode === null) throw error
      throw new Error(`the agent has ended with ${agent.child.exitCode}: ${agent.said()}`, { cause: error })
    } finally {
      await agent.stop()
      await enricher.stop()
    }
    const { opens, execs, lost, gaps } = await readArrived(world, path, mark)
    const opened = LOADS.reduce((sum, { rate, seconds }) => sum + rate * seconds, 0)
    const ran = EXECS * LOADS.length + MIXED_EXECS
    // Each process of the load opens the file once more, to make it.
    const made = opened + LOADS.length
    print({ name: 'execs seen', wanted: `all of ${ran}`, found: String(execs), met: execs === ran })
    print({ name: 'opens seen', wanted: `all of ${made}`, found: String(opens), met: opens === made })
    print({ name: 'lost, as the sensor says', wanted: '0', found: String(lost), met: lost === 0 })
    print({ name: 'gaps between sequence numbers', wanted: '0', found: String(gaps), met: gaps === 0 })
  } finally {
    await servers.stop()
    progress.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Measured {
  readonly world: World
  readonly agent: Service
  readonly folder: string
  readonly path: string
  readonly mark: string
  readonly print: (must: Must) => void
}

const QUIET_MS = 5000
const QUIET_TRIES = 24

/** What is still in the spool is late, not lost: waits until nothing more than what an idle agent says comes to Kafka. */
async function untilQuiet(onKafka: () => number): Promise<void> {
  for (let last = onKafka(), tries = 0; tries < QUIET_TRIES; tries += 1) {
    await sleep(QUIET_MS)
    const now = onKafka()
    if (now - last < 4096) return
    last = now
  }
}

async function measureAgent({ world, agent, folder, mark, print }: Measured): Promise<void> {
  const { pid } = agent
  const onKafka = () => bytesOnDisk(folder, 'weir.runtime.v1')
  await sleep(REST_S * 1000)
  const atRest = memoryOf(pid, 'now')
  print({ name: 'memory at rest', wanted: '≤ 120 MB', found: mb(atRest), met: atRest <= 120 })
  const idle = cpuOf(pid)
  await sleep(REST_S * 1000)
  console.log(`  CPU at rest: ${((cpuOf(pid) - idle) / (REST_S * 1e4)).toFixed(1)} % of a processor`)

  const beforeMixed = onKafka()
  await runExecs(`${mark}-mixed`, MIXED_EXECS, 0)
  await sleep(2000)
  // fork, exec and exit of each.
  const perEvent = (onKafka() - beforeMixed) / (MIXED_EXECS * 3)
  print({
    name: 'on Kafka, per event of processes',
    wanted: '≤ 400 B',
    found: `${perEvent.toFixed(0)} B`,
    met: perEvent <= 400
  })

  for (const { name, rate, seconds } of LOADS) {
    const published = await watchPublished(world)
    const enriched = await watchEnriched(world)
    await sleep(2000)
    const before = { cpu: cpuOf(pid), bytes: onKafka() }
    const work = Promise.all([
      runLoad(folder, rate, seconds),
      runExecs(`${mark}-${name.replaceAll('/', '')}`, EXECS, EXEC_PAUSE_S)
    ])
    const most = await mostMemory(pid, work)
    const [load] = await work
    // What waits in the spool is published by then.
    await sleep(rate > 5000 ? 20_000 : 3000)
    const cpu = (cpuOf(pid) - before.cpu) / load.events
    console.log(
      `  ${name}: ${load.events} opens in ${load.took_s.toFixed(1)} s; CPU from kernel to Kafka ${cpu.toFixed(1)} µs an event; ` +
        `on Kafka ${((onKafka() - before.bytes) / load.events).toFixed(0)} B an open, ` +
        `after ${percentile(published.late_ms, 0.5).toFixed(0)} ms, p99 ${percentile(published.late_ms, 0.99).toFixed(0)} ms; ` +
        `enriched after ${percentile(enriched.late_ms, 0.5).toFixed(0)} ms, p99 ${percentile(enriched.late_ms, 0.99).toFixed(0)} ms (${enriched.late_ms.length} samples)`
    )
    const met = most <= 120
    print({ name: `memory at ${name}`, wanted: name === '5k/s' ? '≤ 120 MB' : '–', found: mb(most), met })
    if (name === '5k/s') {
      const late = percentile(enriched.late_ms, 0.99)
      print({
        name: 'kernel to enriched event, p99 at 5k/s',
        wanted: '≤ 1000 ms',
        found: `${late.toFixed(0)} ms`,
        met: late <= 1000
      })
    }
    await enriched.stop()
    await published.stop()
  }
  await untilQuiet(onKafka)
  console.log(`  memory at most: ${mb(memoryOf(pid, 'most'))}`)
}
