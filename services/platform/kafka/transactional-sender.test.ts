import type { Kafka } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../log.ts'
import { kafkaOptions } from './options.ts'
import { createTransactionalSender } from './transactional-sender.ts'

const OFFSET = { group: 'g', topic: 'in', partition: 0, next: '7' }

/** Commits an offset where the broker refuses it at first. */
async function commit(refusals: number, type: string, request_timeout_ms = 60_000): Promise<readonly string[]> {
  const said: string[] = []
  let left = refusals
  const transaction = {
    sendBatch: async () => {},
    sendOffsets: async () => {
      left -= 1
      if (left >= 0) throw Object.assign(new Error('refused'), { type })
      said.push('offset')
    },
    commit: async () => said.push('commit')
  }
  const kafka = { producer: () => ({ transaction: async () => transaction }) } as unknown as Kafka
  const options = kafkaOptions.parse({ request_timeout_ms })
  const sender = createTransactionalSender({ kafka, options, log: silentLogger }, 'id')
  await sender.commit([], OFFSET).catch((error: Error) => said.push(error.message))
  return said
}

describe('a transaction of an offset alone', () => {
  it.each([0, 1, 5])('waits until the one before has ended, told %i times that it has not', async (refusals) => {
    expect(await commit(refusals, 'CONCURRENT_TRANSACTIONS')).toEqual(['offset', 'commit'])
  })

  it('fails when the one before does not end', async () => {
    expect(await commit(1_000_000, 'CONCURRENT_TRANSACTIONS', 30)).toEqual(['transaction of id failed: refused'])
  })

  it('fails at once for any other reason', async () => {
    expect(await commit(1, 'UNKNOWN')).toEqual(['transaction of id failed: refused'])
  })
})
