import { randomUUID } from 'node:crypto'
import { messageOf, WeirError } from '../../core/errors.ts'
import { DLQ_CODE_HEADER } from '../dead-letter.ts'
import { FENCE_HEADER } from '../fence.ts'
import type { Running } from '../lifecycle.ts'
import { deadLetters } from '../metrics.ts'
import type { Message, OutgoingMessage, Publisher, Stage } from '../stage.ts'
import type { TopicDefinition } from '../topics.ts'
import { MEMORY_ERRORS } from './errors.ts'
import { createMemoryTopic, type MemoryTopic } from './topic.ts'

export interface MemoryBusOptions {
  readonly topics: readonly TopicDefinition[]
  /** Time of messages, milliseconds since the epoch. */
  readonly now_ms: () => number
  /** Messages a stage gets at a time, at most. */
  readonly batch_max_messages?: number
  /**
   * Messages a topic keeps, at most. Beyond that those are dropped which every stage has read; while there are none,
   * publishing waits for the stages.
   */
  readonly topic_max_messages?: number
  /**
   * automatic: stages run as soon as there is something for them. manual, the default: only within `drain`, and so always in
   * the same order.
   */
  readonly pump?: 'automatic' | 'manual'
  /** How often a batch is given again to a stage that threw an error that says it is retriable. */
  readonly redeliveries?: number
}

export interface MemoryBus extends Publisher {
  /** Appends the messages; waits while a topic is full. */
  publish(messages: readonly OutgoingMessage[]): Promise<void>
  /** Runs a stage from where the last one of its name stopped. */
  run(stage: Stage): Running & { readonly failed: Promise<never> }
  /** Runs the stages until none has anything left to read. @throws what a stage failed with */
  drain(): Promise<void>
  /** What a topic keeps, partition after partition. */
  read(topic: string): readonly Message[]
  /** How many messages of a topic are no longer kept. */
  dropped(topic: string): number
  /** Stops all stages. */
  close(): Promise<void>
}

/** A stage that runs, and where it is. */
interface Runner {
  readonly stage: Stage
  /** Next offset by `topic/partition`; outlives the runner. */
  readonly offsets: Map<string, number>
  readonly controller: AbortController
  readonly failure: PromiseWithResolvers<never>
  /** Partitions that `onAssigned` was called for. */
  readonly assigned: Set<string>
  stopped: boolean
}

const BATCH_MAX_MESSAGES = 500
const TOPIC_MAX_MESSAGES = 200_000

const ownBytes = <Data extends string | Buffer | null>(data: Data) => (Buffer.isBuffer(data) ? Buffer.from(data) : data)

const keyOf = (topic: string, partition: number) => `${topic}/${partition}`

/**
 * Kafka for one process: topics with partitions and offsets in memory, and stages that run over them, one batch at a time.
 * Outputs and input offset of a batch are taken over together when the stage returns, so that every stage is as if
 * transactional; what it throws, throws away its batch's outputs. With the manual pump the order of everything depends on
 * the order of `publish` and `run` alone.
 */
export function createMemoryBus(options: MemoryBusOptions): MemoryBus {
  const batchMax = options.batch_max_messages ?? BATCH_MAX_MESSAGES
  const topicMax = options.topic_max_messages ?? TOPIC_MAX_MESSAGES
  const redeliveries = options.redeliveries ?? 0
  const topics = new Map<string, MemoryTopic>(options.topics.map((topic) => [topic.name, createMemoryTopic(topic)]))
  const runners: Runner[] = []
  const groups = new Map<string, Map<string, number>>()
  let pumping: Promise<void> | null = null
  let closed = false

  function topicOf(name: string): MemoryTopic {
    const topic = topics.get(name)
    if (topic !== undefined) return topic
    const text = `there is no topic ${name}; the topics are ${[...topics.keys()].join(', ')}`
    throw new WeirError(MEMORY_ERRORS, 'MEMORY_UNKNOWN_TOPIC', text)
  }

  /** The least that every stage has read of a partition; all of it when no stage reads it. */
  function readByAll(topic: MemoryTopic, partition: number): number {
    const key = keyOf(topic.name, partition)
    const offsets = runners
      .filter(({ stage, stopped }) => !stopped && stage.inputs.includes(topic.name))
      .map((runner) => runner.offsets.get(key) ?? 0)
    return offsets.length === 0 ? topic.end(partition) : Math.min(...offsets)
  }

  function append(messages: readonly OutgoingMessage[]): void {
    // A message that cannot be taken must not leave half of the others behind.
    for (const { topic } of messages) topicOf(topic)
    for (const message of messages) {
      topicOf(message.topic).append(message, options.now_ms())
      const code = message.headers?.[DLQ_CODE_HEADER]
      if (code !== undefined) deadLetters.inc({ topic: message.topic, code })
    }
    for (const name of new Set(messages.map(({ topic }) => topic))) {
      const topic = topicOf(name)
      topic.trim(topicMax, (partition) => readByAll(topic, partition))
    }
  }

  async function* changelog(
    topic: string,
    partition: number,
    fence: OutgoingMessage,
    from = '0'
  ): AsyncGenerator<Message> {
    const id = randomUUID()
    append([{ ...fence, topic, partition, headers: { ...fence.headers, [FENCE_HEADER]: id } }])
    for (const message of topicOf(topic).compacted(partition)) {
      if (message.headers[FENCE_HEADER] === undefined && BigInt(message.offset) >= BigInt(from)) yield message
    }
  }

  /** What `onAssigned` may be waiting for; also makes the stage's partitions known to it before there are messages. */
  async function assign(runner: Runner): Promise<void> {
    for (const name of runner.stage.inputs) {
      for (const partition of topicOf(name).partitions) {
        const key = keyOf(name, partition)
        if (runner.assigned.has(key)) continue
        runner.assigned.add(key)
        await runner.stage.onAssigned?.(name, partition, { changelog: { read: changelog } })
      }
    }
  }

  async function handle(runner: Runner, topic: string, partition: number, messages: readonly Message[]) {
    const context = { signal: runner.controller.signal, heartbeat: async () => {} }
    for (let left = redeliveries; ; left--) {
      try {
        return await runner.stage.handle({ topic, partition, messages }, context)
      } catch (error) {
        if (left <= 0 || !(error instanceof WeirError && error.retriable)) throw error
      }
    }
  }

  /** Gives a stage one batch of each of its partitions. @returns whether there was any */
  async function turn(runner: Runner): Promise<boolean> {
    let worked = false
    await assign(runner)
    for (const name of runner.stage.inputs) {
      const topic = topicOf(name)
      for (const partition of topic.partitions) {
        if (runner.stopped) return worked
        const key = keyOf(name, partition)
        const messages = topic.from(partition, runner.offsets.get(key) ?? 0, batchMax)
        const last = messages.at(-1)
        if (last === undefined) continue
        const outputs = await handle(runner, name, partition, messages)
        if (runner.stopped) return worked
        append(outputs)
        runner.offsets.set(key, Number(last.offset) + 1)
        worked = true
      }
    }
    return worked
  }

  function fail(runner: Runner, cause: unknown): WeirError {
    const code = cause instanceof WeirError ? `${cause.code}: ` : ''
    const text = `stage ${runner.stage.name}: ${code}${messageOf(cause)}`
    const error = new WeirError(MEMORY_ERRORS, 'MEMORY_STAGE_FAILED', text, { cause })
    halt(runner)
    runner.failure.reject(error)
    return error
  }

  async function pump(): Promise<void> {
    for (let worked = true; worked; ) {
      worked = false
      for (const runner of [...runners]) {
        if (runner.stopped) continue
        try {
          if (await turn(runner)) worked = true
        } catch (error) {
          throw fail(runner, error)
        }
      }
      // Lets timers and requests of an embedded installation have their turn.
      if (worked && options.pump === 'automatic') await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }

  function startPump(): Promise<void> {
    pumping ??= pump().finally(() => {
      pumping = null
    })
    return pumping
  }

  function kick(): void {
    // A failure shows in the runner's `failed`; in `drain` also there.
    if (options.pump === 'automatic' && !closed) startPump().catch(() => {})
  }

  const isFull = (name: string) => {
    const topic = topicOf(name)
    return (
      topic.size() >= topicMax &&
      topic.partitions.some((partition) => topic.end(partition) > readByAll(topic, partition))
    )
  }

  function halt(runner: Runner): void {
    if (runner.stopped) return
    runner.stopped = true
    runner.controller.abort(new Error('the stage was stopped'))
    runners.splice(runners.indexOf(runner), 1)
  }

  async function stop(runner: Runner): Promise<void> {
    if (runner.stopped) return
    halt(runner)
    try {
      await pumping
    } catch {
      // Said elsewhere.
    }
    for (const key of runner.assigned) {
      const at = key.lastIndexOf('/')
      runner.stage.onRevoked?.(key.slice(0, at), Number(key.slice(at + 1)))
    }
  }

  return {
    async publish(messages) {
      if (closed) throw new WeirError(MEMORY_ERRORS, 'MEMORY_CLOSED', 'the bus was closed')
      for (const name of new Set(messages.map(({ topic }) => topic))) if (isFull(name)) await startPump()
      // Whoever publishes may use its memory again when this resolves; here the messages stay.
      append(messages.map((message) => ({ ...message, key: ownBytes(message.key), value: ownBytes(message.value) })))
      kick()
    },

    run(stage) {
      if (runners.some((runner) => runner.stage.name === stage.name)) {
        throw new WeirError(MEMORY_ERRORS, 'MEMORY_STAGE_EXISTS', `stage ${stage.name} runs already`)
      }
      stage.inputs.forEach(topicOf)
      const offsets = groups.get(stage.name) ?? new Map<string, number>()
      groups.set(stage.name, offsets)
      const failure = Promise.withResolvers<never>()
      failure.promise.catch(() => {})
      const controller = new AbortController()
      const runner: Runner = { stage, offsets, controller, failure, assigned: new Set(), stopped: false }
      runners.push(runner)
      kick()
      return { stop: () => stop(runner), failed: failure.promise }
    },

    async drain() {
      // Twice, since a pump that was under way may have passed by what was published meanwhile.
      await startPump()
      await startPump()
    },

    read: (topic) => topicOf(topic).all(),
    dropped: (topic) => topicOf(topic).dropped(),

    async close() {
      closed = true
      for (const runner of [...runners].reverse()) await stop(runner)
    }
  }
}
