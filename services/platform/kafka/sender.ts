import type { Producer } from 'kafkajs'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { OutgoingMessage } from '../stage.ts'
import { compressionOf, type KafkaClient, retryOf } from './client.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { chunksOf, countOut, createPartitioner, expectSizes, sizeOf, toTopicMessages } from './outgoing.ts'

/** Sends messages with an idempotent producer. */
export interface Sender {
  /**
   * Resolves when all in-sync replicas have the messages. Those of one call keep their order within a partition, and calls do
   * so among each other; after a failure, some of the call's messages may have been written.
   * @throws KAFKA_MESSAGE_TOO_LARGE before anything is sent, KAFKA_QUEUE_FULL, KAFKA_PUBLISH_FAILED, KAFKA_CLOSED
   */
  send(messages: readonly OutgoingMessage[]): Promise<void>
  /** Sends what is waiting, then disconnects. */
  close(): Promise<void>
}

interface Waiting {
  readonly messages: readonly OutgoingMessage[]
  readonly bytes: number
  resolve(): void
  reject(error: unknown): void
}

/**
 * One request is under way at a time, and what is asked for meanwhile goes together into the next: kafkajs gives concurrent
 * requests of an idempotent producer the same sequence numbers after a failure, upon which brokers drop messages and
 * acknowledge them (kafkajs#1005). For the same reason a producer is not used again after it has failed.
 */
export function createSender(client: KafkaClient): Sender {
  const { kafka, options, log } = client
  const compression = compressionOf(options)
  let producer: Promise<Producer> | null = null
  let queue: Waiting[] = []
  let queuedBytes = 0
  let running: Promise<void> | null = null
  let closed = false

  async function connect(): Promise<Producer> {
    const fresh = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner,
      retry: retryOf(options)
    })
    await fresh.connect()
    return fresh
  }

  async function drop(): Promise<void> {
    const old = producer
    producer = null
    try {
      await (await old)?.disconnect()
    } catch (error) {
      log.debug({ error }, 'producer not disconnected')
    }
  }

  async function sendAll(calls: readonly Waiting[]): Promise<void> {
    const messages = calls.flatMap((call) => call.messages)
    producer ??= connect()
    const connected = await producer
    for (const chunk of chunksOf(messages, options.batch_max_bytes)) {
      await connected.sendBatch({ topicMessages: toTopicMessages(chunk), compression, acks: -1 })
      countOut(chunk)
    }
  }

  async function run(): Promise<void> {
    while (queue.length > 0) {
      const calls = queue
      queue = []
      try {
        await sendAll(calls)
        for (const call of calls) call.resolve()
      } catch (cause) {
        await drop()
        const topics = [...new Set(calls.flatMap((call) => call.messages.map(({ topic }) => topic)))].join(', ')
        const text = `messages for ${topics} were not acknowledged: ${messageOf(cause)}`
        const error = new WeirError(KAFKA_ERRORS, 'KAFKA_PUBLISH_FAILED', text, { cause })
        for (const call of calls) call.reject(error)
      } finally {
        for (const call of calls) queuedBytes -= call.bytes
      }
    }
    running = null
  }

  return {
    async send(messages) {
      if (closed) throw new WeirError(KAFKA_ERRORS, 'KAFKA_CLOSED', 'the producer was closed')
      if (messages.length === 0) return
      expectSizes(messages, options.message_max_bytes)
      const bytes = messages.reduce((sum, message) => sum + sizeOf(message), 0)
      if (queuedBytes > 0 && queuedBytes + bytes > options.queue_max_bytes) {
        const text = `${queuedBytes} bytes are waiting to be published, ${bytes} more would pass kafka.queue_max_bytes`
        throw new WeirError(KAFKA_ERRORS, 'KAFKA_QUEUE_FULL', text)
      }
      queuedBytes += bytes
      await new Promise<void>((resolve, reject) => {
        queue.push({ messages, bytes, resolve, reject })
        running ??= run()
      })
    },

    async close() {
      closed = true
      await running
      await drop()
    }
  }
}
