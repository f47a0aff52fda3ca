import { randomUUID } from 'node:crypto'
import type { Consumer, PartitionAssigner } from 'kafkajs'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { Message } from '../stage.ts'
import { type KafkaClient, retryOf } from './client.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { kafkajs } from './kafkajs.ts'
import { toMessage } from './message.ts'

const { AssignerProtocol } = kafkajs
/** How often a reader that waits for whoever reads says that it lives, milliseconds. */
const HEARTBEAT_MS = 2_000

/** What to read. */
export interface PartitionRange {
  readonly topic: string
  readonly partition: number
  /** First offset, as a decimal string; the oldest there is when absent. */
  readonly from?: string
  /** Offset to stop before; read on until the iteration is ended when absent. */
  readonly end?: string
  /** Ends the reading early, without an error. */
  readonly signal?: AbortSignal
  /** To be called whenever something has been read. */
  readonly progress?: () => void
}

/** Assigns one partition to whoever is alone in the group: kafkajs cannot read without a group. */
function onePartition(topic: string, partition: number): PartitionAssigner {
  const version = 0
  const name = `weir-${partition}`
  return () => ({
    name,
    version,
    assign: async ({ members }) =>
      members.map(({ memberId }) => {
        const assignment = { [topic]: [partition] }
        const memberAssignment = AssignerProtocol.MemberAssignment.encode({
          version,
          assignment,
          userData: Buffer.alloc(0)
        })
        return { memberId, memberAssignment }
      }),
    protocol: ({ topics }) => {
      const metadata = AssignerProtocol.MemberMetadata.encode({ version, topics, userData: Buffer.alloc(0) })
      return { name, metadata }
    }
  })
}

/** Hands batches from a consumer to an iteration, one at a time: the consumer waits until the batch has been taken. */
function createHandover() {
  let offered: { readonly messages: Message[]; readonly last: boolean } | null = null
  let ended = false
  let failure: unknown = null
  let wakeTaker = () => {}
  let wakeGiver = () => {}

  return {
    async give(messages: Message[], last: boolean): Promise<void> {
      if (ended) return
      offered = { messages, last }
      wakeTaker()
      await new Promise<void>((resolve) => {
        wakeGiver = resolve
      })
    },
    fail(error: unknown): void {
      failure ??= error
      wakeTaker()
    },
    /** Waits for the next batch; null when nothing came for `timeout_ms`. */
    async take(timeout_ms: number): Promise<{ readonly messages: Message[]; readonly last: boolean } | null> {
      if (offered === null && failure === null) {
        let timer: NodeJS.Timeout | undefined
        await new Promise<void>((resolve) => {
          wakeTaker = resolve
          timer = setTimeout(resolve, timeout_ms)
        })
        clearTimeout(timer)
      }
      if (failure !== null) throw failure
      const taken = offered
      offered = null
      return taken
    },
    /** Lets the consumer go on after a batch has been used. */
    done(): void {
      wakeGiver()
    },
    end(): void {
      ended = true
      wakeGiver()
    }
  }
}

type Handover = ReturnType<typeof createHandover>

/** Waits, saying meanwhile that the consumer lives. */
async function heartbeatUntil(wait: Promise<void>, heartbeat: () => Promise<void>): Promise<void> {
  const timer = setInterval(() => {
    // A consumer that was thrown out meanwhile joins again by itself.
    heartbeat().catch(() => {})
  }, HEARTBEAT_MS)
  try {
    await wait
  } finally {
    clearInterval(timer)
  }
}

async function startReading(consumer: Consumer, range: PartitionRange, handover: Handover): Promise<void> {
  const { topic, partition, from, end } = range
  const isLast = (offset: string) => end !== undefined && BigInt(offset) + 1n >= BigInt(end)
  let next = BigInt(from ?? '0')
  // Also when it joins again, having been thrown out of its group: it has committed nothing, and would begin anew.
  consumer.on(consumer.events.GROUP_JOIN, () => {
    if (next > 0n) consumer.seek({ topic, partition, offset: String(next) })
  })

  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) handover.fail(payload.error)
  })
  // The end may be a marker of a transaction, which comes with no message.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    if (isLast(payload.lastOffset)) void handover.give([], true)
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: true,
    eachBatch: async (payload) => {
      const { batch } = payload
      const fetched = batch.messages.filter(({ offset }) => {
        const number = BigInt(offset)
        return number >= next && (end === undefined || number < BigInt(end))
      })
      const messages = fetched.map((message) => toMessage(topic, partition, message))
      await heartbeatUntil(handover.give(messages, isLast(batch.lastOffset())), () => payload.heartbeat())
      next = BigInt(batch.lastOffset()) + 1n
    }
  })
}

/**
 * Reads a partition, committed messages only, batch by batch: no more than one batch is in memory. It reads through a
 * consumer group of its own, which leaves nothing behind.
 * @throws KAFKA_READ_STALLED when nothing comes for `stall_timeout_ms`, KAFKA_UNREACHABLE
 */
export async function* readPartition(client: KafkaClient, range: PartitionRange): AsyncGenerator<readonly Message[]> {
  const { kafka, options, log } = client
  const { topic, partition, signal } = range
  if (range.end !== undefined && BigInt(range.end) <= BigInt(range.from ?? '0')) return
  const consumer = kafka.consumer({
    groupId: `${options.group_prefix}.reader.${randomUUID()}`,
    partitionAssigners: [onePartition(topic, partition)],
    sessionTimeout: options.session_timeout_ms,
    rebalanceTimeout: options.rebalance_timeout_ms,
    heartbeatInterval: Math.min(HEARTBEAT_MS, options.heartbeat_interval_ms),
    maxWaitTimeInMs: options.fetch_max_wait_ms,
    maxBytesPerPartition: options.fetch_max_bytes,
    maxBytes: options.fetch_max_bytes,
    allowAutoTopicCreation: false,
    retry: retryOf(options)
  })
  const handover = createHandover()
  const onAbort = () => handover.fail(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    if (signal?.aborted) return
    startReading(consumer, range, handover).catch((cause: unknown) => {
      const text = `${topic}/${partition} cannot be read: ${messageOf(cause)}`
      handover.fail(new WeirError(KAFKA_ERRORS, 'KAFKA_UNREACHABLE', text, { cause }))
    })
    for (;;) {
      const taken = await handover.take(options.stall_timeout_ms)
      if (taken === null) {
        const text = `nothing came of ${topic}/${partition} within ${options.stall_timeout_ms} ms`
        throw new WeirError(KAFKA_ERRORS, 'KAFKA_READ_STALLED', text)
      }
      range.progress?.()
      if (taken.messages.length > 0) yield taken.messages
      if (taken.last) return
      handover.done()
    }
  } catch (error) {
    if (signal?.aborted) return
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
    handover.end()
    consumer.disconnect().catch((error: unknown) => log.debug({ error }, 'reader not disconnected'))
  }
}
