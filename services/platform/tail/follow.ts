import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { messageOf, WeirError } from '../../core/errors.ts'
import { TAIL_ERRORS, type TailErrorCode } from './errors.ts'
import { createLineSplitter, type LineSplitter } from './lines.ts'
import {
  beginsAsBefore,
  type FileStart,
  fileIdOf,
  fingerprintOf,
  growFingerprint,
  type TailPosition
} from './position.ts'
import { isRotatedName, type LogFile, rotatedFiles, statOrNull, successorOf } from './rotated.ts'
import { createWaker } from './waker.ts'

const CHUNK_BYTES = 256 * 1024
const LINE_FEED = 10

export interface FollowOptions {
  readonly path: string
  /** Where an earlier process got to, null when there was none. */
  readonly position: TailPosition | null
  /** Where to begin in a file that is there already when there is no position. */
  readonly start: 'beginning' | 'end'
  readonly line_max_bytes: number
  /** How often to look where the kernel does not tell of changes. */
  readonly poll_interval_ms: number
  /** How long the old file is still read after a rotation while nobody has written to the new one. */
  readonly rotate_wait_ms: number
  readonly signal: AbortSignal
  /** Called at every turn, also when there was nothing to read: shows that the loop is alive. */
  readonly turn?: () => void
  /** Told of everything that may have cost lines, and of what keeps the file from being read. */
  readonly report: (problem: WeirError<TailErrorCode>) => void
}

export interface TailChunk {
  /** Complete lines without their ends, empty ones left out. */
  readonly lines: readonly Buffer[]
  /** Lines passed over because of their length. */
  readonly too_long: number
  /** The place behind these lines, to be saved when they are safe. */
  readonly position: TailPosition
}

interface OpenLog {
  readonly path: string
  readonly handle: FileHandle
  readonly id: string
  readonly created_ns: bigint
  readonly lines: LineSplitter
  /** Bytes read. */
  offset: number
  start: FileStart
  rotated_since: number | null
}

/**
 * Follows a log file over rotation (by renaming or by copying and truncating), truncation, removal and creation. Every line that
 * had been written in full when the change was noticed is given out; a last line without an end is held back until its end comes
 * or the file is left. Runs until aborted; trouble with the file is reported and waited out.
 */
export async function* followFile(options: FollowOptions): AsyncGenerator<TailChunk, void> {
  const { path, signal, poll_interval_ms } = options
  const name = basename(path)
  const waker = createWaker(dirname(path), (changed) => changed === name || isRotatedName(changed, name), signal)
  let position = options.position
  let log: OpenLog | null = null
  let first = true
  let lastTrouble = ''
  try {
    while (!signal.aborted) {
      options.turn?.()
      try {
        if (log === null) {
          log = await (position !== null ? resume(options, position) : openCurrent(options, first))
          first = false
          if (log === null) {
            await waker.wait(poll_interval_ms)
            continue
          }
          // Told before any line: from now on a restart finds this file again, also when it has been rotated by then.
          position = positionOf(log)
          yield { lines: [], too_long: 0, position }
        }
        const chunk: TailChunk | null = await nextChunk(log, options)
        if (chunk !== null) {
          lastTrouble = ''
          position = chunk.position
          yield chunk
          continue
        }
        const next = await successor(log, options)
        if (next === null) {
          await waker.wait(poll_interval_ms)
          continue
        }
        yield* drain(log, options)
        position = positionOf(log)
        await log.handle.close()
        log = null
        // Where another file has got the name in this very moment: begin anew at the end of the old one.
        log = await openLog(next.path, sameAs(next.stats), options)
        if (log === null) continue
        position = positionOf(log)
        yield { lines: [], too_long: 0, position }
      } catch (error) {
        // Told once per kind, since it is tried again every poll_interval_ms.
        const trouble = tailError(error, path)
        if (trouble.message !== lastTrouble) options.report(trouble)
        lastTrouble = trouble.message
        await log?.handle.close().catch(() => undefined)
        log = null
        await waker.wait(poll_interval_ms)
      }
    }
  } finally {
    waker.close()
    await log?.handle.close()
  }
}

function tailError(error: unknown, path: string): WeirError<TailErrorCode> {
  if (error instanceof WeirError && Object.hasOwn(TAIL_ERRORS, error.code)) return error as WeirError<TailErrorCode>
  return new WeirError(TAIL_ERRORS, 'TAIL_UNREADABLE', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
}

/** Where to begin in a file that has been opened; null when it is not the one that was meant. */
type Place = (handle: FileHandle, stats: BigIntStats) => Promise<number | null>

const fromStart: Place = async () => 0

async function openLog(path: string, place: Place, options: FollowOptions): Promise<OpenLog | null> {
  // Without O_NONBLOCK, opening a pipe would wait for a writer and hold up a thread of the pool.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (handle === null) return null
  try {
    const stats = await handle.stat({ bigint: true })
    if (!stats.isFile()) throw new WeirError(TAIL_ERRORS, 'TAIL_NOT_A_FILE', `${path} is not a regular file`)
    const offset = await place(handle, stats)
    if (offset === null) {
      await handle.close()
      return null
    }
    const lines = createLineSplitter(options.line_max_bytes)
    if (offset > 0) {
      const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, offset - 1)
      if (buffer[0] !== LINE_FEED) lines.skipToNextLine()
    }
    const start = await fingerprintOf(handle, offset)
    const created_ns = stats.birthtimeNs
    return { path, handle, id: fileIdOf(stats), created_ns, lines, offset, start, rotated_since: null }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** A file that appears later is new, and all of it counts; of one that is there at first, as the options say. */
function openCurrent(options: FollowOptions, first: boolean): Promise<OpenLog | null> {
  const place: Place = first && options.start === 'end' ? async (_handle, { size }) => Number(size) : fromStart
  return openLog(options.path, place, options)
}

/** Opens the file that a position is in, whatever its name is now, and where that is gone, the one that came after it. */
async function resume(options: FollowOptions, position: TailPosition): Promise<OpenLog | null> {
  const { path } = options
  // A second time, since the file may have got another name while it was looked for.
  const log = (await reopen(options, position)) ?? (await reopen(options, position))
  if (log !== null) return log
  missed(options, `${path}: the file that was read last is gone; lines written to it since may be missed`)
  const next = await successorOf(path, { file: position.file, created_ns: BigInt(position.created_ns) })
  return next === null ? null : openLog(next.path, sameAs(next.stats), options)
}

/** The file that was found under this name, not another that has got the name since. */
function sameAs(found: BigIntStats): Place {
  return async (_handle, stats) => (fileIdOf(stats) === fileIdOf(found) ? 0 : null)
}

async function reopen(options: FollowOptions, position: TailPosition): Promise<OpenLog | null> {
  const { path } = options
  const place: Place = async (handle, stats) => {
    // An inode is given to another file when its own is gone; the time of creation tells them apart.
    if (fileIdOf(stats) !== position.file || stats.birthtimeNs !== BigInt(position.created_ns)) return null
    if (Number(stats.size) >= position.offset && (await beginsAsBefore(handle, position))) return position.offset
    missed(options, `${path} was truncated while nobody read it; lines written before that may be missed`)
    return 0
  }
  const current = await openLog(path, place, options)
  if (current !== null) return current
  for (const candidate of await rotatedFiles(path)) {
    const log = fileIdOf(candidate.stats) === position.file ? await openLog(candidate.path, place, options) : null
    if (log !== null) return log
  }
  return null
}

function missed({ report }: FollowOptions, message: string): void {
  report(new WeirError(TAIL_ERRORS, 'TAIL_LINES_MISSED', message))
}

function positionOf(log: OpenLog): TailPosition {
  return {
    file: log.id,
    offset: log.offset - log.lines.pending_bytes,
    created_ns: String(log.created_ns),
    ...log.start
  }
}

/** The next lines, null at the end of the file. Notices that the file was truncated, also when it has grown again since. */
async function nextChunk(log: OpenLog, options: FollowOptions): Promise<TailChunk | null> {
  const { size } = await log.handle.stat()
  // Size and time of change do not tell: a file can be rewritten to the same size within one tick of the file system's clock.
  const rewritten = size < log.offset || !(await beginsAsBefore(log.handle, log.start))
  if (rewritten) {
    const last = log.lines.finish()
    log.offset = 0
    log.start = await fingerprintOf(log.handle, 0)
    return told({ ...last, position: positionOf(log) }, log, options)
  }
  const { bytesRead, buffer } = await log.handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, log.offset)
  if (bytesRead === 0) return null
  const split = log.lines.push(buffer.subarray(0, bytesRead))
  log.offset += bytesRead
  const done = log.offset - log.lines.pending_bytes
  // The fingerprint grows with the file until it is full.
  log.start = await growFingerprint(log.handle, log.start, done)
  return told({ ...split, position: positionOf(log) }, log, options)
}

function told(chunk: TailChunk, log: OpenLog, { report, line_max_bytes }: FollowOptions): TailChunk {
  if (chunk.too_long > 0) {
    report(
      new WeirError(
        TAIL_ERRORS,
        'TAIL_LINE_TOO_LONG',
        `${log.path}: passed over ${chunk.too_long} lines of more than ${line_max_bytes} bytes before byte ${chunk.position.offset}`
      )
    )
  }
  return chunk
}

/** The file to go on with when this one is finished; null as long as it may still be written to. */
async function successor(log: OpenLog, { path, rotate_wait_ms }: FollowOptions): Promise<LogFile | null> {
  const current = await statOrNull(path)
  const rotated = current === null || fileIdOf(current) !== log.id
  const next = rotated ? await successorOf(path, { file: log.id, created_ns: log.created_ns }) : null
  if (next === null || fileIdOf(next.stats) === log.id) {
    log.rotated_since = null
    return null
  }
  if (next.path !== path || next.stats.size > 0n) return next
  // Who rotates makes the new file first and tells the writer to change over then.
  log.rotated_since ??= Date.now()
  return Date.now() - log.rotated_since >= rotate_wait_ms ? next : null
}

/** What was written between the last look and the rotation being noticed, with a last line that nothing ended. */
async function* drain(log: OpenLog, options: FollowOptions): AsyncGenerator<TailChunk, void> {
  for (let chunk = await nextChunk(log, options); chunk !== null; chunk = await nextChunk(log, options)) yield chunk
  const last = log.lines.finish()
  if (last.lines.length > 0 || last.too_long > 0) yield told({ ...last, position: positionOf(log) }, log, options)
}
