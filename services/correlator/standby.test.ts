import { describe, expect, it } from 'vitest'
import { chaosLoad } from '../../test/chaos/load.ts'
import { differences, type Outcome, outcomeOf } from '../../test/chaos/outcome.ts'
import { CHAOS_RULES } from '../../test/chaos/rules.ts'
import { loadTexts } from '../../test/support/rule-text.ts'
import { createRandom } from '../../test/support/scenario/random.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { createMemoryBus } from '../platform/memory/bus.ts'
import type { Message, OutgoingMessage } from '../platform/stage.ts'
import { loadTopics } from '../platform/topics.ts'
import { correlatorOptions } from './options.ts'
import { createCorrelatorStage } from './stage.ts'
import { createStandby, type Standby, type StandbyPorts } from './standby.ts'

const codec = createCodec(localSchemas())
const options = correlatorOptions.parse({})
const { windows, profiles } = loadTexts(Object.values(CHAOS_RULES))
const judged = { options, windows, profiles }
const NOW_MS = Date.UTC(2027, 0)
const HOUR_MS = 3_600_000
const STATE = 'weir.state.v1'
const topics = loadTopics()
const partitions = topics.find(({ name }) => name === STATE)?.partitions ?? 0
const log = { info: () => {}, warn: () => {} }
const MESSAGES: readonly OutgoingMessage[] = chaosLoad(createRandom('standby'), 3).map(({ cluster_id, signal }) => ({
  topic: 'weir.signals.v1',
  key: cluster_id,
  value: signal === null ? Buffer.from('no signal') : codec.encode('signal', signal)
}))

const newBus = () => createMemoryBus({ topics, now_ms: () => NOW_MS, batch_max_messages: 5 })
type Bus = ReturnType<typeof newBus>
type Read = StandbyPorts['read']

/** Waits as a reader does at the end. */
const soon = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 1)
    signal.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true })
  })

const writtenTo = (bus: Bus, partition: number, from: string): readonly Message[] =>
  bus.read(STATE).filter((one) => one.partition === partition && BigInt(one.offset) >= BigInt(from))

/** Reads what is written as it is written, a few messages at a time. @param left is told of each partition how much is left */
function following(bus: Bus, left = new Map<number, number>()): Read {
  return async function* (partition, from, signal, lag) {
    for (let next = from; !signal.aborted; await soon(signal)) {
      const messages = writtenTo(bus, partition, next)
      lag(messages.length)
      left.set(partition, messages.length)
      const some = messages.slice(0, 7)
      next = String(BigInt(some.at(-1)?.offset ?? BigInt(next) - 1n) + 1n)
      if (some.length > 0) yield some
    }
  }
}

const standbyOf = (read: Read, more: Partial<StandbyPorts> = {}): Standby =>
  createStandby({
    ...{ partitions, max_bytes: 1e9, read, pause: async () => {}, now_ms: () => NOW_MS, log },
    ...more
  })

const settled = () => new Promise((resolve) => setTimeout(resolve, 40))

interface TakenOver {
  readonly outcome: Outcome
  /** Offsets from which partitions were taken over. */
  readonly claimed: readonly number[]
}

/** What two instances give that take over from each other again and again. @param standbyFor of each; null for none */
async function takeOver(standbyFor: ((bus: Bus, left: Map<number, number>) => Standby) | null): Promise<TakenOver> {
  const bus = newBus()
  const claimed: number[] = []
  const lefts = [new Map<number, number>(), new Map<number, number>()] as const
  const standbys = standbyFor === null ? [] : lefts.map((left) => standbyFor(bus, left))
  const size = Math.ceil(MESSAGES.length / 9)
  for (const [turn, from] of Array.from({ length: 9 }, (_, number) => number * size).entries()) {
    const standby = standbys[turn % 2]
    const watched = standby && {
      ...standby,
      claim: async (partition: number) => {
        const ahead = await standby.claim(partition)
        claimed.push(Number(ahead?.from ?? 0))
        return ahead
      }
    }
    const ports = { codec, ...judged, now_ms: () => NOW_MS, ...(watched === undefined ? {} : { standby: watched }) }
    const running = bus.run(createCorrelatorStage(ports))
    await bus.publish(MESSAGES.slice(from, from + size))
    await bus.drain()
    // Sometimes the other has read all, sometimes only some.
    const left = lefts[(turn + 1) % 2]
    if (standbys.length > 0 && turn % 3 === 1) while (left?.values().some((count) => count > 0)) await settled()
    await running.stop()
  }
  await Promise.all(standbys.map((standby) => standby.stop()))
  const published = {
    incidents: bus.read('weir.incidents.v1'),
    correlated: bus.read('weir.correlated.v1'),
    dead_letters: bus.read('weir.signals.v1.dlq'),
    state: bus.read(STATE)
  }
  return { outcome: await outcomeOf(codec, published, judged), claimed }
}

describe('a standby', () => {
  it('takes over with what it read ahead, and goes on as one that reads all of it', async () => {
    const { outcome, claimed } = await takeOver((bus, left) => standbyOf(following(bus, left)))
    const { outcome: without } = await takeOver(null)
    expect(without.correlated.size).toBeGreaterThan(10)
    expect(differences(outcome, without, without)).toEqual([])
    expect(Math.max(...claimed)).toBeGreaterThan(50)
  })

  it('begins anew after a reading that failed, and still gives the same', async () => {
    const starts: string[] = []
    const { outcome } = await takeOver((bus) => {
      const read = following(bus)
      let left = 40
      return standbyOf(async function* (...[partition, from, ...rest]) {
        starts.push(from)
        for await (const messages of read(partition, from, ...rest)) {
          yield messages.slice(0, 3)
          left -= 1
          if (left > 0 && left % 4 === 0) throw new Error('the broker went away')
          yield messages.slice(3)
        }
      })
    })
    const { outcome: without } = await takeOver(null)
    expect(differences(outcome, without, without)).toEqual([])
    expect(new Set(starts)).toEqual(new Set(['0']))
  })

  it('has nothing for a partition of which nothing was written, nor for one that was claimed', async () => {
    const standby = standbyOf(following(newBus()))
    await settled()
    expect(await standby.claim(0)).toBeNull()
    expect(await standby.claim(0)).toBeNull()
    standby.release(0)
    await standby.stop()
  })

  it('lets go of a partition that takes more memory than is allowed, and reads the others on', async () => {
    const message = (partition: number, offset: number, bytes: number): Message => ({
      ...{ topic: STATE, partition, offset: String(offset), key: Buffer.from(`c/k${offset}`) },
      ...{ value: Buffer.alloc(bytes), headers: {}, timestamp_ms: 0 }
    })
    const read: Read = async function* (partition, _from, signal) {
      yield [message(partition, 0, 100)]
      if (partition === 1) yield Array.from({ length: 10 }, (_, offset) => message(1, offset + 1, 1_000))
      while (!signal.aborted) await soon(signal)
    }
    const standby = standbyOf(read, { max_bytes: 5_000 })
    await settled()
    expect(await standby.claim(1)).toBeNull()
    expect((await standby.claim(0))?.from).toBe('1')
    await standby.stop()
  })

  it('does not go on from what it read before it stood still for longer than deleted keys are kept', async () => {
    let now_ms = NOW_MS
    const bus = newBus()
    bus.run(createCorrelatorStage({ codec, ...judged, now_ms: () => NOW_MS }))
    await bus.publish(MESSAGES.slice(0, 20))
    await bus.drain()
    const [first] = bus.read(STATE).filter(({ value }) => value !== null)
    const read: Read = async function* (partition, from, signal) {
      yield writtenTo(bus, partition, from)
      while (!signal.aborted) await soon(signal)
    }
    const asleep = standbyOf(read, { now_ms: () => now_ms })
    const awake = standbyOf(following(bus), { now_ms: () => now_ms })
    await settled()
    now_ms += 5 * HOUR_MS
    await settled()
    now_ms += 5 * HOUR_MS
    expect(await asleep.claim(first?.partition ?? 0)).toBeNull()
    expect(await awake.claim(first?.partition ?? 0)).not.toBeNull()
    await Promise.all([asleep.stop(), awake.stop()])
  })
})
