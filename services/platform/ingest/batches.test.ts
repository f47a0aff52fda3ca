import { describe, expect, it } from 'vitest'
import { createCodec, localSchemas } from '../../core/avro/codec.ts'
import type { SourceDefaults } from '../../core/events/format.ts'
import type { OutgoingMessage } from '../stage.ts'
import { type BatchContext, type Sequences, toMessages } from './batches.ts'
import { convertJson, convertLines, piecesOf } from './convert.ts'

const codec = createCodec(localSchemas())
const cluster = { id: 'uid-1', name: 'prod' }
const context: BatchContext = {
  codec,
  service: 'test',
  instance: 'i-1',
  message_max_bytes: 8_000_000,
  now: () => 1_700_000_000_000
}
const defaults: SourceDefaults = { cluster, instance: 'i-1', received: 1_700_000_000_000_000, clusterOf: () => cluster }

const auditEvent = (number: number, more: Record<string, unknown> = {}) => ({
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  auditID: `id-${number}`,
  stage: 'ResponseComplete',
  requestURI: '/api/v1/pods',
  verb: 'list',
  user: { username: 'alice' },
  stageTimestamp: '2026-01-31T10:00:00.000000Z',
  ...more
})
const tetragonEvent = (node: string, number: number) => ({
  process_exec: {
    process: { exec_id: `${node}-${number}`, pid: number, binary: '/bin/sh', start_time: '2026-01-31T10:00:00Z' }
  },
  node_name: node,
  time: `2026-01-31T10:00:00.${String(number).padStart(9, '0')}Z`
})

const convertAll = (values: readonly unknown[], received = defaults.received) => {
  const parts = values.map((value) => convertJson(value, { ...defaults, received }))
  return { taken: parts.flatMap(({ taken }) => taken), rejected: parts.flatMap(({ rejected }) => rejected) }
}
const audit = (messages: readonly OutgoingMessage[]) =>
  Promise.all(messages.map(({ value }) => codec.decode('audit-batch', value)))
const runtime = (messages: readonly OutgoingMessage[]) =>
  Promise.all(messages.map(({ value }) => codec.decode('runtime-batch', value)))

describe('batches of audit events', () => {
  it('hold all events in order, at most 500 each, with no key', async () => {
    const { taken } = convertAll(Array.from({ length: 1201 }, (_, index) => auditEvent(index)))
    const { messages } = toMessages(taken, [], context)
    const batches = await audit(messages)
    expect(batches.map(({ events }) => events.length)).toEqual([500, 500, 201])
    expect(batches.flatMap(({ events }) => events.map(({ auditID }) => auditID))).toEqual(
      taken.map(({ event }) => event.audit?.auditID)
    )
    expect(messages.every(({ topic, key }) => topic === 'weir.audit.v1' && key === null)).toBe(true)
    expect(batches[0]).toMatchObject({ cluster, provider: 'kubernetes', collector: 'i-1', received: defaults.received })
  })

  it('are about as large as they may be, and an event larger than that has one to itself', async () => {
    const body = (size: number) => ({ requestObject: { data: 'x'.repeat(size) } })
    const { taken } = convertAll([
      ...Array.from({ length: 10 }, (_, index) => auditEvent(index, body(200_000))),
      auditEvent(10)
    ])
    const { messages } = toMessages(taken, [], context)
    expect(messages.length).toBe(5)
    expect(Math.max(...messages.map(({ value }) => value?.length ?? 0))).toBeLessThan(520_000)
  })

  it('hold events that arrived within a second of each other', async () => {
    const first = convertAll([auditEvent(1)])
    const second = convertAll([auditEvent(2)], defaults.received + 900_000)
    const third = convertAll([auditEvent(3)], defaults.received + 2_000_000)
    const batches = await audit(
      toMessages(
        [first, second, third].flatMap(({ taken }) => taken),
        [],
        context
      ).messages
    )
    expect(batches.map(({ received, events }) => [received - defaults.received, events.length])).toEqual([
      [0, 2],
      [2_000_000, 1]
    ])
  })

  it('an event that no message can hold becomes a dead letter alone, with the start of its text', async () => {
    const large = auditEvent(1, { requestObject: { data: 'x'.repeat(200_000) } })
    const { taken } = convertAll([auditEvent(0), large, auditEvent(2)])
    const { messages } = toMessages(taken, [], { ...context, message_max_bytes: 50_000 })
    const batches = await audit(messages.filter(({ topic }) => topic === 'weir.audit.v1'))
    expect(batches.flatMap(({ events }) => events.map(({ auditID }) => auditID))).toEqual(['id-0', 'id-2'])
    const [letter] = messages.filter(({ topic }) => topic === 'weir.audit.v1.dlq')
    expect(letter?.headers).toMatchObject({
      'dlq.code': 'INGEST_TOO_LARGE',
      'dlq.original_bytes': String(JSON.stringify(large).length)
    })
    expect(letter?.value?.length).toBe(50_000)
  })
})

describe('batches of runtime events', () => {
  const nodes = ['a', 'b', 'a', 'a', 'b'].map((node, index) => tetragonEvent(node, index))

  it('are one per node, with the node as key and numbers without gap', async () => {
    const { messages, sequences } = toMessages(convertAll(nodes).taken, [], context)
    expect(messages.map(({ topic, key }) => [topic, key])).toEqual([
      ['weir.runtime.v1', 'uid-1/a'],
      ['weir.runtime.v1', 'uid-1/b']
    ])
    expect(
      (await runtime(messages)).map(({ node, sensor, first_sequence, events }) => [
        node,
        sensor,
        first_sequence,
        events.length
      ])
    ).toEqual([
      ['a', 'tetragon', '1', 3],
      ['b', 'tetragon', '1', 2]
    ])
    const again = toMessages(convertAll(nodes).taken, [], context, sequences)
    expect((await runtime(again.messages)).map(({ first_sequence }) => first_sequence)).toEqual(['4', '3'])
  })

  it('that cannot be sent take no number from the others', async () => {
    const taken = convertAll(Array.from({ length: 5 }, (_, index) => tetragonEvent('a', index))).taken.map(
      (item, index) => {
        const { runtime } = item.event
        if (index !== 2 || runtime === null) return item
        return { ...item, event: { ...item.event, runtime: { ...runtime, attributes: { x: 'x'.repeat(60_000) } } } }
      }
    )
    const { messages, sequences } = toMessages(taken, [], { ...context, numbering: 'one', message_max_bytes: 50_000 })
    const batches = await runtime(messages.filter(({ topic }) => topic === 'weir.runtime.v1'))
    const numbers = batches.flatMap(({ first_sequence, events }) =>
      events.map((_, index) => Number(first_sequence) + index)
    )
    expect(numbers).toEqual([1, 2, 3, 4])
    expect(batches.map(({ numbering }) => numbering)).toEqual(batches.map(() => 'one'))
    expect(sequences).toEqual({ 'uid-1/a/tetragon': 5 })
  })

  it('number events the same, however they are grouped', async () => {
    const taken = convertAll(Array.from({ length: 7 }, (_, index) => tetragonEvent('a', index))).taken
    const numbers = async (groups: number[][]) => {
      let sequences: Sequences = {}
      const result: Array<[string, number]> = []
      for (const [from = 0, to = 0] of groups) {
        const made = toMessages(taken.slice(from, to), [], context, sequences)
        sequences = made.sequences
        for (const { first_sequence, events } of await runtime(made.messages)) {
          for (const [index, { id }] of events.entries()) result.push([id, Number(first_sequence) + index])
        }
      }
      return result
    }
    expect(
      await numbers([
        [0, 2],
        [2, 7]
      ])
    ).toEqual(await numbers([[0, 7]]))
  })

  it('remember a bounded number of nodes', () => {
    const { taken } = convertAll(Array.from({ length: 1500 }, (_, index) => tetragonEvent(`n-${index}`, index)))
    const { sequences } = toMessages(taken, [], context)
    expect(Object.keys(sequences)).toHaveLength(1000)
    expect(sequences['uid-1/n-1499/tetragon']).toBe(2)
  })
})

describe('what cannot be used', () => {
  it('becomes a dead letter with its own text, and costs nothing else', async () => {
    const lines = [JSON.stringify(auditEvent(1)), '{"a":', '{"a":1}', JSON.stringify(auditEvent(2)), 'null', '[]'].join(
      '\n'
    )
    const { taken, rejected } = convertLines(Buffer.from(lines), defaults)
    const { messages } = toMessages(taken, rejected, context)
    expect((await audit(messages.slice(0, 1)))[0]?.events.map(({ auditID }) => auditID)).toEqual(['id-1', 'id-2'])
    expect(messages.slice(1).map(({ value, headers }) => [String(value), headers?.['dlq.code']])).toEqual([
      ['{"a":', 'INGEST_NOT_JSON'],
      ['{"a":1}', 'EVENT_FORMAT_UNKNOWN'],
      ['null', 'EVENT_NOT_AN_OBJECT']
    ])
    expect(messages[1]).toMatchObject({
      topic: 'weir.audit.v1.dlq',
      headers: {
        'dlq.topic': 'weir.audit.v1',
        'dlq.offset': '-1',
        'dlq.stage': 'collect',
        'dlq.service': 'test',
        'content-type': 'application/json'
      }
    })
  })

  it('has no content of the event in its headers', () => {
    const { taken, rejected } = convertLines(Buffer.from('{"password": hunter2}'), defaults)
    const [letter] = toMessages(taken, rejected, context).messages
    expect(JSON.stringify(letter?.headers)).not.toContain('hunter2')
  })

  it('in an envelope of many takes only its own part with it', () => {
    const logEvent = (message: string) => ({ id: '3'.repeat(56), timestamp: 1_700_000_000_000, message })
    const record = {
      messageType: 'DATA_MESSAGE',
      owner: '123412341234',
      logGroup: '/aws/eks/prod/cluster',
      logStream: 'kube-apiserver-audit-1',
      logEvents: [logEvent(JSON.stringify(auditEvent(1))), logEvent('no JSON'), logEvent(JSON.stringify(auditEvent(2)))]
    }
    const { taken, rejected } = convertJson(record, defaults)
    expect(taken.map(({ event }) => event.audit?.auditID)).toEqual(['id-1', 'id-2'])
    expect(rejected.map(({ original }) => JSON.parse(String(original())))).toEqual([
      { ...record, logEvents: [record.logEvents[1]] }
    ])
  })

  it('bytes that are not UTF-8 do not hide an event', () => {
    const line = Buffer.from(JSON.stringify(auditEvent(1, { userAgent: '\u00ff' })), 'latin1')
    const { taken, rejected } = convertLines(line, defaults)
    expect(rejected).toEqual([])
    expect(taken[0]?.event.audit?.userAgent).toBe('\ufffd')
  })
})

describe('taking envelopes apart', () => {
  it.each<[string, unknown, unknown[]]>([
    [
      'a list',
      { kind: 'EventList', apiVersion: 'v', items: [{ a: 1 }, 2] },
      [{ kind: 'Event', apiVersion: 'v', a: 1 }, 2]
    ],
    ['an array of lists', [{ kind: 'EventList', apiVersion: 'v', items: [1] }, 3], [1, 3]],
    ['records of Azure', { records: [{ a: 1 }, { b: 2 }] }, [{ a: 1 }, { b: 2 }]],
    ['a value', 7, [7]],
    ['an audit event with a field of that name', auditEvent(1, { records: [1] }), [auditEvent(1, { records: [1] })]]
  ])('%s', (_, value, pieces) => {
    expect(piecesOf(value)).toEqual(pieces)
  })
})
