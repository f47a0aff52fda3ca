import { setTimeout as delay } from 'node:timers/promises'
import type { Consumer } from 'kafkajs'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { Logger } from '../log.ts'
import type { OutgoingMessage, Stage } from '../stage.ts'
import { createChangelogReader } from './changelog.ts'
import type { KafkaClient } from './client.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { createTransactionalSender, type TransactionalSender } from './transactional-sender.ts'

/** A partition in our hands, from its assignment to its loss. */
export interface Owned {
  readonly topic: string
  readonly partition: number
  /** Aborted when the partition is lost, or is to be prepared anew. */
  controller: AbortController
  state: 'preparing' | 'working' | 'lost'
  /** With transactions: the producer that has fenced all earlier owners. */
  sender: TransactionalSender | null
  /** With transactions: the next offset to be handled, where known. kafkajs may believe in an older one, see `join`. */
  position: bigint | null
  /** Ends with the batch in hand. Never rejects. */
  work: Promise<void>
  /** Ends when the partition is ready for its first batch, or lost. Never rejects. */
  preparation: Promise<void>
}

/** What an assignment works with. */
export interface AssignmentContext {
  readonly stage: Stage
  readonly client: KafkaClient
  readonly group: string
  readonly consumer: Pick<Consumer, 'pause' | 'resume' | 'seek'>
  readonly log: Logger
  /** Committed offset of a partition, null when there is none. */
  readonly committedOffset: (topic: string, partition: number) => Promise<bigint | null>
  /** Sends without a transaction. */
  readonly send: (messages: readonly OutgoingMessage[]) => Promise<void>
  readonly progress: () => void
  /** Ends the stage. */
  readonly fail: (error: WeirError) => void
}

/** The partitions that a member of a consumer group has. */
export interface Assignment {
  /** Takes up what the group has assigned: gives up what is gone, and prepares what is new. */
  join(memberId: string, assigned: Readonly<Record<string, readonly number[]>>): void
  get(topic: string, partition: number): Owned | undefined
  all(): readonly Owned[]
  /** Forgets a partition that is no longer ours; the stage does so when what it has in hand for it has ended. */
  lose(one: Owned, reason: string): void
  loseAll(reason: string): void
  /** Prepares a partition anew after a transaction whose outcome is not known. */
  recover(one: Owned, cause: WeirError): void
  /** Ends when the stage has forgotten all partitions that were lost. */
  released(): Promise<unknown>
}

/** Errors of transactions after which another sender may do. */
const PASSING: ReadonlySet<string> = new Set(['KAFKA_FENCED', 'KAFKA_PUBLISH_FAILED'])
const MAX_PREPARATIONS = 5

const keyOf = (topic: string, partition: number) => `${topic}/${partition}`

/**
 * Keeps a stage's partitions: none gets a batch before it is ready for one (earlier owners out of action, position known,
 * state restored), and none is prepared again before the stage has let go of it.
 */
export function createAssignment(context: AssignmentContext): Assignment {
  const { stage, client, group, consumer, log, fail } = context
  const transactional = stage.transactional === true
  const prepares = transactional || stage.onAssigned !== undefined
  const owned = new Map<string, Owned>()
  /** Of partitions that are lost while the stage still has something in hand for them. */
  const releases = new Map<string, Promise<void>>()
  let member: string | null = null

  function revoke({ topic, partition }: Owned): void {
    try {
      stage.onRevoked?.(topic, partition)
    } catch (cause) {
      const text = `${topic}/${partition} could not be given up: ${messageOf(cause)}`
      fail(new WeirError(KAFKA_ERRORS, 'KAFKA_STAGE_FAILED', text, { cause }))
    }
  }

  function lose(one: Owned, reason: string): void {
    if (one.state === 'lost') return
    const { topic, partition } = one
    const key = keyOf(topic, partition)
    one.state = 'lost'
    owned.delete(key)
    one.controller.abort(new WeirError(KAFKA_ERRORS, 'KAFKA_FENCED', `${key}: ${reason}`))
    void one.sender?.close()
    one.sender = null
    const released = Promise.all([one.work, one.preparation]).then(() => {
      if (releases.get(key) === released) releases.delete(key)
      revoke(one)
    })
    releases.set(key, released)
    log.info({ topic, partition, reason }, 'partition lost')
  }

  function loseAll(reason: string): void {
    for (const one of [...owned.values()]) lose(one, reason)
  }

  /** @returns whether the partition is ready; it is not when it was lost meanwhile */
  async function makeReady(one: Owned, signal: AbortSignal): Promise<boolean> {
    const { topic, partition } = one
    if (transactional) {
      const sender = createTransactionalSender(client, `${group}.${topic}.${partition}`)
      one.sender = sender
      await sender.fence()
      if (signal.aborted) {
        void sender.close()
        return false
      }
      // Only now is what earlier owners committed settled, and kafkajs has asked before.
      one.position = await context.committedOffset(topic, partition)
    }
    const write = (fence: OutgoingMessage) => one.sender?.commit([fence], null) ?? context.send([fence])
    await stage.onAssigned?.(topic, partition, {
      changelog: createChangelogReader(client, write, signal, context.progress)
    })
    return !signal.aborted
  }

  /**
   * Whether to try once more: a transaction of ours was cut short by a broker that restarts, or by an earlier owner that came to life
   * again and fenced us. If it is us that are late, we hear so within the wait.
   */
  async function mayTryAgain(one: Owned, signal: AbortSignal, tries: number, cause: unknown): Promise<boolean> {
    const isPassing = cause instanceof WeirError && PASSING.has(cause.code)
    if (signal.aborted || !isPassing || tries >= MAX_PREPARATIONS) return false
    const { topic, partition } = one
    log.warn({ topic, partition, tries, error: cause }, 'partition not prepared, trying again')
    void one.sender?.close()
    one.sender = null
    await delay(client.options.heartbeat_interval_ms, undefined, { signal }).catch(() => {})
    return !signal.aborted
  }

  /** Makes a partition that is paused ready for its first batch, then lets it go. */
  async function prepare(one: Owned): Promise<void> {
    const { topic, partition } = one
    const { signal } = one.controller
    await releases.get(keyOf(topic, partition))
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        if (!(await makeReady(one, signal))) return
        if (one.position !== null) consumer.seek({ topic, partition, offset: String(one.position) })
        one.state = 'working'
        consumer.resume([{ topic, partitions: [partition] }])
        return log.info({ topic, partition, position: one.position?.toString() }, 'partition ready')
      } catch (cause) {
        if (await mayTryAgain(one, signal, tries, cause)) continue
        if (signal.aborted) return
        const text = `${topic}/${partition} could not be prepared: ${messageOf(cause)}`
        return fail(new WeirError(KAFKA_ERRORS, 'KAFKA_STAGE_FAILED', text, { cause }))
      }
    }
  }

  function own(topic: string, partition: number): void {
    const one: Owned = {
      topic,
      partition,
      controller: new AbortController(),
      state: prepares ? 'preparing' : 'working',
      sender: null,
      position: null,
      work: Promise.resolve(),
      preparation: Promise.resolve()
    }
    owned.set(keyOf(topic, partition), one)
    if (!prepares) return
    consumer.pause([{ topic, partitions: [partition] }])
    one.preparation = prepare(one)
  }

  /** A partition that was ours in the generation before, too. */
  function keep({ topic, partition, state, position }: Owned): void {
    if (state === 'preparing') consumer.pause([{ topic, partitions: [partition] }])
    // kafkajs asks for the committed offsets again, and is told older ones while the markers of our last transaction are
    // on their way.
    else if (position !== null) consumer.seek({ topic, partition, offset: String(position) })
  }

  return {
    join(memberId, assigned) {
      // As another member we were out of the group for a while, and others may have worked on our partitions.
      if (member !== null && member !== memberId) loseAll('the group had taken us for dead')
      member = memberId
      const partitions = Object.entries(assigned).flatMap(([topic, numbers]) =>
        numbers.map((partition) => ({ topic, partition, key: keyOf(topic, partition) }))
      )
      const keys = new Set(partitions.map(({ key }) => key))
      for (const [key, one] of [...owned]) if (!keys.has(key)) lose(one, 'assigned to another member')
      for (const { topic, partition, key } of partitions) {
        const one = owned.get(key)
        if (one === undefined) own(topic, partition)
        else keep(one)
      }
      log.info({ partitions: [...keys] }, 'joined the group')
    },

    recover(one, cause) {
      const { topic, partition } = one
      log.warn({ topic, partition, error: cause }, 'transaction failed, preparing the partition anew')
      consumer.pause([{ topic, partitions: [partition] }])
      one.controller.abort(cause)
      one.controller = new AbortController()
      one.state = 'preparing'
      one.position = null
      void one.sender?.close()
      one.sender = null
      revoke(one)
      one.preparation = prepare(one)
    },

    get: (topic, partition) => owned.get(keyOf(topic, partition)),
    all: () => [...owned.values()],
    lose,
    loseAll,
    released: () => Promise.all(releases.values())
  }
}
