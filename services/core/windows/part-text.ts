import { hashCodes, hashIdCodes } from './slot-index.ts'

/**
 * Texts as bytes that take little room and are quick to write and read. A text begins with its length and how it is written, as a number
 * of seven bits a byte: `length * 4 + kind`.
 */
const LATIN = 0
const WIDE = 1
/** Pairs of hexadecimal digits, a byte each: ids of signals and containers. */
const HEX = 2
/** Something, then a UUID: ids of events and credentials. The length is that of what stands before the UUID. */
const UUID = 3

const SHORTEST_HEX = 16
const UUID_CHARACTERS = 36
const UUID_BYTES = 16
const DASH = 45
/** Values of hexadecimal digits by their code, 255 for everything else. */
const DIGITS = new Uint8Array(256).fill(255)
for (const [value, digit] of [...'0123456789abcdef'].entries()) DIGITS[digit.charCodeAt(0)] = value

/** Bytes that are written, and up to where; they are replaced by more when they do not do. */
export interface Writer {
  bytes: Buffer
  at: number
}

/** Bytes that are read, and where. */
export interface Reader {
  readonly bytes: Buffer
  at: number
}

/** Makes sure that so many bytes can be written. */
export function reserve(writer: Writer, length: number): void {
  if (writer.at + length <= writer.bytes.length) return
  const longer = Buffer.allocUnsafeSlow(Math.max(writer.at + length, 2 * writer.bytes.length))
  longer.set(writer.bytes.subarray(0, writer.at))
  writer.bytes = longer
}

/** @param value a whole number from 0 to 2^31-1; five bytes have to be reserved for it */
export function writeNumber(writer: Writer, value: number): void {
  const { bytes } = writer
  let at = writer.at
  let left = value
  for (; left > 127; left >>>= 7) {
    bytes[at] = (left & 127) | 128
    at += 1
  }
  bytes[at] = left
  writer.at = at + 1
}

export function readNumber(reader: Reader): number {
  const { bytes } = reader
  let value = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[reader.at]
    if (byte === undefined || shift > 28) throw new RangeError('the packed signals end within a number')
    reader.at += 1
    value |= (byte & 127) << shift
    if (byte < 128) return value
  }
}

const digitAt = (text: string, at: number): number => {
  const code = text.charCodeAt(at)
  return code < 256 ? (DIGITS[code] ?? 255) : 255
}

/** Writes pairs of digits. @returns where the text goes on, -1 when something else stands there */
function writePairs(bytes: Buffer, to: number, text: string, from: number, pairs: number): number {
  let at = from
  for (let pair = 0; pair < pairs; pair += 1, at += 2) {
    const high = digitAt(text, at)
    const low = digitAt(text, at + 1)
    if ((high | low) > 15) return -1
    bytes[to + pair] = high * 16 + low
  }
  return at
}

const PARTS_OF_UUID = [4, 2, 2, 2, 6] as const

function writeUuid(bytes: Buffer, to: number, text: string, from: number): boolean {
  let at = from
  let byte = to
  for (const pairs of PARTS_OF_UUID) {
    if (at > from) {
      if (text.charCodeAt(at) !== DASH) return false
      at += 1
    }
    at = writePairs(bytes, byte, text, at, pairs)
    if (at < 0) return false
    byte += pairs
  }
  return true
}

function writeLatin(bytes: Buffer, to: number, text: string, length: number): boolean {
  for (let at = 0; at < length; at += 1) {
    const code = text.charCodeAt(at)
    if (code > 255) return false
    bytes[to + at] = code
  }
  return true
}

export function writeText(writer: Writer, text: string): void {
  const { length } = text
  reserve(writer, 5 + 2 * length + UUID_BYTES)
  const begin = writer.at
  if (length >= SHORTEST_HEX && length % 2 === 0 && digitAt(text, 0) < 16) {
    writeNumber(writer, (length / 2) * 4 + HEX)
    if (writePairs(writer.bytes, writer.at, text, 0, length / 2) >= 0) {
      writer.at += length / 2
      return
    }
    writer.at = begin
  }
  const before = length - UUID_CHARACTERS
  if (before >= 0 && text.charCodeAt(length - 13) === DASH) {
    writeNumber(writer, before * 4 + UUID)
    if (
      writeLatin(writer.bytes, writer.at, text, before) &&
      writeUuid(writer.bytes, writer.at + before, text, before)
    ) {
      writer.at += before + UUID_BYTES
      return
    }
    writer.at = begin
  }
  writeNumber(writer, length * 4 + LATIN)
  if (writeLatin(writer.bytes, writer.at, text, length)) {
    writer.at += length
    return
  }
  writer.at = begin
  writeNumber(writer, length * 4 + WIDE)
  writer.at += writer.bytes.write(text, writer.at, 'utf16le')
}

function bytesOf(length: number, kind: number): number {
  return kind === WIDE ? 2 * length : kind === UUID ? length + UUID_BYTES : length
}

export function skipText(reader: Reader): void {
  const head = readNumber(reader)
  reader.at += bytesOf(head >>> 2, head & 3)
}

export function readText(reader: Reader): string {
  const head = readNumber(reader)
  const length = head >>> 2
  const kind = head & 3
  const { bytes, at } = reader
  const end = at + bytesOf(length, kind)
  if (end > bytes.length) throw new RangeError('the packed signals end within a text')
  reader.at = end
  switch (kind) {
    case LATIN:
      return bytes.toString('latin1', at, end)
    case WIDE:
      return bytes.toString('utf16le', at, end)
    case HEX:
      return bytes.toString('hex', at, end)
    default: {
      const hex = bytes.toString('hex', at + length, end)
      const parts = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
      return length === 0 ? parts : bytes.toString('latin1', at, at + length) + parts
    }
  }
}

const DIGIT_CODES = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))
/** Characters of the text that is hashed. */
let codes = new Uint16Array(1_024)

/** @returns behind the last */
function codesOfHex(bytes: Buffer, from: number, end: number, to: number): number {
  let place = to
  for (let at = from; at < end; at += 1, place += 2) {
    const byte = bytes[at] ?? 0
    codes[place] = DIGIT_CODES[byte >>> 4] ?? 0
    codes[place + 1] = DIGIT_CODES[byte & 15] ?? 0
  }
  return place
}

function codesOfLatin(bytes: Buffer, from: number, end: number): number {
  for (let at = from; at < end; at += 1) codes[at - from] = bytes[at] ?? 0
  return end - from
}

/** Puts the characters of the text that is read next into `codes`, and reads on beyond it. @returns how many there are */
function codesNext(reader: Reader): number {
  const head = readNumber(reader)
  const length = head >>> 2
  const kind = head & 3
  const { bytes, at } = reader
  const end = at + bytesOf(length, kind)
  if (end > bytes.length) throw new RangeError('the packed signals end within a text')
  reader.at = end
  const most = 2 * (end - at) + PARTS_OF_UUID.length
  if (codes.length < most) codes = new Uint16Array(most)
  let count = 0
  if (kind === LATIN) count = codesOfLatin(bytes, at, end)
  else if (kind === HEX) count = codesOfHex(bytes, at, end, 0)
  else if (kind === WIDE) for (; count < length; count += 1) codes[count] = bytes.readUInt16LE(at + 2 * count)
  else {
    count = codesOfLatin(bytes, at, at + length)
    let byte = at + length
    for (const pairs of PARTS_OF_UUID) {
      if (byte > at + length) {
        codes[count] = DASH
        count += 1
      }
      count = codesOfHex(bytes, byte, byte + pairs, count)
      byte += pairs
    }
  }
  return count
}

/** What `hashText` gives of the text that is read next, which need not be made for it; reads on beyond it. */
export function hashNext(reader: Reader, seed: number): number {
  const count = codesNext(reader)
  return hashCodes(codes, count, seed)
}

/** The same for what `hashId` gives. */
export function hashIdNext(reader: Reader): number {
  const count = codesNext(reader)
  return hashIdCodes(codes, count)
}

/** Whether the texts that two read next are the same; the same texts are the same bytes. Neither is of use afterwards. */
export function isSameNext(reader: Reader, other: Reader): boolean {
  const head = readNumber(reader)
  if (readNumber(other) !== head) return false
  const length = bytesOf(head >>> 2, head & 3)
  for (let place = 0; place < length; place += 1)
    if (reader.bytes[reader.at + place] !== other.bytes[other.at + place]) return false
  reader.at += length
  other.at += length
  return true
}

/** Whether the text that is read next is this one; reads on beyond it. */
export function readIs(reader: Reader, text: string): boolean {
  const begin = reader.at
  const head = readNumber(reader)
  if ((head & 3) !== LATIN) {
    reader.at = begin
    return readText(reader) === text
  }
  const length = head >>> 2
  const { bytes, at } = reader
  reader.at = at + length
  if (length !== text.length) return false
  for (let place = 0; place < length; place += 1) if (bytes[at + place] !== text.charCodeAt(place)) return false
  return true
}
