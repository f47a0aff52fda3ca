import { type FileHandle, open } from 'node:fs/promises'
import { type Checkpoint, readCheckpoint } from './checkpoint.ts'
import type { SpoolErrorCode } from './errors.ts'
import { listSegments, readExactly, type Segment } from './files.ts'
import { decodeHeader, findRecord, HEADER_BYTES, payloadIsGood } from './frame.ts'

/** The segment that appends go to. */
export interface ActiveSegment {
  readonly segment: Segment
  readonly handle: FileHandle
}

/** The state of a spool's directory, ready to go on with. */
export interface Recovered {
  /** The oldest first; `active`'s is the last. */
  readonly segments: Segment[]
  readonly active: ActiveSegment | null
  readonly checkpoint: Checkpoint
  readonly nextSequence: number
  /** Bytes cut off the end of the last segment. */
  readonly torn_bytes: number
}

/**
 * Reads what an earlier process left in the directory, and cuts off an append that it could not finish.
 * @param problem told of everything that was not as a clean end leaves it
 */
export async function recover(
  directory: string,
  problem: (code: SpoolErrorCode, message: string) => void
): Promise<Recovered> {
  const segments = await listSegments(directory)
  const checkpoint = await recoverCheckpoint(directory, segments[0], problem)
  const last = segments.at(-1)
  if (last === undefined) {
    return { segments, active: null, checkpoint, nextSequence: checkpoint.position.sequence, torn_bytes: 0 }
  }
  const handle = await open(last.path, 'r+')
  try {
    const end = await findEnd(handle, last)
    const torn_bytes = last.bytes - end.bytes
    if (torn_bytes > 0) {
      problem('SPOOL_TORN_TAIL', `${last.path}: removed ${torn_bytes} bytes of an append that was cut short`)
      await handle.truncate(end.bytes)
      last.bytes = end.bytes
    }
    // Numbers never go back: after a power failure the checkpoint may know of records that the segments do not.
    const nextSequence = Math.max(end.sequence, checkpoint.position.sequence)
    return { segments, active: { segment: last, handle }, checkpoint, nextSequence, torn_bytes }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Whether appending to the segment would put records where the consumer believes to have been. */
export function checkpointIsBehindEnd({ position }: Checkpoint, segment: Segment): boolean {
  return position.segment > segment.first || (position.segment === segment.first && position.offset > segment.bytes)
}

async function recoverCheckpoint(
  directory: string,
  oldest: Segment | undefined,
  problem: (code: SpoolErrorCode, message: string) => void
): Promise<Checkpoint> {
  const stored = await readCheckpoint(directory)
  const first = oldest?.first ?? 1
  const start = { segment: first, offset: 0, sequence: first }
  if (stored === 'damaged' || (stored === 'missing' && first > 1)) {
    problem('SPOOL_CHECKPOINT_LOST', `${directory}: no readable checkpoint; beginning at record ${first}`)
    return { position: start, note: null }
  }
  if (stored === 'missing') return { position: start, note: null }
  if (oldest !== undefined && stored.position.sequence < first) {
    problem(
      'SPOOL_CHECKPOINT_LOST',
      `${directory}: the checkpoint is at record ${stored.position.sequence}, the oldest one is ${first}`
    )
    return { position: start, note: stored.note }
  }
  return stored
}

/**
 * Finds the end of the last segment after a crash: the end of its last good record.
 * @returns bytes up to there, and the sequence number that the next record gets
 */
async function findEnd(handle: FileHandle, segment: Segment): Promise<{ bytes: number; sequence: number }> {
  const content = await readExactly(handle, 0, segment.bytes)
  let end = { bytes: 0, sequence: segment.first }
  for (let at: number | null = 0; at !== null && at < content.length; ) {
    const header = decodeHeader(content, at)
    const payload = header === null ? null : content.subarray(at + HEADER_BYTES, at + HEADER_BYTES + header.length)
    if (header !== null && payload !== null && payloadIsGood(header, payload)) {
      at += HEADER_BYTES + header.length
      end = { bytes: at, sequence: Math.max(end.sequence, header.sequence + 1) }
    } else {
      at = findRecord(content, at + 1)
    }
  }
  return end
}
