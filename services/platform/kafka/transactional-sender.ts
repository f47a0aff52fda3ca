import { messageOf, WeirError } from '../../core/errors.ts'
import type { OutgoingMessage } from '../stage.ts'
import { compressionOf, isFenced, type KafkaClient, retryOf } from './client.ts'
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
          await transaction.sendOffsets({ consumerGroupId: group, topics })
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
