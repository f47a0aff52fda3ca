import type { KafkaClient } from './client.ts'
import { rangesOf } from './dead-letters.ts'
import { readPartition } from './partition-reader.ts'

/**
 * Reads a compacted topic as it is now, all of its partitions.
 * @param wanted keys of messages that are of interest; others cost no memory
 * @returns the latest value of each key that was not deleted; nothing when the topic does not exist
 */
export async function latestValues(
  client: KafkaClient,
  topic: string,
  wanted: (key: string) => boolean
): Promise<ReadonlyMap<string, Buffer>> {
  const latest = new Map<string, Buffer>()
  for (const range of await rangesOf(client, [topic])) {
    for await (const messages of readPartition(client, range)) {
      for (const { key, value } of messages) {
        const name = key?.toString('utf8') ?? ''
        if (!wanted(name)) continue
        if (value === null) latest.delete(name)
        else latest.set(name, value)
      }
    }
  }
  return latest
}
