import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WeirError } from '../../core/errors.ts'
import type { Batch, Message, OutgoingMessage, Stage } from '../stage.ts'
import type { TopicDefinition } from '../topics.ts'
import { createMemoryBus, type MemoryBusOptions } from './bus.ts'

const topic = (name: string, more: Partial<TopicDefinition> = {}): TopicDefinition => ({
  name,
  schema: null,
  value: 'bytes',
  key: 'any',
  partitions: 3,
  copartition: null,
  cleanup: 'delete',
  retention_ms: 1000,
  compatibility: null,
  dead_letters_of: null,
  ...more
})

function busOf(topics: readonly TopicDefinition[], more: Partial<MemoryBusOptions> = {}) {
  let now = 0
  return createMemoryBus({ topics, now_ms: () => ++now, ...more })
}

const message = (topicName: string, key: string | null, value: string): OutgoingMessage => {
  return { topic: topicName, key, value: Buffer.from(value) }
}
const textOf = ({ value }: { value: Buffer | null }) => value?.toString() ?? null

/** A stage that passes on what it reads, changed. */
function relay(name: string, from: string, to: string, change = (text: string) => text): Stage {
  return {
    name,
    inputs: [from],
    handle: async ({ messages }) =>
      messages.map(({ key, value }) => ({ topic: to, key, value: Buffer.from(change(String(value))) }))
  }
}

describe('a pipeline in memory', () => {
  it('passes every message through every stage, once, in order of its key', async () => {
    const bus = busOf([topic('a'), topic('b'), topic('c')])
    bus.run(relay('one', 'a', 'b', (text) => `${text}!`))
    bus.run(relay('two', 'b', 'c', (text) => `${text}?`))
    const sent = Array.from({ length: 1200 }, (_, index) => message('a', `key ${index % 7}`, String(index)))
    await bus.publish(sent)
    await bus.drain()
    const received = bus.read('c')
    expect(new Set(received.map(textOf))).toEqual(new Set(sent.map((one) => `${textOf(one)}!?`)))
    expect(received).toHaveLength(sent.length)
    for (let key = 0; key < 7; key++) {
      const order = received
        .filter((one) => String(one.key) === `key ${key}`)
        .map((one) => Number.parseInt(String(one.value), 10))
      expect(order).toEqual(order.toSorted((a, b) => a - b))
    }
  })

  it('is in the same order every time, whatever is sent', async () => {
    const run = async (values: readonly (readonly [string | null, string])[]) => {
      const bus = busOf([topic('a'), topic('b')], { batch_max_messages: 2 })
      bus.run(relay('one', 'a', 'b'))
      bus.run(relay('again', 'a', 'b', (text) => `${text}'`))
      await bus.publish(values.map(([key, value]) => message('a', key, value)))
      await bus.drain()
      return bus.read('b').map((one) => `${one.partition}/${one.offset} ${textOf(one)}`)
    }
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.option(fc.string()), fc.string()), { maxLength: 30 }), async (values) => {
        expect(await run(values)).toEqual(await run(values))
      }),
      { numRuns: 50 }
    )
  })

  it('keeps what was published, whatever its memory is used for afterwards', async () => {
    const bus = busOf([topic('a'), topic('b')], { pump: 'automatic' })
    const seen: string[] = []
    const slow = Promise.withResolvers<void>()
    bus.run({
      name: 'slow',
      inputs: ['a'],
      handle: async ({ messages }) => {
        await slow.promise
        seen.push(...messages.map(({ key, value }) => `${String(key)} ${String(value)}`))
        return []
      }
    })
    const key = Buffer.from('key 1')
    const value = Buffer.from('first')
    await bus.publish([{ topic: 'a', key, value }])
    key.write('key 2')
    value.write('after')
    await bus.publish([{ topic: 'a', key, value }])
    key.fill(0)
    value.fill(0)
    slow.resolve()
    await bus.drain()
    expect(seen.toSorted()).toEqual(['key 1 first', 'key 2 after'])
  })

  it('gives a message to every stage that reads its topic', async () => {
    const bus = busOf([topic('a'), topic('b')])
    bus.run(relay('one', 'a', 'b'))
    bus.run(relay('two', 'a', 'b'))
    await bus.publish([message('a', 'k', 'x')])
    await bus.drain()
    expect(bus.read('b').map(textOf)).toEqual(['x', 'x'])
  })

  it('runs by itself when told so', async () => {
    const bus = busOf([topic('a'), topic('b')], { pump: 'automatic' })
    const { promise, resolve } = Promise.withResolvers<string>()
    bus.run(relay('one', 'a', 'b'))
    bus.run({
      name: 'two',
      inputs: ['b'],
      handle: async ({ messages: [first] }) => {
        resolve(String(first?.value))
        return []
      }
    })
    await bus.publish([message('a', 'k', 'x')])
    expect(await promise).toBe('x')
    await bus.close()
  })

  it('refuses topics that are not there, and takes nothing of such a call', async () => {
    const bus = busOf([topic('a')])
    const call = bus.publish([message('a', 'k', 'x'), message('b', 'k', 'x')])
    await expect(call).rejects.toMatchObject({ code: 'MEMORY_UNKNOWN_TOPIC' })
    expect(bus.read('a')).toEqual([])
    expect(() => bus.run(relay('one', 'b', 'a'))).toThrow(/no topic b/)
  })
})

describe('a stage that throws', () => {
  const ERRORS = { FLAKY: { description: '', retriable: true }, BROKEN: { description: '', retriable: false } }
  /** Fails so often with this error before each batch. */
  const failing = (times: number, code: keyof typeof ERRORS): Stage => {
    let left = times
    return {
      name: 'failing',
      inputs: ['a'],
      handle: async ({ messages }) => {
        if (left-- > 0) throw new WeirError(ERRORS, code, 'no')
        return messages.map(({ key, value }) => ({ topic: 'b', key, value }))
      }
    }
  }

  it('ends, loudly, and has had no effect; another of its name reads the batch again', async () => {
    const bus = busOf([topic('a'), topic('b')])
    const running = bus.run(failing(1, 'BROKEN'))
    await bus.publish([message('a', 'k', 'x')])
    await expect(bus.drain()).rejects.toMatchObject({ code: 'MEMORY_STAGE_FAILED', message: /BROKEN: no/ })
    await expect(running.failed).rejects.toMatchObject({ code: 'MEMORY_STAGE_FAILED' })
    expect(bus.read('b')).toEqual([])
    bus.run(failing(0, 'BROKEN'))
    await bus.drain()
    expect(bus.read('b').map(textOf)).toEqual(['x'])
  })

  it('is given the batch again as often as was asked for, if the error is retriable', async () => {
    for (const [times, code, redeliveries, works] of [
      [2, 'FLAKY', 2, true],
      [3, 'FLAKY', 2, false],
      [1, 'BROKEN', 2, false]
    ] as const) {
      const bus = busOf([topic('a'), topic('b')], { redeliveries })
      bus.run(failing(times, code))
      await bus.publish([message('a', 'k', 'x')])
      await bus.drain().catch(() => {})
      expect(bus.read('b')).toHaveLength(works ? 1 : 0)
    }
  })
})

describe('a changelog', () => {
  const state = topic('state', { cleanup: 'compact', partitions: 2 })

  /** A stage that counts messages by key and keeps the counts in the changelog of its partition. */
  function counter(): Stage & { readonly counts: Map<string, number> } {
    const counts = new Map<string, number>()
    return {
      counts,
      name: 'counter',
      inputs: ['a'],
      transactional: true,
      async onAssigned(_topic, partition, { changelog }) {
        const fence = { topic: 'state', key: `fence ${partition}`, value: null }
        for await (const entry of changelog.read('state', partition, fence)) {
          counts.set(String(entry.key), Number(textOf(entry)))
        }
      },
      handle: async ({ messages, partition }: Batch) =>
        messages.map((one: Message) => {
          const count = (counts.get(String(one.key)) ?? 0) + 1
          counts.set(String(one.key), count)
          return { topic: 'state', partition, key: one.key, value: Buffer.from(String(count)) }
        })
    }
  }

  it('gives a stage back the state that it had', async () => {
    const bus = busOf([topic('a', { partitions: 2 }), state])
    const first = counter()
    const running = bus.run(first)
    const keys = ['x', 'y', 'x', 'z', 'x', 'y']
    await bus.publish(keys.map((key) => message('a', key, '')))
    await bus.drain()
    await running.stop()
    const second = counter()
    bus.run(second)
    await bus.publish([message('a', 'x', '')])
    await bus.drain()
    expect(Object.fromEntries(second.counts)).toEqual({ x: 4, y: 2, z: 1 })
  })

  it('is read compacted, without the fences of earlier readings, and with tombstones', async () => {
    const bus = busOf([topic('a', { partitions: 1 }), topic('state', { cleanup: 'compact', partitions: 1 })])
    await bus.publish(
      ['1', '2', '3'].flatMap((value) => [message('state', 'k', value), message('state', value, value)])
    )
    await bus.publish([{ topic: 'state', key: '2', value: null }])
    const read: (string | null)[][] = []
    const reader = (name: string): Stage => ({
      name,
      inputs: ['a'],
      async onAssigned(_topic, partition, { changelog }) {
        for await (const entry of changelog.read('state', partition, { topic: 'state', key: 'fence', value: null })) {
          read.push([String(entry.key), textOf(entry)])
        }
      },
      handle: async () => []
    })
    bus.run(reader('one'))
    bus.run(reader('two'))
    await bus.drain()
    const expected = [
      ['1', '1'],
      ['k', '3'],
      ['3', '3'],
      ['2', null]
    ]
    expect(read).toEqual([...expected, ...expected])
  })
})

describe('a bound', () => {
  it('drops what all stages have read, and nothing else', async () => {
    const bus = busOf([topic('a'), topic('b')], { topic_max_messages: 100 })
    const seen: (string | null)[] = []
    bus.run({
      name: 'reader',
      inputs: ['a'],
      handle: async ({ messages }) => {
        seen.push(...messages.map(textOf))
        return []
      }
    })
    for (let index = 0; index < 1000; index++) await bus.publish([message('a', null, String(index))])
    await bus.drain()
    expect(seen.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, index) => index))
    expect(bus.read('a').length).toBeLessThanOrEqual(150)
    expect(bus.dropped('a') + bus.read('a').length).toBe(1000)
  })

  it('holds where nobody reads', async () => {
    const bus = busOf([topic('a')], { topic_max_messages: 100 })
    for (let index = 0; index < 1000; index++) await bus.publish([message('a', null, String(index))])
    expect(bus.read('a').length).toBeLessThanOrEqual(150)
    expect(bus.read('a').map(textOf)).toContain('999')
  })

  it('leaves the latest of each key of a compacted topic', async () => {
    const bus = busOf([topic('a', { cleanup: 'compact' })], { topic_max_messages: 100 })
    for (let index = 0; index < 1000; index++) await bus.publish([message('a', `key ${index % 80}`, String(index))])
    const latest = new Map(bus.read('a').map((one) => [String(one.key), textOf(one)]))
    expect(latest.size).toBe(80)
    expect([...latest.values()].map(Number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 80 }, (_, index) => 920 + index)
    )
    expect(bus.read('a').length).toBeLessThan(150)
  })
})

it('partitions are given up when a stage is stopped, and it is told to stop', async () => {
  const bus = busOf([topic('a')])
  const calls: string[] = []
  const stage: Stage = {
    name: 'one',
    inputs: ['a'],
    onAssigned: async (name, partition) => void calls.push(`+${name}/${partition}`),
    onRevoked: (name, partition) => void calls.push(`-${name}/${partition}`),
    handle: async () => []
  }
  const running = bus.run(stage)
  expect(() => bus.run(stage)).toThrow(/runs already/)
  await bus.drain()
  await running.stop()
  expect(calls).toEqual(['+a/0', '+a/1', '+a/2', '-a/0', '-a/1', '-a/2'])
})
