/**
 * Where the parts of a JSON text are in its bytes. For texts that are known to be JSON: structure is ASCII, so bytes that are not
 * UTF-8 can only be inside strings and do not disturb.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COMMA = 0x2c
const COLON = 0x3a

/** Bytes from `start` up to `end`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A member of an object; `key` as it is written, without its quotes. */
export interface Member {
  readonly key: string
  readonly value: Span
}

const isBlank = (byte: number | undefined) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

function skipBlanks(bytes: Buffer, from: number): number {
  let at = from
  while (isBlank(bytes[at])) at += 1
  return at
}

/** Offset behind the string that begins at `from`. */
function endOfString(bytes: Buffer, from: number): number {
  let at = from + 1
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at + 1
}

/** Offset behind the value that begins at `from`. */
function endOfValue(bytes: Buffer, from: number): number {
  let depth = 0
  let at = from
  while (at < bytes.length) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      at = endOfString(bytes, at)
      if (depth === 0) return at
      continue
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return at
      depth -= 1
      if (depth === 0) return at + 1
    } else if (depth === 0 && (byte === COMMA || isBlank(byte))) return at
    at += 1
  }
  return at
}

/** The members of the object at `from`, in order; of a key that comes twice, both. Empty when there is no object. */
export function membersAt(bytes: Buffer, from: number): Member[] {
  const members: Member[] = []
  let at = skipBlanks(bytes, from)
  if (bytes[at] !== OPEN_BRACE) return members
  at = skipBlanks(bytes, at + 1)
  while (bytes[at] === QUOTE) {
    const keyEnd = endOfString(bytes, at)
    const key = bytes.toString('utf8', at + 1, keyEnd - 1)
    at = skipBlanks(bytes, keyEnd)
    if (bytes[at] !== COLON) return members
    const start = skipBlanks(bytes, at + 1)
    const end = endOfValue(bytes, start)
    members.push({ key, value: { start, end } })
    at = skipBlanks(bytes, end)
    if (bytes[at] === COMMA) at = skipBlanks(bytes, at + 1)
  }
  return members
}

/** The elements of the array at `from`. Empty when there is no array. */
export function elementsAt(bytes: Buffer, from: number): Span[] {
  const elements: Span[] = []
  let at = skipBlanks(bytes, from)
  if (bytes[at] !== OPEN_BRACKET) return elements
  at = skipBlanks(bytes, at + 1)
  while (at < bytes.length && bytes[at] !== CLOSE_BRACKET) {
    const end = endOfValue(bytes, at)
    elements.push({ start: at, end })
    at = skipBlanks(bytes, end)
    if (bytes[at] !== COMMA) break
    at = skipBlanks(bytes, at + 1)
  }
  return elements
}

/** Whether objects and arrays are nested more than `limit` deep. Also for bytes that are no JSON. */
export function isDeeperThan(bytes: Buffer, limit: number): boolean {
  let depth = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (byte === QUOTE) at = endOfString(bytes, at) - 1
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1
      if (depth > limit) return true
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1
  }
  return false
}
