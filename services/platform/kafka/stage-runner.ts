import kafkajs, { type Admin, type Consumer, type EachBatchPayload } from 'kafkajs'
import { messageOf, WeirError } from '../../core/errors.ts'
import { DLQ_CODE_HEADER, toDeadLetter } from '../dead-letter.ts'
import type { Health } from '../health.ts'
import type { Running } from '../lifecycle.ts'
import type { Logger } from '../log.ts'
import { batchSeconds, consumerFailures, deadLetters, messagesIn, rebalances } from '../metrics.ts'
import type { Batch, HandleContext, OutgoingMessage, Stage } from '../stage.ts'
import { createChangelogReader } from './changelog.ts'
import { type KafkaClient, protocolTypeOf, retryOf } from './client.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { toMessage } from './message.ts'
import { oversizeOf } from './outgoing.ts'
import { createSender, type Sender } from './sender.ts'
import { createTransactionalSender, type TransactionalSender } from './transactional-sender.ts'

const { KafkaJSNonRetriableError, KafkaJSProtocolError } = kafkajs

/** What a running stage needs beside Kafka. */
export interface StageDependencies {
  readonly log: Logger
  readonly health?: Pick<Health, 'progress' | 'addDependency'>
  /** Of Weir, for dead letters. */
  readonly version: string
}

export interface RunningStage extends Running {
  /** Finishes the batches in hand, commits them, leaves the group. Rejects with KAFKA_NOT_DRAINED when that took too long. */
  stop(): Promise<void>
  /** Rejects when the stage threw or the loop cannot go on; never resolves. */
  readonly failed: Promise<never>
  /** Resolves when the stage has its partitions, of which there may be none, for the first time. */
  readonly joined: Promise<void>
  /** The partitions that are being worked on now, as `topic/partition`. */
  partitions(): readonly string[]
}

/** A partition in our hands, from its assignment to its loss. */
interface Owned {
  readonly topic: string
  readonly partition: number
  /** Aborted when the partition is lost, or is to be prepared anew. */
  controller: AbortController
  state: 'preparing' | 'working' | 'lost'
  /** With transactions: the producer that has fenced all earlier owners. */
  sender: TransactionalSender | null
  /** With transactions: the next offset to be handled, where known. kafkajs may believe in an older one, see `onJoin`. */
  position: bigint | null
  /** Ends with the batch in hand. Never rejects. */
  work: Promise<void>
  /** Ends when the partition is ready for its first batch, or lost. Never rejects. */
  preparation: Promise<void>
  /** Failed transactions since the last that was committed. */
  failures: number
}

/** After this many failed transactions in a row, trying again does not help. */
const MAX_TRANSACTION_FAILURES = 5
const WATCH_INTERVAL_MS = 5_000
/** After so long without an answer of a broker, a stage is not ready. */
const READY_SILENCE_MS = 20_000
/** How long a batch may take to notice that it was aborted while stopping. */
const ABORT_GRACE_MS = 5_000

/** Errors that say we are no longer a member of the group's present generation. */
const LOST_MEMBERSHIP = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID'])

/** Makes kafkajs join the group again. */
const rejoin = (message: string) =>
  Object.assign(new KafkaJSProtocolError(message), { type: 'REBALANCE_IN_PROGRESS', retriable: false })

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
  const prepares = transactional || stage.onAssigned !== undefined

  const owned = new Map<string, Owned>()
  /** Of partitions that are lost while the stage still has something in hand for them. */
  const releases = new Map<string, Promise<void>>()
  const keyOf = (topic: string, partition: number) => `${topic}/${partition}`
  const failure = Promise.withResolvers<never>()
  const joined = Promise.withResolvers<void>()
  // Whoever does not look at them must not be ended by them.
  failure.promise.catch(() => {})
  joined.promise.catch(() => {})
  let failed: WeirError | null = null
  let stopping: Promise<void> | null = null
  let memberId: string | null = null
  let lastActivity = performance.now()
  let watch: NodeJS.Timeout | undefined
  let admin: Admin | null = null
  let sharedSender: Sender | null = null

  const consumer: Consumer = kafka.consumer({
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
    for (const one of owned.values()) one.controller.abort(error)
    failure.reject(error)
    joined.reject(error)
  }

  /** Forgets a partition that is no longer ours; the stage does so when what it has in hand for it has ended. */
  function lose(one: Owned, reason: string): void {
    if (one.state === 'lost') return
    const { topic, partition } = one
    const key = keyOf(topic, partition)
    one.state = 'lost'
    owned.delete(key)
    one.controller.abort(new WeirError(KAFKA_ERRORS, 'KAFKA_FENCED', `${topic}/${partition}: ${reason}`))
    void one.sender?.close()
    one.sender = null
    const released = Promise.all([one.work, one.preparation]).then(() => {
      if (releases.get(key) === released) releases.delete(key)
      revoke(one)
    })
    releases.set(key, released)
    log.info({ topic, partition, reason }, 'partition lost')
  }

  function revoke({ topic, partition }: Owned): void {
    try {
      stage.onRevoked?.(topic, partition)
    } catch (cause) {
      const text = `${topic}/${partition} could not be given up: ${messageOf(cause)}`
      fail(new WeirError(KAFKA_ERRORS, 'KAFKA_STAGE_FAILED', text, { cause }))
    }
  }

  const loseAll = (reason: string) => {
    for (const one of [...owned.values()]) lose(one, reason)
  }

  async function committedOffset(topic: string, partition: number): Promise<bigint | null> {
    if (admin === null) throw new WeirError(KAFKA_ERRORS, 'KAFKA_CLOSED', 'the consumer is not running')
    const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
    const offset = BigInt(offsets?.partitions.find((entry) => entry.partition === partition)?.offset ?? -1)
    return offset < 0n ? null : offset
  }

  /** Writes the message that ends the reading of a changelog. */
  async function writeFence(one: Owned, fence: OutgoingMessage): Promise<void> {
    if (one.sender !== null) return one.sender.commit([fence], null)
    if (sharedSender === null) throw new WeirError(KAFKA_ERRORS, 'KAFKA_CLOSED', 'the producer is not running')
    await sharedSender.send([fence])
  }

  /** Makes a partition that is paused ready for its first batch, then lets it go. */
  async function prepare(one: Owned): Promise<void> {
    const { topic, partition, controller } = one
    const isLost = () => controller.signal.aborted
    try {
      await releases.get(keyOf(topic, partition))
      if (transactional) {
        const sender = createTransactionalSender(client, `${group}.${topic}.${partition}`)
        one.sender = sender
        await sender.fence()
        if (isLost()) return void sender.close()
        // Only now is what earlier owners committed settled, and kafkajs has asked before.
        one.position = await committedOffset(topic, partition)
      }
      const write = (fence: OutgoingMessage) => writeFence(one, fence)
      const changelog = createChangelogReader(client, write, controller.signal, progress)
      await stage.onAssigned?.(topic, partition, { changelog })
      if (isLost()) return
      if (one.position !== null) consumer.seek({ topic, partition, offset: String(one.position) })
      one.state = 'working'
      consumer.resume([{ topic, partitions: [partition] }])
      log.info({ topic, partition, position: one.position?.toString() }, 'partition ready')
    } catch (cause) {
      if (isLost()) return
      const text = `${topic}/${partition} could not be prepared: ${messageOf(cause)}`
      fail(new WeirError(KAFKA_ERRORS, 'KAFKA_STAGE_FAILED', text, { cause }))
    }
  }

  function own(topic: string, partition: number): void {
    const one: Owned = {
      topic,
      partition,
      controller: new AbortController(),
      state: prepares ? 'preparing' : 'working',
      sender: null,
      position: null,
      work: Promise.resolve(),
      preparation: Promise.resolve(),
      failures: 0
    }
    owned.set(keyOf(topic, partition), one)
    if (!prepares) return
    // kafkajs calls listeners before it fetches for the new assignment.
    consumer.pause([{ topic, partitions: [partition] }])
    one.preparation = prepare(one)
  }

  /** Takes up a new assignment. */
  function onJoin(payload: { memberId: string; memberAssignment: Record<string, number[]> }): void {
    rebalances.inc({ stage: stage.name })
    // As another member we were out of the group for a while, and others may have worked on our partitions.
    if (memberId !== null && memberId !== payload.memberId) loseAll('the group had taken us for dead')
    memberId = payload.memberId
    const assigned = new Map(
      Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
        partitions.map((partition) => [keyOf(topic, partition), { topic, partition }] as const)
      )
    )
    for (const [key, one] of [...owned]) if (!assigned.has(key)) lose(one, 'assigned to another member')
    for (const [key, { topic, partition }] of assigned) {
      const kept = owned.get(key)
      if (kept === undefined) own(topic, partition)
      else if (kept.state === 'preparing') consumer.pause([{ topic, partitions: [partition] }])
      // kafkajs asks for the committed offsets again, and is told older ones while the markers of our last transaction
      // are on their way.
      else if (kept.position !== null) consumer.seek({ topic, partition, offset: String(kept.position) })
    }
    log.info({ partitions: [...assigned.keys()] }, 'joined the group')
    joined.resolve()
    progress()
  }

  /** Prepares a partition anew after a transaction whose outcome is not known. */
  function recover(one: Owned, cause: WeirError): void {
    const { topic, partition } = one
    log.warn({ topic, partition, error: cause }, 'transaction failed, preparing the partition anew')
    consumer.pause([{ topic, partitions: [partition] }])
    one.controller.abort(cause)
    one.controller = new AbortController()
    one.state = 'preparing'
    one.position = null
    void one.sender?.close()
    one.sender = null
    revoke(one)
    one.preparation = prepare(one)
  }

  /** Deals with a transaction that was not committed, or perhaps was. */
  function onTransactionFailure(one: Owned, error: unknown): void {
    if (!(error instanceof WeirError) || error.code === 'KAFKA_MESSAGE_TOO_LARGE') throw error
    one.failures++
    consumerFailures.inc({ stage: stage.name, code: error.code })
    if (one.failures > MAX_TRANSACTION_FAILURES) {
      const text = `${one.failures} transactions of ${one.topic}/${one.partition} failed in a row: ${error.message}`
      throw new WeirError(KAFKA_ERRORS, 'KAFKA_TRANSACTIONS_FAIL', text, { cause: error })
    }
    if (error.code === 'KAFKA_FENCED') {
      // Whoever fenced us is the owner, unless the group says that we are: ask it.
      lose(one, 'fenced by another instance')
      throw rejoin(error.message)
    }
    recover(one, error)
  }

  /**
   * Puts a dead letter without value in the place of each output that its topic would refuse for its size, so that one of
   * them does not hold up its partition for ever. Not with transactions: there, an output may be state.
   */
  function withoutOversize(batch: Batch, outputs: readonly OutgoingMessage[]): readonly OutgoingMessage[] {
    if (transactional) return outputs
    const [first] = batch.messages
    return outputs.map((output) => {
      const error = oversizeOf(output, options.message_max_bytes)
      if (error === null || first === undefined) return output
      log.error({ error, topic: output.topic }, `output dropped: ${error.message}`)
      const { code, message } = error
      const { version } = dependencies
      const reason = {
        stage: 'publish',
        service: stage.name,
        version,
        code,
        message,
        attempts: 1,
        failed_at_ms: Date.now()
      }
      return toDeadLetter(first, reason, null)
    })
  }

  /**
   * Publishes the outputs of a batch and commits it.
   * @returns whether it is committed
   */
  async function settle(one: Owned, payload: EachBatchPayload, outputs: readonly OutgoingMessage[]): Promise<boolean> {
    const { topic, partition } = one
    const { batch, resolveOffset, commitOffsetsIfNecessary } = payload
    const last = batch.messages.at(-1)?.offset ?? batch.lastOffset()
    // The batch may end with markers of transactions, which are no messages.
    const next = BigInt(batch.lastOffset()) + 1n
    if (one.sender !== null) {
      try {
        await one.sender.commit(outputs, { group, topic, partition, next: String(next) })
      } catch (error) {
        if (one.state !== 'lost') onTransactionFailure(one, error)
        return false
      }
      one.failures = 0
      if (one.state === 'lost') return true
      one.position = next
      resolveOffset(last)
    } else {
      if (sharedSender === null) throw new WeirError(KAFKA_ERRORS, 'KAFKA_CLOSED', 'the producer is not running')
      await sharedSender.send(outputs)
      if (one.state === 'lost') return false
      resolveOffset(last)
      await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition, offset: String(next) }] }] })
    }
    for (const { topic, headers } of outputs) {
      const code = headers?.[DLQ_CODE_HEADER]
      if (code !== undefined) deadLetters.inc({ topic, code })
    }
    return true
  }

  /** Handles one batch, saying meanwhile that we live. */
  async function work(one: Owned, payload: EachBatchPayload): Promise<void> {
    const { topic, partition } = one
    const { signal } = one.controller
    const position = one.position
    const messages = payload.batch.messages
      .filter(({ offset }) => position === null || BigInt(offset) >= position)
      .map((message) => toMessage(topic, partition, message))
    if (messages.length === 0) return payload.resolveOffset(payload.batch.lastOffset())

    const started = performance.now()
    let interruption: unknown = null
    const beat = async () => {
      try {
        await payload.heartbeat()
      } catch (error) {
        // While the group is only about to rebalance we are still its member, and may finish what is in hand.
        interruption ??= error
        if (LOST_MEMBERSHIP.has(protocolTypeOf(error) ?? '')) loseAll('the group has thrown us out')
      }
    }
    const timer = setInterval(() => void beat(), options.heartbeat_interval_ms)
    const context: HandleContext = {
      signal,
      heartbeat: async () => {
        progress()
        await beat()
      }
    }
    try {
      const batch: Batch = { topic, partition, messages }
      const outputs = await stage.handle(batch, context)
      // After a long time without a heartbeat (the process was frozen) this tells whether the partition is still ours.
      await beat()
      if (!signal.aborted && (await settle(one, payload, withoutOversize(batch, outputs)))) {
        messagesIn.inc({ topic }, messages.length)
        batchSeconds.observe({ stage: stage.name, topic }, (performance.now() - started) / 1000)
        progress()
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
    const one = owned.get(keyOf(topic, partition))
    if (failed !== null) throw new KafkaJSNonRetriableError(failed.message)
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
      throw new KafkaJSNonRetriableError(text)
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
    consumer.on(GROUP_JOIN, ({ payload }) => onJoin(payload))
    consumer.on(FETCH, progress)
    consumer.on(HEARTBEAT, active)
    consumer.on(CONNECT, active)
    consumer.on(CRASH, ({ payload: { error, restart } }) => {
      // kafkajs starts again by itself, such as when a coordinator is not ready yet.
      loseAll('the consumer lost its connection')
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
      sharedSender = createSender(client)
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

  /** Waits until no batch is in hand. */
  async function drained(): Promise<void> {
    await consumer.stop()
    await Promise.all([...owned.values()].map((one) => one.work))
  }

  async function stop(): Promise<void> {
    clearInterval(watch)
    const late = Symbol('late')
    const within = async (promise: Promise<unknown>, limit_ms: number) => {
      const { promise: timeout, resolve } = Promise.withResolvers<typeof late>()
      const timer = setTimeout(() => resolve(late), limit_ms)
      const first = await Promise.race([promise, timeout])
      clearTimeout(timer)
      return first !== late
    }
    await within(started, options.connection_timeout_ms)
    const work = drained()
    work.catch(() => {})
    let done = await within(work, options.drain_timeout_ms)
    if (!done) {
      log.warn(`stage ${stage.name}: work in hand did not end within ${options.drain_timeout_ms} ms, throwing it away`)
      for (const one of owned.values()) one.controller.abort(new Error('the service stops'))
      done = await within(work, ABORT_GRACE_MS)
    }
    loseAll('the service stops')
    const parts = [consumer.disconnect(), sharedSender?.close(), admin?.disconnect()]
    const closed = await within(Promise.allSettled([...parts, ...releases.values()]), ABORT_GRACE_MS)
    if (done && closed) return
    throw new WeirError(KAFKA_ERRORS, 'KAFKA_NOT_DRAINED', `stage ${stage.name} did not stop in time`)
  }

  health?.addDependency(`kafka: ${stage.name}`, async () => {
    if (failed !== null) throw failed
    if (memberId === null) throw new Error('has not joined its consumer group')
    const silence = performance.now() - lastActivity
    if (silence > READY_SILENCE_MS) throw new Error(`has not heard of its brokers for ${Math.round(silence)} ms`)
    const unready = [...owned.values()].filter(({ state }) => state !== 'working')
    if (unready.length > 0) throw new Error(`${unready.length} partitions are being prepared`)
  })

  return {
    stop: () => {
      stopping ??= stop()
      return stopping
    },
    failed: failure.promise,
    joined: joined.promise,
    partitions: () => [...owned].filter(([, { state }]) => state === 'working').map(([key]) => key)
  }
}
