import { describe, expect, it } from 'vitest'
import type { Signal } from '../../schemas/generated/types.ts'
import { correlatorBus } from '../../test/support/correlator-bus.ts'
import { loadTexts, ruleText } from '../../test/support/rule-text.ts'
import { entityOf, signalOf } from '../../test/support/signals.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { learntLines, learntOf } from '../core/profiles/learnt.ts'
import { createMemoryBus } from '../platform/memory/bus.ts'
import type { Stage } from '../platform/stage.ts'
import { loadTopics } from '../platform/topics.ts'
import { correlatorOptions } from './options.ts'
import { createCorrelatorStage } from './stage.ts'

const codec = createCodec(localSchemas())
const { changelog, feed, standing } = correlatorBus(codec)
const NOW_MS = Date.UTC(2027, 0)
const DAY = 1_440
const part = `name: ran\n${ruleText({ a: { verb: 'get' }, condition: 'a' })}`
const profile = (of: string) => `title: new program
name: new_program
tags: [attack.execution]
x-weir: { title: '{actor.name} ran {verb}' }
profile: { type: new_value, rules: [ran], of: [${of}], for: { identity: [actor.name] }, levels: { identity: medium } }
`
const rate = `title: more than usual
name: more_than_usual
tags: [attack.execution]
x-weir: { title: '{actor.name} ran {count}, usually {usual}' }
profile: { type: rate, rules: [ran], for: { identity: [actor.name] }, per: 1d, least: 20, levels: { identity: low } }
`
const load = (...documents: readonly string[]) => {
  const result = loadTexts([part, ...documents])
  expect(result.errors).toEqual([])
  return result
}
const { profiles, loaded } = load(profile('verb'), rate)
const ranId = loaded[0]?.document.id ?? ''
const newStage = (given = profiles): Stage =>
  createCorrelatorStage({ codec, options: correlatorOptions.parse({}), profiles: given, now_ms: () => NOW_MS })
const newBus = () => createMemoryBus({ topics: loadTopics(), now_ms: () => NOW_MS, batch_max_messages: 3 })

const ran = (program: string, minute: number): Signal => ({
  ...signalOf({
    id: `${program} ${minute}`,
    minute,
    severity: 'informational',
    entities: [entityOf('service_account', 'shop/web', 'actor')]
  }),
  rule: { id: ranId, code: null, title: 'ran', level: 'informational' },
  role: 'part',
  correlation_fields: { 'actor.name': ['shop/web'], verb: [program], 'objectRef.namespace': ['shop'] }
})

/** Three weeks of the usual. */
const USUAL = Array.from({ length: 20 }, (_, day) => ran('node', day * DAY))

describe('profiles in the correlator', () => {
  it('tell what is new with its event, which makes an incident; the usual makes none', async () => {
    const bus = newBus()
    bus.run(newStage())
    await feed(bus, USUAL)
    expect(await standing(bus)).toEqual({ alerts: [], incidents: [] })
    await feed(bus, [ran('nc', 20 * DAY)])
    const { alerts, incidents } = await standing(bus)
    expect(alerts).toMatchObject([{ title: 'shop/web ran nc', severity: 'medium', parts: [`nc ${20 * DAY}`] }])
    expect(incidents).toMatchObject([{ severity: 'medium' }])
  })

  it.each([0, 7, 20, 21])('know after a restart behind %i signals what they knew before', async (restart) => {
    const bus = newBus()
    const first = bus.run(newStage())
    const signals = [...USUAL, ran('nc', 20 * DAY), ran('nc', 20 * DAY + 5), ran('node', 21 * DAY)]
    await feed(bus, signals.slice(0, restart))
    await first.stop()
    bus.run(newStage())
    await feed(bus, signals.slice(restart))
    const { alerts, incidents } = await standing(bus)
    expect([alerts.map(({ title }) => title), incidents.length]).toEqual([['shop/web ran nc'], 1])
  })

  it('move an alert to the earlier event that comes late, across a restart', async () => {
    const bus = newBus()
    const first = bus.run(newStage())
    await feed(bus, [...USUAL, ran('nc', 20 * DAY + 5)])
    await first.stop()
    bus.run(newStage())
    await feed(bus, [ran('nc', 20 * DAY)])
    const { alerts, incidents } = await standing(bus)
    expect(alerts.map(({ parts }) => parts)).toEqual([[`nc ${20 * DAY}`]])
    expect(incidents.length).toBe(1)
  })

  it('tell of more than is usual once a day, with how many in the end', async () => {
    const bus = newBus()
    bus.run(newStage())
    await feed(bus, [...USUAL, ...Array.from({ length: 45 }, (_, n) => ran('node', 20 * DAY + n / 10))])
    const now = (await standing(bus)).alerts
    await feed(bus, [ran('node', 22 * DAY)])
    const later = (await standing(bus)).alerts
    expect([now, later].map((alerts) => alerts.map(({ title }) => title))).toEqual([
      ['shop/web ran 40, usually 1'],
      ['shop/web ran 45, usually 1']
    ])
    expect(later[0]?.id).toBe(now[0]?.id)
  })

  it('keep what still applies when the rules change, and forget what means something else', async () => {
    const bus = newBus()
    const first = bus.run(newStage())
    await feed(bus, USUAL)
    await first.stop()
    const changed = load(profile('verb, objectRef.namespace'), rate)
    const second = bus.run(newStage(changed.profiles))
    await feed(bus, [ran('nc', 20 * DAY)])
    expect((await standing(bus)).alerts).toEqual([])
    const rules = new Map(changed.profiles.map((rule) => [rule.id, rule]))
    expect(
      learntOf(await changelog(bus), rules).map(({ profile: name, values, habit }) => [
        name,
        values.length,
        habit?.periods
      ])
    ).toEqual([
      ['more_than_usual', 0, 20],
      ['new_program', 1, undefined]
    ])
    await second.stop()
    bus.run(newStage([]))
    await feed(bus, [ran('nc', 21 * DAY)])
    expect((await changelog(bus)).filter(({ kind }) => kind === 'profile')).toEqual([])
  })

  it('show what they learnt', async () => {
    const bus = newBus()
    bus.run(newStage())
    await feed(bus, [...USUAL, ran('nc', 20 * DAY)])
    const learnt = learntOf(await changelog(bus), new Map(profiles.map((rule) => [rule.id, rule])))
    expect(learnt.flatMap((one) => learntLines(one, 1))).toEqual([
      'more_than_usual  identity shop/web  cluster 7c1f3a52-kube-system  since 2026-03-01 10:00, learns until 2026-03-15 10:00',
      '    1.0 ± 0.0 a day, after 20 periods',
      'new_program  identity shop/web  cluster 7c1f3a52-kube-system  since 2026-03-01 10:00, learns until 2026-03-15 10:00',
      '    2026-03-21 00:00  nc',
      '    and 1 more'
    ])
  })

  it('write no entry longer than 16 KB, and only the shards that changed', async () => {
    const bus = newBus()
    bus.run(newStage())
    await feed(
      bus,
      Array.from({ length: 600 }, (_, n) => ran(`/usr/bin/${'x'.repeat(60)}${n}`, n / 100))
    )
    const before = bus.read('weir.state.v1').length
    const sizes = (await changelog(bus)).map(({ document }) => document?.length ?? 0)
    expect(Math.max(...sizes)).toBeLessThan(16_384)
    await feed(bus, [ran('one more', 7)])
    const written = bus
      .read('weir.state.v1')
      .slice(before)
      .map(({ key }) => String(key))
    // One shard, the rate, and the clock.
    expect(written.length).toBeLessThanOrEqual(4)
  })
})
