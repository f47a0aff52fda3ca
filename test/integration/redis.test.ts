import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, inject, it } from 'vitest'
import type { InventoryRecord } from '../../schemas/generated/types.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { emptyRecord } from '../../services/core/enrich/empty-record.ts'
import { factKey } from '../../services/core/enrich/pod-facts.ts'
import { keepFilled } from '../../services/inventory/keep-filled.ts'
import { inventoryMessage } from '../../services/inventory/stages.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { createMemoryBus } from '../../services/platform/memory/bus.ts'
import { connectRedis } from '../../services/platform/redis/client.ts'
import { createRedisFactsStore } from '../../services/platform/redis/facts-store.ts'
import { redisOptions } from '../../services/platform/redis/options.ts'
import { loadTopics } from '../../services/platform/topics.ts'

const redis = connectRedis(
  redisOptions.parse({ url: inject('endpoints').redis, key_prefix: `${randomUUID()}:` }),
  silentLogger
)
afterAll(() => redis.disconnect())

const pod = (uid: string, fields: Partial<InventoryRecord> = {}): InventoryRecord => ({
  ...emptyRecord({ id: 'c1', name: 'c1' }, 'Pod', uid, `pod-${uid}`, 1),
  namespace: 'shop',
  pod: {
    node: 'n1',
    service_account: 'web',
    host_network: false,
    host_pid: false,
    host_ipc: false,
    containers: [],
    statuses: []
  },
  ...fields
})

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline_ms = Date.now() + 20_000
  while (!(await condition())) {
    if (Date.now() > deadline_ms) throw new Error('it did not happen within 20 s')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe('facts in Redis', () => {
  it('are found by every key of a pod, in one round trip, and others are not', async () => {
    const store = createRedisFactsStore(redis)
    await store.apply([pod('a'), pod('b')])
    const keys = [factKey.podUid('c1', 'a'), factKey.podName('c1', 'shop', 'pod-b'), factKey.podUid('c1', 'nobody')]
    const found = await store.fetch(keys)
    expect(
      [...found].map(
        ([
          key,
          {
            pod: { uid }
          }
        ]) => [key, uid]
      )
    ).toEqual([
      [keys[0], 'a'],
      [keys[1], 'b']
    ])
  })

  it('of a deleted pod stay for about an hour', async () => {
    const store = createRedisFactsStore(redis)
    await store.apply([pod('c')])
    await store.apply([pod('c', { deleted: true, observed: 2 })])
    const seconds = await redis.ttl(factKey.podUid('c1', 'c'))
    expect(seconds).toBeGreaterThan(3_500)
    expect(seconds).toBeLessThanOrEqual(3_600)
    expect((await store.fetch([factKey.podUid('c1', 'c')])).size).toBe(1)
  })

  it('of a container that comes after its pod was deleted go with the pod', async () => {
    const store = createRedisFactsStore(redis)
    const id = 'f1'.repeat(32)
    const container: InventoryRecord = pod('f', {
      kind: 'Container',
      uid: id,
      name: 'web',
      observed: 3,
      owners: [{ kind: 'Pod', name: 'pod-f', namespace: 'shop', uid: 'f' }],
      pod: {
        node: 'n1',
        service_account: null,
        host_network: false,
        host_pid: false,
        host_ipc: false,
        containers: [{ id, name: 'web', image_name: null, image_id: null, privileged: null }],
        statuses: []
      }
    })
    await store.apply([pod('f')])
    await store.apply([pod('f', { deleted: true, observed: 2 })])
    await store.apply([container])
    const key = factKey.container('c1', id)
    expect((await store.fetch([key])).get(key)?.pod).toMatchObject({ uid: 'f', service_account: 'shop/web' })
    for (const one of [key, factKey.podUid('c1', 'f')]) expect(await redis.ttl(one)).toBeGreaterThan(0)
  })

  it('name whose an address is, for as long as it has it', async () => {
    const store = createRedisFactsStore(redis)
    const key = factKey.address('c1', '10.244.0.5')
    await store.apply([pod('g', { addresses: ['10.244.0.5'] })])
    expect((await store.find([key])).get(key)).toMatchObject({ kind: 'Pod', name: 'pod-g' })
    await store.apply([pod('h', { addresses: ['10.244.0.5'], observed: 2 })])
    await store.apply([pod('g', { addresses: ['10.244.0.5'], deleted: true, observed: 3 })])
    expect((await store.find([key])).get(key)).toMatchObject({ name: 'pod-h' })
    expect(await redis.ttl(key)).toBe(-1)
  })

  it('come back from the topic after Redis was wiped', async () => {
    const schemas = localSchemas()
    const codec = createCodec(schemas)
    const bus = createMemoryBus({ topics: loadTopics(), now_ms: Date.now, pump: 'automatic' })
    await bus.publish([inventoryMessage(codec, pod('d')), inventoryMessage(codec, pod('e'))])
    const store = createRedisFactsStore(redis)
    const keeper = keepFilled(
      { ...store, close: async () => {} },
      { codec, now_ms: Date.now, log: silentLogger },
      {
        check_interval_ms: 50,
        run: (stage) => bus.run(stage),
        log: silentLogger
      }
    )
    const keys = [factKey.podUid('c1', 'd'), factKey.podUid('c1', 'e')]
    const isThere = async () => (await store.fetch(keys)).size === 2
    await until(isThere)
    await redis.flushall()
    expect(await isThere()).toBe(false)
    await until(isThere)
    await keeper.stop()
    await bus.close()
  })
})
