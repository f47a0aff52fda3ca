import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { Health } from '../health.ts'
import type { Running } from '../lifecycle.ts'
import type { Logger } from '../log.ts'
import type { Spool } from '../spool/spool.ts'
import type { TailErrorCode } from '../tail/errors.ts'
import { followFile, type TailChunk } from '../tail/follow.ts'
import { createLineSplitter } from '../tail/lines.ts'
import { openPositions, type SavedPositions } from '../tail/positions.ts'
import { linesDropped, linesIn, spoolRefusals } from './metrics.ts'
import { encodeRecord } from './record.ts'

const SAVE_INTERVAL_MS = 1000
const ROTATE_WAIT_MS = 5000
const RETRY_FIRST_MS = 100
const RETRY_MAX_MS = 5000
const LINE_FEED = Buffer.from('\n')
/** What lines of a stream are said to come from. */
const STDIN = 'stdin'

/** Settings that all followed files of a service share. */
export const followOptions = z.strictObject({
  start: z
    .enum(['beginning', 'end'])
    .default('beginning')
    .describe('Where to begin in a file that is followed for the first time.'),
  line_max_bytes: z
    .number()
    .int()
    .positive()
    .default(8 * 1024 * 1024)
    .describe('Longest line; longer ones are passed over and counted.'),
  poll_interval_ms: z
    .number()
    .int()
    .positive()
    .default(1000)
    .describe('How often to look for changes where the kernel does not tell of them.')
})

export type FollowSettings = z.output<typeof followOptions>

/** What is read of a file at a time, and some room for the head of a record. */
const CHUNK_ROOM_BYTES = 512 * 1024

/** Whether the longest line, with what is read together with it, fits into a spool beside one segment. */
export function linesFit(
  { line_max_bytes }: FollowSettings,
  spool: { readonly max_bytes: number; readonly segment_bytes: number }
): boolean {
  return spool.max_bytes - spool.segment_bytes > line_max_bytes + CHUNK_ROOM_BYTES
}

/** Where lines come from. */
export type Source = { readonly path: string } | { readonly stream: Readable }

/** Lines that will never be seen. */
export interface LinesLost {
  readonly from: string
  readonly reason: TailErrorCode
  /** How many, null where only the occasion is known. */
  readonly count: number | null
  /** When, microseconds since the epoch. */
  readonly time: number
}

export interface SourcesOptions {
  /** Name of the service, for health and metrics. */
  readonly service: string
  readonly sources: readonly Source[]
  readonly follow: FollowSettings
  readonly spool: Spool
  /** Folder for the saved positions. */
  readonly directory: string
  readonly health: Health
  readonly log: Logger
  /** Clock in milliseconds since the epoch. */
  readonly now: () => number
  /** Told of lost lines, after they have been counted and logged. */
  readonly lost?: (lost: LinesLost) => void
}

/** Sources that are being read. */
export interface RunningSources extends Running {
  readonly failed: Promise<never>
  /** Resolves when every source has ended; followed files never do. */
  readonly ended: Promise<void>
}

/**
 * Reads lines from files and streams into a spool. A full spool stops the reading: files wait on the disk, and who writes to a
 * stream is held up. The positions in files are saved after what was read is safe in the spool, so that a restart reads some
 * lines again at worst.
 */
export async function startSources(options: SourcesOptions): Promise<RunningSources> {
  const { sources, spool, log } = options
  const stopped = new AbortController()
  const { signal } = stopped
  const report = (problem: WeirError) => log.warn({ code: problem.code }, problem.message)
  const positions = await openPositions(join(options.directory, 'positions.json'), report)

  async function save(): Promise<void> {
    try {
      await positions.save(() => spool.sync())
    } catch (error) {
      log.error({ error }, messageOf(error))
    }
  }
  const saver = setInterval(() => void save(), SAVE_INTERVAL_MS)
  saver.unref()

  const readings = sources.map((source) =>
    'path' in source
      ? readFile(source.path, positions, options, signal, save)
      : readStream(source.stream, options, signal)
  )
  const ended = Promise.all(readings).then(() => undefined)
  return {
    ended,
    failed: ended.then(
      () => new Promise<never>(() => undefined),
      (error: unknown) => Promise.reject(error)
    ),
    async stop() {
      stopped.abort()
      await Promise.allSettled(readings)
      clearInterval(saver)
      await save()
    }
  }
}

async function readFile(
  path: string,
  positions: SavedPositions,
  options: SourcesOptions,
  signal: AbortSignal,
  save: () => Promise<void>
): Promise<void> {
  const { follow } = options
  const saved = positions.get(path)
  const chunks = followFile({
    path,
    position: saved,
    start: positions.damaged ? 'beginning' : follow.start,
    line_max_bytes: follow.line_max_bytes,
    poll_interval_ms: follow.poll_interval_ms,
    rotate_wait_ms: ROTATE_WAIT_MS,
    signal,
    turn: () => options.health.progress(path),
    report: (problem) => {
      options.log.warn({ code: problem.code, path }, problem.message)
      if (problem.code === 'TAIL_LINES_MISSED') lose(options, path, problem.code, null)
    }
  })
  let known = saved !== null
  for await (const chunk of chunks) {
    if (!(await spoolLines(chunk, path, options, signal))) return
    positions.set(path, chunk.position)
    if (!known) await save()
    known = true
  }
}

async function readStream(stream: Readable, options: SourcesOptions, signal: AbortSignal): Promise<void> {
  const splitter = createLineSplitter(options.follow.line_max_bytes)
  const onAbort = () => stream.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    for await (const chunk of stream) {
      if (!(await spoolLines(splitter.push(Buffer.from(chunk)), STDIN, options, signal))) return
    }
    await spoolLines(splitter.finish(), STDIN, options, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function lose(options: SourcesOptions, from: string, reason: TailErrorCode, count: number | null): void {
  linesDropped.inc({ service: options.service, from, reason }, count ?? 1)
  options.lost?.({ from, reason, count, time: options.now() * 1000 })
}

/** @returns false when it was stopped before the lines were safe */
async function spoolLines(
  { lines, too_long }: Pick<TailChunk, 'lines' | 'too_long'>,
  from: string,
  options: SourcesOptions,
  signal: AbortSignal
): Promise<boolean> {
  const { service, spool, log, health, now } = options
  if (too_long > 0) lose(options, from, 'TAIL_LINE_TOO_LONG', too_long)
  if (lines.length === 0) return true
  const body = Buffer.concat(lines.flatMap((line) => [line, LINE_FEED]))
  const record = encodeRecord({ received: now() * 1000, from, form: 'lines' }, body)
  let wait = RETRY_FIRST_MS
  for (let attempt = 1; ; attempt += 1) {
    try {
      await spool.append([record])
      linesIn.inc({ service, from }, lines.length)
      return true
    } catch (error) {
      if (!(error instanceof WeirError) || !error.retriable) throw error
      spoolRefusals.inc({ service, code: error.code })
      if (attempt === 1) log.warn({ code: error.code, from }, `waiting to read on: ${error.message}`)
    }
    if (signal.aborted) return false
    // Held up by a full spool is not stuck: a restart would not help.
    if (from !== STDIN) health.progress(from)
    await sleep(wait, undefined, { signal }).catch(() => undefined)
    wait = Math.min(wait * 2, RETRY_MAX_MS)
  }
}
