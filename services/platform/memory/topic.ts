import { partitionOf } from '../kafka/partition.ts'
import type { Message, OutgoingMessage } from '../stage.ts'
import type { TopicDefinition } from '../topics.ts'

/** A topic in memory. Offsets count from 0 in each partition and are never used twice. */
export interface MemoryTopic {
  readonly name: string
  /** 0, 1, … */
  readonly partitions: readonly number[]
  append(message: OutgoingMessage, timestamp_ms: number): void
  /** Offset that the next message of a partition will get. */
  end(partition: number): number
  /** Messages from an offset on, in order, at most `limit`. */
  from(partition: number, offset: number, limit: number): Message[]
  /** The latest message of each key, in order, and those without a key. */
  compacted(partition: number): Message[]
  all(): Message[]
  /** Messages kept now. */
  size(): number
  /** Messages no longer kept. */
  dropped(): number
  /**
   * Drops messages when more than `limit` are kept, none from the offset on that `mayDropBefore` gives for its partition: of
   * compacted topics those that a later one replaces, which is all that may go where `cleanup` is not also delete; then the
   * oldest of each partition.
   */
  trim(limit: number, mayDropBefore: (partition: number) => number): void
}

interface Log {
  messages: Message[]
  next: number
}

function latestOfEachKey(messages: readonly Message[]): Message[] {
  const latest = new Map<string, Message>()
  for (const message of messages) if (message.key !== null) latest.set(message.key.toString('latin1'), message)
  return messages.filter((message) => message.key === null || latest.get(message.key.toString('latin1')) === message)
}

/** First index whose offset is not below; offsets grow, with gaps where messages were dropped. */
function indexOf(messages: readonly Message[], offset: number): number {
  let low = 0
  let high = messages.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (Number(messages[middle]?.offset) < offset) low = middle + 1
    else high = middle
  }
  return low
}

const toBuffer = (data: string | Buffer | null) => (typeof data === 'string' ? Buffer.from(data) : data)

export function createMemoryTopic({ name, partitions: count, cleanup }: TopicDefinition): MemoryTopic {
  const logs: Log[] = Array.from({ length: count }, () => ({ messages: [], next: 0 }))
  const partitions = logs.map((_, partition) => partition)
  let kept = 0
  let gone = 0
  let turn = 0
  /** Fewer messages than this are not worth another trim. */
  let trimAbove = 0

  function logOf(partition: number): Log {
    const log = logs[partition]
    if (log === undefined)
      throw new RangeError(`topic ${name} has ${count} partitions, there is none with number ${partition}`)
    return log
  }

  function keep(log: Log, messages: Message[]): void {
    const fewer = log.messages.length - messages.length
    kept -= fewer
    gone += fewer
    log.messages = messages
  }

  return {
    name,
    partitions,

    append({ key, value, headers, partition }, timestamp_ms) {
      const bytes = toBuffer(key)
      const chosen = partition ?? (bytes === null ? turn++ % count : partitionOf(bytes, count))
      const log = logOf(chosen)
      log.messages.push({
        topic: name,
        partition: chosen,
        offset: String(log.next++),
        key: bytes,
        value,
        headers: headers ?? {},
        timestamp_ms
      })
      kept++
    },

    end: (partition) => logOf(partition).next,

    from(partition, offset, limit) {
      const { messages } = logOf(partition)
      const start = indexOf(messages, offset)
      return messages.slice(start, start + limit)
    },

    compacted: (partition) => latestOfEachKey(logOf(partition).messages),
    all: () => logs.flatMap(({ messages }) => messages),
    size: () => kept,
    dropped: () => gone,

    trim(limit, mayDropBefore) {
      if (kept <= Math.max(limit, trimAbove)) return
      for (const partition of partitions) {
        const log = logOf(partition)
        const read = () => indexOf(log.messages, mayDropBefore(partition))
        if (cleanup !== 'delete') {
          const latest = new Set(latestOfEachKey(log.messages.slice(0, read())))
          keep(
            log,
            log.messages.filter((message, index) => index >= read() || latest.has(message))
          )
        }
        if (cleanup !== 'compact' && kept > limit) {
          const share = Math.ceil(((kept - limit) * log.messages.length) / kept) + (limit >>> 3)
          keep(log, log.messages.slice(Math.min(read(), share)))
        }
      }
      // What could not be dropped now need not be looked at again with every message.
      trimAbove = kept + (kept >>> 3)
    }
  }
}
