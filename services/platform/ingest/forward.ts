import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { Health } from '../health.ts'
import type { Running } from '../lifecycle.ts'
import type { Logger } from '../log.ts'
import type { SpoolRecord } from '../spool/read.ts'
import type { Spool } from '../spool/spool.ts'
import type { OutgoingMessage } from '../stage.ts'
import { publishFailures } from './metrics.ts'

const PROGRESS_INTERVAL_MS = 5000
/** A publish that neither succeeds nor fails for so long is stuck: longer than the client's own retries take. */
const PUBLISH_PATIENCE_MS = 180_000
const RETRY_FIRST_MS = 100
const RETRY_MAX_MS = 10_000
/** How long what is spooled may still be published after the service was told to stop; the rest stays in the spool. */
const DRAIN_MS = 10_000

/** What a group of records came to. */
export interface Delivery {
  readonly messages: readonly OutgoingMessage[]
  /** Kept with the position in the spool. */
  readonly note?: string
  /** Records to put into the spool again: what is in them has to wait. */
  readonly later?: readonly Buffer[]
  /** Told when the messages have been acknowledged, and their memory may be used again. */
  readonly done?: () => void
}

export interface ForwardOptions {
  /** Name of the service, for health and metrics. */
  readonly service: string
  readonly spool: Spool
  /**
   * Turns records into messages; `note` is what it returned for the records before. Must give the same for the same, apart from
   * what has to wait. With `may_wait` false nothing may: the spool takes nothing.
   */
  readonly build: (records: readonly SpoolRecord[], note: string | null, may_wait: boolean) => Delivery
  /** Resolves when all messages are acknowledged. */
  readonly publish: (messages: readonly OutgoingMessage[]) => Promise<void>
  /** Records are gathered until they have so many bytes, or for so long. */
  readonly gather_bytes: number
  readonly linger_ms: number
  readonly health: Health
  readonly log: Logger
}

/**
 * Publishes what is in a spool, in order and at least once: records are committed when their messages have been acknowledged. Kafka
 * being away is waited out; an error that waiting cannot mend ends it (`failed`).
 * `stop` publishes what is there as long as that goes on well, and leaves the rest to the next start.
 */
export function forward(options: ForwardOptions): Running {
  const { service, spool, build, publish, health, log } = options
  const stopReading = new AbortController()
  const giveUp = new AbortController()
  let draining = false
  /** Since when the loop has been busy with one thing, null while it waits for input. */
  let busySince: number | null = null

  health.progress(service)
  const ticker = setInterval(() => {
    if (busySince === null || performance.now() - busySince < PUBLISH_PATIENCE_MS) health.progress(service)
  }, PROGRESS_INTERVAL_MS)
  ticker.unref()

  async function publishUntilDone(messages: readonly OutgoingMessage[]): Promise<boolean> {
    let wait = RETRY_FIRST_MS
    for (let attempt = 1; ; attempt += 1) {
      busySince = performance.now()
      try {
        await publish(messages)
        if (attempt > 1) log.info({ attempt }, 'publishing works again')
        return true
      } catch (error) {
        const code = error instanceof WeirError ? error.code : 'UNKNOWN'
        if (!(error instanceof WeirError) || !error.retriable) throw error
        publishFailures.inc({ service, code })
        const { records, bytes } = spool.stats()
        log.warn(
          { code, attempt, spooled_records: records, spooled_bytes: bytes },
          `cannot publish, will try again: ${messageOf(error)}`
        )
      }
      if (giveUp.signal.aborted) return false
      await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal: giveUp.signal }).catch(() => undefined)
      if (giveUp.signal.aborted) return false
      wait = Math.min(wait * 2, RETRY_MAX_MS)
    }
  }

  async function run(): Promise<void> {
    try {
      await forwardAll()
    } finally {
      stopReading.abort()
    }
  }

  /** What waits is safe in the spool again before its record is committed: a crash in between makes it come twice. */
  async function buildFor(records: readonly SpoolRecord[]): Promise<Delivery> {
    const delivery = build(records, spool.checkpoint.note, true)
    if (delivery.later === undefined || delivery.later.length === 0) return delivery
    try {
      await spool.append(delivery.later)
      return delivery
    } catch (error) {
      log.warn({ error }, `what should wait leaves as it is, the spool takes nothing: ${messageOf(error)}`)
      return build(records, spool.checkpoint.note, false)
    }
  }

  async function forwardAll(): Promise<void> {
    const groups = gather(spool.read(stopReading.signal, { reuse: true }), options)
    for await (const records of groups) {
      const last = records.at(-1)
      if (last === undefined) continue
      busySince = performance.now()
      const { messages, note, later = [], done } = await buildFor(records)
      if (messages.length > 0 && !(await publishUntilDone(messages))) return
      done?.()
      try {
        await spool.commit(last.next, note)
      } catch (error) {
        // What was published will be published again after a restart; the next commit may well succeed.
        log.error({ error }, `cannot note what was published: ${messageOf(error)}`)
      }
      busySince = null
      const onlyWaits = messages.length === 0 && later.length > 0
      if (giveUp.signal.aborted || (draining && (onlyWaits || spool.stats().records === 0))) return
    }
  }

  const done = run()
  return {
    failed: done.then(
      () => new Promise<never>(() => undefined),
      (error: unknown) => Promise.reject(error)
    ),
    async stop() {
      draining = true
      const patience = setTimeout(() => {
        stopReading.abort()
        giveUp.abort()
      }, DRAIN_MS)
      if (spool.stats().records === 0) stopReading.abort()
      // A failure has already been told through `failed`.
      await done.catch(() => undefined)
      clearTimeout(patience)
      clearInterval(ticker)
      const { records } = spool.stats()
      if (records > 0) log.warn({ records }, 'records stay in the spool for the next start')
    }
  }
}

/** Records in groups: a group ends when it is large enough, or `linger_ms` after its first record. */
async function* gather(
  records: AsyncGenerator<SpoolRecord, void>,
  { gather_bytes, linger_ms }: Pick<ForwardOptions, 'gather_bytes' | 'linger_ms'>
): AsyncGenerator<SpoolRecord[], void> {
  let pending: Promise<IteratorResult<SpoolRecord, void>> | null = null
  try {
    for (;;) {
      const first = await (pending ?? records.next())
      pending = null
      if (first.done) return
      const group = [first.value]
      let bytes = first.value.payload.length
      const { promise: lingered, resolve } = Promise.withResolvers<'lingered'>()
      const timer = setTimeout(resolve, linger_ms, 'lingered')
      while (bytes < gather_bytes) {
        pending = records.next()
        const next = await Promise.race([pending, lingered])
        if (next === 'lingered') break
        pending = null
        if (next.done) {
          clearTimeout(timer)
          yield group
          return
        }
        group.push(next.value)
        bytes += next.value.payload.length
      }
      clearTimeout(timer)
      yield group
    }
  } finally {
    // Ends a `next` that still waits for input; its record, if it comes, stays in the spool.
    pending?.catch(() => undefined)
    void records.return()
  }
}
