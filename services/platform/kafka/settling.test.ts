import type { EachBatchPayload } from 'kafkajs'
import { expect, it } from 'vitest'
import { silentLogger } from '../log.ts'
import type { OutgoingMessage, Stage } from '../stage.ts'
import type { Owned } from './assignment.ts'
import type { KafkaClient } from './client.ts'
import { createSettling } from './settling.ts'

const output = (key: string, isFirst: boolean): OutgoingMessage => ({
  ...{ topic: 'out', key, value: Buffer.from(key) },
  ...(isFirst && { isFirst })
})

it.each([
  [
    'some',
    [output('a', false), output('b', true), output('c', false), output('d', true)],
    [
      ['b', 'd'],
      ['a', 'c']
    ]
  ],
  ['none', [output('a', false), output('b', false)], [['a', 'b']]],
  ['all', [output('a', true)], [['a'], []]]
])('what has to be first is sent before the rest, which waits for it: %s', async (_, outputs, wanted) => {
  const stage: Stage = { name: 'test', inputs: ['in'], handle: async () => [] }
  const sent: string[][] = []
  let underWay = 0
  const settle = createSettling({
    ...{ stage, group: 'weir.test', log: silentLogger, version: '0' },
    client: { options: { message_max_bytes: 1_000 } } as KafkaClient,
    assignment: { lose: () => {}, recover: () => {} },
    send: async (messages) => {
      underWay += 1
      expect(underWay).toBe(1)
      sent.push(messages.map(({ key }) => String(key)))
      await new Promise((resolve) => setImmediate(resolve))
      underWay -= 1
    }
  })
  const one: Owned = {
    ...{ topic: 'in', partition: 0, controller: new AbortController(), state: 'working', sender: null },
    ...{ position: null, work: Promise.resolve(), preparation: Promise.resolve() }
  }
  const payload = { resolveOffset: () => {}, commitOffsetsIfNecessary: async () => {} } as unknown as EachBatchPayload
  const batch = { topic: 'in', partition: 0, messages: [] }
  expect(await settle(one, payload, { batch, outputs, last: '0', next: 1n })).toBe(true)
  expect(sent).toEqual(wanted)
})
