import { randomBytes } from 'node:crypto'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { savedObjects } from '../../infra/opensearch/saved-objects.ts'
import { SCHEMAS, type SchemaName, type SchemaTypes } from '../../schemas/generated/schemas.ts'
import type { EnrichedEvent, Incident, InventoryRecord, Signal } from '../../schemas/generated/types.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { at, isObject, property } from '../../services/core/json.ts'
import {
  actionWrite,
  containerWrites,
  eventWrite,
  incidentWrite,
  signalWrite
} from '../../services/indexer/documents.ts'
import { indexerOptions } from '../../services/indexer/options.ts'
import { createIndexerStage } from '../../services/indexer/stage.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { createMemorySearch } from '../../services/platform/memory/search.ts'
import { createOpenSearchClient } from '../../services/platform/opensearch/client.ts'
import { type IndexKind, indexPattern } from '../../services/platform/opensearch/index-names.ts'
import { openSearchOptions } from '../../services/platform/opensearch/options.ts'
import { eventsOf, getIncident, listIncidents } from '../../services/platform/opensearch/queries.ts'
import { demand, request } from '../../services/platform/opensearch/request.ts'
import { createOpenSearch } from '../../services/platform/opensearch/search.ts'
import type { DocumentWrite, SearchPort } from '../../services/platform/opensearch/search-port.ts'
import { setupOpenSearch } from '../../services/platform/opensearch/setup.ts'
import type { Batch } from '../../services/platform/stage.ts'
import { avroArbitrary } from '../support/avro-arbitrary.ts'
import { aggregationBody, columnsOf, termsFieldsOf } from '../support/saved-objects.ts'
import {
  action,
  auditEvent,
  execProcess,
  execRequest,
  incident,
  numberedEvent,
  podRecord,
  runtimeEvent,
  SAMPLE_TIME,
  signal
} from '../support/search-samples.ts'

const PREFIX = `test-${randomBytes(4).toString('hex')}`
const NOW_MS = SAMPLE_TIME / 1000 + 3_600_000
const DAY_US = 86_400_000_000

const node = inject('endpoints').opensearch
const options = openSearchOptions.parse({ nodes: [node], index_prefix: PREFIX })
const client = createOpenSearchClient(options)
const search = createOpenSearch(client, options, silentLogger)
const codec = createCodec(localSchemas())
const context = { signal: new AbortController().signal, heartbeat: async () => {} }

const refresh = () => demand(client, { method: 'POST', path: `/${PREFIX}-*/_refresh` })
const withoutNotes = (lines: readonly string[]) => lines.filter((line) => !line.startsWith('note:'))

async function searchBody(index: string, body: unknown): Promise<unknown> {
  return demand(client, { method: 'POST', path: `/${index}/_search`, query: { allow_no_indices: 'true' }, body })
}

async function count(index: string, query: unknown = { match_all: {} }): Promise<unknown> {
  await refresh()
  return property(await demand(client, { method: 'POST', path: `/${index}/_count`, body: { query } }), 'count')
}

const byText = (a: unknown, b: unknown) => String(a).localeCompare(String(b))

function stageOn(port: SearchPort, index_prefix = PREFIX) {
  const stage = createIndexerStage({
    codec,
    search: port,
    options: indexerOptions.parse({}),
    index_prefix,
    version: '0.0.0',
    now_ms: () => NOW_MS
  })
  return (batch: Batch) => stage.handle(batch, context)
}

function batchOf<Name extends SchemaName>(topic: string, name: Name, values: readonly SchemaTypes[Name][]): Batch {
  const messages = values.map((value, offset) => ({
    topic,
    partition: 0,
    offset: String(offset),
    key: null,
    value: codec.encode(name, value),
    headers: {},
    timestamp_ms: NOW_MS
  }))
  return { topic, partition: 0, messages }
}

const documents = { prefix: PREFIX, now_ms: NOW_MS }

async function removeAll(prefix: string): Promise<void> {
  // Names one by one: deleting by pattern is often forbidden.
  const indices = await request(client, { method: 'GET', path: `/${prefix}-*/_settings` })
  for (const name of Object.keys(isObject(indices.body) ? indices.body : {})) {
    await client.indices.delete({ index: name })
  }
  for (const kind of ['events', 'signals', 'incidents', 'actions', 'containers']) {
    await client.indices.deleteIndexTemplate({ name: `${prefix}-${kind}` }, { ignore: [404] })
  }
  await client.cluster.deleteComponentTemplate({ name: `${prefix}-common` }, { ignore: [404] })
}

let firstSetup: readonly string[] = []

beforeAll(async () => {
  await expect(search.probe()).rejects.toMatchObject({ code: 'OPENSEARCH_NOT_SET_UP' })
  firstSetup = await setupOpenSearch(client, { prefix: PREFIX })
})

afterAll(async () => {
  await removeAll(PREFIX)
  await client.close()
})

describe('setup', () => {
  it('says what it made, and nothing when all is in place', async () => {
    expect(withoutNotes(firstSetup)).toEqual([
      `created component template ${PREFIX}-common`,
      ...['events', 'signals', 'incidents', 'actions', 'containers'].map(
        (kind) => `created index template ${PREFIX}-${kind}`
      ),
      `created index ${PREFIX}-incidents`,
      `created index ${PREFIX}-containers`
    ])
    expect(withoutNotes(await setupOpenSearch(client, { prefix: PREFIX }))).toEqual([])
    await search.probe()
  })

  it('stays quiet after documents have been written', async () => {
    await search.write(
      [eventWrite(auditEvent, documents), incidentWrite({ ...incident, id: 'quiet' }, documents)],
      context
    )
    expect(withoutNotes(await setupOpenSearch(client, { prefix: PREFIX }))).toEqual([])
  })

  it('puts right what was changed by hand', async () => {
    const path = `/_index_template/${PREFIX}-signals`
    const body = { index_patterns: [`${PREFIX}-signals-*`], template: {}, composed_of: [], priority: 200 }
    await demand(client, { method: 'PUT', path, body })
    expect(withoutNotes(await setupOpenSearch(client, { prefix: PREFIX }))).toEqual([
      `updated index template ${PREFIX}-signals`
    ])
    expect(withoutNotes(await setupOpenSearch(client, { prefix: PREFIX }))).toEqual([])
  })

  it('adds new fields to indices of an older version, and says where it cannot', async () => {
    const prefix = `${PREFIX}-old`
    const make = (index: string, type: string) =>
      demand(client, {
        method: 'PUT',
        path: `/${index}`,
        body: { mappings: { dynamic: 'strict', properties: { '@timestamp': { type } } } }
      })
    try {
      await make(`${prefix}-events-2026.11.01`, 'date_nanos')
      expect(await setupOpenSearch(client, { prefix })).toContain(`added fields to index ${prefix}-events-2026.11.01`)
      expect(withoutNotes(await setupOpenSearch(client, { prefix }))).toEqual([])
      await client.indices.deleteIndexTemplate({ name: `${prefix}-events` })
      await make(`${prefix}-events-2026.11.02`, 'keyword')
      await expect(setupOpenSearch(client, { prefix })).rejects.toMatchObject({
        code: 'OPENSEARCH_MAPPING_CONFLICT',
        message: expect.stringContaining(`${prefix}-events-2026.11.02`)
      })
    } finally {
      await removeAll(prefix)
    }
  })

  it('two at once both succeed', async () => {
    const prefix = `${PREFIX}-twice`
    try {
      await Promise.all([setupOpenSearch(client, { prefix }), setupOpenSearch(client, { prefix })])
      expect(withoutNotes(await setupOpenSearch(client, { prefix }))).toEqual([])
    } finally {
      await removeAll(prefix)
    }
  })
})

describe('the indexer', () => {
  it('makes no second row, however often and on whichever day events come', async () => {
    const events = Array.from({ length: 40 }, (_, number) =>
      numberedEvent(1000 + number, { time: SAMPLE_TIME - (number % 4) * DAY_US })
    )
    const batch = batchOf('weir.events.v1', 'enriched-event', events)
    expect(await stageOn(search)(batch)).toEqual([])
    expect(await stageOn(search)(batch)).toEqual([])
    const days = ['24', '23', '22', '21'].map((day) => `${PREFIX}-events-2026.11.${day}`).join(',')
    const ids = { ids: { values: events.map(({ id }) => id) } }
    expect(await count(days, ids)).toBe(40)
    expect(await count(`${PREFIX}-events-2026.11.22`, ids)).toBe(10)
    expect(await count(`${PREFIX}-events`, ids)).toBe(40)
  })

  it('leaves the highest revision of an incident, whichever comes last', async () => {
    const revisions = [2, 5, 1, 4, 5].map((revision) => ({ ...incident, id: 'inc-versions', revision }))
    const outputs = await stageOn(search)(batchOf('weir.incidents.v1', 'incident', revisions))
    expect(outputs.map(({ topic }) => topic)).toEqual(Array.from({ length: 5 }, () => 'weir.ocsf.incidents.v1'))
    await refresh()
    expect(await getIncident(search, PREFIX, 'inc-versions')).toEqual({ ...incident, id: 'inc-versions', revision: 5 })
  })

  it('sends a document that the index cannot take to the dead letters alone', async () => {
    const index = `${PREFIX}-events-2026.10.01`
    const time = Date.parse('2026-10-01T12:00:00Z') * 1000
    // As it may be after an update of Weir that was not followed by setup.
    await demand(client, {
      method: 'PUT',
      path: `/${index}`,
      body: { mappings: { properties: { file: { properties: { path: { type: 'ip' } } } } } }
    })
    const file = { path: '/etc/shadow', target_path: null, mode: null }
    const events = [1, 2, 3].map((number) =>
      numberedEvent(number, {
        id: `refused/${number}`,
        time,
        runtime: { ...execProcess, file: number === 2 ? file : null }
      })
    )
    const letters = await stageOn(search)(batchOf('weir.events.v1', 'enriched-event', events))
    expect(letters).toMatchObject([
      { topic: 'weir.events.v1.dlq', headers: { 'dlq.code': 'OPENSEARCH_DOCUMENT_REFUSED', 'dlq.offset': '1' } }
    ])
    expect(letters[0]?.headers?.['dlq.message']).toMatch(/file\.path/)
    expect(JSON.stringify(letters[0]?.headers)).not.toContain('shadow')
    expect(await count(index)).toBe(2)
  })

  it('gives a pod of 10,000 labels no field of its own', async () => {
    const index = `${PREFIX}-events-2026.10.02`
    const time = Date.parse('2026-10-02T12:00:00Z') * 1000
    const labels = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, i) => [`team-${i}.example/owner`, `value-${i}`])
    )
    const event = numberedEvent(1, { id: 'labels/1', time, pod: runtimeEvent.pod && { ...runtimeEvent.pod, labels } })
    expect(await stageOn(search)(batchOf('weir.events.v1', 'enriched-event', [event]))).toEqual([])
    // Past the bound of our own documents, too.
    const raw: DocumentWrite = {
      index,
      id: 'labels/2',
      document: { '@timestamp': '2026-10-02T12:00:00Z', kubernetes: { pod: { labels } } },
      version: null
    }
    expect(await search.write([raw], context)).toMatchObject({ written: 1, refused: [] })
    const mapping = await demand(client, { method: 'GET', path: `/${index}/_mapping` })
    expect(JSON.stringify(mapping)).not.toContain('team-')
    expect(await count(index, { term: { 'kubernetes.pod.labels.team-7.example/owner': 'value-7' } })).toBe(2)
    expect(await count(index, { term: { 'kubernetes.pod.labels.team-9999.example/owner': 'value-9999' } })).toBe(1)
  })
})

describe('every value that the schema allows', () => {
  const prefix = `${PREFIX}-any`

  beforeAll(async () => {
    await setupOpenSearch(client, { prefix })
  })

  afterAll(() => removeAll(prefix))

  it.each<[string, string, SchemaName]>([
    ['events', 'weir.events.v1', 'enriched-event'],
    ['signals', 'weir.signals.v1', 'signal'],
    ['incidents', 'weir.incidents.v1', 'incident'],
    ['actions', 'weir.actions.v1', 'action'],
    ['containers', 'weir.inventory.v1', 'inventory-record']
  ])('of %s is taken by OpenSearch', async (_, topic, name) => {
    const values = fc.sample(avroArbitrary(SCHEMAS[name]), 150) as SchemaTypes[typeof name][]
    const outputs = await stageOn(search, prefix)(batchOf(topic, name, values))
    expect(
      outputs.filter(({ topic }) => topic.endsWith('.dlq')).map(({ headers }) => headers?.['dlq.message'])
    ).toEqual([])
  })
})

describe('what is indexed', () => {
  const rich: EnrichedEvent = {
    ...auditEvent,
    id: 'rich/1',
    audit: {
      ...execRequest,
      auditID: 'rich',
      verb: 'create',
      annotations: {
        'authorization.k8s.io/decision': 'allow',
        'pod-security.kubernetes.io/enforce-policy': 'privileged:latest'
      },
      requestObject: JSON.stringify({
        kind: 'Pod',
        spec: {
          hostPID: true,
          containers: [
            { name: 'a', image: 'x:1' },
            { name: 'b', image: 'y:2' }
          ]
        },
        data: JSON.parse('{"__proto__":{"a":1},"constructor":{"prototype":{}},"":"empty key",".":"dot","a..b":"dots"}')
      })
    }
  }

  beforeAll(async () => {
    await search.write(
      [eventWrite(rich, documents), eventWrite(numberedEvent(7, { id: 'rich/2' }), documents)],
      context
    )
    await refresh()
  })

  it.each([
    [
      'an annotation with dots and a slash',
      { term: { 'kubernetes.audit.annotations.authorization.k8s.io/decision': 'allow' } }
    ],
    [
      'a user extra, which is a list',
      { term: { 'kubernetes.audit.user.extra.authentication.kubernetes.io/credential-id': 'X509SHA256=176d9d39' } }
    ],
    ['a boolean within a body', { term: { 'kubernetes.audit.requestObject.spec.hostPID': 'true' } }],
    [
      'a value within a list within a body',
      { term: { 'kubernetes.audit.requestObject.spec.containers.image': 'y:2' } }
    ],
    [
      'a raw path of the audit log',
      {
        bool: {
          filter: [
            { term: { 'kubernetes.audit.objectRef.subresource': 'exec' } },
            { term: { 'kubernetes.audit.verb': 'create' } }
          ]
        }
      }
    ],
    ['a status code', { range: { 'kubernetes.audit.responseStatus.code': { lt: 200 } } }],
    ['an address range', { term: { 'source.ip': '203.0.113.0/24' } }],
    [
      'an ECS path',
      { bool: { filter: [{ term: { 'user.name': 'alice' } }, { term: { 'orchestrator.namespace': 'shop' } }] } }
    ]
  ])('can be found by %s', async (_, query) => {
    expect(await count(`${PREFIX}-events-*`, { bool: { filter: [query, { ids: { values: ['rich/1'] } }] } })).toBe(1)
  })

  it.each([
    ['a command line, by its words', { match: { 'process.command_line.text': 'meta-data' } }],
    ['a command line, by a pattern', { wildcard: { 'process.command_line': '*169.254.169.254*' } }],
    [
      'the short names of a container',
      { bool: { filter: [{ term: { pod_name: 'web-7d5dd55b94-5wfpd' } }, { term: { privileged: true } }] } }
    ],
    ['its pod label', { term: { 'kubernetes.pod.labels.app.kubernetes.io/name': 'web' } }]
  ])('of a process can be found by %s', async (_, query) => {
    expect(await count(`${PREFIX}-events-*`, { bool: { filter: [query, { ids: { values: ['rich/2'] } }] } })).toBe(1)
  })

  it('comes back through a client that guards against prototype poisoning', async () => {
    const found = await search.find({ index: indexPattern(PREFIX, 'events'), ids: ['rich/1'], size: 1 })
    expect(at(found[0]?.document, ['kubernetes', 'audit', 'requestObject', 'data', '(__proto__)'])).toEqual({ a: 1 })
  })

  it('keeps the order of events of one millisecond', async () => {
    const times = [5, 3, 9, 1].map((micros) => SAMPLE_TIME + 1_000_000 + micros)
    const events = times.map((time, number) => numberedEvent(number, { id: `order/${number}`, time }))
    await search.write(
      events.map((event) => eventWrite(event, documents)),
      context
    )
    await refresh()
    const found = await search.find({
      index: indexPattern(PREFIX, 'events'),
      ids: events.map(({ id }) => id),
      sort: { field: '@timestamp', order: 'asc' },
      size: 10
    })
    expect(found.map(({ id }) => id)).toEqual(['order/3', 'order/1', 'order/0', 'order/2'])
  })

  it('has ids of any length', async () => {
    const event = numberedEvent(1, { id: 'é'.repeat(2_000) })
    for (const written of [1, 0]) {
      expect(await search.write([eventWrite(event, documents)], context)).toEqual({
        written,
        unchanged: 1 - written,
        refused: []
      })
    }
  })
})

describe('a document that the mapping does not know', () => {
  it('is refused by name of the field, and the rest of the request is written', async () => {
    const index = `${PREFIX}-events-2026.10.03`
    const writes = ['a', 'b', 'c'].map(
      (id): DocumentWrite => ({
        index,
        id,
        document: { '@timestamp': '2026-10-03T00:00:00Z', ...(id === 'b' && { surprise: 's3cret' }) },
        version: null
      })
    )
    const outcome = await search.write(writes, context)
    expect(outcome).toMatchObject({
      written: 2,
      refused: [{ position: 1, message: expect.stringContaining('surprise') }]
    })
    expect(outcome.refused[0]?.message).not.toContain('s3cret')
  })
})

describe('the port in memory', () => {
  it('answers as OpenSearch does', async () => {
    const memory = createMemorySearch()
    const index = (kind: string) => `${PREFIX}-${kind}`
    const write = fc.record({
      kind: fc.constantFrom('events-2026.09.01', 'events-2026.09.02', 'incidents'),
      id: fc.constantFrom('m1', 'm2', 'm3'),
      revision: fc.integer({ min: 1, max: 4 })
    })
    const writes = fc.sample(write, 60).map(
      ({ kind, id, revision }, number): DocumentWrite => ({
        index: index(kind),
        id,
        document: {
          '@timestamp': `2026-09-01T00:00:00.${String(number).padStart(6, '0')}Z`,
          tags: [`t${number % 3}`],
          event: { id: `memory-${id}` }
        },
        version: kind === 'incidents' ? revision : null
      })
    )
    for (let start = 0; start < writes.length; start += 7) {
      const slice = writes.slice(start, start + 7)
      expect(await memory.write(slice, context)).toEqual(await search.write(slice, context))
    }
    await refresh()
    const sort = { field: '@timestamp', order: 'desc' } as const
    for (const query of [
      { index: index('events-2026.09.*'), sort, size: 10 },
      { index: index('events-2026.09.01'), ids: ['m1', 'm3', 'none'], sort, size: 10 },
      { index: index('events-2026.09.*'), terms: { tags: ['t0', 't1'] }, sort, size: 3 },
      { index: index('incidents'), prefix: { field: 'event.id', value: 'memory-' }, sort, size: 10 },
      { index: index('nothing'), size: 10 }
    ]) {
      expect(await memory.find(query)).toEqual(await search.find(query))
    }
  })
})

describe('an outage', () => {
  let proxy: Server
  let failures: Array<'reset' | 429 | 503>
  let port: SearchPort

  beforeAll(async () => {
    const target = new URL(node)
    proxy = createServer((incoming, outgoing) => {
      const failure = failures.shift()
      if (failure === 'reset') return void incoming.socket.destroy()
      if (failure !== undefined)
        return void outgoing.writeHead(failure, { 'content-type': 'text/plain' }).end('go away')
      const { method, url, headers } = incoming
      const forwarded = httpRequest(
        {
          host: target.hostname,
          port: target.port,
          ...(method !== undefined && { method }),
          ...(url !== undefined && { path: url }),
          headers
        },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
          answer.pipe(outgoing)
        }
      )
      incoming.pipe(forwarded)
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    port = createOpenSearch(createOpenSearchClient({ ...options, nodes: [url] }), options, silentLogger)
  })

  afterAll(async () => {
    await port.close()
    await new Promise((resolve) => proxy.close(resolve))
  })

  it('loses nothing and doubles nothing', async () => {
    failures = ['reset', 503, 'reset', 'reset', 429, 503]
    const events = Array.from({ length: 20 }, (_, number) => numberedEvent(number, { id: `outage/${number}` }))
    const outcome = await port.write(
      events.map((event) => eventWrite(event, documents)),
      context
    )
    expect(outcome).toEqual({ written: 20, unchanged: 0, refused: [] })
    expect(failures).toEqual([])
    expect(await count(`${PREFIX}-events-*`, { ids: { values: events.map(({ id }) => id) } })).toBe(20)
  })

  it('ends when the writer is told to stop', async () => {
    failures = Array.from({ length: 1_000 }, () => 503 as const)
    const controller = new AbortController()
    const writing = port.write([eventWrite(numberedEvent(1, { id: 'never/1' }), documents)], {
      ...context,
      signal: controller.signal
    })
    controller.abort()
    await expect(writing).rejects.toMatchObject({ code: 'OPENSEARCH_ABORTED' })
  })
})

describe('queries', () => {
  beforeAll(async () => {
    await search.write(
      [
        ...[auditEvent, runtimeEvent, numberedEvent(42)].map((event) => eventWrite(event, documents)),
        incidentWrite({ ...incident, last: incident.last + DAY_US }, documents)
      ],
      context
    )
    await refresh()
  })

  it('give incidents as they were published, newest first', async () => {
    const [newest] = await listIncidents(search, PREFIX, { statuses: ['open'], severities: ['critical'], limit: 1 })
    expect(newest).toEqual({ ...incident, last: incident.last + DAY_US })
    expect(await getIncident(search, PREFIX, 'inc-9f2')).toEqual(newest)
  })

  it('give the events of an incident from both sources, by time', async () => {
    const events = await eventsOf(search, PREFIX, incident)
    expect(events.map(({ document }) => property(document['event'], 'dataset')).toSorted(byText)).toEqual([
      'weir.audit',
      'weir.runtime',
      'weir.runtime'
    ])
  })
})

describe('dashboards.ndjson', () => {
  const objects = savedObjects()
  const patternOf = (id: string | undefined) => indexPattern(PREFIX, String(id).replace('weir-', '') as IndexKind)

  beforeAll(async () => {
    const file = { path: '/etc/passwd', target_path: null, mode: '0600' }
    await search.write(
      [
        eventWrite(numberedEvent(50, { id: 'dash/1', runtime: { ...execProcess, file } }), documents),
        eventWrite({ ...auditEvent, id: 'dash/2' }, documents),
        signalWrite({ ...signal, id: 'dash-signal' } satisfies Signal, documents),
        incidentWrite({ ...incident, id: 'dash-incident' } satisfies Incident, documents),
        actionWrite(action, documents),
        ...containerWrites({ ...podRecord, uid: 'dash-pod' } satisfies InventoryRecord, documents)
      ],
      context
    )
    await refresh()
  })

  it.each(objects.filter(({ type }) => type === 'search').map((object) => [object.id, object] as const))(
    '%s shows columns that OpenSearch knows, and that documents have',
    async (_, object) => {
      const index = patternOf(object.references[0]?.id)
      const columns = columnsOf(object)
      const caps = await demand(client, {
        method: 'GET',
        path: `/${index}/_field_caps`,
        query: { fields: columns.join(',') }
      })
      expect(Object.keys(property(caps, 'fields') as object)).toEqual(expect.arrayContaining([...columns]))
      for (const column of columns) {
        const found = property(
          property(await searchBody(index, { size: 1, query: { exists: { field: column } } }), 'hits'),
          'hits'
        )
        expect([column, Array.isArray(found) && found.length]).toEqual([column, 1])
      }
    }
  )

  it.each(objects.filter(({ type }) => type === 'visualization').map((object) => [object.id, object] as const))(
    '%s has something to count',
    async (_, object) => {
      const index = patternOf(object.references[0]?.id)
      const body = await searchBody(index, { size: 0, aggs: aggregationBody(object) })
      const fields = termsFieldsOf(object)
      const buckets = at(body, ['aggregations', '2', 'buckets'])
      expect(Array.isArray(buckets) && buckets.length).toBeGreaterThan(0)
      if (fields.length > 1) expect(Array.isArray(buckets) && at(buckets[0], ['3', 'buckets'])).not.toEqual([])
    }
  )
})
