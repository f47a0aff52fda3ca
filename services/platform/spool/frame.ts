import { crc32 } from 'node:zlib'

/**
 * A record in a segment file, all numbers little-endian:
 *
 *     0  magic            F7 57 53 01: the first byte is in no UTF-8 text, so JSON payloads never contain it
 *     4  payload length   4 bytes
 *     8  sequence         6 bytes, one more than the record before
 *    14  written          6 bytes, milliseconds since the epoch
 *    20  payload checksum CRC-32
 *    24  header checksum  CRC-32 of bytes 0–23
 *    28  payload
 *
 * The header has a checksum of its own so that a damaged payload costs one record: the length can still be trusted.
 */
export const HEADER_BYTES = 28
const MAGIC = Buffer.from([0xf7, 0x57, 0x53, 0x01])

export interface Header {
  /** Length of the payload. */
  readonly length: number
  readonly sequence: number
  /** When it was written, milliseconds since the epoch. */
  readonly written_ms: number
  readonly payload_crc: number
}

/** Header bytes for a payload; the payload follows them in the file as it is. */
export function encodeHeader(payload: Uint8Array, sequence: number, written_ms: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  MAGIC.copy(header)
  header.writeUInt32LE(payload.length, 4)
  header.writeUIntLE(sequence, 8, 6)
  header.writeUIntLE(written_ms, 14, 6)
  header.writeUInt32LE(crc32(payload), 20)
  header.writeUInt32LE(crc32(header.subarray(0, 24)), 24)
  return header
}

/** The header at `at`, or null when there is none that can be trusted. */
export function decodeHeader(bytes: Buffer, at: number): Header | null {
  if (at + HEADER_BYTES > bytes.length) return null
  if (bytes.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) !== 0) return null
  if (crc32(bytes.subarray(at, at + 24)) !== bytes.readUInt32LE(at + 24)) return null
  return {
    length: bytes.readUInt32LE(at + 4),
    sequence: bytes.readUIntLE(at + 8, 6),
    written_ms: bytes.readUIntLE(at + 14, 6),
    payload_crc: bytes.readUInt32LE(at + 20)
  }
}

export function payloadIsGood(header: Header, payload: Uint8Array): boolean {
  return payload.length === header.length && crc32(payload) === header.payload_crc
}

/**
 * Offset of the next whole, good record at or after `from`, null when there is none.
 * Payloads may come from an attacker, but cannot pass for records: text has no byte F7, and in events that the node agent packs the one
 * byte behind a number that could be it is never the next of a mark.
 */
export function findRecord(bytes: Buffer, from: number): number | null {
  for (let at = bytes.indexOf(MAGIC, from); at !== -1; at = bytes.indexOf(MAGIC, at + 1)) {
    const header = decodeHeader(bytes, at)
    if (header === null) continue
    const payload = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + header.length)
    if (payloadIsGood(header, payload)) return at
  }
  return null
}
