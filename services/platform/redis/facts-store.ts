import type { Redis } from 'ioredis'
import type { Workload } from '../../../schemas/generated/types.ts'
import { factChanges, keysToRead, TOMBSTONE_SECONDS } from '../../core/enrich/fact-changes.ts'
import { type PodFacts, withKnownOwners } from '../../core/enrich/pod-facts.ts'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { FactsStore } from '../facts-store.ts'
import { REDIS_ERRORS } from './errors.ts'

/** Present as long as Redis has not lost its content since it was last filled. */
const FILLED_KEY = 'filled'

function parse<Value>(key: string, text: string): Value {
  try {
    return JSON.parse(text) as Value
  } catch (error) {
    throw new WeirError(
      REDIS_ERRORS,
      'REDIS_BAD_VALUE',
      `value of ${key} is no JSON: is the key prefix shared with another program?`,
      { cause: error }
    )
  }
}

/** Facts in Redis, as JSON strings under the keys of `factKey`. Many enrichers read, one inventory service writes. */
export function createRedisFactsStore(redis: Redis): FactsStore {
  async function unavailable<Value>(what: string, work: () => Promise<Value>): Promise<Value> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof WeirError) throw error
      throw new WeirError(REDIS_ERRORS, 'REDIS_UNAVAILABLE', `${what}: ${messageOf(error)}`, { cause: error })
    }
  }

  async function read<Value>(keys: readonly string[]): Promise<ReadonlyMap<string, Value>> {
    if (keys.length === 0) return new Map()
    const texts = await redis.mget(...keys)
    return new Map(
      keys.flatMap((key, index) => (texts[index] == null ? [] : [[key, parse<Value>(key, texts[index])] as const]))
    )
  }

  return {
    fetch: (keys) =>
      unavailable('look up pods', async () => withKnownOwners(await read<PodFacts>(keys), read<Workload>)),
    find: (keys) => unavailable('look up objects', () => read<Workload>(keys)),

    apply: (records) =>
      unavailable('store inventory', async () => {
        const wanted = keysToRead(records)
        const [pods, owners] = await Promise.all([read<PodFacts>(wanted.pods), read<Workload>(wanted.owners)])
        const changes = factChanges(records, { pods, owners })
        const pipeline = redis.pipeline()
        for (const [key, facts] of changes.pods) pipeline.set(key, JSON.stringify(facts))
        for (const [key, owner] of changes.owners) pipeline.set(key, JSON.stringify(owner))
        for (const key of changes.expire) pipeline.expire(key, TOMBSTONE_SECONDS)
        const results = (await pipeline.exec()) ?? []
        const failed = results.find(([error]) => error !== null)?.[0]
        if (failed != null) throw failed
      }),

    isFilled: () => unavailable('check inventory', async () => (await redis.exists(FILLED_KEY)) === 1),
    markFilled: () =>
      unavailable('mark inventory', async () => {
        await redis.set(FILLED_KEY, '1')
      }),
    close: async () => {
      redis.disconnect()
    }
  }
}
