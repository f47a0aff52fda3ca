import { messageOf } from '../core/errors.ts'
import { FENCE_HEADER } from '../platform/fence.ts'
import type { Logger } from '../platform/log.ts'
import { correlatorLimits, standbyBytes, standbyLag } from '../platform/metrics.ts'
import type { Message } from '../platform/stage.ts'
import { createLatestEntries, type LatestEntries } from './latest-entries.ts'

/** What was read of a partition's changelog before the partition was ours. */
export interface ReadAhead {
  readonly entries: LatestEntries
  /** First offset that was not read. */
  readonly from: string
}

/**
 * Reads the changelog of partitions that others have, so that taking one over takes no longer than reading the last of it. It keeps bytes
 * and decodes nothing.
 */
export interface Standby {
  /** Stops reading a partition ahead. @returns what was read; null when that is nothing */
  claim(partition: number): Promise<ReadAhead | null>
  /** The partition is somebody else's now: it is read from the start again. */
  release(partition: number): void
  stop(): Promise<void>
}

export interface StandbyPorts {
  /** Number of partitions of the changelog. */
  readonly partitions: number
  /** Most memory for what is read ahead, of all partitions together. */
  readonly max_bytes: number
  /**
   * Committed messages of a partition of the changelog, from an offset on, until the signal.
   * @param lag is told again and again how many messages there are beyond, so that silence is told from standing still
   */
  readonly read: (
    partition: number,
    from: string,
    signal: AbortSignal,
    lag: (messages: number) => void
  ) => AsyncIterable<readonly Message[]>
  /** How long to wait before a reading that failed is begun again. */
  readonly pause: (signal: AbortSignal) => Promise<void>
  /** Milliseconds since the epoch. */
  readonly now_ms: () => number
  readonly log: Pick<Logger, 'info' | 'warn'>
}

/**
 * Brokers keep deleted keys for a day (`delete.retention.ms`): who has not read for longer may have missed that one was deleted, so that
 * what was read is no state to go on from.
 */
const MAX_SILENCE_MS = 6 * 3_600_000

interface Following {
  readonly controller: AbortController
  /** Ends when nothing more is taken. Never rejects. */
  readonly ended: Promise<void>
  entries: LatestEntries
  from: string
  /** When something was last heard of the partition. */
  heard_ms: number
}

/** Reads all partitions ahead from now on; those that are assigned are claimed. */
export function createStandby({ partitions, max_bytes, read, pause, now_ms, log }: StandbyPorts): Standby {
  const following = new Map<number, Following>()
  let isStopped = false

  const bytes = () => following.values().reduce((sum, { entries }) => sum + entries.bytes, 0)

  function begin(one: Following): void {
    one.entries = createLatestEntries()
    one.from = '0'
    one.heard_ms = now_ms()
  }

  const isStale = (one: Following) => now_ms() - one.heard_ms > MAX_SILENCE_MS

  function take(one: Following, messages: readonly Message[]): void {
    for (const { key, value, headers, offset } of messages) {
      if (headers[FENCE_HEADER] === undefined) one.entries.take(key, value)
      one.from = String(BigInt(offset) + 1n)
    }
    one.heard_ms = now_ms()
    standbyBytes.set(bytes())
  }

  /** @returns whether it is to be read on */
  async function readOn(partition: number, one: Following): Promise<boolean> {
    const { signal } = one.controller
    const lag = (messages: number) => {
      // What comes after a long silence is looked at before it is taken.
      if (!isStale(one)) one.heard_ms = now_ms()
      standbyLag.set({ partition }, messages)
    }
    for await (const messages of read(partition, one.from, signal, lag)) {
      if (isStale(one)) throw new RangeError('nothing was heard of it for too long')
      take(one, messages)
      if (signal.aborted) return false
      if (bytes() <= max_bytes) continue
      correlatorLimits.inc({ limit: 'standby_full' })
      log.warn({ partition, max_bytes }, 'state is not read ahead: it takes more memory than correlator.standby allows')
      begin(one)
      standbyBytes.set(bytes())
      return false
    }
    return !signal.aborted
  }

  async function follow(partition: number, one: Following): Promise<void> {
    const { signal } = one.controller
    for (let isOn = true; isOn && !signal.aborted; ) {
      try {
        isOn = await readOn(partition, one)
      } catch (error) {
        if (signal.aborted) return
        log.warn({ partition, error }, `state is read ahead from the start again: ${messageOf(error)}`)
        begin(one)
        standbyBytes.set(bytes())
        await pause(signal)
      }
    }
  }

  function start(partition: number): void {
    if (isStopped || following.has(partition)) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const one: Following = {
      controller: new AbortController(),
      ended: promise,
      entries: createLatestEntries(),
      from: '0',
      heard_ms: now_ms()
    }
    following.set(partition, one)
    void follow(partition, one).finally(resolve)
  }

  async function end(partition: number): Promise<Following | null> {
    const one = following.get(partition)
    if (one === undefined) return null
    one.controller.abort()
    await one.ended
    following.delete(partition)
    standbyLag.remove({ partition })
    standbyBytes.set(bytes())
    return one
  }

  for (let partition = 0; partition < partitions; partition += 1) start(partition)
  return {
    async claim(partition) {
      const one = await end(partition)
      if (one === null || one.from === '0' || isStale(one)) return null
      log.info({ partition, from: one.from, bytes: one.entries.bytes }, 'state was read ahead')
      return one
    },
    release: start,
    async stop() {
      isStopped = true
      await Promise.all([...following.keys()].map(end))
    }
  }
}
