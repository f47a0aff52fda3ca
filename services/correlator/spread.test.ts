import { describe, expect, it } from 'vitest'
import type { Signal } from '../../schemas/generated/types.ts'
import { loadTexts, ruleText } from '../../test/support/rule-text.ts'
import { CLUSTER, entityOf, signalOf } from '../../test/support/signals.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { SPREAD_HEADER } from '../core/spread/routes.ts'
import { createMemoryBus } from '../platform/memory/bus.ts'
import type { OutgoingMessage } from '../platform/stage.ts'
import { loadTopics, withPartitions } from '../platform/topics.ts'
import { correlatorOptions } from './options.ts'
import { createCorrelatorStage } from './stage.ts'

const codec = createCodec(localSchemas())
const NOW_MS = Date.UTC(2027, 0)
const PARTITIONS = 3
const { windows, loaded, errors } = loadTexts([
  `name: read\n${ruleText({ a: { verb: 'get' }, condition: 'a' })}`,
  'title: burst\nlevel: high\ncorrelation: { type: event_count, rules: [read], group-by: [actor.name], timespan: 5m, condition: { gte: 2 } }\n'
])
const burst = windows[0]?.id ?? ''
const actor = entityOf('service_account', 'shop/web', 'actor')

const read = (id: string, minute: number): Signal => ({
  ...signalOf({ id, minute, source: 'audit', entities: [actor] }),
  rule: { id: loaded[0]?.document.id ?? '', code: null, title: 'read', level: 'low' },
  role: 'part',
  correlation_fields: { 'actor.name': ['shop/web'] }
})
const told = (id: string, minute: number, title: string): Signal => ({
  ...signalOf({ id, minute, title, severity: 'high', entities: [actor] }),
  rule: { id: burst, code: null, title: 'burst', level: 'high' },
  role: 'part'
})

const newBus = () =>
  createMemoryBus({ topics: withPartitions(loadTopics(), { 'weir.parts.v1': PARTITIONS }), now_ms: () => NOW_MS })
type Bus = ReturnType<typeof newBus>
const newStage = (spread_clusters: readonly string[]) =>
  createCorrelatorStage({
    ...{ codec, windows, profiles: [], parts_partitions: PARTITIONS, now_ms: () => NOW_MS },
    options: correlatorOptions.parse({ spread_clusters })
  })

async function feed(bus: Bus, ...signals: ReadonlyArray<readonly [Signal, string?]>): Promise<void> {
  await bus.publish(
    signals.map(
      ([signal, mark]): OutgoingMessage => ({
        ...{ topic: 'weir.signals.v1', key: signal.cluster.id, value: codec.encode('signal', signal) },
        ...(mark !== undefined && { headers: { [SPREAD_HEADER]: mark } })
      })
    )
  )
  await bus.drain()
}

/** What was sent to windows: the id of a signal, or the time of the cluster in minutes of the hour and the partition it was told. */
const sent = (bus: Bus) =>
  Promise.all(
    bus.read('weir.parts.v1').map(async ({ value, partition }) => {
      const { signal, watermark } = await codec.decode('counted-part', value)
      return signal?.id ?? `${new Date(watermark / 1000).getUTCMinutes()} to ${partition}`
    })
  )

const correlated = (bus: Bus) =>
  Promise.all(
    bus.read('weir.correlated.v1').map(async ({ value }) => {
      const { id, title, role } = await codec.decode('signal', value)
      return `${id} ${title} ${role}`
    })
  )

const incidents = (bus: Bus) =>
  Promise.all(
    bus.read('weir.incidents.v1').map(async ({ value }) => {
      const { revision, status, timeline } = await codec.decode('incident', value)
      return `${revision} ${status} ${timeline.map(({ title }) => title).join()}`
    })
  )

describe('the correlator of a cluster whose windows are spread', () => {
  it('sends on what was not sent to windows, and the time behind it to all partitions, once a minute', async () => {
    expect(errors).toEqual([])
    const bus = newBus()
    bus.run(newStage([CLUSTER.id]))
    await feed(bus, [read('a', 20)], [read('b', 20.2), 'sent'], [read('c', 20.4)])
    const byPartition = await sent(bus)
    expect(byPartition.toSorted()).toEqual(['20 to 0', '20 to 1', '20 to 2', 'a', 'c'])
    const place = bus.read('weir.parts.v1').find(({ key }) => String(key).includes(burst))?.partition
    expect(byPartition.slice(byPartition.indexOf('a'))[2]).toBe(`20 to ${place}`)
    await feed(bus, [read('d', 20.5), 'sent'], [read('e', 20.9), 'sent'])
    expect((await sent(bus)).length).toBe(5)
    await feed(bus, [read('f', 21), 'sent'])
    expect((await sent(bus)).filter((one) => one.startsWith('21')).length).toBe(PARTITIONS)
    expect(await correlated(bus)).toEqual([])
  })

  it('tells the time again when it was started again', async () => {
    const bus = newBus()
    const running = bus.run(newStage([CLUSTER.id]))
    await feed(bus, [read('a', 20), 'sent'])
    await running.stop()
    bus.run(newStage([CLUSTER.id]))
    await feed(bus, [read('b', 20.1), 'sent'])
    expect((await sent(bus)).length).toBe(2 * PARTITIONS)
  })

  it('counts by itself, and sends nothing, for other clusters', async () => {
    const bus = newBus()
    bus.run(newStage(['another']))
    await feed(bus, [read('a', 0)], [read('b', 1), 'sent'])
    expect(await sent(bus)).toEqual([])
    expect((await correlated(bus)).length).toBe(1)
  })
})

describe.each([
  ['spread', [CLUSTER.id]],
  ['not to be spread', []]
])('what windows tell, of a cluster that is %s', (_, spread) => {
  it('is an alert, changes and is taken back as if the correlator had told it', async () => {
    const bus = newBus()
    bus.run(newStage(spread))
    await feed(bus, [told('x', 0, 'two'), 'told'])
    await feed(bus, [told('x', 1, 'three'), 'told'])
    await feed(bus, [told('x', 1, 'three'), 'withdrawn'])
    expect(await correlated(bus)).toEqual(['x two alert', 'x three alert', 'x three withdrawn'])
    const revisions = await incidents(bus)
    expect(revisions.slice(0, 2)).toEqual(['1 open two', '2 open three'])
    expect(bus.read('weir.signals.v1.dlq')).toEqual([])
  })

  it('counts by its latest word within a batch', async () => {
    const bus = newBus()
    bus.run(newStage(spread))
    await feed(
      bus,
      [told('x', 0, 'two'), 'told'],
      [told('y', 0, 'other'), 'told'],
      [told('x', 0, 'three'), 'told'],
      [told('y', 0, 'other'), 'withdrawn']
    )
    expect((await correlated(bus)).toSorted()).toEqual(['x three alert', 'y other withdrawn'])
    expect(await incidents(bus)).toEqual(['1 open three'])
  })
})
