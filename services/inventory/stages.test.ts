import { describe, expect, it } from 'vitest'
import type { InventoryRecord } from '../../schemas/generated/types.ts'
import { podRecord } from '../../test/support/search-samples.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { factKey } from '../core/enrich/pod-facts.ts'
import { createMemoryFactsStore } from '../platform/facts-store.ts'
import { silentLogger } from '../platform/log.ts'
import type { Message } from '../platform/stage.ts'
import { createFactsStage, inventoryMessage } from './stages.ts'

const codec = createCodec(localSchemas())
const HOUR_MS = 3_600_000
const context = { signal: new AbortController().signal, heartbeat: async () => undefined }

function facts() {
  const clock = { now: podRecord.observed / 1000 }
  const seen: InventoryRecord[] = []
  const store = createMemoryFactsStore()
  const ports = {
    codec,
    now_ms: () => clock.now,
    log: silentLogger,
    seen: (record: InventoryRecord) => seen.push(record)
  }
  const stage = createFactsStage('facts', store, ports)
  let offset = 0
  const message = (record: InventoryRecord | null, key = `${podRecord.cluster.id}/Pod/${podRecord.uid}`): Message => {
    const { value } = record === null ? { value: null } : inventoryMessage(codec, record)
    offset += 1
    return {
      topic: 'weir.inventory.v1',
      partition: 0,
      offset: String(offset),
      key: Buffer.from(key),
      value,
      headers: {},
      timestamp_ms: clock.now
    }
  }
  const handle = async (...records: Array<InventoryRecord | null>) => {
    const messages = records.map((record) => message(record))
    return stage.handle({ topic: 'weir.inventory.v1', partition: 0, messages }, context)
  }
  return { clock, seen, store, handle }
}

const gone = { ...podRecord, deleted: true }
const other = { ...podRecord, uid: 'other', name: 'other' }

describe('a deleted object', () => {
  it('leaves the topic after an hour, and not before', async () => {
    const { clock, handle } = facts()
    expect(await handle(podRecord, gone)).toEqual([])
    clock.now += HOUR_MS - 1_000
    expect(await handle()).toEqual([])
    clock.now += 61_000
    const key = `${podRecord.cluster.id}/Pod/${podRecord.uid}`
    expect(await handle()).toEqual([{ topic: 'weir.inventory.v1', key, value: null }])
    clock.now += HOUR_MS
    expect(await handle()).toEqual([])
  })

  it('that was deleted long ago leaves only when what follows it has been read', async () => {
    const { clock, handle } = facts()
    clock.now += 2 * HOUR_MS
    expect(await handle(gone)).toEqual([])
    // Its key has another record behind it, so that it is there.
    expect(await handle(podRecord)).toEqual([])
    clock.now += 2 * HOUR_MS
    expect(await handle()).toEqual([])
  })

  it('that somebody else has taken out already is not taken out again', async () => {
    const { clock, handle } = facts()
    await handle(gone, null)
    clock.now += 2 * HOUR_MS
    expect(await handle()).toEqual([])
  })
})

it('records are told of, and stored', async () => {
  const { seen, store, handle } = facts()
  await handle(podRecord, other)
  expect(seen.map(({ name }) => name)).toEqual([podRecord.name, 'other'])
  const key = factKey.podUid(podRecord.cluster.id, podRecord.uid)
  expect((await store.fetch([key])).get(key)?.pod.name).toBe(podRecord.name)
})
