import { type FileHandle, open } from 'node:fs/promises'
import { readExactly, type Segment, type SpoolPosition, spoolError } from './files.ts'
import { decodeHeader, findRecord, HEADER_BYTES, type Header, payloadIsGood } from './frame.ts'

const CHUNK_BYTES = 256 * 1024

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
export interface Damage {
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
  readonly isClosed: () => boolean
  /** Registers a function to be called once when there is more to read or the spool is closed. */
  readonly wakeOnce: (resolve: () => void) => void
  readonly damage: (damage: Damage) => void
}

/**
 * Records in order, from `start` on, over all segments; waits for more at the end.
 * Only bytes that an append has finished are looked at, so a record in the making is never taken for a damaged one.
 */
export async function* readRecords(options: ReadOptions): AsyncGenerator<SpoolRecord, void> {
  const { segments, signal, isClosed, wakeOnce } = options
  let position = options.start
  let current: { first: number; handle: FileHandle } | null = null
  let wakeUp: (() => void) | null = null
  const onAbort = () => wakeUp?.()
  signal.addEventListener('abort', onAbort)
  try {
    while (!signal.aborted && !isClosed()) {
      const segment = segments.find(({ first, bytes }) =>
        first === position.segment ? bytes > position.offset : first > position.segment && bytes > 0
      )
      if (segment === undefined) {
        await new Promise<void>((resolve) => {
          wakeUp = resolve
          wakeOnce(resolve)
        })
        continue
      }
      if (segment.first !== position.segment) position = { ...position, segment: segment.first, offset: 0 }
      if (current?.first !== segment.first) {
        await current?.handle.close()
        current = null
        current = { first: segment.first, handle: await open(segment.path, 'r') }
      }
      for await (const record of readStretch(current.handle, segment, position, options)) {
        position = record.next
        if (record.payload !== null) yield { ...record, payload: record.payload }
        if (signal.aborted || isClosed()) return
      }
    }
  } catch (error) {
    throw spoolError(error, `cannot read the spool in ${options.directory}`)
  } finally {
    signal.removeEventListener('abort', onAbort)
    await current?.handle.close()
  }
}

type Step = Omit<SpoolRecord, 'payload'> & { readonly payload: Buffer | null }

/** The records of one chunk, at least one step forward: a record, or (payload null) damage passed over. */
async function* readStretch(
  handle: FileHandle,
  segment: Segment,
  start: SpoolPosition,
  options: ReadOptions
): AsyncGenerator<Step, void> {
  const limit = segment.bytes
  let chunk = await readExactly(handle, start.offset, Math.min(CHUNK_BYTES, limit - start.offset))
  const [first] = chunk.length < HEADER_BYTES ? [null] : [decodeHeader(chunk, 0)]
  const firstEnd = HEADER_BYTES + (first?.length ?? 0)
  if (firstEnd > chunk.length && start.offset + firstEnd <= limit) chunk = await readExactly(handle, start.offset, firstEnd)

  let at = 0
  let sequence = start.sequence
  const place = (offset: number, next: number): SpoolPosition => ({ segment: segment.first, offset: start.offset + offset, sequence: next })
  const step = (header: Header, payload: Buffer | null, end: number): Step => ({
    payload,
    sequence: header.sequence,
    written_ms: header.written_ms,
    next: place(end, sequence)
  })

  while (at < chunk.length) {
    const header = decodeHeader(chunk, at)
    const end = at + HEADER_BYTES + (header?.length ?? 0)
    // Not all of it is in this chunk: the next one begins with it.
    if (at > 0 && end > chunk.length && start.offset + end <= limit) return
    const payload = chunk.subarray(at + HEADER_BYTES, end)
    if (header === null || !payloadIsGood(header, payload)) {
      const offset = start.offset + at
      const rest = await readExactly(handle, offset, limit - offset)
      const skip = findRecord(rest, 1) ?? rest.length
      const found = decodeHeader(rest, skip)
      const records = found === null ? 0 : Math.max(0, found.sequence - sequence)
      options.damage({ path: segment.path, offset, bytes: skip, records })
      sequence += records
      yield { payload: null, sequence, written_ms: 0, next: place(at + skip, sequence) }
      return
    }
    if (header.sequence < sequence) {
      // Numbers only grow: this is what an append left that failed and could not be undone.
      options.damage({ path: segment.path, offset: start.offset + at, bytes: end - at, records: 0 })
      yield step(header, null, end)
    } else {
      const missing = header.sequence - sequence
      if (missing > 0) options.damage({ path: segment.path, offset: start.offset + at, bytes: 0, records: missing })
      sequence = header.sequence + 1
      yield step(header, payload, end)
    }
    at = end
  }
}
