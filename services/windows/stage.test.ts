import { describe, expect, it } from 'vitest'
import type { CountedPart, Signal } from '../../schemas/generated/types.ts'
import { loadTexts, ruleText } from '../../test/support/rule-text.ts'
import { CLUSTER, START_US, signalOf } from '../../test/support/signals.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { SPREAD_HEADER } from '../core/spread/routes.ts'
import { correlatorOptions } from '../correlator/options.ts'
import { createMemoryBus } from '../platform/memory/bus.ts'
import type { OutgoingMessage } from '../platform/stage.ts'
import { loadTopics, withPartitions } from '../platform/topics.ts'
import { createWindowsStage } from './stage.ts'

const codec = createCodec(localSchemas())
const NOW_MS = Date.UTC(2027, 0)
const PARTS = 'weir.parts.v1'
const rule = `name: read\n${ruleText({ a: { verb: 'get' }, condition: 'a' })}`
const burst = (name: string, group: string) =>
  `title: ${name}\nname: ${name}\nlevel: high
correlation: { type: event_count, rules: [read], group-by: [${group}], timespan: 5m, condition: { gte: 3 } }\n`
const TEXTS = [rule, burst('by_actor', 'actor.name'), burst('by_place', 'source_ip')]
const all = loadTexts(TEXTS)
const idOf = (name: string) => all.windows.find((window) => window.name === name)?.id ?? ''
const readId = all.loaded[0]?.document.id ?? ''

const read = (id: string, minute: number): Signal => ({
  ...signalOf({ id, minute, source: 'audit' }),
  rule: { id: readId, code: null, title: 'read', level: 'low' },
  role: 'part',
  correlation_fields: { 'actor.name': ['alice'], source_ip: ['192.0.2.1'] }
})

function part(correlation: string, signal: Signal | null, more: Partial<CountedPart> = {}): OutgoingMessage {
  const counted = { cluster_id: CLUSTER.id, correlation, signal, watermark: 0, ...more }
  return { topic: PARTS, key: correlation, value: codec.encode('counted-part', counted) }
}
const time = (minute: number) => part('', null, { watermark: START_US + minute * 60_000_000 })

const newBus = () => createMemoryBus({ topics: withPartitions(loadTopics(), { [PARTS]: 1 }), now_ms: () => NOW_MS })
type Bus = ReturnType<typeof newBus>
const newStage = (windows = all.windows) =>
  createWindowsStage({ codec, windows, profiles: [], options: correlatorOptions.parse({}), now_ms: () => NOW_MS })

async function feed(bus: Bus, ...messages: readonly OutgoingMessage[]): Promise<void> {
  await bus.publish(messages)
  await bus.drain()
}

/** What was told to the correlator: correlation, number of events, mark and role. */
const told = (bus: Bus) =>
  Promise.all(
    bus.read('weir.signals.v1').map(async ({ value, headers }) => {
      const { rule: by, count, role } = await codec.decode('signal', value)
      return `${by.title} ${count} ${headers[SPREAD_HEADER]} ${role}`
    })
  )

describe('the stage of windows', () => {
  it('counts a signal in the correlation it was sent for, and in no other', async () => {
    expect(all.errors).toEqual([])
    const bus = newBus()
    bus.run(newStage())
    await feed(bus, ...['a', 'b', 'c'].map((id, minute) => part(idOf('by_actor'), read(id, minute))))
    expect(await told(bus)).toEqual(['by_actor 3 told part'])
    await feed(bus, ...['a', 'b', 'c'].map((id, minute) => part(idOf('by_place'), read(id, minute))))
    expect(await told(bus)).toEqual(['by_actor 3 told part', 'by_place 3 told part'])
  })

  it('goes on after a restart: told once, changed and taken back as before, and time does not go back', async () => {
    const bus = newBus()
    const first = bus.run(newStage())
    await feed(bus, ...['b', 'c', 'd'].map((id, minute) => part(idOf('by_actor'), read(id, minute + 1))))
    await first.stop()
    const second = bus.run(newStage())
    await feed(bus, part(idOf('by_actor'), read('a', 0)))
    // Another first event: another window.
    expect(await told(bus)).toEqual(['by_actor 3 told part', 'by_actor 3 told part', 'by_actor 1 withdrawn part'])
    await feed(bus, time(60))
    expect((await told(bus)).slice(3)).toEqual(['by_actor 4 told part'])
    await second.stop()
    bus.run(newStage())
    await feed(bus, ...['e', 'f', 'g'].map((id, minute) => part(idOf('by_actor'), read(id, minute))))
    expect((await told(bus)).slice(4)).toEqual([])
  })

  it('takes late parts of groups that are new for what they are', async () => {
    const bus = newBus()
    bus.run(newStage())
    await feed(bus, time(60))
    await feed(bus, ...['a', 'b', 'c'].map((id, minute) => part(idOf('by_actor'), read(id, minute))))
    expect(await told(bus)).toEqual([])
  })

  it('puts aside what it cannot use, and goes on', async () => {
    const bus = newBus()
    bus.run(newStage())
    await feed(
      bus,
      { topic: PARTS, key: 'x', value: Buffer.from('no part') },
      part(idOf('by_actor'), read('', 0)),
      part(idOf('by_actor'), read('a', 0), { cluster_id: 'other' }),
      part('of-no-rule', read('a', 0)),
      ...['a', 'b', 'c'].map((id, minute) => part(idOf('by_actor'), read(id, minute)))
    )
    const codes = bus.read(`${PARTS}.dlq`).map(({ headers }) => headers['dlq.code'])
    expect(codes).toEqual(['CODEC_WRONG_MAGIC', 'CORRELATE_SIGNAL_UNUSABLE', 'CORRELATE_SIGNAL_UNUSABLE'])
    expect(await told(bus)).toEqual(['by_actor 3 told part'])
  })

  it('forgets what it knew of a correlation that is no more', async () => {
    const bus = newBus()
    const running = bus.run(newStage())
    const actor = ['a', 'b', 'c'].map((id, minute) => part(idOf('by_actor'), read(id, minute)))
    await feed(bus, ...actor, part(idOf('by_place'), read('a', 0)))
    await running.stop()
    bus.run(newStage(all.windows.filter(({ name }) => name === 'by_place')))
    await feed(bus, part(idOf('by_place'), read('b', 1)))
    const latest = new Map(bus.read('weir.windows.v1').map(({ key, value }) => [String(key), value]))
    const left = [...latest].filter(([, value]) => value !== null).map(([key]) => key)
    expect(left.filter((key) => key.includes(idOf('by_actor')))).toEqual([])
    expect(left.filter((key) => key.includes(idOf('by_place')))).not.toEqual([])
  })
})
