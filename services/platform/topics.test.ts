import { describe, expect, it } from 'vitest'
import { loadTopics, parseTopics, withPartitions } from './topics.ts'

const topics = loadTopics()
const byName = new Map(topics.map((topic) => [topic.name, topic]))

it('each topic has what its row says, and its dead-letter topic takes any bytes', () => {
  expect(byName.get('weir.incidents.v1')).toEqual({
    name: 'weir.incidents.v1',
    schema: 'incident',
    value: 'avro',
    key: 'incident id',
    partitions: 6,
    copartition: null,
    cleanup: 'compact,delete',
    retention_ms: 7_776_000_000,
    compatibility: 'FULL_TRANSITIVE',
    dead_letters_of: null
  })
  expect(byName.get('weir.audit.v1.dlq')).toMatchObject({
    schema: null,
    value: 'bytes',
    retention_ms: 1_209_600_000,
    dead_letters_of: 'weir.audit.v1'
  })
})

const file = (topic: string, rest = '{ suffix: .dlq, retention_ms: 1, partitions: 1, of: [] }') =>
  `topics:\n  a.v1: ${topic}\ndead_letters: ${rest}\n`
const good = '{ value: signal, key: k, cleanup: delete, retention_ms: 1, partitions: 1, compatibility: NONE }'

describe('a topics file is refused', () => {
  it.each([
    ['an unknown schema', file(good.replace('signal', 'signals')), /a\.v1/],
    ['a key that is not known', file(good.replace('key:', 'keys: x, key:')), /keys/],
    ['delete without retention', file(good.replace('retention_ms: 1, ', '')), /retention_ms is needed/],
    ['a schema without compatibility', file(good.replace(', compatibility: NONE', '')), /compatibility is needed/],
    ['JSON with compatibility', file(good.replace('signal', 'json')), /compatibility is needed/],
    ['no partition', file(good.replace('partitions: 1', 'partitions: 0')), /partitions/],
    [
      'dead letters of nothing',
      file(good, '{ suffix: .dlq, retention_ms: 1, partitions: 1, of: [b.v1] }'),
      /b\.v1 is not/
    ],
    ['another suffix', file(good, '{ suffix: .dead, retention_ms: 1, partitions: 1, of: [] }'), /suffix/],
    [
      'copartitioned topics that differ',
      `topics:\n  a: ${good.replace('key', 'copartition: g, key')}\n  b: ${good.replace('partitions: 1', 'partitions: 2, copartition: g')}\ndead_letters: { suffix: .dlq, retention_ms: 1, partitions: 1, of: [] }\n`,
      /copartitioned by g/
    ],
    ['nothing', '', /topics/]
  ])('for %s', (_what, text, message) => {
    expect(() => parseTopics(text)).toThrow(message)
  })

  it('but not when all is well', () => {
    expect(parseTopics(file(good))).toHaveLength(1)
  })
})

describe('partition counts of the settings', () => {
  const count = (changed: readonly { name: string; partitions: number }[], name: string) =>
    changed.find((topic) => topic.name === name)?.partitions

  it('replace the default of their topic, and of those copartitioned with it', () => {
    const changed = withPartitions(topics, { 'weir.events.v1': 12, 'weir.signals.v1': 3 })
    expect(count(changed, 'weir.events.v1')).toBe(12)
    expect(count(changed, 'weir.signals.v1')).toBe(3)
    expect(count(changed, 'weir.state.v1')).toBe(3)
    expect(count(changed, 'weir.audit.v1')).toBe(6)
  })

  it('may not name a topic that is not there, or split a group', () => {
    expect(() => withPartitions(topics, { 'weir.event.v1': 1 })).toThrow(/no topic weir\.event\.v1/)
    expect(() => withPartitions(topics, { 'weir.signals.v1': 1, 'weir.state.v1': 2 })).toThrow(/as many partitions/)
  })
})
