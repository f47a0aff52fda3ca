import { setTimeout as sleep } from 'node:timers/promises'
import type { Codec } from '../../core/avro/codec.ts'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { Health } from '../health.ts'
import type { Running } from '../lifecycle.ts'
import type { Logger } from '../log.ts'
import { openSpool, type Spool, type SpoolOptions } from '../spool/spool.ts'
import type { Publisher } from '../stage.ts'
import { type ForwardOptions, forward } from './forward.ts'
import { watchSpool } from './metrics.ts'
import { type FollowSettings, type LinesLost, type RunningSources, type Source, startSources } from './sources.ts'

const RETRY_FIRST_MS = 200
const RETRY_MAX_MS = 10_000

/** Where messages go. */
export interface Output {
  readonly codec: Pick<Codec, 'encode'>
  readonly publisher: Publisher
  /** Proves that Kafka can be written to, or at least answers. */
  readonly probe: () => Promise<void>
  /** Lets go of what else `connect` has opened. */
  readonly close?: () => Promise<void>
}

export interface IngestOptions {
  /** Name of the service. */
  readonly service: string
  readonly spool: Omit<SpoolOptions, 'report' | 'now'>
  readonly sources: readonly Source[]
  readonly follow: FollowSettings
  readonly gather_max_bytes: number
  readonly linger_ms: number
  /**
   * Connects to registry and Kafka. Tried again, while input is taken in, unless it throws a WeirError that is not retriable:
   * what client libraries throw for a server that is away is of many kinds.
   */
  readonly connect: () => Promise<Output>
  /** Makes the function that turns records into messages. */
  readonly createBuild: (codec: Output['codec']) => ForwardOptions['build']
  /** Told of lost lines, with the spool to note them in. */
  readonly lost?: (lost: LinesLost, spool: Spool) => void
  /** Starts another input beside the sources. */
  readonly startInput?: (spool: Spool) => Promise<Running>
  readonly health: Health
  readonly log: Logger
  readonly now_ms: () => number
}

/** A service that takes input into a spool and publishes it from there. */
export interface Ingest extends Running {
  readonly spool: Spool
  /** Rejects when input or output has failed for good. */
  readonly failed: Promise<never>
  /** Resolves when every source has ended; with followed files, never. */
  readonly ended: Promise<void>
}

/**
 * What the two entry services of the pipeline have in common: inputs → spool → Kafka. Input is taken from the first moment on,
 * also when Kafka is away: the spool is what stands between the two.
 *
 * Readiness asks for a spool that can be written and for Kafka to have been reached once, by this process or an earlier one with
 * this spool: wrong settings show at once, but an outage of Kafka does not turn senders away while the spool has room.
 * @throws WeirError SPOOL_…, and what `startInput` throws
 */
export async function startIngest(options: IngestOptions): Promise<Ingest> {
  const { service, health, log, now_ms } = options
  const report = (problem: WeirError) => log.warn({ code: problem.code }, problem.message)
  const spool = await openSpool({ ...options.spool, report, now: now_ms })
  const unwatch = watchSpool(service, spool)
  const stopped = new AbortController()
  const undo: Array<() => Promise<void>> = [
    async () => {
      unwatch()
      await spool.close()
    }
  ]
  const stopAll = async () => {
    stopped.abort()
    for (const step of undo.splice(0).reverse()) await step()
  }

  let proven = spool.checkpoint.position.sequence > 1
  let lastProblem = 'not connected yet'
  let probe: (() => Promise<void>) | null = null
  health.addDependency(`${service} spool`, () => spool.probe())
  health.addDependency(`${service} kafka`, async () => {
    if (proven) return
    if (probe === null) throw new Error(lastProblem)
    await probe()
    proven = true
  })

  const { promise: outputFailed, reject: failOutput } = Promise.withResolvers<never>()
  outputFailed.catch(() => undefined)

  async function runOutput(): Promise<void> {
    const output = await connectUntilDone(options, stopped.signal, (problem) => {
      lastProblem = problem
    })
    if (output === null) return
    probe = output.probe
    const forwarder = forward({
      service,
      spool,
      build: options.createBuild(output.codec),
      publish: (messages) => output.publisher.publish(messages),
      gather_bytes: options.gather_max_bytes,
      linger_ms: options.linger_ms,
      health,
      log
    })
    forwarder.failed?.catch(failOutput)
    undoOutput = async () => {
      await forwarder.stop()
      await output.publisher.close()
      await output.close?.()
    }
  }
  let undoOutput: () => Promise<void> = async () => undefined
  const output = runOutput().catch(failOutput)
  undo.push(async () => {
    stopped.abort()
    await output
    await undoOutput()
  })

  try {
    const sources: RunningSources = await startSources({
      service,
      sources: options.sources,
      follow: options.follow,
      spool,
      directory: options.spool.directory,
      health,
      log,
      now: now_ms,
      ...(options.lost !== undefined && { lost: (lost: LinesLost) => options.lost?.(lost, spool) })
    })
    undo.push(() => sources.stop())
    const input = await options.startInput?.(spool)
    if (input !== undefined) undo.push(() => input.stop())
    const failures = [outputFailed, sources.failed, input?.failed].filter((failed) => failed !== undefined)
    return { spool, ended: sources.ended, failed: Promise.race(failures), stop: stopAll }
  } catch (error) {
    await stopAll()
    throw error
  }
}

/** @returns null when it was stopped before */
async function connectUntilDone(
  { connect, log }: IngestOptions,
  signal: AbortSignal,
  onProblem: (problem: string) => void
): Promise<Output | null> {
  for (let wait = RETRY_FIRST_MS; !signal.aborted; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
    try {
      return await connect()
    } catch (error) {
      if (error instanceof WeirError && !error.retriable) throw error
      onProblem(messageOf(error))
      log.warn(
        { code: error instanceof WeirError ? error.code : 'UNKNOWN' },
        `cannot publish yet, input goes to the spool: ${messageOf(error)}`
      )
      await sleep(wait, undefined, { signal }).catch(() => undefined)
    }
  }
  return null
}
