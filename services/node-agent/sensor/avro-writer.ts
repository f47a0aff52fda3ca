/**
 * Writes Avro's binary encoding into memory that grows: what the sensor says thousands of times a second, without a value in between.
 * Source: Apache Avro 1.12 specification, "Binary Encoding".
 */
export interface AvroWriter {
  /** How much has been written. */
  size(): number
  byte(value: number): void
  /** An int or long between -(2^52) and 2^52. */
  long(value: number): void
  string(text: string): void
  /** Branch 0 of a union with null, or branch 1 and the value. */
  maybeString(text: string | null): void
  /** A string that is in memory already; bytes that are not UTF-8 become U+FFFD. */
  text(bytes: Buffer, from: number, to: number): void
  maybeLong(value: number | null): void
  maybeBoolean(value: boolean | null): void
  /** What was encoded before. */
  raw(bytes: Uint8Array): void
  /** Not Avro: goes on so many bytes, which hold anything until they are set. */
  skip(bytes: number): void
  /** Not Avro: an unsigned number of 32 bits at a place that was passed before. */
  setU32(at: number, value: number): void
  /** The bytes so far, copied; the writer begins anew with the memory it has. */
  take(): Buffer<ArrayBuffer>
}

/** Memory that is kept for what comes next. */
const KEPT_BYTES = 1024 * 1024
/** UTF-8 takes at most so many bytes for each UTF-16 code unit. */
const UTF8_BYTES = 3
const VARINT_BYTES = 10
/** Up to here, writing characters one by one is quicker than a call out of JavaScript. */
const SHORT = 48
const LOW_BITS = 28
const LOW = 2 ** LOW_BITS

export function createAvroWriter(first_bytes: number): AvroWriter {
  let buffer = Buffer.from(new ArrayBuffer(first_bytes))
  let size = 0

  function ensure(room: number): void {
    if (size + room <= buffer.length) return
    const larger = Buffer.from(new ArrayBuffer(Math.max(2 * buffer.length, size + room)))
    buffer.copy(larger, 0, 0, size)
    buffer = larger
  }

  function varint(zigzag: number): void {
    let rest = zigzag
    if (rest >= LOW) {
      // Integers of 32 bits are quick, remainders of larger ones are not.
      let low = rest % LOW
      rest = Math.floor(rest / LOW)
      for (let bits = 0; bits < LOW_BITS; bits += 7) {
        buffer[size] = (low & 0x7f) | 0x80
        size += 1
        low >>>= 7
      }
    }
    while (rest >= 0x80) {
      buffer[size] = (rest & 0x7f) | 0x80
      size += 1
      rest >>>= 7
    }
    buffer[size] = rest
    size += 1
  }

  function long(value: number): void {
    ensure(VARINT_BYTES)
    varint(value < 0 ? -value * 2 - 1 : value * 2)
  }

  /** @returns whether it was ASCII, and so is written; else nothing is */
  function writeAscii(text: string): boolean {
    const { length } = text
    const target = buffer
    const at = size + 1
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index)
      if (code >= 0x80) return false
      target[at + index] = code
    }
    target[size] = length * 2
    size = at + length
    return true
  }

  function string(text: string): void {
    const { length } = text
    ensure(length * UTF8_BYTES + VARINT_BYTES)
    if (length <= SHORT && writeAscii(text)) return
    const bytes = Buffer.byteLength(text)
    varint(bytes * 2)
    size += buffer.write(text, size)
  }

  const writer: AvroWriter = {
    size: () => size,
    byte(value) {
      ensure(1)
      buffer[size] = value
      size += 1
    },
    long,
    string,
    maybeString(text) {
      if (text === null) writer.byte(0)
      else {
        writer.byte(2)
        string(text)
      }
    },
    maybeLong(value) {
      if (value === null) writer.byte(0)
      else {
        writer.byte(2)
        long(value)
      }
    },
    maybeBoolean(value) {
      writer.byte(value === null ? 0 : 2)
      if (value !== null) writer.byte(value ? 1 : 0)
    },
    text(bytes, from, to) {
      const length = to - from
      ensure(length + VARINT_BYTES)
      const before = size
      varint(length * 2)
      const target = buffer
      const at = size
      for (let index = 0; index < length; index += 1) {
        const byte = bytes[from + index] ?? 0
        if (byte >= 0x80) {
          size = before
          string(bytes.toString('utf8', from, to))
          return
        }
        target[at + index] = byte
      }
      size = at + length
    },
    raw(bytes) {
      ensure(bytes.length)
      buffer.set(bytes, size)
      size += bytes.length
    },
    skip(bytes) {
      ensure(bytes)
      size += bytes
    },
    setU32(at, value) {
      buffer[at] = value
      buffer[at + 1] = value >>> 8
      buffer[at + 2] = value >>> 16
      buffer[at + 3] = value >>> 24
    },
    take() {
      const bytes = Buffer.from(buffer.buffer.slice(0, size))
      size = 0
      if (buffer.length > KEPT_BYTES) buffer = Buffer.from(new ArrayBuffer(first_bytes))
      return bytes
    }
  }
  return writer
}
