import { describe, expect, it } from 'vitest'
import type { RuntimeBatch } from '../../schemas/generated/types.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import type { RuntimeContainer } from '../core/enrich/attribution.ts'
import { encodeRecord } from '../platform/ingest/record.ts'
import type { SpoolRecord } from '../platform/spool/read.ts'
import { createBuild } from './build.ts'
import { createHold } from './containers/hold.ts'
import { dropRecord } from './drops.ts'
import { nodeAgentOptions } from './options.ts'
import { openBatch } from './sensor/batch.ts'
import type { ObservedEvent } from './sensor/observer.ts'
import type { KnownProcess } from './sensor/process-table.ts'

const cluster = { id: 'uid-1', name: 'prod' }
const codec = createCodec(localSchemas())
const options = nodeAgentOptions.parse({ node: 'n-1', sources: [{ type: 'builtin' }] })
const CONTAINER = '0123456789abcdef'.repeat(4)
const POD_UID = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'
const KNOWN: RuntimeContainer = {
  ...{ id: CONTAINER, name: 'app', image_name: 'shop/app:1', image_id: 'sha256:1', privileged: false },
  pod: { uid: POD_UID, name: 'app-1', namespace: 'shop' },
  ...{ host_network: false, host_pid: false, host_ipc: false, addresses: [], labels: {}, state: 'running' },
  ...{ created: null, started: null, restarts: 0 }
}

function building({ known = false, message_max_bytes = 1_000_000 } = {}) {
  return createBuild(
    cluster,
    options,
    { codec, service: 'node-agent', instance: 'host', message_max_bytes, now: () => 0 },
    createHold({
      options: options.attribution,
      find: () => (known ? KNOWN : null),
      state: () => 'none',
      now_ms: () => 0
    })
  )
}

async function batchesOf(
  payloads: readonly Buffer[],
  build = building(),
  before?: string
): Promise<{ batches: RuntimeBatch[]; dead: number; note: string | undefined }> {
  const records = payloads.map((payload) => ({ payload }) as unknown as SpoolRecord)
  const { messages, note } = build(records, before ?? null, false)
  const own = messages.filter(({ topic }) => topic === 'weir.runtime.v1')
  const batches = await Promise.all(own.map(({ value }) => codec.decode('runtime-batch', value)))
  return { batches, dead: messages.length - own.length, note }
}

const event = (id: string, rest: object) =>
  JSON.stringify({
    ...{ id, time: 1, category: 'process', action: 'exec', network: null, file: null, alert: null, attributes: {} },
    ...{ container: null, pod: null },
    ...rest
  })
const record = (boot_id: string, ...lines: string[]) =>
  encodeRecord({ received: 5, from: 'builtin', form: 'events', boot_id }, Buffer.from(lines.join('\n')))

const process = (entity_id: string, name: string): KnownProcess => ({
  ...{ entity_id, pid: 1, start: 1, start_time: 1, parent: null, name, executable: '/a', args: ['a', 'ü'.repeat(60)] },
  ...{ command_line: null, working_directory: null, user_id: 0, interactive: null, in_image: null, entry: 'host' },
  ...{ socket_stdio: null, cgroup: 1, container: null, pod_uid: null, ended_ms: null, bytes: null, ancestors: null },
  ...{ as_ancestor: null, depth: 0, last_change: null }
})
const observed = (id: string, of: KnownProcess, rest: Partial<ObservedEvent> = {}): ObservedEvent => ({
  ...{
    id,
    process: of,
    time: 1,
    category: 'process',
    action: 'exec',
    network: null,
    file: null,
    opened: null,
    attributes: {}
  },
  ...{ container: null, pod_uid: null, exit_code: null, cgroup: 1 },
  ...rest
})

function packed(boot_id: string, events: readonly ObservedEvent[], received = 5): Buffer {
  const { container = null, pod_uid = null } = events[0] ?? {}
  const batch = openBatch(pod_uid)
  for (const one of events) batch.add(one)
  return encodeRecord({ received, from: 'builtin', form: 'packed', boot_id, container, pod_uid }, batch.bytes())
}

describe('events of the built-in sensor', () => {
  it('are of the sensor bpf, and of the boot they were seen in', async () => {
    const one = process('p1', 'one')
    const { batches, dead, note } = await batchesOf([
      packed('boot-1', [observed('a', one), observed('b', one, { exit_code: 300, action: 'exit' })]),
      packed('boot-2', [observed('c', process('p2', 'two'))])
    ])
    expect(dead).toBe(0)
    expect(batches).toMatchObject([
      {
        sensor: 'bpf',
        node: 'n-1',
        boot_id: 'boot-1',
        first_sequence: '1',
        events: [
          { id: 'a', process: { entity_id: 'p1', exit_code: null, args: ['a', 'ü'.repeat(60)] } },
          { id: 'b', process: { entity_id: 'p1', exit_code: 300 } }
        ]
      },
      { boot_id: 'boot-2', first_sequence: '3', events: [{ process: { entity_id: 'p2', name: 'two' } }] }
    ])
    expect(JSON.parse(note ?? '')).toEqual({ 'uid-1/n-1/bpf': 4, numbering: batches[0]?.numbering })
  })

  it('are numbered in their order, whatever comes between', async () => {
    const of = process('p', 'x')
    const heartbeat = record('b', event('h', { category: 'sensor', action: 'heartbeat', process: null }))
    const { batches } = await batchesOf([
      packed('b', [observed('a', of)]),
      packed('b', [observed('b', of)]),
      heartbeat,
      packed('b', [observed('c', of)])
    ])
    expect(batches.map(({ first_sequence, events }) => [first_sequence, events.map(({ id }) => id)])).toEqual([
      ['1', ['a', 'b']],
      ['3', ['h']],
      ['4', ['c']]
    ])
  })

  it('have a numbering that goes on with the note, and another without one', async () => {
    const one = [packed('b', [observed('a', process('p', 'x'))])]
    const beat = [record('b', event('h', { category: 'sensor', action: 'heartbeat', process: null }))]
    const first = await batchesOf(one)
    const { numbering } = first.batches[0] ?? {}
    expect(numbering).toMatch(/^[0-9a-f-]{36}$/)
    for (const again of [one, beat]) {
      const { batches, note } = await batchesOf(again, building(), first.note)
      expect(batches).toMatchObject([{ numbering, first_sequence: '2' }])
      expect(JSON.parse(note ?? '')).toEqual({ numbering, 'uid-1/n-1/bpf': 3 })
    }
    for (const [note, number] of [
      [undefined, '1'],
      // As agents wrote it that had no numberings.
      [JSON.stringify({ 'uid-1/n-1/bpf': 7 }), '7']
    ] as const) {
      const { batches } = await batchesOf(one, building(), note)
      expect(batches).toMatchObject([{ first_sequence: number }])
      expect(batches[0]?.numbering).not.toBe(numbering)
    }
  })

  it('of a container that the runtime knows are told with its names', async () => {
    const inside = observed('a', process('p', 'x'), { container: CONTAINER, pod_uid: POD_UID })
    const { batches } = await batchesOf([packed('b', [inside])], building({ known: true }))
    expect(batches[0]?.events[0]).toMatchObject({
      id: 'a',
      container: { id: CONTAINER, name: 'app', image_name: 'shop/app:1', image_id: 'sha256:1', privileged: false },
      pod: { uid: POD_UID, name: 'app-1', namespace: 'shop' },
      attributes: { cgroup_id: '1' }
    })
  })

  it('of a container that nobody knows say that', async () => {
    const inside = observed('a', process('p', 'x'), { container: CONTAINER, pod_uid: POD_UID })
    const { batches } = await batchesOf([packed('b', [inside])])
    expect(batches[0]?.events[0]).toMatchObject({
      container: { id: CONTAINER, name: null },
      pod: { uid: POD_UID, name: null },
      attributes: { 'weir.io/unattributed': 'no runtime' }
    })
  })

  it('are in more than one message where they are many', async () => {
    const of = process('p', 'x')
    const ids = Array.from({ length: 1200 }, (_, index) => `e${index}`)
    const events = ids.map((id) => observed(id, of))
    const { batches } = await batchesOf([packed('b', events.slice(0, 700)), packed('b', events.slice(700))])
    expect(batches.map(({ first_sequence, events: { length } }) => [first_sequence, length])).toEqual([
      ['1', 500],
      ['501', 500],
      ['1001', 200]
    ])
    expect(batches.flatMap((batch) => batch.events.map(({ id }) => id))).toEqual(ids)
  })

  it('that are too large for a message cost only themselves', async () => {
    const of = process('p', 'x')
    const large = observed('large', of, { attributes: { x: 'x'.repeat(20_000) } })
    const { batches, dead, note } = await batchesOf(
      [packed('b', [observed('a', of), large, observed('b', of)])],
      building({ message_max_bytes: 10_000 })
    )
    expect(batches.flatMap(({ events }) => events.map(({ id }) => id))).toEqual(['a', 'b'])
    expect(dead).toBe(1)
    // No number is missing for it.
    expect(batches.map(({ first_sequence }) => first_sequence)).toEqual(['1', '2'])
    expect(JSON.parse(note ?? '')).toMatchObject({ 'uid-1/n-1/bpf': 3 })
  })

  it('in a record that is damaged are a dead letter', async () => {
    const whole = packed('b', [observed('a', process('p', 'x'))])
    for (const bytes of [whole.subarray(0, -3), Buffer.concat([whole, Buffer.from([9])])]) {
      const { batches, dead } = await batchesOf([bytes])
      expect(batches).toEqual([])
      expect(dead).toBe(1)
    }
  })

  it('have no process where there is none, as a heartbeat', async () => {
    const { batches } = await batchesOf([
      record('b', event('h', { category: 'sensor', action: 'heartbeat', process: null }))
    ])
    expect(batches[0]?.events).toMatchObject([{ action: 'heartbeat', process: null }])
  })

  it('that are damaged cost only themselves', async () => {
    const { batches, dead } = await batchesOf([
      record('b', '{"id":', event('a', { process: null }), event('x', { process: null, time: 'x' }))
    ])
    expect(batches.flatMap(({ events }) => events.map(({ id }) => id))).toEqual(['a'])
    expect(dead).toBe(2)
  })

  it('that were lost are told with their kind', async () => {
    const lost = { from: 'builtin', reason: 'SENSOR_RING_FULL', count: 3, time: 7 }
    const { batches } = await batchesOf([dropRecord({ ...lost, kind: 'read' }), dropRecord({ ...lost, kind: 'dns' })])
    const events = batches.flatMap((batch) => batch.events)
    expect(events).toMatchObject([
      { action: 'drop', attributes: { reason: 'SENSOR_RING_FULL', kind: 'read', count: '3' } },
      { attributes: { kind: 'dns' } }
    ])
    expect(new Set(events.map(({ id }) => id)).size).toBe(2)
  })
})
