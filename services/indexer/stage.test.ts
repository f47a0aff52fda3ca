import { describe, expect, it } from 'vitest'
import type { SchemaName, SchemaTypes } from '../../schemas/generated/schemas.ts'
import {
  action,
  auditEvent,
  incident,
  numberedEvent,
  podRecord,
  runtimeEvent,
  SAMPLE_TIME,
  signal
} from '../../test/support/search-samples.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { WeirError } from '../core/errors.ts'
import { at } from '../core/json.ts'
import { createMemorySearch, type MemorySearchOptions } from '../platform/memory/search.ts'
import { OPENSEARCH_ERRORS } from '../platform/opensearch/errors.ts'
import type { SearchPort } from '../platform/opensearch/search-port.ts'
import type { Batch, Message } from '../platform/stage.ts'
import { indexerOptions } from './options.ts'
import { createIndexerStage } from './stage.ts'

const codec = createCodec(localSchemas())
const context = { signal: new AbortController().signal, heartbeat: async () => {} }
const NOW_MS = SAMPLE_TIME / 1000 + 3_600_000

function batchOf(topic: string, values: readonly (Buffer | null)[]): Batch {
  const messages: Message[] = values.map((value, offset) => ({
    topic,
    partition: 0,
    offset: String(offset),
    key: Buffer.from(`key-${offset}`),
    value,
    headers: {},
    timestamp_ms: NOW_MS
  }))
  return { topic, partition: 0, messages }
}

const encoded = <Name extends SchemaName>(name: Name, values: readonly SchemaTypes[Name][]) =>
  values.map((value) => codec.encode(name, value))

function indexer(settings: Record<string, unknown> = {}, memory: MemorySearchOptions = {}) {
  const search = createMemorySearch(memory)
  const stage = createIndexerStage({
    codec,
    search,
    options: indexerOptions.parse(settings),
    index_prefix: 'weir',
    version: '1.2.3',
    now_ms: () => NOW_MS
  })
  return { search, handle: (batch: Batch) => stage.handle(batch, context) }
}

const idsOf = async (search: SearchPort, index: string) => (await search.find({ index, size: 100 })).map(({ id }) => id)

describe('events', () => {
  it('go to the index of their own day, once, however often they come', async () => {
    const { search, handle } = indexer()
    const batch = batchOf('weir.events.v1', encoded('enriched-event', [auditEvent, runtimeEvent, auditEvent]))
    expect(await handle(batch)).toEqual([])
    expect(await handle(batch)).toEqual([])
    expect(await idsOf(search, 'weir-events-2026.11.24')).toEqual([auditEvent.id, runtimeEvent.id])
    expect(await idsOf(search, 'weir-events-*')).toHaveLength(2)
  })

  it('of a time far away share an index and are marked', async () => {
    const { search, handle } = indexer()
    const times = [0, -5, SAMPLE_TIME * 2, SAMPLE_TIME - 400 * 86_400_000_000]
    const events = times.map((time, number) => numberedEvent(number, { time }))
    await handle(batchOf('weir.events.v1', encoded('enriched-event', events)))
    const found = await search.find({ index: 'weir-events-out-of-window', size: 10 })
    expect(found).toHaveLength(4)
    for (const { document } of found) expect(document['tags']).toContain('event_time_out_of_window')
    expect(await idsOf(search, 'weir-*')).toHaveLength(4)
  })

  it('of classes that are not asked for are left out', async () => {
    const { search, handle } = indexer({ index_events: ['audit', 'network'] })
    expect(await handle(batchOf('weir.events.v1', encoded('enriched-event', [auditEvent, runtimeEvent])))).toEqual([])
    expect(await idsOf(search, 'weir-*')).toEqual([auditEvent.id])
  })

  it('that are refused become dead letters alone, with the reason and the original bytes', async () => {
    const { search, handle } = indexer({}, { refuse: ({ id }) => (id.endsWith('/2') ? '400 strict: no [x]' : null) })
    const batch = batchOf(
      'weir.events.v1',
      encoded(
        'enriched-event',
        [1, 2, 3].map((number) => numberedEvent(number))
      )
    )
    const letters = await handle(batch)
    expect(letters).toMatchObject([
      {
        topic: 'weir.events.v1.dlq',
        key: Buffer.from('key-1'),
        value: batch.messages[1]?.value,
        headers: {
          'dlq.code': 'OPENSEARCH_DOCUMENT_REFUSED',
          'dlq.message': '400 strict: no [x]',
          'dlq.stage': 'index',
          'dlq.service': 'indexer',
          'dlq.offset': '1'
        }
      }
    ])
    expect(await idsOf(search, 'weir-events-*')).toEqual(['node-2/4f3c/tetragon/1', 'node-2/4f3c/tetragon/3'])
  })

  it('that cannot be decoded become dead letters, and the others are indexed', async () => {
    const { search, handle } = indexer()
    const [good] = encoded('enriched-event', [auditEvent])
    const letters = await handle(batchOf('weir.events.v1', [Buffer.from('no avro'), good ?? null, null]))
    expect(letters.map(({ headers }) => [headers?.['dlq.stage'], headers?.['dlq.code']])).toEqual([
      ['decode', 'CODEC_WRONG_MAGIC'],
      ['decode', 'CODEC_NO_VALUE']
    ])
    expect(await idsOf(search, 'weir-events-*')).toEqual([auditEvent.id])
  })
})

describe('signals', () => {
  it('are indexed by month and published as OCSF under the key of the signal', async () => {
    const { search, handle } = indexer()
    const outputs = await handle(batchOf('weir.signals.v1', encoded('signal', [signal])))
    expect(await idsOf(search, 'weir-signals-2026.11')).toEqual([signal.id])
    expect(outputs).toMatchObject([{ topic: 'weir.ocsf.findings.v1', key: Buffer.from('key-0') }])
    expect(JSON.parse(String(outputs[0]?.value))).toMatchObject({
      class_uid: 2004,
      finding_info: { uid: signal.id },
      metadata: { product: { version: '1.2.3' } }
    })
  })

  it('are published again when they come again: whether the first time got through is not known', async () => {
    const { handle } = indexer()
    const batch = batchOf('weir.signals.v1', encoded('signal', [signal]))
    expect(await handle(batch)).toEqual(await handle(batch))
  })

  it('of the correlator show what it said last, also when its topic is read again', async () => {
    const { search, handle } = indexer()
    const said = ['first', 'then'].map((title) => ({ ...signal, title }))
    const tagsAndTitle = async () => {
      const [found] = await search.find({ index: 'weir-signals-*', size: 10 })
      return [at(found?.document, ['message']), at(found?.document, ['tags'])]
    }
    const all = encoded('signal', [...said, { ...signal, title: 'then', role: 'withdrawn' }])
    await handle(batchOf('weir.correlated.v1', all.slice(0, 2)))
    const [message] = await tagsAndTitle()
    expect(message).toBe('then')
    for (const batch of [all, all.slice(0, 1)]) {
      await handle(batchOf('weir.correlated.v1', batch))
      expect((await tagsAndTitle())[1]).toContain('weir_withdrawn')
    }
    expect(await idsOf(search, 'weir-signals-*')).toEqual([signal.id])
  })

  it('are not published as OCSF when that is not wanted', async () => {
    const { search, handle } = indexer({ ocsf: false, index_events: [] })
    expect(await handle(batchOf('weir.signals.v1', encoded('signal', [signal])))).toEqual([])
    expect(await idsOf(search, 'weir-signals-*')).toEqual([signal.id])
  })
})

describe('incidents', () => {
  it('show their highest revision, in whatever order revisions come', async () => {
    const { search, handle } = indexer()
    const revisions = [2, 1, 3, 2].map((revision) => ({ ...incident, revision }))
    const outputs = await handle(batchOf('weir.incidents.v1', encoded('incident', revisions)))
    expect(outputs.map(({ topic }) => topic)).toEqual(Array.from({ length: 4 }, () => 'weir.ocsf.incidents.v1'))
    expect(await search.find({ index: 'weir-incidents', size: 10 })).toMatchObject([
      { id: incident.id, document: { weir: { incident: { ...incident, revision: 3 } } } }
    ])
  })

  it('stay when the topic forgets them', async () => {
    const { search, handle } = indexer()
    const values = [...encoded('incident', [incident]), null]
    expect(await handle(batchOf('weir.incidents.v1', values))).toHaveLength(1)
    expect(await idsOf(search, 'weir-incidents')).toEqual([incident.id])
  })
})

it('each state of an action is kept', async () => {
  const { search, handle } = indexer()
  const states = [action, { ...action, status: 'done' as const, time: action.time + 5 }, action]
  expect(await handle(batchOf('weir.actions.v1', encoded('action', states)))).toEqual([])
  expect(await idsOf(search, 'weir-actions-2026.11')).toEqual([
    `act-1/planned/${action.time}`,
    `act-1/done/${action.time + 5}`
  ])
})

describe('the container inventory', () => {
  it('shows each container as it was last seen, and nothing but containers', async () => {
    const { search, handle } = indexer()
    const gone = { ...podRecord, deleted: true, observed: podRecord.observed + 1 }
    const node = { ...podRecord, kind: 'Node', uid: 'node-uid', pod: null }
    expect(
      await handle(
        batchOf('weir.inventory.v1', [...encoded('inventory-record', [podRecord, gone, podRecord, node]), null])
      )
    ).toEqual([])
    const found = await search.find({ index: 'weir-containers', size: 10 })
    expect(found.map(({ document }) => document['weir'])).toEqual([
      { inventory: { deleted: true, state: 'running', started: '2023-11-14T22:13:20.000000Z', restarts: 2 } },
      { inventory: { deleted: true } }
    ])
  })

  it('makes one letter of a record, however many of its containers are refused', async () => {
    const { handle } = indexer({}, { refuse: () => 'no' })
    expect(await handle(batchOf('weir.inventory.v1', encoded('inventory-record', [podRecord])))).toHaveLength(1)
  })
})

it('what the search engine throws ends the batch, so that it is read again', async () => {
  const stage = createIndexerStage({
    codec,
    search: {
      ...createMemorySearch(),
      write: async () => {
        throw new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_FORBIDDEN', 'no')
      }
    },
    options: indexerOptions.parse({}),
    index_prefix: 'weir',
    version: '1.2.3',
    now_ms: () => NOW_MS
  })
  const batch = batchOf('weir.events.v1', encoded('enriched-event', [auditEvent]))
  await expect(stage.handle(batch, context)).rejects.toMatchObject({ code: 'OPENSEARCH_FORBIDDEN' })
})

it('an event class that does not exist is an error of the settings', () => {
  expect(indexerOptions.safeParse({ index_events: ['audits'] }).success).toBe(false)
})
