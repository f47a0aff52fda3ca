import avro from 'avsc'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SCHEMAS } from '../../../schemas/generated/schemas.ts'
import {
  allEventRecords,
  damagedRecords,
  eventFixture,
  eventRecord,
  poisonedText,
  recordsDamagedEverywhere,
  reversedKeys
} from '../../../test/support/event-fixtures.ts'
import { WeirError } from '../errors.ts'
import { LIMITS } from './fields.ts'
import { decodeRecords, detectFormat, type SourceDefaults, sourcedEventsFrom } from './format.ts'
import { eventId, eventTime, type SourcedEvent } from './sourced-event.ts'

const DEFAULTS: SourceDefaults = {
  cluster: { id: '6d0f0c5c-8c0c-4b0e-9d53-0f9d1f1c0001', name: 'local' },
  instance: 'collector-1',
  received: 1_800_000_000_000_000
}
const AUDIT = avro.Type.forSchema(SCHEMAS['audit-event'] as avro.Schema)
const RUNTIME = avro.Type.forSchema(SCHEMAS['runtime-event'] as avro.Schema)
const CLOUD = avro.Type.forSchema(SCHEMAS['cloud-event'] as avro.Schema)
const EXEC = eventFixture('audit-recorded.ndjson')[1] ?? {}

/** Paths of what does not fit the schema; empty for an event that does. */
function misfits(event: SourcedEvent): string[] {
  const found: string[] = []
  const errorHook = (path: string[]) => void found.push(path.join('.'))
  if (event.audit !== null) AUDIT.isValid(event.audit, { errorHook })
  else if (event.cloud != null) CLOUD.isValid(event.cloud, { errorHook })
  else RUNTIME.isValid(event.runtime, { errorHook })
  return found
}

/** Size of an event as JSON text: what bounds are for. */
const sizeOf = (event: SourcedEvent) => JSON.stringify(event.audit ?? event.runtime ?? event.cloud).length

describe('detectFormat', () => {
  it.each([
    ['audit-recorded.ndjson', 'audit-event'],
    ['audit-v1beta1.json', 'audit-event'],
    ['audit-event-list.json', 'audit-event-list'],
    ['eks-subscription.json', 'eks'],
    ['eks-control.json', 'eks'],
    ['gke.ndjson', 'gke'],
    ['gke-other-service.json', 'gke'],
    ['aks-diagnostic.json', 'aks'],
    ['azure-activity.ndjson', 'aks'],
    ['tetragon.ndjson', 'tetragon'],
    ['falco.ndjson', 'falco'],
    ['tracee.ndjson', 'tracee'],
    ['cloudtrail.ndjson', 'cloudtrail']
  ])('%s is %s, bare, wrapped and in an array', (file, format) => {
    for (const record of eventFixture(file)) {
      expect(detectFormat(record)).toBe(format)
      expect(detectFormat([record])).toBe(format)
      for (const key of ['event', 'alert', '_source', 'record', 'detail'])
        expect(detectFormat({ [key]: record })).toBe(format)
      for (const key of ['log', 'message']) expect(detectFormat({ [key]: JSON.stringify(record) })).toBe(format)
    }
  })

  it.each([
    [null],
    [7],
    ['{}'],
    [[]],
    [{}],
    [{ kind: 0 }],
    [{ kind: 'Event', apiVersion: 'v1', message: 'Pulled image' }],
    [{ kind: 'Pod', apiVersion: 'v1' }],
    [{ rule: 'x' }],
    [{ event: { event: EXEC } }],
    [{ message: 'plain text' }],
    [{ message: '{"kind":' }]
  ])('%j is none', (json) => {
    expect(detectFormat(json)).toBeNull()
  })
})

describe('decodeRecords', () => {
  it('gives events with cluster, source and time of arrival', () => {
    expect(decodeRecords(EXEC, DEFAULTS)).toMatchObject({
      events: [
        {
          runtime: null,
          cluster: DEFAULTS.cluster,
          source: { type: 'audit', provider: 'kubernetes', instance: 'collector-1' },
          received: DEFAULTS.received
        }
      ],
      rejected: []
    })
    expect(decodeRecords(eventRecord('tetragon.ndjson'), DEFAULTS).events[0]).toMatchObject({
      source: { type: 'runtime', provider: 'tetragon', instance: 'node-a' }
    })
  })

  it('a plain event that a SIEM marks as from EKS is from EKS', () => {
    const [event] = decodeRecords({ ...EXEC, p_log_type: 'Amazon.EKS.Audit' }, DEFAULTS).events
    expect(event?.source.provider).toBe('eks')
  })

  it('the same event is the same whichever way it is wrapped', () => {
    const [bare] = decodeRecords(EXEC, DEFAULTS).events
    for (const json of [{ event: EXEC }, { log: JSON.stringify(EXEC), stream: 'stdout' }, { _source: EXEC }, [EXEC]]) {
      expect(decodeRecords(json, DEFAULTS).events).toEqual([bare])
    }
  })

  it('the time of a wrapper stands in for a missing one', () => {
    const { stageTimestamp: _stage, requestReceivedTimestamp: _received, ...timeless } = EXEC
    const [event] = decodeRecords(
      { '@timestamp': '2026-11-24T05:44:50Z', message: JSON.stringify(timeless) },
      DEFAULTS
    ).events
    expect(event && eventTime(event)).toBe(Date.UTC(2026, 10, 24, 5, 44, 50) * 1000)
  })

  it('in an array a bad element costs only itself, and is named', () => {
    const { events, rejected } = decodeRecords([EXEC, 7, eventRecord('eks-subscription.json'), {}], DEFAULTS)
    expect(events).toHaveLength(3)
    expect(rejected.map(({ code, message }) => [code, message.split(' is ')[0]])).toEqual([
      ['EVENT_NOT_AN_OBJECT', 'element 1: a record'],
      ['EVENT_TEXT_INVALID', 'element 2: log event 1: the message of the log event'],
      ['EVENT_FORMAT_UNKNOWN', 'element 3: an object with no keys']
    ])
  })

  it.each([
    ['EVENT_NOT_AN_OBJECT', null],
    ['EVENT_NOT_AN_OBJECT', 'text'],
    ['EVENT_FORMAT_UNKNOWN', { kind: 0 }],
    ['EVENT_KIND_WRONG', { kind: 'Event', apiVersion: 'v1' }],
    ['EVENT_KIND_WRONG', { kind: 'EventList', apiVersion: 'v1', items: [] }],
    ['EVENT_TOO_MANY', Array(LIMITS.records + 1).fill(0)]
  ])('gives the reason %s for what cannot be used', (code, json) => {
    expect(decodeRecords(json, DEFAULTS)).toMatchObject({ events: [], rejected: [{ code }] })
  })
})

describe('clusters', () => {
  const eks = eventRecord('eks-subscription.json')
  const clusterOf = (defaults: SourceDefaults) => decodeRecords(eks, defaults).events[0]?.cluster

  it('a record that names another cluster is not put into ours', () => {
    expect(clusterOf(DEFAULTS)).toEqual({ id: 'eks/111122223333/prod-eu', name: 'prod-eu' })
  })

  it('a record that names our cluster is ours, in any case of letters', () => {
    const ours = { id: 'uid', name: 'Prod-EU' }
    expect(clusterOf({ ...DEFAULTS, cluster: ours })).toEqual(ours)
  })

  it('whoever knows better decides', () => {
    const known = { id: 'uid', name: 'Production' }
    expect(clusterOf({ ...DEFAULTS, clusterOf: () => known })).toEqual(known)
  })
})

describe('sourcedEventsFrom', () => {
  it('gives all events of an input, or throws the first error', () => {
    expect(sourcedEventsFrom(eventRecord('audit-event-list.json'), DEFAULTS)).toHaveLength(2)
    expect(() => sourcedEventsFrom(eventRecord('eks-subscription.json'), DEFAULTS)).toThrowError(
      expect.objectContaining({ code: 'EVENT_TEXT_INVALID' })
    )
  })
})

describe('every fixture', () => {
  it.each(allEventRecords())('%s fits the schemas, and has the same ids on every reading', (_, record) => {
    const { events } = decodeRecords(record, DEFAULTS)
    expect(events.flatMap(misfits)).toEqual([])
    const later = { ...DEFAULTS, received: DEFAULTS.received + 1 }
    const again = decodeRecords(reversedKeys(record), later).events
    expect(again.map(eventId)).toEqual(events.map(eventId))
  })
})

describe('whatever comes in', () => {
  /** Reads an input the way every caller does and checks what holds for all. */
  function survive(json: unknown): void {
    const { events, rejected } = decodeRecords(json, DEFAULTS)
    expect(rejected.every((error) => error instanceof WeirError && error.message.length < 2_000)).toBe(true)
    expect(events.flatMap(misfits)).toEqual([])
    for (const event of events) {
      expect(eventId(event).length).toBeLessThan(256)
      expect(sizeOf(event)).toBeLessThan(3_000_000)
    }
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
    expect(decodeRecords(json, DEFAULTS).events.map(eventId)).toEqual(events.map(eventId))
  }

  it('any JSON value gives events or errors, never a crash', () => {
    fc.assert(fc.property(fc.jsonValue(), survive))
  })

  it('anything in any one place of a record gives a valid event or an error', () => {
    let places = 0
    for (const [where, record] of recordsDamagedEverywhere()) {
      places++
      const { events } = decodeRecords(record, DEFAULTS)
      expect(events.flatMap(misfits), where).toEqual([])
    }
    expect(places).toBeGreaterThan(5_000)
  })

  it('records with anything in place of any part give valid events or errors', () => {
    fc.assert(fc.property(damagedRecords(), survive), { numRuns: 400 })
  })

  it('ids do not depend on the order of keys, whatever the content', () => {
    fc.assert(
      fc.property(damagedRecords(), (json) => {
        const ids = (value: unknown) => decodeRecords(value, DEFAULTS).events.map(eventId)
        expect(ids(reversedKeys(json))).toEqual(ids(json))
      }),
      { numRuns: 150 }
    )
  })

  it('a record nested a million deep is an error or a bounded event', () => {
    const deep: unknown = JSON.parse(`${'{"event":'.repeat(1e5)}1${'}'.repeat(1e5)}`)
    survive(deep)
    survive({ ...EXEC, requestObject: deep, annotations: { deep }, user: { username: 'u', extra: { deep } } })
    survive({ ...EXEC, auditID: undefined, requestObject: deep })
    survive({ rule: 'r', output_fields: deep })
    survive({ process_exec: { process: { exec_id: 'x' }, more: deep } })
  })

  it('a key __proto__ anywhere is only a key', () => {
    const poison = { polluted: true, verb: 'delete', username: 'root', code: 500 }
    for (const [, record] of allEventRecords()) survive(JSON.parse(poisonedText(record, poison)))
    const [event] = decodeRecords(JSON.parse(poisonedText(EXEC, poison)), DEFAULTS).events
    expect(event?.audit?.verb).toBe('get')
    expect(Object.keys(event?.audit?.annotations ?? {})).not.toContain('__proto__')
    expect(Object.getPrototypeOf(event?.audit?.user.extra)).toBe(Object.prototype)
  })
})
