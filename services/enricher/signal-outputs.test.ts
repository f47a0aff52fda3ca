import { describe, expect, it } from 'vitest'
import type { Signal } from '../../schemas/generated/types.ts'
import { loadTexts, ruleText } from '../../test/support/rule-text.ts'
import { CLUSTER, entityOf, signalOf } from '../../test/support/signals.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { SPREAD_HEADER } from '../core/spread/routes.ts'
import type { OutgoingMessage } from '../platform/stage.ts'
import { createSignalOutputs } from './signal-outputs.ts'

const codec = createCodec(localSchemas())
const rule = (name: string) => `name: ${name}\n${ruleText({ a: { verb: name }, condition: 'a' }, undefined, name)}`
const burst = (name: string, section: string) =>
  `title: ${name}\nname: ${name}\ncorrelation: { type: event_count, timespan: 5m, condition: { gte: 3 }, ${section} }\n`
const { windows, profiles, loaded, errors } = loadTexts([
  rule('read'),
  rule('write'),
  rule('list'),
  burst('reads', 'rules: [read, write], group-by: [actor.name]'),
  burst('reads_from', 'rules: [read], group-by: [source_ip]'),
  burst('lists', 'rules: [list, write]')
])
const idOf = (name: string) => loaded.find(({ document }) => document.name === name)?.document.id ?? ''

function part(id: string, name: string, fields: Signal['correlation_fields'], minute = 0): Signal {
  return {
    ...signalOf({ id, minute, source: 'audit' }),
    rule: { id: idOf(name), code: null, title: name, level: 'low' },
    role: 'part',
    correlation_fields: fields
  }
}

const spread = { clusters: [CLUSTER.id], windows, profiles }
const ports = { codec, sent_parts_max_entries: 10, parts: { all: new Set<string>(), firsts: new Map() } }

/** Topic, key of parts without the cluster, and mark of each message; ids of signals to the correlator. */
async function shown(messages: readonly OutgoingMessage[]): Promise<readonly string[]> {
  return Promise.all(
    messages.map(async ({ topic, value, headers, isFirst }) => {
      if (topic === 'weir.signals.v1') {
        const { id } = await codec.decode('signal', value)
        return `signals ${id} ${headers?.[SPREAD_HEADER] ?? '-'}`
      }
      const { correlation, signal } = await codec.decode('counted-part', value)
      const name = windows.find((window) => window.id === correlation)?.name
      return `parts ${name} ${signal?.id}${isFirst === true ? ' first' : ''}`
    })
  )
}

const fields = { 'actor.name': ['alice'], source_ip: ['192.0.2.1'] }

describe('signals on their way out of the enricher', () => {
  it('go to the correlator alone when their cluster is not spread, and not at all when nobody needs them', async () => {
    expect(errors).toEqual([])
    const batch = createSignalOutputs(ports)()
    const signals = [part('a', 'read', fields), signalOf({ id: 'b', minute: 1 })]
    expect(await shown([...batch.take(signals), ...batch.rest()])).toEqual(['signals b -'])
  })

  it('go first, once each, to all windows that count them, and to the correlator what it counts itself', async () => {
    const batch = createSignalOutputs({ ...ports, spread })()
    expect(await shown(batch.take([part('a', 'read', fields)]))).toEqual([
      'parts reads a first',
      'parts reads_from a first'
    ])
    expect(await shown(batch.take([part('b', 'write', fields)]))).toEqual(['parts reads b first', 'signals b sent'])
    expect(await shown(batch.take([part('c', 'list', fields)]))).toEqual(['signals c sent'])
    expect(await shown(batch.take([{ ...part('d', 'read', fields), role: 'alert' }]))).toEqual([
      'parts reads d first',
      'parts reads_from d first',
      'signals d sent'
    ])
  })

  it('go to no window that could not say which group they belong to', async () => {
    const batch = createSignalOutputs({ ...ports, spread })()
    expect(await shown(batch.take([part('a', 'read', { source_ip: ['192.0.2.1'] })]))).toEqual([
      'parts reads_from a first'
    ])
  })

  it('of one group have one key, of others another', () => {
    const batch = createSignalOutputs({ ...ports, spread })()
    const keyOf = (signal: Signal) => batch.take([signal])[0]?.key
    const key = keyOf(part('a', 'read', fields))
    expect(keyOf(part('b', 'read', { ...fields, source_ip: ['192.0.2.2'] }))).toBe(key)
    expect(keyOf(part('c', 'write', fields))).toBe(key)
    expect(keyOf(part('d', 'read', { ...fields, 'actor.name': ['bob'] }))).not.toBe(key)
    expect(keyOf({ ...part('e', 'read', fields), cluster: { id: 'other', name: '' } })).toBeUndefined()
  })

  it('let the correlator hear of time, and of every source that is at work, in each five minutes', async () => {
    const batch = createSignalOutputs({ ...ports, spread })()
    const onNode = (id: string, node: string, minute: number): Signal => ({
      ...part(id, 'read', fields, minute),
      source: 'runtime',
      entities: [entityOf('node', node)]
    })
    batch.take([
      part('audit-1', 'read', fields, 1),
      part('audit-3', 'read', fields, 3),
      part('audit-2', 'read', fields, 2)
    ])
    batch.take([part('audit-7', 'read', fields, 7), onNode('one-1', 'one', 1), onNode('one-2', 'one', 2)])
    batch.take([onNode('two-1', 'two', 1)])
    expect(await shown(batch.rest())).toEqual([
      'signals two-1 sent',
      'signals one-2 sent',
      'signals audit-3 sent',
      'signals audit-7 sent'
    ])
  })
})
