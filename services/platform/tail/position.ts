import { hash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

/** As much of a file's start as its fingerprint covers at most. */
const FINGERPRINT_BYTES = 1024

/** What a file begins with. */
export interface FileStart {
  /** Hash of the first `fingerprint_bytes` bytes. */
  readonly fingerprint: string
  readonly fingerprint_bytes: number
}

/** A place in a file that is known again after the file was renamed, and after another one has taken its inode. */
export interface TailPosition extends FileStart {
  /** `device:inode`. */
  readonly file: string
  /** Bytes that have been dealt with: up to the end of a line. */
  readonly offset: number
  /** Creation of the file, nanoseconds since the epoch as a decimal string; 0 where the file system does not say. */
  readonly created_ns: string
}

export function fileIdOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}`
}

async function readStart(handle: FileHandle, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, 0)
  return buffer.subarray(0, bytesRead)
}

const startOf = (bytes: Buffer): FileStart => ({
  fingerprint: hash('sha256', bytes, 'hex'),
  fingerprint_bytes: bytes.length
})

/**
 * Fingerprint of the part of a file that has been dealt with: that part of a log never changes, unless the file was
 * truncated and written anew.
 */
export async function fingerprintOf(handle: FileHandle, offset: number): Promise<FileStart> {
  return startOf(await readStart(handle, Math.min(FINGERPRINT_BYTES, offset)))
}

/** Whether an open file still begins as it did when the fingerprint was taken. */
export async function beginsAsBefore(handle: FileHandle, before: FileStart): Promise<boolean> {
  return startOf(await readStart(handle, before.fingerprint_bytes)).fingerprint === before.fingerprint
}

/**
 * A fingerprint of more of the file, now that more of it has been dealt with. When the file has been rewritten in the meantime,
 * the old one stays, and tells of that at the next look.
 */
export async function growFingerprint(handle: FileHandle, before: FileStart, offset: number): Promise<FileStart> {
  const length = Math.min(FINGERPRINT_BYTES, offset)
  if (length <= before.fingerprint_bytes) return before
  const bytes = await readStart(handle, length)
  const same = startOf(bytes.subarray(0, before.fingerprint_bytes)).fingerprint === before.fingerprint
  return same ? startOf(bytes) : before
}

export function isTailPosition(value: unknown): value is TailPosition {
  if (typeof value !== 'object' || value === null) return false
  const { file, offset, fingerprint, fingerprint_bytes, created_ns } = value as Partial<
    Record<keyof TailPosition, unknown>
  >
  return (
    typeof file === 'string' &&
    Number.isSafeInteger(offset) &&
    Number(offset) >= 0 &&
    typeof fingerprint === 'string' &&
    Number.isSafeInteger(fingerprint_bytes) &&
    Number(fingerprint_bytes) >= 0 &&
    typeof created_ns === 'string' &&
    /^\d+$/.test(created_ns)
  )
}
