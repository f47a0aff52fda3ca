import type { Kafka, KafkaMessage } from 'kafkajs'
import { WeirError } from '../../core/errors.ts'
import type { Message } from '../stage.ts'
import type { KafkaClient } from './client.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { kafkajs } from './kafkajs.ts'
import { withoutAborted } from './kafkajs-mends.ts'
import { toMessage } from './message.ts'

/**
 * Fetches of one partition, without a consumer group. kafkajs reads in groups only, and a group costs a coordinator that may not be there
 * yet, seconds until it is joined, and a session that a process that stood still has lost. What it fetches with is not public, but has
 * been the same since its version 1.0.
 */

type Fetched = KafkaMessage & {
  readonly isControlRecord: boolean
  readonly batchContext: {
    readonly firstOffset: string
    readonly lastOffsetDelta: number
    readonly producerId: string
    readonly inTransaction: boolean
  }
}

interface FetchedPartition {
  readonly partition: number
  readonly lastStableOffset?: string
  readonly abortedTransactions?: readonly { readonly producerId: string; readonly firstOffset: string }[] | null
  readonly messages: Fetched[]
}

interface Broker {
  fetch(
    request: object
  ): Promise<{ readonly responses: readonly { readonly partitions: readonly FetchedPartition[] }[] }>
}

interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addTargetTopic(topic: string): Promise<void>
  refreshMetadataIfNecessary(): Promise<void>
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>
  findBroker(of: { readonly nodeId: string }): Promise<Broker>
  fetchTopicsOffset(
    topics: readonly object[]
  ): Promise<readonly { readonly partitions: readonly { readonly partition: number; readonly offset: string }[] }[]>
}

const READ_COMMITTED = 1
const METADATA_MAX_AGE_MS = 300_000

function clusterOf(kafka: Kafka): Cluster {
  const name = Object.getOwnPropertySymbols(kafka).find(({ description }) => description?.endsWith('createCluster'))
  const create: unknown = name === undefined ? undefined : Reflect.get(kafka, name)
  if (typeof create !== 'function') throw new TypeError('this kafkajs makes its clusters in another way')
  const settings = {
    metadataMaxAge: METADATA_MAX_AGE_MS,
    allowAutoTopicCreation: false,
    isolationLevel: READ_COMMITTED
  }
  return create(settings) as Cluster
}

/** What one fetch brought. */
export interface Fetch {
  /** Committed messages, in order. */
  readonly messages: readonly Message[]
  /** The offset from which to go on. */
  readonly next: bigint
  /** Up to where all is decided, committed or aborted. */
  readonly stable: bigint
}

export interface PartitionFetcher {
  /** The oldest offset there is. */
  earliest(): Promise<bigint>
  /** Waits for a while where there is nothing yet. @throws what kafkajs throws */
  fetch(from: bigint): Promise<Fetch>
  /** Whatever is under way fails. */
  close(): Promise<void>
}

/** What of a response counts, and where the next one begins. Compaction may have taken the last messages of a batch. */
function fetched(topic: string, from: bigint, found: FetchedPartition): Fetch {
  const { partition, lastStableOffset, abortedTransactions, messages } = found
  const stable = BigInt(lastStableOffset ?? from)
  const last = messages.at(-1)?.batchContext
  if (last === undefined) return { messages: [], next: from, stable }
  const end = BigInt(last.firstOffset) + BigInt(last.lastOffsetDelta) + 1n
  // A batch is sent whole, also from its middle on.
  const wanted = messages.filter(({ offset }) => BigInt(offset) >= from)
  const committed = withoutAborted({
    messages: wanted,
    ...(abortedTransactions === undefined ? {} : { abortedTransactions })
  })
  return {
    messages: committed
      .filter(({ isControlRecord }) => !isControlRecord)
      .map((message) => toMessage(topic, partition, message)),
    next: end > from ? end : from,
    stable
  }
}

/** Connects with the first request. */
export function createPartitionFetcher(
  { kafka, options }: KafkaClient,
  topic: string,
  partition: number
): PartitionFetcher {
  const cluster = clusterOf(kafka)
  let connecting: Promise<void> | null = null

  async function connect(): Promise<void> {
    await cluster.connect()
    await cluster.addTargetTopic(topic)
  }

  async function leader(): Promise<Broker> {
    connecting ??= connect()
    await connecting
    await cluster.refreshMetadataIfNecessary()
    const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))
    if (nodeId === undefined)
      throw new WeirError(KAFKA_ERRORS, 'KAFKA_TOPIC_MISSING', `there is no partition ${partition} of ${topic}`)
    return cluster.findBroker({ nodeId })
  }

  return {
    async earliest() {
      await leader()
      const [found] = await cluster.fetchTopicsOffset([{ topic, partitions: [{ partition }], fromBeginning: true }])
      return BigInt(found?.partitions[0]?.offset ?? '0')
    },

    async fetch(from) {
      const broker = await leader()
      const { responses } = await broker.fetch({
        isolationLevel: READ_COMMITTED,
        maxWaitTime: options.fetch_max_wait_ms,
        minBytes: 1,
        maxBytes: options.fetch_max_bytes,
        topics: [{ topic, partitions: [{ partition, fetchOffset: String(from), maxBytes: options.fetch_max_bytes }] }]
      })
      const found = responses[0]?.partitions[0]
      return found === undefined ? { messages: [], next: from, stable: from } : fetched(topic, from, found)
    },

    close: () => cluster.disconnect()
  }
}

/** Whether it was asked for messages that are not there any more, or not yet. */
export const isOutOfRange = (error: unknown): boolean => error instanceof kafkajs.KafkaJSOffsetOutOfRange
