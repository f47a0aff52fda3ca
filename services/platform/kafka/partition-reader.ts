import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { Message } from '../stage.ts'
import type { KafkaClient } from './client.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { createPartitionFetcher, type Fetch, isOutOfRange } from './partition-fetcher.ts'

/** What to read. */
export interface PartitionRange {
  readonly topic: string
  readonly partition: number
  /** First offset, as a decimal string; the oldest there is when absent, and when it is older than that. */
  readonly from?: string
  /** Offset to stop before; read on until the iteration is ended when absent. */
  readonly end?: string
  /** Whether to wait for as long as nothing comes, instead of failing. */
  readonly follow?: boolean
  /** Ends the reading early, without an error. */
  readonly signal?: AbortSignal
  /** To be called whenever something has been read. */
  readonly progress?: () => void
  /** Told after each fetch, also one that brought nothing, how many messages there are beyond, markers of transactions among them. */
  readonly lag?: (messages: number) => void
}

const PAUSE_FIRST_MS = 50
const PAUSE_MAX_MS = 1_000

/** Fetches one after another, each again with new connections when it fails, until that has lasted too long. */
function createPatientFetcher(client: KafkaClient, { topic, partition, signal }: PartitionRange) {
  const { options, log } = client
  let fetcher = createPartitionFetcher(client, topic, partition)
  let isClosed = false

  function close(): void {
    fetcher.close().catch((error: unknown) => log.debug({ error }, 'reader not disconnected'))
  }

  async function trying<Result>(what: () => Promise<Result>): Promise<Result> {
    const started = performance.now()
    for (let pause_ms = PAUSE_FIRST_MS; ; pause_ms = Math.min(2 * pause_ms, PAUSE_MAX_MS)) {
      try {
        return await what()
      } catch (cause) {
        if (isClosed || signal?.aborted || isOutOfRange(cause)) throw cause
        if (performance.now() - started > options.retry_for_ms) {
          const text = `${topic}/${partition} cannot be read: ${messageOf(cause)}`
          throw new WeirError(KAFKA_ERRORS, 'KAFKA_UNREACHABLE', text, { cause })
        }
        log.debug({ topic, partition, error: cause }, 'fetch failed, trying again')
        close()
        fetcher = createPartitionFetcher(client, topic, partition)
        await delay(pause_ms, undefined, signal === undefined ? {} : { signal })
      }
    }
  }

  const earliest = () => trying(() => fetcher.earliest())

  return {
    earliest,

    async fetch(from: bigint): Promise<Fetch> {
      try {
        return await trying(() => fetcher.fetch(from))
      } catch (error) {
        if (!isOutOfRange(error)) throw error
        // Retention may have taken what was to be read; a partition that ends before it is another one by now.
        const oldest = await earliest()
        if (oldest > from) return { messages: [], next: oldest, stable: oldest }
        const text = `${topic}/${partition} has no offset ${from}: it was made anew, or lost its end`
        throw new WeirError(KAFKA_ERRORS, 'KAFKA_UNREACHABLE', text, { cause: error })
      }
    },

    close(): void {
      isClosed = true
      close()
    }
  }
}

/** Waits, but no longer than until the signal. @returns null when that came first */
async function unlessAborted<Result>(
  promise: Promise<Result>,
  signal: AbortSignal | undefined
): Promise<Result | null> {
  if (signal === undefined) return promise
  const { promise: aborted, resolve } = Promise.withResolvers<null>()
  const onAbort = () => resolve(null)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (signal.aborted) return null
    return await Promise.race([promise, aborted])
  } catch (error) {
    if (signal.aborted) return null
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * Reads a partition, committed messages only, piece by piece. While one piece is in use the next is on its way, and no more than these two
 * are in memory.
 * @throws KAFKA_READ_STALLED when nothing comes for `stall_timeout_ms`, KAFKA_UNREACHABLE
 */
export async function* readPartition(client: KafkaClient, range: PartitionRange): AsyncGenerator<readonly Message[]> {
  const { topic, partition, signal } = range
  const { stall_timeout_ms } = client.options
  const end = range.end === undefined ? null : BigInt(range.end)
  if (end !== null && end <= BigInt(range.from ?? '0')) return
  const fetcher = createPatientFetcher(client, range)
  const fetchFrom = (offset: bigint) => {
    const fetch = fetcher.fetch(offset)
    // Whoever waits for it hears of its failure; often nobody does any more.
    fetch.catch(() => {})
    return fetch
  }
  try {
    const first = range.from === undefined ? await unlessAborted(fetcher.earliest(), signal) : BigInt(range.from)
    if (first === null || (end !== null && first >= end)) return
    let position = first
    let pending = fetchFrom(position)
    for (let latest = performance.now(); ; ) {
      const fetch = await unlessAborted(pending, signal)
      if (fetch === null) return
      const { messages, next, stable } = fetch
      const isLast = end !== null && next >= end
      if (!isLast) pending = fetchFrom(next)
      if (next > position) range.progress?.()
      range.lag?.(Math.max(0, Number(stable - next)))
      const wanted = isLast && next > end ? messages.filter(({ offset }) => BigInt(offset) < end) : messages
      if (wanted.length > 0) yield wanted
      if (isLast || signal?.aborted) return
      if (next > position) latest = performance.now()
      else if (range.follow !== true && performance.now() - latest > stall_timeout_ms) {
        const text = `nothing came of ${topic}/${partition} within ${stall_timeout_ms} ms`
        throw new WeirError(KAFKA_ERRORS, 'KAFKA_READ_STALLED', text)
      }
      position = next
    }
  } finally {
    fetcher.close()
  }
}
