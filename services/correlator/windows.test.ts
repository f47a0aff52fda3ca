import { describe, expect, it } from 'vitest'
import type { Signal } from '../../schemas/generated/types.ts'
import { correlatorBus } from '../../test/support/correlator-bus.ts'
import { loadTexts, ruleText } from '../../test/support/rule-text.ts'
import { found, requested, SESSION_RULES, started } from '../../test/support/sessions.ts'
import { entityOf, signalOf } from '../../test/support/signals.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { createMemoryBus } from '../platform/memory/bus.ts'
import type { Stage } from '../platform/stage.ts'
import { loadTopics } from '../platform/topics.ts'
import { correlatorOptions } from './options.ts'
import { createCorrelatorStage } from './stage.ts'

const codec = createCodec(localSchemas())
const { feed, standing } = correlatorBus(codec)
const NOW_MS = Date.UTC(2027, 0)
const part = `name: read\n${ruleText({ a: { verb: 'get' }, condition: 'a' })}`
const burst = `title: burst
level: high
tags: [attack.credential-access]
correlation: { type: event_count, rules: [read], group-by: [actor.name], timespan: 5m, condition: { gte: 3 } }
`
const { windows, loaded, errors } = loadTexts([part, burst])
const readId = loaded[0]?.document.id ?? ''

const newStage = (): Stage =>
  createCorrelatorStage({
    ...{ codec, options: correlatorOptions.parse({}), now_ms: () => NOW_MS },
    windows: [...windows, ...SESSION_RULES]
  })
const newBus = () => createMemoryBus({ topics: loadTopics(), now_ms: () => NOW_MS, batch_max_messages: 2 })

const read = (id: string, minute: number): Signal => ({
  ...signalOf({
    id,
    minute,
    source: 'audit',
    severity: 'low',
    entities: [entityOf('service_account', 'shop/web', 'actor')]
  }),
  rule: { id: readId, code: null, title: 'read', level: 'low' },
  role: 'part',
  correlation_fields: { 'actor.name': ['shop/web'] }
})

describe('correlations in the correlator', () => {
  it('load', () => {
    expect(errors).toEqual([])
  })

  it('make signals of parts, which make incidents; parts alone make none', async () => {
    const bus = newBus()
    bus.run(newStage())
    await feed(bus, [read('a', 0), read('b', 1)])
    expect(await standing(bus)).toEqual({ alerts: [], incidents: [] })
    await feed(bus, [read('c', 2)])
    const { alerts, incidents } = await standing(bus)
    expect(alerts).toMatchObject([{ severity: 'high', parts: ['a', 'b', 'c'], count: 3, source: 'audit' }])
    expect(incidents.map(({ timeline }) => timeline.flatMap(({ signals }) => signals))).toEqual([[alerts[0]?.id]])
  })

  it.each([1, 2, 3, 4, 5])('started again after %i parts, tells the same', async (crash) => {
    const signals = ['a', 'b', 'c', 'd', 'e', 'f'].map((id, minute) => read(id, minute / 2))
    const bus = newBus()
    const first = bus.run(newStage())
    await feed(bus, signals.slice(0, crash))
    await first.stop()
    bus.run(newStage())
    // Time goes on, and the window is over.
    await feed(bus, [...signals.slice(crash), read('z', 60)])
    const { alerts, incidents } = await standing(bus)
    expect(alerts).toMatchObject([{ parts: ['a', 'b', 'c', 'd', 'e', 'f'] }])
    expect(incidents).toHaveLength(1)
  })

  it('an alert that a late event moves takes its incident along', async () => {
    const bus = newBus()
    bus.run(newStage())
    await feed(bus, [read('b', 1), read('c', 2), read('d', 3), read('a', 0)])
    const { alerts, incidents } = await standing(bus)
    expect(alerts).toMatchObject([{ parts: ['a', 'b', 'c'] }])
    expect(incidents.map(({ timeline }) => timeline.flatMap(({ signals }) => signals))).toEqual([[alerts[0]?.id]])
  })
})

describe('sessions in the correlator', () => {
  it('started again before the request is logged, tells who it was', async () => {
    const bus = newBus()
    const first = bus.run(newStage())
    await feed(bus, [started({ second: 0.5, id: 'p1' }), found({ second: 60, id: 'theft', processes: ['p2', 'p1'] })])
    const before = await standing(bus)
    expect(before.alerts).toEqual([])
    await first.stop()
    bus.run(newStage())
    await feed(bus, [requested({ second: 0, id: 'audit-1' })])
    const { alerts, incidents } = await standing(bus)
    expect(alerts).toMatchObject([{ parts: ['theft'], evidence: { 'session.actor': 'alice' } }])
    expect(incidents.map(({ id }) => id)).toEqual(before.incidents.map(({ id }) => id))
    expect(incidents[0]?.narrative).toContain('alice (10.0.0.5) opened a session in pod shop/web-1')
  })
})
