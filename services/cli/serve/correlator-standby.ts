import { setTimeout as delay } from 'node:timers/promises'
import { createStandby, type Standby } from '../../correlator/standby.ts'
import { readPartition } from '../../platform/kafka/partition-reader.ts'
import type { World } from './world.ts'

const CHANGELOG = 'weir.state.v1'
/** How long a reading ahead that failed rests. */
const PAUSE_MS = 2_000

/** Reads the changelog of all partitions ahead; the correlator claims those that it is assigned. */
export async function startStandby({ settings, kafka, log, now_ms }: World): Promise<Standby> {
  const admin = kafka.kafka.admin()
  await admin.connect()
  const { topics } = await admin.fetchTopicMetadata({ topics: [CHANGELOG] })
  await admin.disconnect()
  return createStandby({
    log,
    now_ms,
    partitions: topics[0]?.partitions.length ?? 0,
    max_bytes: settings.correlator.standby.max_bytes,
    read: (partition, from, signal, lag) =>
      readPartition(kafka, { topic: CHANGELOG, partition, from, follow: true, signal, lag }),
    pause: (signal) => delay(PAUSE_MS, undefined, { signal }).catch(() => {})
  })
}
