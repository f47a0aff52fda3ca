import type { Admin, EachBatchPayload, KafkaMessage } from 'kafkajs'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { Health } from '../health.ts'
import type { Running } from '../lifecycle.ts'
import type { Logger } from '../log.ts'
import { batchSeconds, consumerFailures, messagesIn, rebalances } from '../metrics.ts'
import type { Batch, HandleContext, OutgoingMessage, Stage } from '../stage.ts'
import { createAssignment, type Owned } from './assignment.ts'
import { type KafkaClient, protocolTypeOf, retryOf } from './client.ts'
import { committedOffsets } from './committed-offsets.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { kafkajs } from './kafkajs.ts'
import { piecesOf, toMessage } from './message.ts'
import { createSender, type Sender } from './sender.ts'
import { createSettling } from './settling.ts'

/** What a running stage needs beside Kafka. */
export interface StageDependencies {
  readonly log: Logger
  readonly health?: Pick<Health, 'progress' | 'addDependency'>
  /** Of Weir, for dead letters. */
  readonly version: string
}

export interface RunningStage extends Running {
  /** Finishes the batches in hand, commits them, leaves the group. @throws KAFKA_NOT_DRAINED when that took too long */
  stop(): Promise<void>
  /** Rejects when the stage threw or the loop cannot go on; never resolves. */
  readonly failed: Promise<never>
  /** Resolves when the stage has its partitions, of which there may be none, for the first time. */
  readonly joined: Promise<void>
  /** The partitions that are being worked on now, as `topic/partition`. */
  partitions(): readonly string[]
}

const WATCH_INTERVAL_MS = 5_000
/** After so long without an answer of a broker, a stage is not ready. */
const READY_SILENCE_MS = 20_000
/** How long a batch may take to notice that it was aborted while stopping. */
const ABORT_GRACE_MS = 5_000

/** Errors that say we are no longer a member of the group's present generation. */
const LOST_MEMBERSHIP = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID'])

/** @returns whether the promise was settled in time; rejects when it does */
async function within(promise: Promise<unknown>, limit_ms: number): Promise<boolean> {
  const { promise: timeout, resolve } = Promise.withResolvers<false>()
  const timer = setTimeout(() => resolve(false), limit_ms)
  try {
    return await Promise.race([promise.then(() => true), timeout])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Runs a stage on Kafka until it is stopped or fails. Batches of one partition are handled one after the other, those of
 * different partitions may overlap (`partitions_concurrently`).
 *
 * A batch counts as consumed only when its outputs are acknowledged by all in-sync replicas; with `stage.transactional`,
 * outputs and offset are one transaction, written by a producer of the partition whose beginning puts every earlier owner's
 * out of action. When a partition is lost, what is in hand for it is thrown away. Anything thrown by the stage ends the
 * loop: `failed` rejects.
 *
 * Starts in the background; an unreachable cluster shows in `failed` after `retry_for_ms`.
 */
export function runStage(stage: Stage, client: KafkaClient, dependencies: StageDependencies): RunningStage {
  const { kafka, options } = client
  const { health } = dependencies
  const log = dependencies.log.child({ stage: stage.name })
  const group = `${options.group_prefix}.${stage.name}`
  const transactional = stage.transactional === true

  const failure = Promise.withResolvers<never>()
  const joined = Promise.withResolvers<void>()
  // Whoever does not look at them must not be ended by them.
  failure.promise.catch(() => {})
  joined.promise.catch(() => {})
  let failed: WeirError | null = null
  let stopping: Promise<void> | null = null
  let hasJoined = false
  let lastActivity = performance.now()
  let watch: NodeJS.Timeout | undefined
  let admin: Admin | null = null
  let sender: Sender | null = null

  const consumer = kafka.consumer({
    groupId: group,
    sessionTimeout: options.session_timeout_ms,
    rebalanceTimeout: options.rebalance_timeout_ms,
    heartbeatInterval: options.heartbeat_interval_ms,
    maxWaitTimeInMs: options.fetch_max_wait_ms,
    minBytes: options.fetch_min_bytes,
    maxBytes: options.fetch_max_bytes,
    maxBytesPerPartition: options.fetch_max_partition_bytes,
    allowAutoTopicCreation: false,
    retry: retryOf(options)
  })

  const active = () => {
    lastActivity = performance.now()
  }
  const progress = () => {
    active()
    health?.progress(stage.name)
  }

  function fail(error: WeirError): void {
    if (failed !== null || stopping !== null) return
    failed = error
    consumerFailures.inc({ stage: stage.name, code: error.code })
    log.fatal({ error }, `stage ${stage.name} failed: ${error.message}`)
    for (const one of assignment.all()) one.controller.abort(error)
    failure.reject(error)
    joined.reject(error)
  }

  const notRunning = () => new WeirError(KAFKA_ERRORS, 'KAFKA_CLOSED', `stage ${stage.name} is not running`)

  async function committedOffset(topic: string, partition: number): Promise<bigint | null> {
    if (admin === null) throw notRunning()
    return (await committedOffsets(admin, group, [topic])).get(`${topic}/${partition}`) ?? null
  }

  async function send(messages: readonly OutgoingMessage[]): Promise<void> {
    if (sender === null) throw notRunning()
    await sender.send(messages)
  }

  /** While kafkajs is between a crash, which it tells of afterwards, and a new beginning, there is nothing to control. */
  function whileRunning(action: () => void): void {
    try {
      action()
    } catch (error) {
      if (!messageOf(error).includes('Consumer group was not initialized')) throw error
      log.debug({ error }, 'the consumer is not running')
    }
  }

  const assignment = createAssignment({
    ...{ stage, client, group, log, committedOffset, send, progress, fail },
    consumer: {
      pause: (partitions) => whileRunning(() => consumer.pause(partitions)),
      resume: (partitions) => whileRunning(() => consumer.resume(partitions)),
      seek: (position) => whileRunning(() => consumer.seek(position))
    }
  })

  const settle = createSettling({ stage, client, group, log, version: dependencies.version, assignment, send })

  /** Handles some messages of a batch. @returns whether they are committed */
  async function handle(
    one: Owned,
    payload: EachBatchPayload,
    piece: readonly KafkaMessage[],
    context: HandleContext
  ): Promise<boolean> {
    const { topic, partition } = one
    const started = performance.now()
    const last = piece.at(-1)?.offset ?? payload.batch.lastOffset()
    const isEnd = last === payload.batch.messages.at(-1)?.offset
    const next = BigInt(isEnd ? payload.batch.lastOffset() : last) + 1n
    const batch: Batch = { topic, partition, messages: piece.map((message) => toMessage(topic, partition, message)) }
    const outputs = await stage.handle(batch, context)
    // After a long time without a heartbeat (the process was frozen) this tells whether the partition is still ours.
    await context.heartbeat()
    if (context.signal.aborted) return false
    if (!(await settle(one, payload, { batch, outputs, last, next }))) return false
    messagesIn.inc({ topic }, piece.length)
    batchSeconds.observe({ stage: stage.name, topic }, (performance.now() - started) / 1000)
    return true
  }

  /** Handles one batch, saying meanwhile that we live. */
  async function work(one: Owned, payload: EachBatchPayload): Promise<void> {
    const { position } = one
    const { signal } = one.controller
    const { batch } = payload
    const messages = batch.messages.filter(({ offset }) => position === null || BigInt(offset) >= position)
    if (messages.length === 0) return payload.resolveOffset(batch.lastOffset())

    let interruption: unknown = null
    const beat = async () => {
      try {
        await payload.heartbeat()
      } catch (error) {
        // While the group is only about to rebalance we are still its member, and may finish what is in hand.
        interruption ??= error
        if (LOST_MEMBERSHIP.has(protocolTypeOf(error) ?? '')) assignment.loseAll('the group has thrown us out')
      }
    }
    const heartbeat = async () => {
      progress()
      await beat()
    }
    const timer = setInterval(() => void beat(), options.heartbeat_interval_ms)
    try {
      for (const piece of piecesOf(messages, options)) {
        if (!(await handle(one, payload, piece, { signal, heartbeat }))) break
        if (interruption !== null || signal.aborted || !payload.isRunning()) break
      }
    } catch (error) {
      // What a stage throws because it was told to stop is not of interest.
      if (!signal.aborted || error instanceof kafkajs.KafkaJSError) throw error
    } finally {
      clearInterval(timer)
    }
    if (interruption !== null) throw interruption
  }

  async function eachBatch(payload: EachBatchPayload): Promise<void> {
    const { topic, partition } = payload.batch
    if (failed !== null) throw new kafkajs.KafkaJSNonRetriableError(failed.message)
    const one = assignment.get(topic, partition)
    if (one === undefined) return
    // A partition's batches overlap only when kafkajs has fetched anew while one was in hand, after a rebalance.
    await one.work
    if (one.state !== 'working' || payload.isStale() || !payload.isRunning()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    one.work = promise
    try {
      await work(one, payload)
    } catch (cause) {
      // What Kafka throws is for kafkajs to deal with: it joins again, or tries again.
      if (cause instanceof kafkajs.KafkaJSError) throw cause
      const code = cause instanceof WeirError ? `${cause.code}: ` : ''
      const text = `${topic}/${partition} from offset ${payload.batch.firstOffset()}: ${code}${messageOf(cause)}`
      fail(new WeirError(KAFKA_ERRORS, 'KAFKA_STAGE_FAILED', text, { cause }))
      throw new kafkajs.KafkaJSNonRetriableError(text)
    } finally {
      resolve()
    }
  }

  function watchActivity(): void {
    const silence = performance.now() - lastActivity
    if (silence < options.stall_timeout_ms) return
    const text = `the consumer loop of ${stage.name} has shown no activity for ${Math.round(silence)} ms`
    fail(new WeirError(KAFKA_ERRORS, 'KAFKA_LOOP_STALLED', text))
  }

  function listen(): void {
    const { GROUP_JOIN, CRASH, FETCH, HEARTBEAT, CONNECT } = consumer.events
    // kafkajs calls this before it fetches for the new assignment.
    consumer.on(GROUP_JOIN, ({ payload }) => {
      rebalances.inc({ stage: stage.name })
      assignment.join(payload.memberId, payload.memberAssignment)
      hasJoined = true
      joined.resolve()
      progress()
    })
    consumer.on(FETCH, progress)
    consumer.on(HEARTBEAT, active)
    consumer.on(CONNECT, active)
    consumer.on(CRASH, ({ payload: { error, restart } }) => {
      assignment.loseAll('the consumer lost its connection')
      // kafkajs starts again by itself, such as when a coordinator is not ready yet.
      if (restart) return log.warn({ error }, `consumer starts again: ${error.message}`)
      const text = `the consumer of ${stage.name} cannot go on: ${error.message}`
      fail(new WeirError(KAFKA_ERRORS, 'KAFKA_CONSUMER_CRASHED', text, { cause: error }))
    })
  }

  async function start(): Promise<void> {
    listen()
    watch = setInterval(watchActivity, WATCH_INTERVAL_MS)
    if (transactional) {
      admin = kafka.admin({ retry: retryOf(options) })
      await admin.connect()
    } else {
      sender = createSender(client)
    }
    await consumer.connect()
    await consumer.subscribe({ topics: [...stage.inputs], fromBeginning: true })
    if (stopping !== null) return
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: options.partitions_concurrently,
      eachBatch
    })
  }

  const started = start().catch((cause: unknown) => {
    const text = `stage ${stage.name} cannot start: ${messageOf(cause)}`
    fail(new WeirError(KAFKA_ERRORS, 'KAFKA_UNREACHABLE', text, { cause }))
  })

  async function stop(): Promise<void> {
    clearInterval(watch)
    await within(started, options.connection_timeout_ms)
    const drained = consumer.stop().then(() => Promise.all(assignment.all().map((one) => one.work)))
    drained.catch(() => {})
    let done = await within(drained, options.drain_timeout_ms)
    if (!done) {
      log.warn(`work in hand did not end within ${options.drain_timeout_ms} ms and is thrown away`)
      for (const one of assignment.all()) one.controller.abort(new Error('the service stops'))
      done = await within(drained, ABORT_GRACE_MS)
    }
    assignment.loseAll('the service stops')
    const ends: Promise<unknown>[] = [consumer.disconnect(), assignment.released()]
    if (sender !== null) ends.push(sender.close())
    if (admin !== null) ends.push(admin.disconnect())
    const closed = await within(Promise.allSettled(ends), ABORT_GRACE_MS)
    if (done && closed) return
    throw new WeirError(KAFKA_ERRORS, 'KAFKA_NOT_DRAINED', `stage ${stage.name} did not stop in time`)
  }

  health?.addDependency(`kafka: ${stage.name}`, async () => {
    if (failed !== null) throw failed
    if (!hasJoined) throw new Error('has not joined its consumer group')
    const silence = performance.now() - lastActivity
    if (silence > READY_SILENCE_MS) throw new Error(`has not heard of its brokers for ${Math.round(silence)} ms`)
    const preparing = assignment.all().filter(({ state }) => state !== 'working').length
    if (preparing > 0) throw new Error(`${preparing} partitions are being prepared`)
  })

  return {
    stop: () => {
      stopping ??= stop()
      return stopping
    },
    failed: failure.promise,
    joined: joined.promise,
    partitions: () => {
      const working = assignment.all().filter(({ state }) => state === 'working')
      return working.map(({ topic, partition }) => `${topic}/${partition}`)
    }
  }
}
