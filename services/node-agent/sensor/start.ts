import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { Health } from '../../platform/health.ts'
import { spoolRefusals } from '../../platform/ingest/metrics.ts'
import { encodeRecord } from '../../platform/ingest/record.ts'
import type { Running } from '../../platform/lifecycle.ts'
import type { Logger } from '../../platform/log.ts'
import type { Spool } from '../../platform/spool/spool.ts'
import { dropRecord } from '../drops.ts'
import { SENSOR_ERRORS, type SensorErrorCode, sensorError } from './errors.ts'
import { boundBuffers, collectGarbage, free } from './garbage.ts'
import type { EventBatch, FromReader, Loss, ReaderSettings, ReaderState, ToReader } from './messages.ts'
import { sensorEvents, sensorLost } from './metrics.ts'
import { findObject, requireBtf, sensorArch } from './object-file.ts'
import { BUILTIN, type BuiltinSource } from './options.ts'
import { bootId } from './proc.ts'

/** What the reader makes is garbage a moment later: a small nursery costs no time and much less memory. */
const YOUNG_MB = 3
/** Of the main thread: what is on its way to the spool and to Kafka, several times over. */
const BUFFERS_MAX_BYTES = 6 * 1024 * 1024
/** So long after its start the agent is through with starting. */
const SETTLED_MS = 5000
const RETRY_FIRST_MS = 100
const RETRY_MAX_MS = 5000

export interface BuiltinPorts {
  readonly options: BuiltinSource
  readonly node: string
  readonly spool: Spool
  readonly health: Health
  readonly log: Logger
  readonly now_ms: () => number
}

/**
 * Which control groups tell containers: those of version 2 where that is all there is; on hybrid hosts those of the memory controller
 * of version 1, which runtimes use there.
 * @param lines of /proc/self/cgroup
 */
export function cgroupVersion(lines: string): { readonly version_1: boolean; readonly hierarchy: number } {
  const memory = /^(\d+):(?:[^:\n]*,)?memory(?:,[^:\n]*)?:/m.exec(lines)?.[1]
  return memory === undefined ? { version_1: false, hierarchy: 0 } : { version_1: true, hierarchy: Number(memory) }
}

function settingsOf({ options, node, now_ms }: BuiltinPorts): ReaderSettings {
  const arch = sensorArch()
  requireBtf()
  const { version_1, hierarchy } = cgroupVersion(readFileSync('/proc/self/cgroup', 'utf8'))
  return {
    ...options,
    object: findObject(options.object, arch),
    arch,
    node,
    boot_id: bootId(),
    run: Math.floor(now_ms()).toString(36),
    self_pid: process.pid,
    cgroup_version_1: version_1,
    cgroup_hierarchy: hierarchy
  }
}

function errorOf(code: string, message: string): WeirError {
  return sensorError(Object.hasOwn(SENSOR_ERRORS, code) ? (code as SensorErrorCode) : 'SENSOR_STOPPED', message)
}

/**
 * Starts the built-in sensor: a thread reads the kernel, its events go into the spool. Resolves when it sees.
 * @throws WeirError SENSOR_…
 */
export async function startBuiltinSensor(ports: BuiltinPorts): Promise<Running> {
  const { options, spool, health, log, now_ms } = ports
  const settings = settingsOf(ports)
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: settings,
    name: 'weir-sensor',
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB }
  })
  const say = (message: ToReader) => worker.postMessage(message)
  const started = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => undefined)
  started.promise.catch(() => undefined)
  const stopping = new AbortController()
  let beats = 0
  let storing: Promise<void> = Promise.resolve()

  function fail(error: WeirError): void {
    started.reject(error)
    failure.reject(error)
  }

  /** In the order in which they came, each until the spool takes it: what has to wait waits in the reader's account. */
  function store(records: ReadonlyArray<Buffer<ArrayBuffer>>, bytes: number): void {
    storing = storing.then(async () => {
      await append(records)
      for (const record of records) free(record)
      say({ type: 'stored', bytes })
    })
    storing.catch((error: unknown) => fail(errorOf('SENSOR_STOPPED', `events cannot be stored: ${messageOf(error)}`)))
  }

  async function append(records: readonly Buffer[]): Promise<void> {
    for (let wait = RETRY_FIRST_MS; ; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
      try {
        await spool.append(records)
        return
      } catch (error) {
        if (!(error instanceof WeirError) || !error.retriable) throw error
        spoolRefusals.inc({ service: 'node-agent', code: error.code })
        if (wait === RETRY_FIRST_MS) log.warn({ code: error.code, from: BUILTIN }, `events wait: ${error.message}`)
      }
      if (stopping.signal.aborted) return
      await sleep(wait, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  const received = () => now_ms() * 1000
  const { boot_id } = settings
  function recordOf({ container, pod_uid, bytes }: EventBatch): Buffer<ArrayBuffer> {
    const record = encodeRecord(
      { received: received(), from: BUILTIN, form: 'packed', boot_id, container, pod_uid },
      bytes
    )
    free(bytes)
    return record
  }

  function onLost(losses: readonly Loss[]): void {
    for (const { kind, reason, count } of losses) {
      sensorLost.inc({ kind, reason }, count)
      log.warn({ kind, reason, count }, `the sensor lost ${count} events of kind ${kind}`)
    }
    store(
      losses.map((loss) => dropRecord({ ...loss, from: BUILTIN, time: received() })),
      0
    )
  }

  function onState(state: ReaderState): void {
    beats += 1
    const attributes: Record<string, string> = {
      run: settings.run,
      processes: String(state.processes),
      waiting_bytes: String(state.waiting_bytes),
      pending_bytes: String(state.pending_bytes)
    }
    for (const [kind, count] of Object.entries(state.sent)) attributes[`sent.${kind}`] = String(count)
    for (const [kind, count] of Object.entries(state.dropped)) attributes[`dropped.${kind}`] = String(count)
    const event = {
      id: `bpf-${settings.node}-${settings.boot_id.slice(0, 8)}-${settings.run}-heartbeat-${beats}`,
      time: received(),
      category: 'sensor',
      action: 'heartbeat',
      process: null,
      container: null,
      pod: null,
      network: null,
      file: null,
      alert: null,
      attributes
    }
    const line = Buffer.from(JSON.stringify(event))
    store([encodeRecord({ received: received(), from: BUILTIN, form: 'events', boot_id }, line)], 0)
  }

  worker.on('message', (message: FromReader) => {
    health.progress(BUILTIN)
    if (message.type === 'started') started.resolve()
    else if (message.type === 'failed') fail(errorOf(message.code, message.message))
    else if (message.type === 'lost') onLost(message.losses)
    else if (message.type === 'state') onState(message.state)
    else if (message.type === 'events') {
      for (const { count } of message.batches) sensorEvents.inc(count)
      store(message.batches.map(recordOf), message.bytes)
    }
  })
  worker.on('error', (error) => fail(errorOf('SENSOR_STOPPED', `the sensor has failed: ${messageOf(error)}`)))
  worker.on('exit', () => {
    ended.resolve()
    if (!stopping.signal.aborted) fail(errorOf('SENSOR_STOPPED', 'the sensor has ended by itself'))
  })

  await started.promise
  health.progress(BUILTIN)
  const heart = setInterval(() => say({ type: 'tell' }), options.heartbeat_interval_ms)
  const unbound = boundBuffers(BUFFERS_MAX_BYTES)
  // Loading, reading all of /proc and connecting took more than running does.
  const settled = setTimeout(() => {
    collectGarbage()
    say({ type: 'tell' })
  }, SETTLED_MS)
  log.info({ node: settings.node, object: settings.object }, 'the built-in sensor sees')
  return {
    failed: failure.promise,
    async stop() {
      clearInterval(heart)
      clearTimeout(settled)
      unbound()
      stopping.abort()
      say({ type: 'stop' })
      await ended.promise
      await storing.catch(() => undefined)
    }
  }
}
