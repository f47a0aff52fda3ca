import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RuntimeEvent } from '../../../schemas/generated/types.ts'
import { recordTime } from '../replay/record-time.ts'
import { shiftTimes } from '../replay/shift-time.ts'
import { decodeRecords, detectFormat } from './format.ts'
import { recordedRuntime, recordedRuntimeFrom } from './recorded-runtime.ts'

const TIME = Date.UTC(2026, 10, 24, 16) * 1000
const defaults = { cluster: { id: 'c', name: 'test' }, instance: 'test', received: TIME + 5 }

/** Texts that a sensor gives: never empty but for arguments. */
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: null })
const time = fc.integer({ min: TIME, max: TIME + 1e12 })
const port = fc.integer({ min: 0, max: 65_535 })
const pid = fc.integer({ min: 0, max: 4_194_304 })
const ancestor = fc.record({
  entity_id: maybe(text),
  pid: maybe(pid),
  name: maybe(text),
  executable: maybe(text),
  command_line: maybe(text)
})
const event: fc.Arbitrary<RuntimeEvent> = fc.record({
  id: text,
  time,
  category: fc.constantFrom('process', 'network', 'file', 'privilege', 'sensor'),
  action: fc.constantFrom('exec', 'connect', 'open_write', 'heartbeat'),
  process: maybe(
    fc.record({
      entity_id: text,
      pid: maybe(pid),
      name: maybe(text),
      executable: maybe(text),
      args: fc.array(fc.string({ maxLength: 20 }), { maxLength: 5 }),
      command_line: maybe(text),
      working_directory: maybe(text),
      user_id: maybe(fc.integer({ min: 0, max: 0xffffffff })),
      start_time: maybe(time),
      interactive: maybe(fc.boolean()),
      in_image: maybe(fc.boolean()),
      entry: maybe(fc.constantFrom('entrypoint', 'exec', 'probe', 'host')),
      socket_stdio: maybe(fc.boolean()),
      exit_code: maybe(fc.integer({ min: 0, max: 255 })),
      ancestors: fc.array(ancestor, { maxLength: 3 })
    })
  ),
  container: maybe(
    fc.record({
      id: text,
      name: maybe(text),
      image_name: maybe(text),
      image_id: maybe(text),
      privileged: maybe(fc.boolean())
    })
  ),
  pod: maybe(fc.record({ uid: maybe(text), name: maybe(text), namespace: maybe(text) })),
  network: maybe(
    fc.record({
      direction: maybe(fc.constantFrom('egress', 'ingress', 'listen')),
      transport: maybe(fc.constantFrom('tcp', 'udp')),
      source_ip: maybe(fc.ipV4()),
      source_port: maybe(port),
      destination_ip: maybe(fc.ipV6()),
      destination_port: maybe(port),
      domain: maybe(text)
    })
  ),
  file: maybe(
    fc.record({ path: text, target_path: maybe(text), mode: maybe(fc.constantFrom('0755', 'O_WRONLY|O_CREAT')) })
  ),
  alert: fc.constant(null),
  attributes: fc.dictionary(fc.constantFrom('cgroup_id', 'filename', 'signal'), fc.string({ maxLength: 20 }))
})

/** As it comes out of a file. */
const written = (runtime: RuntimeEvent): unknown => JSON.parse(JSON.stringify(recordedRuntime(runtime, 'node1')))

describe('a recorded event of the agent’s own sensor', () => {
  it('is read back as it was, and as one of its node', () => {
    fc.assert(
      fc.property(event, (runtime) => {
        const { events, rejected } = decodeRecords(written(runtime), defaults)
        expect(rejected).toEqual([])
        expect(events).toEqual([
          {
            audit: null,
            runtime,
            cluster: defaults.cluster,
            source: { type: 'runtime', provider: 'bpf', instance: 'node1' },
            received: defaults.received
          }
        ])
      })
    )
  })

  it('is moved in time like any other record, its process with it', () => {
    fc.assert(
      fc.property(event, fc.integer({ min: 1, max: 1e12 }), (runtime, delta) => {
        const moved = decodeRecords(shiftTimes(written(runtime), delta), defaults).events[0]?.runtime
        expect(moved?.time).toBe(runtime.time + delta)
        expect(recordTime(written(runtime))).toBe(runtime.time)
        const started = runtime.process?.start_time
        expect(moved?.process?.start_time).toBe(started == null ? started : started + delta)
      })
    )
  })

  it('is told from other formats by its kind, also in a wrapper of a shipper', () => {
    const record = { kind: 'RuntimeEvent', category: 'process', action: 'exec', time: '2026-11-24T16:00:00Z' }
    expect(detectFormat(record)).toBe('runtime')
    expect(detectFormat({ message: JSON.stringify(record) })).toBe('runtime')
  })

  it.each([
    ['without a category', { action: 'exec' }, 'EVENT_INCOMPLETE'],
    ['of a category that is none', { category: 'nonsense', action: 'exec' }, 'EVENT_INCOMPLETE'],
    ['without an action', { category: 'process', action: null }, 'EVENT_INCOMPLETE'],
    ['of an action that is an object', { category: 'process', action: {} }, 'EVENT_INCOMPLETE']
  ])('%s is refused with a reason', (_, json, code) => {
    const record: unknown = JSON.parse(JSON.stringify({ kind: 'RuntimeEvent', ...json }))
    expect(decodeRecords(record, defaults).rejected.map((error) => error.code)).toEqual([code])
  })

  it('that has no time says that its time is that of its arrival', () => {
    const { runtime } = recordedRuntimeFrom({ kind: 'RuntimeEvent', category: 'process', action: 'exec' }, 42)
    expect(runtime).toMatchObject({ time: 42, attributes: { 'weir.io/time': 'arrival' } })
    expect(() => recordedRuntimeFrom({ kind: 'RuntimeEvent', category: 'process', action: 'exec' }, null)).toThrow(
      /no time/
    )
  })

  it('whatever its fields are never throws anything but a reason, and keeps no key that means something to objects', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('process', 'container', 'pod', 'network', 'file', 'attributes', 'id', 'time', 'node'),
          fc.jsonValue()
        ),
        (parts) => {
          const { events, rejected } = decodeRecords(
            { category: 'file', action: 'read', ...parts, kind: 'RuntimeEvent' },
            defaults
          )
          expect(events.length + rejected.length).toBe(1)
        }
      )
    )
    const hostile: unknown = JSON.parse(
      '{"kind":"RuntimeEvent","category":"file","action":"read","attributes":{"__proto__":"x","a":"b"}}'
    )
    expect(Object.keys(decodeRecords(hostile, defaults).events[0]?.runtime?.attributes ?? {})).toEqual([
      'a',
      'weir.io/time'
    ])
  })

  it('of arguments without end is cut, and says so', () => {
    const args = Array.from({ length: 5_000 }, () => 'x')
    const { runtime } = recordedRuntimeFrom(
      { kind: 'RuntimeEvent', category: 'process', action: 'exec', time: TIME, process: { entity_id: 'a', args } },
      null
    )
    expect(runtime?.process?.args.length).toBe(1_000)
    expect(runtime?.attributes).toEqual({ 'weir.io/cut': 'process.args' })
  })
})
