import type { Admin } from 'kafkajs'
import { protocolTypeOf } from './client.ts'

/** What a broker says while the coordinator of a group is being found or loaded; kafkajs's admin client gives up on these. */
const PASSING: ReadonlySet<string> = new Set([
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS'
])
const TRIES = 100
const WAIT_MS = 100

/**
 * The next offsets a consumer group will read.
 * @returns by `topic/partition`; null where the group has committed nothing
 */
export async function committedOffsets(
  admin: Admin,
  group: string,
  topics: readonly string[]
): Promise<ReadonlyMap<string, bigint | null>> {
  for (let left = TRIES; ; left -= 1) {
    try {
      const offsets = await admin.fetchOffsets({ groupId: group, topics: [...topics] })
      return new Map(
        offsets.flatMap(({ topic, partitions }) =>
          partitions.map(
            ({ partition, offset }) => [`${topic}/${partition}`, BigInt(offset) < 0n ? null : BigInt(offset)] as const
          )
        )
      )
    } catch (error) {
      if (left <= 0 || !PASSING.has(protocolTypeOf(error) ?? '')) throw error
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS))
    }
  }
}
