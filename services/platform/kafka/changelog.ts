import { randomUUID } from 'node:crypto'
import { FENCE_HEADER } from '../fence.ts'
import type { ChangelogReader, Message, OutgoingMessage } from '../stage.ts'
import type { KafkaClient } from './client.ts'
import { readPartition } from './partition-reader.ts'

/**
 * Reads a compacted partition from its start to its end as of now. The end is a message that the reader itself writes with
 * the stage's producer: having it back proves that all has been read which an earlier owner committed, since that
 * producer's beginning has put the earlier owner's out of action.
 * @param write writes the fence message and returns when it is committed
 * @param signal ends the reading when the partition is lost
 * @param progress called as reading goes on
 */
export function createChangelogReader(
  client: KafkaClient,
  write: (fence: OutgoingMessage) => Promise<void>,
  signal: AbortSignal,
  progress: () => void
): ChangelogReader {
  return {
    async *read(topic: string, partition: number, fence: OutgoingMessage, from?: string): AsyncGenerator<Message> {
      const id = randomUUID()
      const started = performance.now()
      await write({ ...fence, topic, partition, headers: { ...fence.headers, [FENCE_HEADER]: id } })
      const range = { topic, partition, signal, progress, ...(from === undefined ? {} : { from }) }
      let count = 0
      for await (const messages of readPartition(client, range)) {
        for (const message of messages) {
          const fenceId = message.headers[FENCE_HEADER]
          if (fenceId === id) {
            const duration_ms = Math.round(performance.now() - started)
            client.log.info({ topic, partition, from, count, duration_ms }, 'changelog read')
            return
          }
          if (fenceId !== undefined) continue
          count++
          yield message
        }
      }
      signal.throwIfAborted()
    }
  }
}
