import type { Kafka } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import type { WeirError } from '../../core/errors.ts'
import { silentLogger } from '../log.ts'
import { createAssignment } from './assignment.ts'
import { kafkaOptions } from './options.ts'

/** A partition that is assigned where the first transactions fail. */
async function assigned(failures: number) {
  let left = failures
  const said: string[] = []
  const producer = {
    connect: async () => {},
    disconnect: async () => {},
    transaction: async () => {
      left -= 1
      if (left >= 0) throw new Error('another concurrent operation on the same transaction was ongoing')
      return { abort: async () => {} }
    }
  }
  const assignment = createAssignment({
    stage: { name: 'test', inputs: ['in'], transactional: true, handle: async () => [] },
    client: {
      kafka: { producer: () => producer } as unknown as Kafka,
      options: kafkaOptions.parse({ heartbeat_interval_ms: 1 }),
      log: silentLogger
    },
    group: 'weir.test',
    consumer: {
      pause: () => said.push('pause'),
      resume: () => said.push('resume'),
      seek: ({ offset }) => said.push(`seek ${offset}`)
    },
    log: silentLogger,
    committedOffset: async () => 7n,
    send: async () => {},
    progress: () => {},
    fail: (error: WeirError) => said.push(error.code)
  })
  assignment.join('member', { in: [0] })
  await assignment.get('in', 0)?.preparation
  return { said, state: assignment.get('in', 0)?.state }
}

describe('a partition that is prepared', () => {
  it.each([0, 1, 4])('is worked on after %i transactions that failed', async (failures) => {
    expect(await assigned(failures)).toEqual({ said: ['pause', 'seek 7', 'resume'], state: 'working' })
  })

  it('ends the stage when transactions go on failing', async () => {
    expect((await assigned(100)).said).toEqual(['pause', 'KAFKA_STAGE_FAILED'])
  })
})
