import { describe, expect, it } from 'vitest'
import type { Incident, Signal } from '../../schemas/generated/types.ts'
import { ATTACK, ATTACK_AND_BENIGN } from '../../test/support/scarleteel-signals.ts'
import { CLUSTER, signalOf } from '../../test/support/signals.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { createMemoryBus } from '../platform/memory/bus.ts'
import type { ChangelogReader, OutgoingMessage, Stage } from '../platform/stage.ts'
import { loadTopics } from '../platform/topics.ts'
import { correlatorOptions } from './options.ts'
import { createCorrelatorStage } from './stage.ts'

const codec = createCodec(localSchemas())
const options = correlatorOptions.parse({})
const NOW_MS = Date.UTC(2027, 0)

const newStage = (): Stage => createCorrelatorStage({ codec, options, now_ms: () => NOW_MS })
const message = (signal: Signal): OutgoingMessage => ({
  topic: 'weir.signals.v1',
  key: signal.cluster.id,
  value: codec.encode('signal', signal)
})
const newBus = () => createMemoryBus({ topics: loadTopics(), now_ms: () => NOW_MS, batch_max_messages: 5 })

type Bus = ReturnType<typeof newBus>

/** Every revision of every incident, as published. */
async function published(bus: Bus): Promise<readonly Incident[]> {
  return Promise.all(bus.read('weir.incidents.v1').map(({ value }) => codec.decode('incident', value)))
}

async function feed(bus: Bus, messages: readonly OutgoingMessage[]): Promise<void> {
  await bus.publish(messages)
  await bus.drain()
}

describe('the correlator service', () => {
  it('turns signals into incidents, keyed by their id', async () => {
    const bus = newBus()
    bus.run(newStage())
    await feed(bus, ATTACK_AND_BENIGN.map(message))
    const incidents = await published(bus)
    expect(incidents.at(-1)).toMatchObject({
      severity: 'critical',
      sources: ['audit', 'runtime'],
      revision: ATTACK.length
    })
    expect(new Set(incidents.map(({ id }) => id)).size).toBe(1)
    expect(bus.read('weir.incidents.v1').map(({ key }) => String(key))).toEqual(incidents.map(({ id }) => id))
  })

  it.each([1, 6, 13])('started again after %i messages, goes on as if nothing had been', async (crash) => {
    const undisturbed = newBus()
    undisturbed.run(newStage())
    const messages = ATTACK_AND_BENIGN.map(message)
    await feed(undisturbed, messages.slice(0, crash))
    await feed(undisturbed, messages.slice(crash))

    const bus = newBus()
    const running = bus.run(newStage())
    await feed(bus, messages.slice(0, crash))
    await running.stop()
    bus.run(newStage())
    await feed(bus, messages.slice(crash))
    expect(await published(bus)).toEqual(await published(undisturbed))
  })

  it('keeps the state of a cluster in the partition its signals come from, whatever the key hashes to', async () => {
    const bus = newBus()
    bus.run(newStage())
    const clusters = ['a', 'b', 'c', 'd', 'e', 'f']
    await feed(
      bus,
      clusters.map((id) => message(signalOf({ id: `s-${id}`, minute: 0, severity: 'high', cluster: { id, name: id } })))
    )
    const partitionOf = new Map(bus.read('weir.signals.v1').map(({ key, partition }) => [String(key), partition]))
    const state = bus.read('weir.state.v1').filter(({ headers }) => headers['weir.fence'] === undefined)
    expect(state.length).toBeGreaterThanOrEqual(clusters.length * 3)
    for (const { key, partition } of state) expect(partitionOf.get(String(key).split('/')[0] ?? '')).toBe(partition)
  })

  it('what cannot be decoded or used goes to the dead letters with its bytes, and costs no other signal', async () => {
    const bus = newBus()
    bus.run(newStage())
    const good = signalOf({ id: 'good', minute: 0, severity: 'high' })
    const garbage = { topic: 'weir.signals.v1', key: CLUSTER.id, value: Buffer.from('{"not":"avro"}') }
    await feed(bus, [garbage, { ...garbage, value: null }, message({ ...good, id: '' }), message(good)])
    const letters = bus.read('weir.signals.v1.dlq')
    expect(letters.map(({ headers }) => headers['dlq.code'])).toEqual([
      'CODEC_WRONG_MAGIC',
      'CODEC_NO_VALUE',
      'CORRELATE_SIGNAL_UNUSABLE'
    ])
    expect(letters[0]?.value).toEqual(garbage.value)
    expect((await published(bus)).map(({ timeline }) => timeline[0]?.signals)).toEqual([['good']])
  })

  it('forgets a partition that is taken away, and refuses its batches', async () => {
    const stage = newStage()
    const empty: ChangelogReader = { read: async function* () {} }
    const value = message(signalOf({ id: 'a', minute: 0, severity: 'high' })).value
    const batch = {
      topic: 'weir.signals.v1',
      partition: 0,
      messages: [
        { topic: 'weir.signals.v1', partition: 0, offset: '0', key: null, value, headers: {}, timestamp_ms: 0 }
      ]
    }
    const context = { signal: new AbortController().signal, heartbeat: async () => {} }
    await stage.onAssigned?.('weir.signals.v1', 0, { changelog: empty })
    const first = await stage.handle(batch, context)
    expect((await stage.handle(batch, context)).length).toBe(0)
    stage.onRevoked?.('weir.signals.v1', 0)
    await expect(stage.handle(batch, context)).rejects.toThrow(/was not assigned/)
    await stage.onAssigned?.('weir.signals.v1', 0, { changelog: empty })
    expect(await stage.handle(batch, context)).toEqual(first)
  })
})

describe('the settings', () => {
  it('are those of the core when nothing is said', () => {
    expect(options).toEqual({
      ...options,
      close_idle_ms: 14 * 86_400_000,
      max_signals_per_incident: 1000,
      reopen_ms: 6 * 3_600_000
    })
    expect(options.link_windows_ms.pod).toBe(86_400_000)
  })

  it.each([
    [{ max_signals_per_incident: 5000 }],
    [{ max_signals_per_cluster: 10 }],
    [{ link_windows_ms: { image: 1 } }],
    [{ close_idle_ms: 0 }]
  ])('refuse %j', (given) => {
    expect(correlatorOptions.safeParse(given).success).toBe(false)
  })
})
