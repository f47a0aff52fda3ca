import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, WeirError } from '../../core/errors.ts'
import { SPOOL_ERRORS, type SpoolErrorCode } from './errors.ts'

const SEGMENT_NAME = /^(\d{16})\.segment$/

/** A segment file: records in sequence. Its name is the sequence number of its first record. */
export interface Segment {
  readonly first: number
  readonly path: string
  bytes: number
}

/** A place between two records. */
export interface SpoolPosition {
  /** Sequence number of the first record of the segment: its name. */
  readonly segment: number
  /** Bytes from the start of the segment. */
  readonly offset: number
  /** Sequence number of the record that follows. */
  readonly sequence: number
}

/** Wraps what the operating system said; never hides a WeirError in another. */
export function spoolError(error: unknown, what: string): WeirError<SpoolErrorCode> {
  if (error instanceof WeirError && Object.hasOwn(SPOOL_ERRORS, error.code)) return error as WeirError<SpoolErrorCode>
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new WeirError(
      SPOOL_ERRORS,
      'SPOOL_DISK_FULL',
      `${what}: the disk is full; free space or give the spool a disk of its own`,
      {
        cause: error
      }
    )
  }
  return new WeirError(SPOOL_ERRORS, 'SPOOL_IO', `${what}: ${messageOf(error)}`, { cause: error })
}

export function segmentPath(directory: string, first: number): string {
  return join(directory, `${String(first).padStart(16, '0')}.segment`)
}

/** The segments of a directory, the oldest first. Other files are left alone. */
export async function listSegments(directory: string): Promise<Segment[]> {
  const segments: Segment[] = []
  for (const name of (await readdir(directory)).sort()) {
    const match = SEGMENT_NAME.exec(name)
    if (match === null) continue
    const path = join(directory, name)
    segments.push({ first: Number(match[1]), path, bytes: (await stat(path)).size })
  }
  return segments
}

/**
 * Reads `length` bytes, fewer only at the end of the file.
 * @param memory where to put them, if it is large enough
 */
export async function readExactly(
  handle: FileHandle,
  position: number,
  length: number,
  memory?: Buffer
): Promise<Buffer> {
  const buffer = memory !== undefined && memory.length >= length ? memory : Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

/** Writes all buffers one after the other: `writev` may stop early, most of all when the disk is almost full. */
export async function writeFully(handle: FileHandle, buffers: readonly Buffer[], position: number): Promise<void> {
  let rest = buffers.filter((buffer) => buffer.length > 0)
  let at = position
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at)
    at += bytesWritten
    rest = dropBytes(rest, bytesWritten)
  }
}

function dropBytes(buffers: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes
  return buffers.flatMap((buffer) => {
    const dropped = Math.min(skip, buffer.length)
    skip -= dropped
    return dropped === buffer.length ? [] : [buffer.subarray(dropped)]
  })
}

/** Makes the names in a directory durable: without it a new file may be gone after a power failure. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
