import type { Message } from '../stage.ts'
import type { KafkaClient } from './client.ts'
import { readPartition } from './partition-reader.ts'

/** Reads all that a topic holds now, partition after partition; nothing where there is no such topic. @throws as `readPartition` */
export async function* readTopic(client: KafkaClient, topic: string): AsyncGenerator<Message> {
  const admin = client.kafka.admin()
  await admin.connect()
  const ranges: Array<{ readonly partition: number; readonly from: string; readonly end: string }> = []
  try {
    if ((await admin.listTopics()).includes(topic)) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        if (low !== high) ranges.push({ partition, from: low, end: high })
      }
    }
  } finally {
    await admin.disconnect()
  }
  for (const range of ranges) {
    for await (const messages of readPartition(client, { topic, ...range })) yield* messages
  }
}
