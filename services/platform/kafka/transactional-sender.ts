import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { OutgoingMessage } from '../stage.ts'
import { compressionOf, isFenced, type KafkaClient, protocolTypeOf, retryOf } from './client.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { chunksOf, countOut, createPartitioner, expectSizes, toTopicMessages } from './outgoing.ts'

/** Input that counts as consumed when a transaction commits. */
interface ConsumedOffset {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** Offset of the next message to be read. */
  readonly next: string
}

/** Sends with one transactional id, one transaction at a time. */
export interface TransactionalSender {
  /**
   * Puts every earlier producer with this id out of action, and ends the transaction it may have left open. When this
   * resolves, what it committed is visible, also as committed offsets.
   */
  fence(): Promise<void>
  /**
   * Writes messages and offset together or not at all.
   * @throws KAFKA_MESSAGE_TOO_LARGE before anything is done; KAFKA_FENCED when another producer with this id has begun;
   *   KAFKA_PUBLISH_FAILED when it is not known whether the transaction was committed. After either of the last two the
   *   sender is of no use: make another, whose `fence` settles the matter.
   */
  commit(messages: readonly OutgoingMessage[], consumed: ConsumedOffset | null): Promise<void>
  close(): Promise<void>
}

/** Between two tries to begin while the transaction before is being ended, which takes some milliseconds. */
const RETRY_MS = 10

/** @param transactionalId name of whose newest producer alone may write */
export function createTransactionalSender(client: KafkaClient, transactionalId: string): TransactionalSender {
  const { kafka, options, log } = client
  const compression = compressionOf(options)
  const producer = kafka.producer({
    transactionalId,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    transactionTimeout: options.transaction_timeout_ms,
    createPartitioner,
    retry: retryOf(options)
  })

  function failure(cause: unknown): WeirError {
    if (isFenced(cause)) {
      const text = `another instance has taken over ${transactionalId}`
      return new WeirError(KAFKA_ERRORS, 'KAFKA_FENCED', text, { cause })
    }
    const text = `transaction of ${transactionalId} failed: ${messageOf(cause)}`
    return new WeirError(KAFKA_ERRORS, 'KAFKA_PUBLISH_FAILED', text, { cause })
  }

  /**
   * Tries again while the broker is still ending the transaction before. kafkajs does so for messages but not for offsets, which are the
   * first thing of a transaction when a batch has no outputs. Nothing of the transaction has begun then, so it may be asked again.
   */
  async function onceFree(action: () => Promise<void>): Promise<void> {
    for (const deadline_ms = performance.now() + options.request_timeout_ms; ; ) {
      try {
        return await action()
      } catch (error) {
        if (protocolTypeOf(error) !== 'CONCURRENT_TRANSACTIONS' || performance.now() > deadline_ms) throw error
        await delay(RETRY_MS)
      }
    }
  }

  return {
    async fence() {
      try {
        await producer.connect()
        // kafkajs asks for the transactional producer id when the first transaction begins.
        const transaction = await producer.transaction()
        await transaction.abort()
      } catch (error) {
        throw failure(error)
      }
    },

    async commit(messages, consumed) {
      expectSizes(messages, options.message_max_bytes)
      try {
        const transaction = await producer.transaction()
        for (const chunk of chunksOf(messages, options.batch_max_bytes)) {
          await transaction.sendBatch({ topicMessages: toTopicMessages(chunk), compression, acks: -1 })
        }
        if (consumed !== null) {
          const { group, topic, partition, next } = consumed
          const topics = [{ topic, partitions: [{ partition, offset: next }] }]
          await onceFree(() => transaction.sendOffsets({ consumerGroupId: group, topics }))
        }
        await transaction.commit()
      } catch (error) {
        throw failure(error)
      }
      countOut(messages)
    },

    async close() {
      try {
        await producer.disconnect()
      } catch (error) {
        log.debug({ error, transactionalId }, 'producer not disconnected')
      }
    }
  }
}
