import type { ICustomPartitioner, Message as KafkaMessage, TopicMessages } from 'kafkajs'
import { WeirError } from '../../core/errors.ts'
import { messagesOut } from '../metrics.ts'
import type { OutgoingMessage } from '../stage.ts'
import { DEAD_LETTER_SUFFIX } from '../topics.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { partitionOf } from './partition.ts'

/** Messages in one produce request, whatever their size: kafkajs's grouping by partition is quadratic. */
const CHUNK_MAX_MESSAGES = 500

/** What a message takes beside key, value and headers, about. */
const OVERHEAD_BYTES = 64

const lengthOf = (data: string | Buffer | null) => {
  if (data === null) return 0
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length
}

/** Size of a message before compression, bytes. */
export function sizeOf({ key, value, headers }: OutgoingMessage): number {
  let size = OVERHEAD_BYTES + lengthOf(key) + lengthOf(value)
  for (const name in headers) size += name.length + lengthOf(headers[name] ?? '')
  return size
}

/** What dead letters may have beyond the bound of other messages: their headers come on top of an original message. */
export const DEAD_LETTER_EXTRA_BYTES = 64 * 1024

/** Why a message would be refused by its topic for its size; null when it would not. */
export function oversizeOf(message: OutgoingMessage, message_max_bytes: number): WeirError | null {
  const size = sizeOf(message)
  const limit = message_max_bytes + (message.topic.endsWith(DEAD_LETTER_SUFFIX) ? DEAD_LETTER_EXTRA_BYTES : 0)
  if (size <= limit) return null
  const text = `a message of ${size} bytes for ${message.topic} is larger than kafka.message_max_bytes (${message_max_bytes})`
  return new WeirError(KAFKA_ERRORS, 'KAFKA_MESSAGE_TOO_LARGE', text)
}

/** @throws KAFKA_MESSAGE_TOO_LARGE for the first message that its topic would refuse */
export function expectSizes(messages: readonly OutgoingMessage[], message_max_bytes: number): void {
  for (const message of messages) {
    const error = oversizeOf(message, message_max_bytes)
    if (error !== null) throw error
  }
}

/** Cuts messages, in order, into what one produce request each may carry. */
export function* chunksOf(messages: readonly OutgoingMessage[], batch_max_bytes: number): Generator<OutgoingMessage[]> {
  let chunk: OutgoingMessage[] = []
  let bytes = 0
  for (const message of messages) {
    const size = sizeOf(message)
    if (chunk.length > 0 && (bytes + size > batch_max_bytes || chunk.length >= CHUNK_MAX_MESSAGES)) {
      yield chunk
      chunk = []
      bytes = 0
    }
    chunk.push(message)
    bytes += size
  }
  if (chunk.length > 0) yield chunk
}

/** Messages as kafkajs takes them. Made once for all tries, see `createPartitioner`. */
export function toTopicMessages(messages: readonly OutgoingMessage[]): TopicMessages[] {
  const topics = new Map<string, KafkaMessage[]>()
  for (const { topic, key, value, headers, partition } of messages) {
    let ofTopic = topics.get(topic)
    if (ofTopic === undefined) {
      ofTopic = []
      topics.set(topic, ofTopic)
    }
    ofTopic.push({
      key,
      value,
      ...(headers !== undefined && { headers: { ...headers } }),
      ...(partition !== undefined && { partition })
    })
  }
  return [...topics].map(([topic, ofTopic]) => ({ topic, messages: ofTopic }))
}

/**
 * Partitioner that decides once for each message. kafkajs asks again at every try, and a message without a key could then go
 * to another partition, where the brokers do not recognise it as the same. Messages without a key go to one partition for
 * a while, so that they share batches, and then to the next.
 */
export const createPartitioner: ICustomPartitioner = () => {
  let turn = Math.floor(Math.random() * 1000)
  let left = 0
  return ({ partitionMetadata, message }) => {
    if (message.partition !== undefined) return message.partition
    const count = partitionMetadata.length
    if (message.key !== undefined && message.key !== null) message.partition = partitionOf(message.key, count)
    else {
      if (left-- <= 0) {
        turn++
        left = 16
      }
      message.partition = turn % count
    }
    return message.partition
  }
}

/** Counts acknowledged messages. */
export function countOut(messages: readonly OutgoingMessage[]): void {
  for (const { topic } of messages) messagesOut.inc({ topic })
}
