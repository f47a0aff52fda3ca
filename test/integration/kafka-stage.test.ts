import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { WeirError } from '../../services/core/errors.ts'
import { toDeadLetter } from '../../services/platform/dead-letter.ts'
import { type RunningStage, runStage } from '../../services/platform/kafka/stage-runner.ts'
import { createTransactionalSender } from '../../services/platform/kafka/transactional-sender.ts'
import { silentLogger } from '../../services/platform/log.ts'
import type { Message, OutgoingMessage, Stage } from '../../services/platform/stage.ts'
import { type CountingTopics, countingStage } from '../support/counting-stage.ts'
import { createTestKafka, type TestKafka, until } from '../support/kafka.ts'

let kafka: TestKafka
const running: RunningStage[] = []
const members: ChildProcess[] = []

beforeEach(async () => {
  kafka = await createTestKafka(inject('endpoints').kafka)
})
afterEach(async () => {
  for (const child of members.splice(0)) child.kill('SIGKILL')
  await Promise.allSettled(running.splice(0).map((one) => one.stop()))
  await kafka.close()
})

/** For tests of members that die: the others wait for no more than they must until a dead member's partitions are free. */
async function shortenSessions(): Promise<void> {
  await kafka.close()
  kafka = await createTestKafka(inject('endpoints').kafka, { session_timeout_ms: inject('session_ms') })
}

function run(stage: Stage, client = kafka.client): RunningStage {
  const one = runStage(stage, client, { log: silentLogger, version: 'test' })
  running.push(one)
  return one
}

const textOf = ({ value }: Message) => String(value)
const numbered = (topic: string, count: number, keys: number, from = 0): OutgoingMessage[] =>
  Array.from({ length: count }, (_, index) => {
    return { topic, key: `key-${(from + index) % keys}`, value: Buffer.from(`m${from + index}`) }
  })

/** Waits until a stage has committed everything that a topic has. */
async function consumed(stage: string, topic: string): Promise<void> {
  const ends = await kafka.admin.fetchTopicOffsets(topic)
  const end = (partition: number) => Number(ends.find((one) => one.partition === partition)?.high ?? 0)
  await until(`${stage} has consumed ${topic}`, async () => {
    const offsets = await kafka.committed(stage, topic)
    return offsets.every((offset, partition) => offset >= end(partition) || end(partition) === 0)
  })
}

const relay = (input: string, output: string, more: Partial<Stage> = {}): Stage => ({
  name: 'relay',
  inputs: [input],
  handle: async ({ messages }) => messages.map(({ key, value }) => ({ topic: output, key, value })),
  ...more
})

describe.each([
  ['acknowledged outputs', false],
  ['transactions', true]
])('a stage with %s', (_what, transactional) => {
  it('passes on every message once, and goes on where it stopped', async () => {
    const input = await kafka.topic('in')
    const output = await kafka.topic('out')
    await kafka.send(numbered(input, 500, 7))
    const first = run(relay(input, output, { transactional }))
    await consumed('relay', input)
    await first.stop()
    await kafka.send(numbered(input, 500, 7, 500))
    run(relay(input, output, { transactional }))
    await consumed('relay', input)
    const values = (await kafka.readAll(output)).map(textOf)
    expect(values.toSorted()).toEqual(
      numbered(input, 1000, 7)
        .map(({ value }) => String(value))
        .toSorted()
    )
  })

  it('gets a bounded number of messages at a time, however many were fetched', async () => {
    const bounded = await createTestKafka(inject('endpoints').kafka, {
      handle_max_messages: 30,
      handle_max_bytes: 1_000
    })
    const input = await kafka.topic('in', { partitions: 1 })
    const output = await kafka.topic('out', { partitions: 1 })
    await kafka.send(numbered(input, 100, 1))
    await kafka.send([{ topic: input, key: 'key-0', value: Buffer.from('x'.repeat(5_000)) }])
    const sizes: number[] = []
    const stage = relay(input, output, { transactional })
    const one = run(
      {
        ...stage,
        handle: async (batch, context) => {
          sizes.push(batch.messages.length)
          return stage.handle(batch, context)
        }
      },
      bounded.client
    )
    await until('all are out', async () => (await kafka.readAll(output)).length === 101)
    expect(Math.max(...sizes)).toBe(30)
    expect(sizes.at(-1)).toBe(1)
    await one.stop()
    await bounded.close()
  })

  it('that throws fails loudly, has no effect, and its batch is read again', async () => {
    const input = await kafka.topic('in', { partitions: 1 })
    const output = await kafka.topic('out', { partitions: 1 })
    await kafka.send(numbered(input, 10, 1))
    const broken = run(
      relay(input, output, {
        transactional,
        handle: async () => {
          throw new Error('a bug')
        }
      })
    )
    await expect(broken.failed).rejects.toMatchObject({ code: 'KAFKA_STAGE_FAILED', message: /offset 0: a bug/ })
    await broken.stop()
    expect(await kafka.readAll(output)).toEqual([])
    run(relay(input, output, { transactional }))
    await consumed('relay', input)
    expect((await kafka.readAll(output)).map(textOf)).toEqual(numbered(input, 10, 1).map(({ value }) => String(value)))
  })

  it('finishes and commits what it has in hand when it is stopped', async () => {
    const input = await kafka.topic('in', { partitions: 1 })
    const output = await kafka.topic('out', { partitions: 1 })
    await kafka.send(numbered(input, 10, 1))
    const entered = Promise.withResolvers<void>()
    const leave = Promise.withResolvers<void>()
    const slow = run(
      relay(input, output, {
        transactional,
        handle: async ({ messages }) => {
          entered.resolve()
          await leave.promise
          return messages.map(({ key, value }) => ({ topic: output, key, value }))
        }
      })
    )
    await entered.promise
    const stopped = slow.stop()
    leave.resolve()
    await stopped
    const [offset] = await kafka.committed('relay', input)
    expect(await kafka.readAll(output)).toHaveLength(Number(offset))
    expect(offset).toBeGreaterThan(0)
  })

  it('is told when its work is to be thrown away, and commits nothing of it', async () => {
    const impatient = await createTestKafka(inject('endpoints').kafka, { drain_timeout_ms: 200 })
    const input = await kafka.topic('in', { partitions: 1 })
    const output = await kafka.topic('out', { partitions: 1 })
    await kafka.send(numbered(input, 10, 1))
    const entered = Promise.withResolvers<void>()
    const stuck = run(
      relay(input, output, {
        transactional,
        handle: async (_batch, { signal }) => {
          entered.resolve()
          await once(signal, 'abort')
          return [{ topic: output, key: null, value: Buffer.from('too late') }]
        }
      }),
      impatient.client
    )
    await entered.promise
    await stuck.stop()
    expect(await kafka.readAll(output)).toEqual([])
    expect(await impatient.committed('relay', input)).toEqual([-1])
    await impatient.close()
  })
})

describe('poison', () => {
  const schemas = localSchemas()
  const codec = createCodec(schemas)
  const cluster = codec.encode('cluster', { id: 'c', name: 'good' })
  const frame = (id: number, payload: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, 0, id]), payload])
  const poison: Record<string, Buffer | null> = {
    CODEC_NO_VALUE: null,
    CODEC_WRONG_MAGIC: Buffer.from('{"json": true}'),
    CODEC_TRUNCATED_FRAME: cluster.subarray(0, -1),
    CODEC_UNKNOWN_SCHEMA_ID: frame(250, cluster.subarray(5)),
    CODEC_UNREADABLE_SCHEMA: codec.encode('event-source', { type: 'audit', provider: 'p', instance: 'i' }),
    CODEC_CORRUPT_PAYLOAD: frame(schemas.idOf('cluster'), Buffer.from([1, 1])),
    CODEC_TRAILING_BYTES: Buffer.concat([cluster, cluster])
  }

  it('of every sort goes to the dead letters with its code and bytes, and the partition moves on', async () => {
    const input = await kafka.topic('in', { partitions: 1 })
    const output = await kafka.topic('out', { partitions: 1 })
    const key = Buffer.from([0, 255, 1])
    const messages = Object.values(poison).flatMap((value) => [
      { topic: input, key, value },
      { topic: input, key, value: cluster }
    ])
    await kafka.send(messages)
    run({
      name: 'decoder',
      inputs: [input],
      handle: async (batch) => {
        const outputs: OutgoingMessage[] = []
        for (const message of batch.messages) {
          try {
            const { name } = await codec.decode('cluster', message.value)
            outputs.push({ topic: output, key: message.key, value: Buffer.from(name) })
          } catch (error) {
            if (!(error instanceof WeirError)) throw error
            const reason = { stage: 'decode', service: 'decoder', version: '1', attempts: 1, failed_at_ms: 0 }
            outputs.push(toDeadLetter(message, { ...reason, code: error.code, message: error.message }))
          }
        }
        return outputs
      }
    })
    await consumed('decoder', input)
    expect((await kafka.readAll(output)).map(textOf)).toEqual(Object.keys(poison).map(() => 'good'))
    const dead = await kafka.readAll(`${input}.dlq`)
    expect(dead.map(({ headers }) => headers['dlq.code'])).toEqual(Object.keys(poison))
    expect(dead.map(({ value }) => value)).toEqual(Object.values(poison))
    expect(dead.every((letter) => letter.key?.equals(key))).toBe(true)
    expect(dead.map(({ headers }) => headers['dlq.offset'])).toEqual(
      Object.keys(poison).map((_, index) => String(2 * index))
    )
  })

  it('an output that its topic would refuse for its size becomes a dead letter, and the partition moves on', async () => {
    const small = await createTestKafka(inject('endpoints').kafka, { message_max_bytes: 10_000 })
    const input = await small.topic('in', { partitions: 1 })
    const output = await small.topic('out', { partitions: 1 })
    await small.send(numbered(input, 3, 1))
    run(
      relay(input, output, {
        handle: async ({ messages }) =>
          messages.map(({ key, value }) => {
            return { topic: output, key, value: String(value) === 'm1' ? Buffer.alloc(20_000) : value }
          })
      }),
      small.client
    )
    await until('both others are out', async () => (await small.readAll(output)).length === 2)
    const [letter] = await small.readAll(`${input}.dlq`)
    expect(letter?.headers).toMatchObject({ 'dlq.code': 'KAFKA_MESSAGE_TOO_LARGE', 'dlq.topic': input })
    await small.close()
  })
})

/** Starts a member of the group `counter` in a process of its own. */
function startMember(topics: CountingTopics, settings: { transactional: boolean; delay_ms: number }) {
  const script = new URL('../support/kafka-member.ts', import.meta.url).pathname
  const task = { options: kafka.client.options, topics, ...settings }
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, TASK: JSON.stringify(task) },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  members.push(child)
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  return {
    lines,
    said: (what: string) => until(`a member says ${what}`, () => lines.some((line) => line.startsWith(what))),
    signal: (name: NodeJS.Signals) => child.kill(name),
    async kill() {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
  }
}

async function countingTopics(partitions = 2): Promise<CountingTopics> {
  return {
    input: await kafka.topic('in', { partitions }),
    output: await kafka.topic('out', { partitions }),
    state: await kafka.topic('state', { partitions, configs: { 'cleanup.policy': 'compact' } })
  }
}

/** What the stage puts out for `numbered` when nothing disturbs it. */
function undisturbed(count: number, keys: number): string[] {
  return Array.from(
    { length: count },
    (_, index) => `m${index} key-${index % keys} ${Math.floor(index / keys) + 1}`
  ).toSorted()
}

describe('a member that is killed in the middle of its work', () => {
  beforeEach(shortenSessions)

  it.each([
    ['loses nothing and does nothing twice with transactions', true],
    ['loses nothing without them', false]
  ])('%s', async (_what, transactional) => {
    const topics = await countingTopics()
    const small = { transactional, delay_ms: 30 }
    // Small pieces, so that kills hit batches under way.
    for (let part = 0; part < 6; part++) await kafka.send(numbered(topics.input, 100, 5, part * 100))
    for (let kills = 0; kills < 3; kills++) {
      const member = startMember(topics, small)
      await member.said('batch')
      await new Promise((resolve) => setTimeout(resolve, 40 + 60 * kills))
      await member.kill()
      await kafka.send(numbered(topics.input, 100, 5, 600 + kills * 100))
    }
    run(countingStage(topics, { transactional }))
    await consumed('counter', topics.input)
    const values = (await kafka.readAll(topics.output)).map(textOf).toSorted()
    if (transactional) expect(values).toEqual(undisturbed(900, 5))
    else {
      const seen = new Set(values.map((value) => value.split(' ')[0]))
      expect(seen).toEqual(new Set(numbered('', 900, 5).map(({ value }) => String(value))))
    }
  })
})

describe('members that come and go', () => {
  it('a batch that takes longer than a session keeps its partition', async () => {
    const input = await kafka.topic('in', { partitions: 1 })
    const output = await kafka.topic('out', { partitions: 1 })
    await kafka.send(numbered(input, 5, 1))
    const calls: string[] = []
    const stage = relay(input, output, {
      onAssigned: async () => void calls.push('assigned'),
      onRevoked: () => void calls.push('revoked')
    })
    const long = kafka.client.options.session_timeout_ms + 2_000
    run({
      ...stage,
      handle: async (batch, context) => {
        calls.push('batch')
        await new Promise((resolve) => setTimeout(resolve, long))
        return stage.handle(batch, context)
      }
    })
    await consumed('relay', input)
    expect(calls).toEqual(['assigned', 'batch'])
    expect(await kafka.readAll(output)).toHaveLength(5)
  })

  it('share the partitions; each message has its effect once, in order of its key', async () => {
    const topics = await countingTopics(4)
    const keys = 20
    let sent = 0
    const send = async () => {
      await kafka.send(numbered(topics.input, 200, keys, sent))
      sent += 200
    }
    const first = run(countingStage(topics, { transactional: true, delay_ms: 20 }))
    await first.joined
    await send()
    const second = startMember(topics, { transactional: true, delay_ms: 20 })
    await second.said('joined')
    await send()
    await until('both work', () => first.partitions().length === 2 && second.lines.includes('joined'))
    await send()
    second.signal('SIGTERM')
    await send()
    await until('the first has all again', () => first.partitions().length === 4)
    await send()
    await consumed('counter', topics.input)
    expect((await kafka.readAll(topics.output)).map(textOf).toSorted()).toEqual(undisturbed(sent, keys))
  })

  it('a member that was taken for dead publishes nothing more when it comes back', async () => {
    await shortenSessions()
    const topics = await countingTopics(1)
    await kafka.send(numbered(topics.input, 50, 3))
    // Frozen within a batch, it wakes with outputs in hand for a partition that is no longer its own.
    const zombie = startMember(topics, { transactional: true, delay_ms: 1_000 })
    await zombie.said('batch')
    zombie.signal('SIGSTOP')
    const heir = run(countingStage(topics, { transactional: true }))
    await consumed('counter', topics.input)
    expect(heir.partitions()).toEqual([`${topics.input}/0`])
    await kafka.send(numbered(topics.input, 50, 3, 50))
    await consumed('counter', topics.input)
    zombie.signal('SIGCONT')
    await zombie.said('revoked')
    await kafka.send(numbered(topics.input, 50, 3, 100))
    await consumed('counter', topics.input)
    expect((await kafka.readAll(topics.output)).map(textOf).toSorted()).toEqual(undisturbed(150, 3))
  })
})

describe('a transaction that was left open', () => {
  it('is ended by whoever takes over, and what it wrote is not restored', async () => {
    const topics = await countingTopics(1)
    await kafka.send(numbered(topics.input, 30, 3))
    const first = run(countingStage(topics, { transactional: true }))
    await consumed('counter', topics.input)
    await first.stop()

    // What a member leaves behind that is killed between its outputs and its commit.
    const transactionalId = `${kafka.client.options.group_prefix}.counter.${topics.input}.0`
    const producer = kafka.client.kafka.producer({ transactionalId, maxInFlightRequests: 1 })
    await producer.connect()
    const open = await producer.transaction()
    await open.send({ topic: topics.state, messages: [{ key: 'key-0', value: '999', partition: 0 }] })
    await open.send({ topic: topics.output, messages: [{ key: 'key-0', value: 'ghost', partition: 0 }] })

    const started = performance.now()
    run(countingStage(topics, { transactional: true }))
    await kafka.send(numbered(topics.input, 30, 3, 30))
    await consumed('counter', topics.input)
    expect((await kafka.readAll(topics.output)).map(textOf).toSorted()).toEqual(undisturbed(60, 3))
    // Not by waiting for the brokers to give the transaction up.
    expect(performance.now() - started).toBeLessThan(kafka.client.options.transaction_timeout_ms - 5_000)
    await expect(open.commit()).rejects.toThrow()
    await producer.disconnect()
  })

  it('a fenced producer is told so', async () => {
    const topic = await kafka.topic('t', { partitions: 1 })
    const id = `${topic}.id`
    const older = createTransactionalSender(kafka.client, id)
    await older.fence()
    await older.commit([{ topic, key: null, value: Buffer.from('1') }], null)
    const newer = createTransactionalSender(kafka.client, id)
    await newer.fence()
    const late = older.commit([{ topic, key: null, value: Buffer.from('2') }], null)
    await expect(late).rejects.toMatchObject({ code: 'KAFKA_FENCED' })
    await newer.commit([{ topic, key: null, value: Buffer.from('3') }], null)
    expect((await kafka.readAll(topic)).map(textOf)).toEqual(['1', '3'])
    await Promise.all([older.close(), newer.close()])
  })
})

describe('a transaction that fails', () => {
  it('is tried again with the state of before, and has its effect once', async () => {
    const topics = await countingTopics(1)
    await kafka.send(numbered(topics.input, 20, 2))
    const stage = countingStage(topics, { transactional: true })
    let sabotaged = false
    const one = run({
      ...stage,
      handle: async (batch, context) => {
        const outputs = await stage.handle(batch, context)
        if (sabotaged) return outputs
        sabotaged = true
        // Another producer with the partition's id puts ours out of action, as if by mistake.
        const id = `${kafka.client.options.group_prefix}.counter.${topics.input}.0`
        const rival = createTransactionalSender(kafka.client, id)
        await rival.fence()
        await rival.close()
        return outputs
      }
    })
    await consumed('counter', topics.input)
    expect((await kafka.readAll(topics.output)).map(textOf).toSorted()).toEqual(undisturbed(20, 2))
    expect(one.partitions()).toEqual([`${topics.input}/0`])
  })
})

it('messages of aborted transactions stay hidden when transactions overlap', async () => {
  const topic = await kafka.topic('t', { partitions: 1 })
  const begin = async (name: string) => {
    const producer = kafka.client.kafka.producer({ transactionalId: `${topic}.${name}`, maxInFlightRequests: 1 })
    await producer.connect()
    const transaction = await producer.transaction()
    const send = (value: string) => transaction.send({ topic, messages: [{ value, partition: 0 }] })
    return { producer, transaction, send }
  }
  const first = await begin('first')
  const second = await begin('second')
  await first.send('a first')
  await second.send('a second')
  await first.send('another first')
  await second.transaction.abort()
  await first.transaction.abort()
  await kafka.send([{ topic, key: null, value: Buffer.from('committed') }])
  expect((await kafka.readAll(topic)).map(textOf)).toEqual(['committed'])
  await Promise.all([first.producer.disconnect(), second.producer.disconnect()])
})

it('a stage is ready when it has its partitions, and its loop shows progress', async () => {
  const input = await kafka.topic('in')
  const probes = new Map<string, () => Promise<void>>()
  const loops: string[] = []
  const health = {
    progress: (loop: string) => void loops.push(loop),
    addDependency: (name: string, probe: () => Promise<void>) => void probes.set(name, probe)
  }
  const stage = relay(input, input, { handle: async () => [] })
  const one = runStage(stage, kafka.client, { log: silentLogger, version: 'test', health })
  running.push(one)
  const probe = probes.get('kafka: relay')
  if (probe === undefined) throw new Error('the stage has not made itself known')
  await expect(probe()).rejects.toThrow(/not joined/)
  await one.joined
  await probe()
  const before = loops.length
  await until('the loop turns', () => loops.length > before + 3)
})

it('an unreachable cluster is a failure, in time', async () => {
  const nowhere = await import('../../services/platform/kafka/client.ts')
  const options = { ...kafka.client.options, brokers: ['127.0.0.1:1'], retry_for_ms: 300, connection_timeout_ms: 200 }
  const one = runStage(relay('in', 'out'), nowhere.createKafka(options, silentLogger), {
    log: silentLogger,
    version: 'test'
  })
  await expect(one.failed).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' })
  await one.stop()
})
