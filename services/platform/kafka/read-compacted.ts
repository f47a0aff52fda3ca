import type { KafkaClient } from './client.ts'
import { readPartition } from './partition-reader.ts'

/**
 * All that a compacted topic holds now: the latest value of each key, partition by partition.
 * @returns the values; none for a topic that does not exist
 */
export async function readCompacted(client: KafkaClient, topic: string): Promise<Buffer[]> {
  const admin = client.kafka.admin()
  await admin.connect()
  let ranges: ReadonlyArray<{ readonly partition: number; readonly low: string; readonly high: string }>
  try {
    ranges = (await admin.listTopics()).includes(topic) ? await admin.fetchTopicOffsets(topic) : []
  } finally {
    await admin.disconnect()
  }
  const latest = new Map<string, Buffer>()
  for (const { partition, low, high } of ranges) {
    if (low === high) continue
    for await (const messages of readPartition(client, { topic, partition, from: low, end: high })) {
      for (const { key, value } of messages) {
        const name = key?.toString() ?? ''
        if (value === null) latest.delete(name)
        else latest.set(name, value)
      }
    }
  }
  return [...latest.values()]
}
