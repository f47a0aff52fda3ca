import { mkdir, open, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, WeirError } from '../../core/errors.ts'
import { type Checkpoint, writeCheckpoint } from './checkpoint.ts'
import { SPOOL_ERRORS, type SpoolErrorCode } from './errors.ts'
import { readExactly, type SpoolPosition, segmentPath, spoolError, syncDirectory, writeFully } from './files.ts'
import { decodeHeader, encodeHeader, HEADER_BYTES } from './frame.ts'
import { lockDirectory } from './lock.ts'
import { readRecords, type SpoolRecord } from './read.ts'
import { type ActiveSegment, checkpointIsBehindEnd, recover } from './recover.ts'

/** Appends that wait are written together up to this size: one system call, and under `always` one fsync, for many. */
const GROUP_BYTES = 4 * 1024 * 1024

export interface SpoolOptions {
  readonly directory: string
  /** The most that the segment files may hold together. */
  readonly max_bytes: number
  /** A new segment is begun when the current one has reached this. Space is given back a whole segment at a time. */
  readonly segment_bytes: number
  /**
   * `always`: an append resolves after fsync, so it survives a power failure. `interval`: an append resolves when the kernel has
   * it, so it survives any death of the process, and after a power failure the last `fsync_interval_ms` may be missing.
   */
  readonly fsync: 'interval' | 'always'
  readonly fsync_interval_ms: number
  /** Told of what went wrong without anybody waiting for it: damage found, fsync failed. */
  readonly report: (problem: WeirError<SpoolErrorCode>) => void
  /** Clock in milliseconds since the epoch. */
  readonly now?: () => number
}

export interface SpoolStats {
  /** Size of the segment files. */
  readonly bytes: number
  /** Records that have not been committed. */
  readonly records: number
  /** Records found missing between others since the spool was opened. */
  readonly lost_records: number
  /** Bytes passed over because they were no good record. */
  readonly corrupt_bytes: number
  /** Bytes of an unacknowledged append that a crash had cut short. */
  readonly torn_bytes: number
}

/** A bounded queue of byte strings on disk, for one process and one consumer. */
export interface Spool {
  /**
   * Adds records; resolves when all are written (see `fsync`). When it rejects, none was kept, save after SPOOL_SYNC_FAILED.
   * @throws WeirError SPOOL_FULL (at once, without touching the disk), SPOOL_DISK_FULL, SPOOL_IO, SPOOL_SYNC_FAILED,
   *   SPOOL_RECORD_TOO_LARGE, SPOOL_CLOSED
   */
  append(payloads: readonly Buffer[]): Promise<void>
  /**
   * The records from the committed position on.
   * @param options `follow` (default): wait at the end for more, until aborted or closed; else end there. `reuse`: payloads are only
   *   valid until their record is committed
   */
  read(
    signal: AbortSignal,
    options?: { readonly follow?: boolean; readonly reuse?: boolean }
  ): AsyncGenerator<SpoolRecord, void>
  /**
   * Records before `position` are done with; their space is given back. Positions that go back change nothing.
   * @param note kept with the position and found again as `checkpoint.note`; left as it is when not given
   */
  commit(position: SpoolPosition, note?: string): Promise<void>
  readonly checkpoint: Checkpoint
  /** Makes all that was appended so far survive a power failure. */
  sync(): Promise<void>
  /** Proves by a real write that the folder takes writes. @throws WeirError SPOOL_DISK_FULL, SPOOL_IO */
  probe(): Promise<void>
  stats(): SpoolStats
  /** When the oldest record that is not committed was written, milliseconds since the epoch; null when there is none. */
  oldest(): Promise<number | null>
  /** Writes what waits, then lets go of the directory. */
  close(): Promise<void>
}

interface Waiting {
  readonly payloads: readonly Buffer[]
  readonly bytes: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Opens a spool, mending what a crash left behind.
 * @throws WeirError SPOOL_LOCKED, SPOOL_UNUSABLE, SPOOL_IO
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { directory } = options
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new WeirError(SPOOL_ERRORS, 'SPOOL_UNUSABLE', `cannot create ${directory}: ${messageOf(error)}`, {
      cause: error
    })
  }
  const lock = lockDirectory(directory)
  try {
    return await openLocked(options, () => lock.release())
  } catch (error) {
    lock.release()
    throw spoolError(error, `cannot open the spool in ${directory}`)
  }
}

async function openLocked(options: SpoolOptions, release: () => void): Promise<Spool> {
  const { directory, max_bytes, segment_bytes, report, now = Date.now } = options
  const durable = options.fsync === 'always'
  const recordMax = max_bytes - segment_bytes
  const problem = (code: SpoolErrorCode, message: string) => report(new WeirError(SPOOL_ERRORS, code, message))

  const recovered = await recover(directory, problem)
  const { segments, torn_bytes } = recovered
  let { active, checkpoint, nextSequence } = recovered
  let lost_records = 0
  let corrupt_bytes = 0
  let written: Checkpoint | null = null

  let closed = false
  let dirty = false
  let untrimmed = false
  let reserved = 0
  let waiting: Waiting[] = []
  let writing: Promise<void> | null = null
  const wakers = new Set<() => void>()
  const wake = () => {
    for (const resolve of wakers) resolve()
    wakers.clear()
  }

  /** Everything that touches the active segment or the list runs one at a time, in order. */
  let turn: Promise<unknown> = Promise.resolve()
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work)
    turn = result.catch(() => undefined)
    return result
  }

  const totalBytes = () => segments.reduce((sum, segment) => sum + segment.bytes, 0)

  /** What is being synced beside the writing, which a slow disk would hold up for as long. */
  let syncing: Promise<void> = Promise.resolve()

  async function syncActive(): Promise<void> {
    // Whoever asked for it has been told if it failed.
    await syncing.catch(() => undefined)
    if (!dirty || active === null) return
    dirty = false
    try {
      await active.handle.datasync()
    } catch (error) {
      throw new WeirError(SPOOL_ERRORS, 'SPOOL_SYNC_FAILED', `${active.segment.path}: fsync: ${messageOf(error)}`, {
        cause: error
      })
    }
  }

  async function roll(): Promise<ActiveSegment> {
    if (active !== null) {
      await syncActive()
      if (untrimmed) await active.handle.truncate(active.segment.bytes)
    }
    const path = segmentPath(directory, nextSequence)
    const handle = await open(path, 'w+')
    await syncDirectory(directory)
    await active?.handle.close()
    untrimmed = false
    const segment = { first: nextSequence, path, bytes: 0 }
    segments.push(segment)
    active = { segment, handle }
    return active
  }

  async function writableSegment(bytes: number): Promise<ActiveSegment> {
    if (active === null || checkpointIsBehindEnd(checkpoint, active.segment)) return roll()
    const { segment } = active
    return segment.bytes > 0 && segment.bytes + bytes > segment_bytes ? roll() : active
  }

  async function writeGroup(group: readonly Waiting[]): Promise<void> {
    const bytes = group.reduce((sum, item) => sum + item.bytes, 0)
    try {
      const { segment, handle } = await writableSegment(bytes)
      const time = now()
      let sequence = nextSequence
      const buffers = group.flatMap(({ payloads }) =>
        payloads.flatMap((payload) => {
          const header = encodeHeader(payload, sequence, time)
          sequence += 1
          return [header, payload]
        })
      )
      try {
        await writeFully(handle, buffers, segment.bytes)
      } catch (error) {
        // What was written of it must not be found by the next start: the caller is told that nothing was kept.
        await handle.truncate(segment.bytes).catch(() => {
          untrimmed = true
        })
        throw error
      }
      segment.bytes += bytes
      nextSequence = sequence
      dirty = true
      wake()
      if (durable) await syncActive()
      for (const item of group) item.resolve()
    } catch (error) {
      const failure = spoolError(error, `cannot append to the spool in ${directory}`)
      for (const item of group) item.reject(failure)
    } finally {
      reserved -= bytes
    }
  }

  function takeGroup(): Waiting[] {
    let bytes = 0
    const size = waiting.findIndex((item, index) => {
      bytes += item.bytes
      return index > 0 && bytes > Math.min(GROUP_BYTES, segment_bytes)
    })
    const group = size === -1 ? waiting : waiting.slice(0, size)
    waiting = size === -1 ? [] : waiting.slice(size)
    return group
  }

  async function writeWaiting(): Promise<void> {
    while (waiting.length > 0) await inTurn(() => writeGroup(takeGroup()))
    writing = null
  }

  async function append(payloads: readonly Buffer[]): Promise<void> {
    if (closed) throw new WeirError(SPOOL_ERRORS, 'SPOOL_CLOSED', `the spool in ${directory} is closed`)
    const bytes = payloads.reduce((sum, payload) => sum + HEADER_BYTES + payload.length, 0)
    const largest = payloads.find((payload) => HEADER_BYTES + payload.length > recordMax)
    if (largest !== undefined) {
      throw new WeirError(
        SPOOL_ERRORS,
        'SPOOL_RECORD_TOO_LARGE',
        `a record of ${largest.length} bytes can never fit into the spool in ${directory}; raise max_bytes`
      )
    }
    if (totalBytes() + reserved + bytes > max_bytes) {
      throw new WeirError(SPOOL_ERRORS, 'SPOOL_FULL', `the spool in ${directory} is full (max_bytes ${max_bytes})`)
    }
    if (payloads.length === 0) return
    reserved += bytes
    await new Promise<void>((resolve, reject) => {
      waiting.push({ payloads, bytes, resolve, reject })
      writing ??= writeWaiting()
    })
  }

  async function removeConsumed(): Promise<void> {
    while (segments.length > 1) {
      const [oldest] = segments
      if (oldest === undefined || oldest.first >= checkpoint.position.segment) return
      await unlink(oldest.path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
      segments.shift()
    }
  }

  async function saveCheckpoint(): Promise<void> {
    if (written === checkpoint) return
    const saving = checkpoint
    try {
      await writeCheckpoint(directory, saving, durable)
    } catch (error) {
      // On a full disk the consumed segments are what has to go first.
      await removeConsumed()
      await writeCheckpoint(directory, saving, durable).catch(() => {
        throw spoolError(error, `cannot write the checkpoint of the spool in ${directory}`)
      })
    }
    written = saving
    await removeConsumed()
  }

  async function commit(position: SpoolPosition, note?: string): Promise<void> {
    if (position.sequence < checkpoint.position.sequence) return
    checkpoint = { position, note: note ?? checkpoint.note }
    await inTurn(async () => {
      const { segment } = active ?? {}
      const atEnd = segment?.first === checkpoint.position.segment && segment.bytes === checkpoint.position.offset
      // A segment that has been read to its end is given back as soon as it is large, so that an empty spool has its room.
      if (segment !== undefined && atEnd && segment.bytes >= segment_bytes / 2) {
        await roll()
        checkpoint = { ...checkpoint, position: { segment: nextSequence, offset: 0, sequence: nextSequence } }
      }
      await saveCheckpoint()
    })
  }

  async function sync(): Promise<void> {
    const own = syncActive()
    syncing = own
    await own
  }

  const timer = setInterval(() => {
    sync().catch((error: unknown) => report(spoolError(error, `cannot sync the spool in ${directory}`)))
  }, options.fsync_interval_ms)
  timer.unref()

  async function oldest(): Promise<number | null> {
    const { position } = checkpoint
    const segment = segments.find(
      ({ first, bytes }) => first >= position.segment && (first > position.segment || bytes > position.offset)
    )
    if (segment === undefined) return null
    const handle = await open(segment.path, 'r')
    try {
      const header = await readExactly(handle, segment.first === position.segment ? position.offset : 0, HEADER_BYTES)
      return decodeHeader(header, 0)?.written_ms ?? null
    } finally {
      await handle.close()
    }
  }

  async function probe(): Promise<void> {
    const file = join(directory, 'probe')
    try {
      await writeFile(file, 'Written to see whether the spool can be written.\n')
      await unlink(file)
    } catch (error) {
      throw spoolError(error, `cannot write into ${directory}`)
    }
  }

  async function close(): Promise<void> {
    if (closed) return
    closed = true
    clearInterval(timer)
    wake()
    await writing
    try {
      await inTurn(async () => {
        await syncActive()
        if (checkpoint.position.sequence > 1) await saveCheckpoint()
      })
    } finally {
      await active?.handle.close()
      release()
    }
  }

  return {
    append,
    commit,
    sync,
    oldest,
    probe,
    close,
    get checkpoint() {
      return checkpoint
    },
    stats: () => ({
      bytes: totalBytes(),
      records: Math.max(0, nextSequence - checkpoint.position.sequence),
      lost_records,
      corrupt_bytes,
      torn_bytes
    }),
    read: (signal, { follow = true, reuse = false } = {}) =>
      readRecords({
        ...(reuse && { doneBefore: () => checkpoint.position.sequence }),
        directory,
        start: checkpoint.position,
        segments,
        signal,
        follow,
        isClosed: () => closed,
        wakeOnce: (resolve) => wakers.add(resolve),
        damage: ({ path, offset, bytes, records }) => {
          corrupt_bytes += bytes
          lost_records += records
          problem(
            'SPOOL_CORRUPT',
            `${path}: passed over ${bytes} damaged bytes at ${offset}, ${records} records are lost`
          )
        }
      })
  }
}
