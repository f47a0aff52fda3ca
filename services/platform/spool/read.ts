import { type FileHandle, open } from 'node:fs/promises'
import { readExactly, type Segment, type SpoolPosition, spoolError } from './files.ts'
import { decodeHeader, findRecord, HEADER_BYTES, payloadIsGood } from './frame.ts'

/** Larger than most records, so that few are read twice. */
const CHUNK_BYTES = 320 * 1024

/** A record as the consumer gets it. */
export interface SpoolRecord {
  readonly payload: Buffer
  readonly sequence: number
  /** When it was appended, milliseconds since the epoch. */
  readonly written_ms: number
  /** The place behind it: what to commit when it is done with. */
  readonly next: SpoolPosition
}

/** Something that was passed over. */
interface Damage {
  readonly path: string
  readonly offset: number
  readonly bytes: number
  /** Records known to be missing, by the gap in their numbers. */
  readonly records: number
}

export interface ReadOptions {
  readonly directory: string
  readonly start: SpoolPosition
  /** The spool's own list, read only: the writer adds at its end and removes at its start. */
  readonly segments: readonly Segment[]
  readonly signal: AbortSignal
  /** At the end: wait for more, or be done. */
  readonly follow: boolean
  readonly isClosed: () => boolean
  /** Registers a function to be called once when there is more to read or the spool is closed. */
  readonly wakeOnce: (resolve: () => void) => void
  readonly damage: (damage: Damage) => void
  /** Sequence number before which records are done with; given, their memory is used again for others. */
  readonly doneBefore?: () => number
}

/** Memory for what is read, as long as records before `until` may lie in it. */
interface Chunk {
  readonly memory: Buffer
  until: number
}

/** Records that are read ahead of those that are done with: more than that lie in memory of their own. */
const CHUNKS_MAX = 3

/** @returns memory that no record is in any more, if there is or may be more of it */
function freeChunk(chunks: Chunk[], doneBefore: number): Chunk | undefined {
  const found = chunks.find(({ until }) => until <= doneBefore)
  if (found !== undefined || chunks.length >= CHUNKS_MAX) return found
  const fresh = { memory: Buffer.allocUnsafeSlow(CHUNK_BYTES), until: 0 }
  chunks.push(fresh)
  return fresh
}

/**
 * Records in order, from `start` on, over all segments.
 * Only bytes that an append has finished are looked at, so a record in the making is never taken for a damaged one.
 */
export async function* readRecords(options: ReadOptions): AsyncGenerator<SpoolRecord, void> {
  const { segments, signal, follow, isClosed, wakeOnce, doneBefore } = options
  let position = options.start
  let handle: FileHandle | null = null
  let handleOf: Segment | null = null
  let wakeUp: (() => void) | null = null
  const chunks: Chunk[] = []
  const onAbort = () => wakeUp?.()
  signal.addEventListener('abort', onAbort)
  try {
    while (!signal.aborted && !isClosed()) {
      const segment = segments.find(({ first, bytes }) =>
        first === position.segment ? bytes > position.offset : first > position.segment && bytes > 0
      )
      if (segment === undefined) {
        if (!follow) return
        await new Promise<void>((resolve) => {
          wakeUp = resolve
          wakeOnce(resolve)
        })
        continue
      }
      if (segment.first !== position.segment) position = { ...position, segment: segment.first, offset: 0 }
      if (handle === null || handleOf !== segment) {
        await handle?.close()
        handle = null
        handle = await open(segment.path, 'r')
        handleOf = segment
      }
      const chunk = doneBefore === undefined ? undefined : freeChunk(chunks, doneBefore())
      const stretch = await readStretch(handle, segment, position, options.damage, chunk?.memory)
      if (chunk !== undefined) chunk.until = stretch.end.sequence
      for (const record of stretch.records) {
        yield record
        if (signal.aborted || isClosed()) return
      }
      position = stretch.end
    }
  } catch (error) {
    throw spoolError(error, `cannot read the spool in ${options.directory}`)
  } finally {
    signal.removeEventListener('abort', onAbort)
    await handle?.close()
  }
}

/** The whole records of one chunk, or the damage at its start; always gets forward. */
async function readStretch(
  handle: FileHandle,
  segment: Segment,
  start: SpoolPosition,
  damage: (damage: Damage) => void,
  memory?: Buffer
): Promise<{ records: SpoolRecord[]; end: SpoolPosition }> {
  const limit = segment.bytes - start.offset
  let chunk = await readExactly(handle, start.offset, Math.min(CHUNK_BYTES, limit), memory)
  const firstEnd = HEADER_BYTES + (decodeHeader(chunk, 0)?.length ?? 0)
  if (firstEnd > chunk.length && firstEnd <= limit) chunk = await readExactly(handle, start.offset, firstEnd)

  const records: SpoolRecord[] = []
  let { sequence } = start
  let at = 0
  const place = (): SpoolPosition => ({ segment: segment.first, offset: start.offset + at, sequence })
  if (chunk.length === 0) {
    // Somebody else has cut the file.
    damage({ path: segment.path, offset: start.offset, bytes: limit, records: 0 })
    at = limit
  }
  while (at < chunk.length) {
    const header = decodeHeader(chunk, at)
    const end = at + HEADER_BYTES + (header?.length ?? 0)
    // Not all of it is in this chunk: the next one begins with it.
    if (at > 0 && end > chunk.length && end <= limit) break
    const payload = chunk.subarray(at + HEADER_BYTES, end)
    const { path } = segment
    const offset = start.offset + at
    if (header === null || !payloadIsGood(header, payload)) {
      if (at > 0) break
      const rest = await readExactly(handle, offset, limit)
      const bytes = findRecord(rest, 1) ?? limit
      const found = decodeHeader(rest, bytes)
      const missing = found === null ? 0 : Math.max(0, found.sequence - sequence)
      damage({ path, offset, bytes, records: missing })
      sequence += missing
      at = bytes
      break
    }
    at = end
    if (header.sequence < sequence) {
      // Numbers only grow: this is what an append left that failed and could not be undone.
      damage({ path, offset, bytes: HEADER_BYTES + header.length, records: 0 })
      continue
    }
    const missing = header.sequence - sequence
    if (missing > 0) damage({ path, offset, bytes: 0, records: missing })
    sequence = header.sequence + 1
    records.push({ payload, sequence: header.sequence, written_ms: header.written_ms, next: place() })
  }
  return { records, end: place() }
}
