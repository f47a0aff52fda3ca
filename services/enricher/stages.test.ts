import { describe, expect, it } from 'vitest'
import type {
  AuditEvent,
  EnrichedEvent,
  InventoryRecord,
  RuntimeEvent,
  Workload
} from '../../schemas/generated/types.ts'
import { eventFixture } from '../../test/support/event-fixtures.ts'
import { signalOf } from '../../test/support/signals.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import type { RuleSet } from '../core/detect/rule-set.ts'
import { emptyRecord } from '../core/enrich/empty-record.ts'
import { WeirError } from '../core/errors.ts'
import { cloudEventFrom } from '../core/events/cloudtrail.ts'
import type { NeededParts } from '../core/profiles/sent-parts.ts'
import { createMemoryFactsStore, type FactsStore } from '../platform/facts-store.ts'
import { convertJson } from '../platform/ingest/convert.ts'
import { silentLogger } from '../platform/log.ts'
import { REDIS_ERRORS } from '../platform/redis/errors.ts'
import type { Message, Stage } from '../platform/stage.ts'
import { createCachedFacts } from './cached-facts.ts'
import { enricherOptions } from './options.ts'
import { createEnricherStages } from './stages.ts'

const schemas = localSchemas()
const codec = createCodec(schemas)
const cluster = { id: 'c1', name: 'prod' }
const CONTAINER = 'ab'.repeat(32)
const noRules: RuleSet = { size: 0, match: () => [] }
const context = { signal: new AbortController().signal, heartbeat: async () => {} }

function stages(
  given: { rules?: RuleSet; parts?: NeededParts; store?: FactsStore; attempts?: number; now_ms?: () => number } = {}
): readonly Stage[] {
  const store = given.store ?? createMemoryFactsStore()
  return createEnricherStages(
    {
      schemas,
      codec,
      rules: given.rules ?? noRules,
      ...(given.parts === undefined ? {} : { parts: given.parts }),
      facts: createCachedFacts(store, { max_entries: 10, ttl_ms: 1_000 }),
      log: silentLogger,
      now_ms: given.now_ms ?? (() => 1_000),
      waitUntil: async () => {}
    },
    enricherOptions.parse({ retry_attempts: given.attempts ?? 2 })
  )
}

const message = (topic: string, value: Buffer | null): Message => ({
  topic,
  partition: 0,
  offset: '7',
  key: null,
  value,
  headers: {},
  timestamp_ms: 0
})

async function handle(stage: Stage | undefined, topic: string, ...values: Array<Buffer | null>) {
  if (stage === undefined) throw new Error('no stage')
  return stage.handle({ topic, partition: 0, messages: values.map((value) => message(topic, value)) }, context)
}

const auditJson = (auditID: string) => ({
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  auditID,
  stage: 'ResponseComplete',
  verb: 'list',
  user: { username: 'alice' },
  objectRef: { resource: 'pods', namespace: 'shop' },
  stageTimestamp: '2026-11-24T10:00:00Z',
  responseStatus: { code: 200 }
})

const auditBatch = (...ids: string[]) =>
  codec.encode('audit-batch', {
    cluster,
    provider: 'kubernetes',
    collector: 'test',
    received: 5,
    events: ids.map(
      (id) => convertJson(auditJson(id), { cluster, instance: 'test', received: 5 }).taken[0]?.event.audit as AuditEvent
    )
  })

const cloudBatch = (count: number) =>
  codec.encode('cloud-batch', {
    cluster,
    provider: 'cloudtrail',
    collector: 'test',
    received: 5,
    events: eventFixture('cloudtrail.ndjson')
      .slice(0, count)
      .map((json) => cloudEventFrom(json))
  })

const heartbeat: RuntimeEvent = {
  ...{ id: 'h', time: 10, category: 'sensor', action: 'heartbeat', process: null, container: null, pod: null },
  ...{ network: null, file: null, alert: null, attributes: {} }
}

const runtimeBatch = () =>
  codec.encode('runtime-batch', {
    cluster,
    node: 'n1',
    boot_id: null,
    sensor: 'tetragon',
    first_sequence: '1',
    numbering: null,
    received: 5,
    events: [
      {
        id: 'r1',
        time: 10,
        category: 'process',
        action: 'exec',
        process: null,
        container: { id: CONTAINER, name: null, image_name: null, image_id: null, privileged: null },
        pod: null,
        network: null,
        file: null,
        alert: null,
        attributes: {}
      }
    ]
  })

const POD = 'uid-of-pod'
const cronJob: Workload = { kind: 'CronJob', name: 'tidy', namespace: 'ci', uid: 'uid-of-cronjob' }
const job: InventoryRecord = {
  ...emptyRecord(cluster, 'Job', 'uid-of-job', 'tidy-1', 1),
  namespace: 'ci',
  owners: [cronJob]
}
const podOfJob: InventoryRecord = {
  ...emptyRecord(cluster, 'Pod', POD, 'tidy-1-x', 1),
  namespace: 'ci',
  owners: [{ kind: 'Job', name: 'tidy-1', namespace: 'ci', uid: 'uid-of-job' }],
  pod: {
    node: 'n1',
    service_account: 'tidy',
    host_network: false,
    host_pid: false,
    host_ipc: false,
    containers: [{ id: CONTAINER, name: 'tidy', image_name: 'tidy:1', image_id: 'sha256:1', privileged: false }],
    statuses: []
  }
}

/** A list of secrets, asked for with the token of the pod. */
const tokenBatch = (responseStatus: { readonly code: number }) =>
  codec.encode('audit-batch', {
    cluster,
    provider: 'kubernetes',
    collector: 'test',
    received: 5,
    events: convertJson(
      {
        ...auditJson('with-token'),
        objectRef: { resource: 'secrets', namespace: 'ci' },
        user: {
          username: 'system:serviceaccount:ci:tidy',
          extra: {
            'authentication.kubernetes.io/pod-uid': [POD],
            'authentication.kubernetes.io/pod-name': ['tidy-1-x']
          }
        },
        responseStatus
      },
      { cluster, instance: 'test', received: 5 }
    ).taken.flatMap(({ event }) => event.audit ?? [])
  })

describe('the enricher', () => {
  it('tells of events that never came as an event, which rules see', async () => {
    let now_ms = 0
    const matched: string[] = []
    const rules: RuleSet = {
      size: 1,
      match: ({ runtime }) => {
        matched.push(runtime?.action ?? '')
        return []
      }
    }
    const [stage] = stages({ rules, now_ms: () => now_ms })
    const actions: string[] = []
    for (const [offset, first_sequence] of ['1', '2', '9', '10'].entries()) {
      const header = { cluster, node: 'n1', boot_id: null, sensor: 'bpf', numbering: 'one', received: 5 }
      const value = codec.encode('runtime-batch', { ...header, first_sequence, events: [heartbeat] })
      const batch = { topic: 'weir.runtime.v1', partition: 0 }
      const messages = [{ ...message(batch.topic, value), offset: String(offset) }]
      await stage?.onAssigned?.(batch.topic, 0, { changelog: { read: () => expect.unreachable() } })
      const outputs = (await stage?.handle({ ...batch, messages }, context)) ?? []
      for (const output of outputs) {
        const { runtime, source, enrichment } = await codec.decode('enriched-event', output.value)
        expect(enrichment.status).toBe('not_applicable')
        actions.push(`${source.instance} ${source.provider} ${runtime?.action} ${runtime?.attributes.count ?? ''}`)
      }
      now_ms += 10_000
    }
    expect(actions.map((action) => action.trim())).toEqual([
      ...['n1 bpf heartbeat', 'n1 bpf heartbeat', 'n1 bpf heartbeat', 'n1 bpf heartbeat'],
      'n1 bpf gap 6'
    ])
    expect(matched.at(-1)).toBe('gap')
  })

  it('makes one enriched event of each event, whose key is the pod or the user', async () => {
    const outputs = await handle(stages()[0], 'weir.audit.v1', auditBatch('a', 'b'))
    expect(outputs.map(({ topic, key }) => [topic, key])).toEqual([
      ['weir.events.v1', 'alice'],
      ['weir.events.v1', 'alice']
    ])
    const events = await Promise.all(outputs.map(({ value }) => codec.decode('enriched-event', value)))
    expect(events.map(({ audit, id, received }) => [audit?.auditID, id, received])).toEqual([
      ['a', 'a/ResponseComplete', 5],
      ['b', 'b/ResponseComplete', 5]
    ])
  })

  it('sends a message it cannot decode to the dead letters and goes on with the next', async () => {
    const outputs = await handle(stages()[0], 'weir.audit.v1', Buffer.from('nonsense'), auditBatch('a'))
    expect(outputs.map(({ topic }) => topic).toSorted()).toEqual(['weir.audit.v1.dlq', 'weir.events.v1'])
    expect(outputs.find(({ topic }) => topic.endsWith('.dlq'))).toMatchObject({
      value: Buffer.from('nonsense'),
      headers: { 'dlq.code': 'CODEC_WRONG_MAGIC', 'dlq.offset': '7' }
    })
  })

  it('sends an event that breaks a rule to the dead letters alone', async () => {
    const rules: RuleSet = {
      size: 1,
      match: ({ audit }) => {
        if (audit?.auditID === 'b') throw new TypeError('a defect')
        return []
      }
    }
    const outputs = await handle(stages({ rules })[0], 'weir.audit.v1', auditBatch('a', 'b', 'c'))
    const [letter] = outputs.filter(({ topic }) => topic === 'weir.audit.v1.dlq')
    expect(outputs.filter(({ topic }) => topic === 'weir.events.v1')).toHaveLength(2)
    expect(letter?.headers?.['dlq.code']).toBe('ENRICH_FAILED')
    const alone = await codec.decode('audit-batch', letter?.value ?? null)
    expect(alone.events.map(({ auditID }) => auditID)).toEqual(['b'])
  })

  it('lets an event of an unknown container wait a bounded number of times, then go on as missing', async () => {
    const [enricher, retry] = stages({ attempts: 2 })
    let outputs = await handle(enricher, 'weir.runtime.v1', runtimeBatch())
    for (const attempts of [1, 2]) {
      expect(outputs.map(({ topic }) => topic)).toEqual(['weir.retry.v1'])
      expect(await codec.decode('retry-event', outputs[0]?.value ?? null)).toMatchObject({ attempts, due: 3_000_000 })
      outputs = await handle(retry, 'weir.retry.v1', outputs[0]?.value ?? null)
    }
    expect(outputs.map(({ topic }) => topic)).toEqual(['weir.events.v1'])
    expect(await codec.decode('enriched-event', outputs[0]?.value ?? null)).toMatchObject({
      id: 'r1',
      enrichment: { status: 'missing', reason: 'container is not in the inventory' }
    })
    // The next event of the same container does not wait in vain.
    expect((await handle(enricher, 'weir.runtime.v1', runtimeBatch())).map(({ topic }) => topic)).toEqual([
      'weir.events.v1'
    ])
  })

  it.each([
    ['a program of a container', 'weir.runtime.v1', runtimeBatch()],
    ['a request with the token of a pod', 'weir.audit.v1', tokenBatch({ code: 200 })]
  ])('says the same of %s, whether the pod became known before it or after', async (_, topic, batch) => {
    const store = createMemoryFactsStore()
    const [enricher, retry] = stages({ store })
    const waiting = await handle(enricher, topic, batch)
    expect(waiting.map((output) => output.topic)).toEqual(['weir.retry.v1'])
    await store.apply([job])
    const stillWaiting = await handle(retry, 'weir.retry.v1', waiting[0]?.value ?? null)
    expect(stillWaiting.map((output) => output.topic)).toEqual(['weir.retry.v1'])
    await store.apply([podOfJob])
    const late = await handle(retry, 'weir.retry.v1', stillWaiting[0]?.value ?? null)
    const early = await handle(stages({ store })[0], topic, batch)
    expect(early.map((output) => output.topic)).toEqual(['weir.events.v1'])
    expect(late).toEqual(early)
    expect(await codec.decode('enriched-event', late[0]?.value ?? null)).toMatchObject({
      pod: { uid: POD },
      workload: { kind: 'CronJob', name: 'tidy' },
      enrichment: { status: 'complete' }
    })
  })

  it('lets a request go on at once that was refused: its pod may be nowhere', async () => {
    const outputs = await handle(stages()[0], 'weir.audit.v1', tokenBatch({ code: 403 }))
    expect(outputs.map(({ topic }) => topic)).toEqual(['weir.events.v1'])
  })

  it('joins an event with the pod as it is by then, as long as the pod is not complete', async () => {
    const store = createMemoryFactsStore()
    const [enricher] = stages({ store })
    const address = async () => {
      const [event] = await handle(enricher, 'weir.runtime.v1', runtimeBatch())
      return (await codec.decode('enriched-event', event?.value ?? null)).pod?.ip
    }
    await store.apply([job, podOfJob])
    expect(await address()).toBeNull()
    await store.apply([{ ...podOfJob, addresses: ['10.244.0.9'], observed: 9 }])
    expect(await address()).toBe('10.244.0.9')
  })

  it('waits for a store that is away, and loses nothing', async () => {
    let calls = 0
    const memory = createMemoryFactsStore()
    const store: FactsStore = {
      ...memory,
      fetch: async (keys) => {
        calls += 1
        if (calls < 3) throw new WeirError(REDIS_ERRORS, 'REDIS_UNAVAILABLE', 'away')
        return memory.fetch(keys)
      }
    }
    const outputs = await handle(stages({ store, attempts: 0 })[0], 'weir.runtime.v1', runtimeBatch())
    expect(outputs).toHaveLength(1)
    expect(calls).toBe(3)
  })

  it('asks the store once for a whole batch', async () => {
    const asked: number[] = []
    const memory = createMemoryFactsStore()
    const store: FactsStore = {
      ...memory,
      fetch: async (keys) => {
        asked.push(keys.length)
        return memory.fetch(keys)
      }
    }
    await handle(stages({ store })[0], 'weir.runtime.v1', runtimeBatch(), runtimeBatch(), runtimeBatch())
    expect(asked).toEqual([1])
  })

  it('sends what profiles learn from once a day and value, and the same again when a batch is tried again', async () => {
    const rule = { id: 'seen', code: null, title: 'seen', level: 'informational' as const }
    const rules: RuleSet = {
      size: 1,
      match: ({ id, time, actor }) => [
        {
          ...signalOf({ id: `signal of ${id}`, minute: 0 }),
          time,
          rule,
          role: 'part',
          correlation_fields: { 'actor.name': [actor?.name ?? ''] }
        }
      ]
    }
    const [enricher] = stages({ rules, parts: { all: new Set(), firsts: new Map([['seen', 86_400_000_000]]) } })
    const sent = async (...batches: Buffer[]) =>
      (await handle(enricher, 'weir.audit.v1', ...batches)).filter(({ topic }) => topic === 'weir.signals.v1').length
    expect([await sent(auditBatch('a', 'b')), await sent(auditBatch('a', 'b')), await sent(auditBatch('z'))]).toEqual([
      1, 1, 0
    ])
  })
})

describe("events of a cloud's trail", () => {
  it('are joined with the pod they name, matched and written on, and never wait', async () => {
    const store = createMemoryFactsStore()
    const matched: EnrichedEvent[] = []
    const rules: RuleSet = {
      size: 1,
      match: (event) => {
        matched.push(event)
        return []
      }
    }
    const outputs = await handle(stages({ rules, store })[0], 'weir.cloud.v1', cloudBatch(3))
    expect(outputs.map(({ topic }) => topic)).toEqual(['weir.events.v1', 'weir.events.v1', 'weir.events.v1'])
    const events = await Promise.all(outputs.map(({ value }) => codec.decode('enriched-event', value)))
    expect(events.map(({ action, outcome, source_ip }) => `${action} ${outcome} ${source_ip}`)).toEqual([
      'sts:AssumeRoleWithWebIdentity success 175.102.182.6',
      'sts:GetCallerIdentity success 175.102.182.6',
      'sts:AssumeRole success null'
    ])
    expect(events[2]).toMatchObject({
      audit: null,
      runtime: null,
      cloud: { workload: { service_account: 'shop/cart' } },
      pod: { uid: '0f3c1c1e-1111-4000-8000-00000000cafe', name: 'cart-6d8f-x2x7k', service_account: 'shop/cart' },
      enrichment: { status: 'partial' }
    })
    expect(matched).toHaveLength(3)
    expect(outputs.map(({ key }) => String(key))).toEqual([
      'c1/test',
      'arn:aws:sts::111122223333:assumed-role/notebook/botocore-session-1795500000',
      '0f3c1c1e-1111-4000-8000-00000000cafe'
    ])
  })

  it('that cannot be read become a dead letter of their topic', async () => {
    const outputs = await handle(stages()[0], 'weir.cloud.v1', Buffer.from('nonsense'), cloudBatch(1))
    expect(outputs.map(({ topic }) => topic).toSorted()).toEqual(['weir.cloud.v1.dlq', 'weir.events.v1'])
  })
})
