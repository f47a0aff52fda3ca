/**
 * Mends of kafkajs 2.2.4 (its last release), to be imported before it.
 */
import { createRequire } from 'node:module'
import { type RecordParts, withRecordBytes } from './record-batch.ts'

interface FetchedMessage {
  readonly offset: string
  readonly key: Buffer | null
  readonly isControlRecord?: boolean
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean }
}
interface Fetched<One extends FetchedMessage> {
  readonly messages: One[]
  readonly abortedTransactions?: readonly { readonly producerId: string; readonly firstOffset: string }[] | null
}

const ABORT_MARKER = Buffer.from([0, 0, 0, 0])

/**
 * Leaves out the messages of aborted transactions. Brokers list aborted transactions in the order in which they were
 * aborted; kafkajs takes them to be in the order in which they began, and takes up at most one at each message. So with two
 * producers on a partition, messages of an aborted transaction could come through as committed. The Java client sorts.
 */
export function withoutAborted<One extends FetchedMessage>({ messages, abortedTransactions }: Fetched<One>): One[] {
  if (abortedTransactions === undefined || abortedTransactions === null || abortedTransactions.length === 0)
    return messages
  const begun = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: BigInt(firstOffset) }))
    .sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  const aborted = new Set<string>()
  let next = 0
  return messages.filter((message) => {
    const offset = BigInt(message.offset)
    for (let transaction = begun[next]; transaction !== undefined; transaction = begun[next]) {
      if (transaction.firstOffset > offset) break
      aborted.add(transaction.producerId)
      next++
    }
    const { producerId, inTransaction } = message.batchContext
    if (message.isControlRecord === true) {
      if (message.key !== null && ABORT_MARKER.equals(message.key)) aborted.delete(producerId)
      return true
    }
    return !(inTransaction && aborted.has(producerId))
  })
}

const require = createRequire(import.meta.url)

/** @param user the module that takes it up, once, when it is loaded */
function replaceModule(path: string, user: string, exports: unknown): void {
  if (require.resolve(user) in require.cache) throw new Error('kafkajs was loaded before its mends: import kafkajs.ts')
  const file = require.resolve(path)
  // Loading the original first makes the entry of the cache complete, and fails here if the file has moved.
  require(file)
  const entry = require.cache[file]
  if (entry === undefined) throw new Error(`${path} cannot be replaced`)
  entry.exports = exports
}

/** What kafkajs writes requests with. */
interface Encoder {
  writeInt8(value: number): Encoder
  writeInt16(value: number): Encoder
  writeInt32(value: number): Encoder
  writeUInt32(value: number): Encoder
  writeInt64(value: unknown): Encoder
  writeBuffer(bytes: Buffer): Encoder
  writeBytes(bytes: Buffer): Encoder
  writeEncoder(encoder: Encoder): Encoder
  readonly buffer: Buffer
}

interface RecordBatchParts {
  readonly compression?: number
  readonly firstTimestamp: unknown
  readonly maxTimestamp: unknown
  readonly lastOffsetDelta: number
  readonly transactional: boolean
  readonly producerId: unknown
  readonly producerEpoch: number
  readonly firstSequence: number
  readonly records: readonly RecordParts[]
}

const MAGIC = 2
const CODEC_BITS = 0x07
const TRANSACTIONAL = 0x10

/** The record batch of a produce request, as kafkajs itself would write it: see record-batch.ts for why it does not. */
export async function recordBatch(parts: RecordBatchParts): Promise<Encoder> {
  const NewEncoder = require('kafkajs/src/protocol/encoder') as new () => Encoder
  const crc32C = require('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number
  const { lookupCodec } = require('kafkajs/src/protocol/message/compression') as {
    lookupCodec(codec: number): { compress(encoder: { readonly buffer: Buffer }): Promise<Buffer> }
  }
  const codec = (parts.compression ?? 0) & CODEC_BITS
  const body = new NewEncoder()
    .writeInt16(codec | (parts.transactional ? TRANSACTIONAL : 0))
    .writeInt32(parts.lastOffsetDelta)
    .writeInt64(parts.firstTimestamp)
    .writeInt64(parts.maxTimestamp)
    .writeInt64(parts.producerId)
    .writeInt16(parts.producerEpoch)
    .writeInt32(parts.firstSequence)
    .writeInt32(parts.records.length)
  await withRecordBytes(parts.records, async (bytes) => {
    body.writeBuffer(codec === 0 ? bytes : await lookupCodec(codec).compress({ buffer: bytes }))
  })
  // No leader's epoch, which brokers write, and no first offset, which they give.
  const batch = new NewEncoder().writeInt32(0).writeInt8(MAGIC).writeUInt32(crc32C(body.buffer)).writeEncoder(body)
  return new NewEncoder().writeInt64(0).writeBytes(batch.buffer)
}

/** What kafkajs has for each connection: requests that are under way, and those that wait until they may be sent. */
interface RequestQueue {
  readonly pending: readonly unknown[]
  scheduleCheckPendingRequests(): void
}

/**
 * Once a connection has had its first answer, kafkajs looks every millisecond for as long as it is open whether requests wait, with a
 * timeout in the past, of which Node warns. A request that has to wait asks for that look itself, so one is due only while some wait.
 */
function lookOnlyForWaitingRequests(): void {
  const { prototype } = require('kafkajs/src/network/requestQueue') as { readonly prototype: RequestQueue }
  const schedule = prototype.scheduleCheckPendingRequests
  prototype.scheduleCheckPendingRequests = function scheduleWhileSomeWait(this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this)
  }
}

const PRODUCE = 'kafkajs/src/protocol/requests/produce/v3/request'
replaceModule('kafkajs/src/protocol/recordBatch/record/v0', PRODUCE, (parts: RecordParts) => parts)
replaceModule('kafkajs/src/protocol/recordBatch/v0', PRODUCE, { RecordBatch: recordBatch, MAGIC_BYTE: MAGIC })
replaceModule('kafkajs/src/consumer/filterAbortedMessages', 'kafkajs/src/consumer/batch', withoutAborted)
lookOnlyForWaitingRequests()
