import { AT, COMM_BYTES, KINDS, type Kind } from './layout.ts'

/** The kernel counts the start of a process in nanoseconds since boot; /proc, and so the sensor, in hundredths of a second. */
export const NS_PER_TICK = 10_000_000

/** A record of the BPF program, by its fixed part; texts and values are read where they are wanted. */
export interface KernelRecord {
  readonly kind: Kind
  readonly flags: number
  /** Effective user. */
  readonly uid: number
  /** Nanoseconds since boot. */
  readonly time_ns: number
  /** Start of the process in ticks since boot. */
  readonly start: number
  readonly cgroup: number
  readonly pid: number
  readonly tid: number
  /** Where the record is: only valid until the reader goes past it. */
  readonly bytes: Buffer
  readonly at: number
}

/** An unsigned number of 64 bits; above 2^53 the last digits are lost. */
function u64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000
}

/** A record to be filled, again and again. */
export type RecordSlot = { -readonly [Name in keyof KernelRecord]: KernelRecord[Name] }

const NO_BYTES = Buffer.alloc(0)

export function createRecordSlot(): RecordSlot {
  // Numbers that need more than 31 bits are so from the start: V8 then keeps the place of each and writes into it.
  const large = 2 ** 40
  return {
    kind: 'cgroup',
    flags: 0,
    uid: large,
    time_ns: large,
    start: large,
    cgroup: large,
    pid: 0,
    tid: 0,
    bytes: NO_BYTES,
    at: 0
  }
}

/**
 * Reads the fixed part of a record.
 * @param slot where to put it
 * @param bytes memory that holds it
 * @param at where it begins
 * @param length how long it is
 * @returns false when it is none: too short for what it says of itself, or of a kind that is not known
 */
export function readRecord(slot: RecordSlot, bytes: Buffer, at: number, length: number): boolean {
  if (length < AT.data || at < 0 || at + length > bytes.length) return false
  const kind = KINDS[bytes.readUInt16LE(at + AT.kind)]
  if (kind === undefined || kind === '') return false
  let texts = 0
  for (let text = 0; text < 4; text += 1) texts += bytes.readUInt16LE(at + AT.lengths + 2 * text)
  if (AT.data + texts > length) return false
  slot.kind = kind
  slot.flags = bytes.readUInt16LE(at + AT.flags)
  slot.uid = bytes.readUInt32LE(at + AT.uid)
  slot.time_ns = u64(bytes, at + AT.time)
  slot.start = Math.floor(u64(bytes, at + AT.start) / NS_PER_TICK)
  slot.cgroup = u64(bytes, at + AT.cgroup)
  slot.pid = bytes.readUInt32LE(at + AT.pid)
  slot.tid = bytes.readUInt32LE(at + AT.tid)
  slot.bytes = bytes
  slot.at = at
  return true
}

/** As `readRecord`. @returns null when it is none */
export function recordAt(bytes: Buffer, at: number, length: number): KernelRecord | null {
  const slot = createRecordSlot()
  return readRecord(slot, bytes, at, length) ? slot : null
}

/** Bytes of text `slot`, which lie one behind the other. */
export function bytesOf({ bytes, at }: KernelRecord, slot: number): Buffer {
  let from = at + AT.data
  for (let before = 0; before < slot; before += 1) from += bytes.readUInt16LE(at + AT.lengths + 2 * before)
  return bytes.subarray(from, from + bytes.readUInt16LE(at + AT.lengths + 2 * slot))
}

/** Text `slot`; bytes that are not UTF-8 become U+FFFD. */
export function textOf(record: KernelRecord, slot: number): string {
  const { bytes, at } = record
  let from = at + AT.data
  for (let before = 0; before < slot; before += 1) from += bytes.readUInt16LE(at + AT.lengths + 2 * before)
  const length = bytes.readUInt16LE(at + AT.lengths + 2 * slot)
  return length === 0 ? '' : bytes.toString('utf8', from, from + length)
}

/** Where text 0 is, and how long. */
export const textStart = ({ at }: KernelRecord): number => at + AT.data
export const textLength = ({ bytes, at }: KernelRecord): number => bytes.readUInt16LE(at + AT.lengths)

/** Short name of the thread. */
export function commOf({ bytes, at }: KernelRecord): string {
  return untilNul(bytes, at + AT.comm, at + AT.comm + COMM_BYTES)
}

/** Text of a field of fixed size, up to its first NUL. */
export function untilNul(bytes: Buffer, from: number, to: number): string {
  let end = from
  while (end < to && bytes[end] !== 0) end += 1
  return bytes.toString('utf8', from, end)
}

/** Value `index` as an unsigned number of 64 bits, or its lower or upper half. */
export const numberOf = ({ bytes, at }: KernelRecord, index: number): number => u64(bytes, at + AT.values + 8 * index)
export const lowOf = ({ bytes, at }: KernelRecord, index: number): number =>
  bytes.readUInt32LE(at + AT.values + 8 * index)
export const highOf = ({ bytes, at }: KernelRecord, index: number): number =>
  bytes.readUInt32LE(at + AT.values + 8 * index + 4)
/** Value `index` as a signed number of 32 bits. */
export const signedOf = ({ bytes, at }: KernelRecord, index: number): number =>
  bytes.readInt32LE(at + AT.values + 8 * index)
/** Value `index` in hexadecimal digits. */
export const hexOf = ({ bytes, at }: KernelRecord, index: number): string =>
  bytes.readBigUInt64LE(at + AT.values + 8 * index).toString(16)

/** Start of a process, as value `index` has it, in ticks. */
export const startOf = (record: KernelRecord, index: number): number =>
  Math.floor(numberOf(record, index) / NS_PER_TICK)
