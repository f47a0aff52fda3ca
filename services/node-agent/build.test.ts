import { describe, expect, it } from 'vitest'
import type { RuntimeBatch } from '../../schemas/generated/types.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { encodeRecord } from '../platform/ingest/record.ts'
import type { SpoolRecord } from '../platform/spool/read.ts'
import { createBuild } from './build.ts'
import { dropRecord } from './drops.ts'
import { nodeAgentOptions } from './options.ts'

const cluster = { id: 'uid-1', name: 'prod' }
const codec = createCodec(localSchemas())
const build = createBuild(cluster, nodeAgentOptions.parse({ node: 'n-1', sources: [{ type: 'builtin' }] }), {
  codec,
  service: 'node-agent',
  instance: 'host',
  message_max_bytes: 1_000_000,
  now: () => 0
})

async function batchesOf(payloads: readonly Buffer[]): Promise<{ batches: RuntimeBatch[]; dead: number }> {
  const records = payloads.map((payload) => ({ payload }) as unknown as SpoolRecord)
  const { messages } = build(records, null)
  const own = messages.filter(({ topic }) => topic === 'weir.runtime.v1')
  const batches = await Promise.all(own.map(({ value }) => codec.decode('runtime-batch', value)))
  return { batches, dead: messages.length - own.length }
}

const event = (id: string, rest: object) =>
  JSON.stringify({
    ...{ id, time: 1, category: 'process', action: 'exec', network: null, file: null, alert: null, attributes: {} },
    ...{ container: null, pod: null },
    ...rest
  })
const definition = (number: number, entity_id: string) =>
  JSON.stringify({
    define: number,
    process: {
      ...{ entity_id, pid: 1, name: 'a', executable: '/a', args: [], command_line: null, working_directory: null },
      ...{ user_id: 0, start_time: 1, interactive: null, in_image: null, entry: 'host', socket_stdio: null },
      ...{ exit_code: null, ancestors: [] }
    }
  })
const record = (boot_id: string, ...lines: string[]) =>
  encodeRecord({ received: 5, from: 'builtin', form: 'events', boot_id }, Buffer.from(lines.join('\n')))

describe('events of the built-in sensor', () => {
  it('are of the sensor bpf, and of the boot they were seen in', async () => {
    const { batches, dead } = await batchesOf([
      record(
        'boot-1',
        definition(1, 'p1'),
        event('a', { process: 1 }),
        event('b', { process: 1, exit_code: 3, action: 'exit' })
      ),
      record('boot-2', definition(1, 'p2'), event('c', { process: 1 }))
    ])
    expect(dead).toBe(0)
    expect(batches).toMatchObject([
      {
        sensor: 'bpf',
        node: 'n-1',
        boot_id: 'boot-1',
        first_sequence: '1',
        events: [
          { id: 'a', process: { entity_id: 'p1', exit_code: null } },
          { id: 'b', process: { entity_id: 'p1', exit_code: 3 } }
        ]
      },
      { boot_id: 'boot-2', first_sequence: '3', events: [{ process: { entity_id: 'p2' } }] }
    ])
  })

  it('have no process where there is none, as a heartbeat', async () => {
    const { batches } = await batchesOf([
      record('b', event('h', { category: 'sensor', action: 'heartbeat', process: null }))
    ])
    expect(batches[0]?.events).toMatchObject([{ action: 'heartbeat', process: null }])
  })

  it('that are damaged cost only themselves', async () => {
    const { batches, dead } = await batchesOf([
      record('b', definition(1, 'p'), '{"id":', event('a', { process: 1 }), event('x', { process: 1, time: 'x' }))
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
