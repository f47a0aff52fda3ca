/**
 * Where the members of a JSON object are in its bytes, without reading their values: nesting and strings are followed, nothing
 * else is looked at. For valid JSON the extents are exact, whatever keys and strings an attacker chose: structure is ASCII, so
 * other bytes are only inside strings. Bytes that are not JSON may have extents as well: whoever reads a value parses it and meets
 * what is wrong there.
 *
 * Over bytes, because engines read elements of a byte array several times as fast as characters of a string.
 */

/** Of what was scanned. */
export interface Members {
  /** Extents of the values of the wanted keys, -1 for what is not there: start and end, one key after the other. */
  readonly extents: number[]
  /** Commas between members and elements outside of the passed-over values. */
  commas: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COMMA = 0x2c
const COLON = 0x3a

/** What bytes outside of strings mean to the scanner; most mean nothing, which one look-up tells. */
const MEANING = new Uint8Array(256)
const [IS_QUOTE, IS_COMMA, OPENS, CLOSES] = [1, 2, 3, 4] as const
MEANING[QUOTE] = IS_QUOTE
MEANING[COMMA] = IS_COMMA
for (const byte of [OPEN_BRACE, OPEN_BRACKET]) MEANING[byte] = OPENS
for (const byte of [CLOSE_BRACE, CLOSE_BRACKET]) MEANING[byte] = CLOSES

/** Members that may be left out between two: a key that comes next is told without looking for its end. */
const LOOKED_AHEAD = 3

/** Nesting that a value may have; deeper ones are not scanned. */
const DEPTH_MAX = 100

function skipBlanks(bytes: Buffer, from: number): number {
  let at = from
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
  }
  return at
}

/** Offset behind the string whose quote is at `from`; -1 when it does not end. */
function endOfString(bytes: Buffer, from: number): number {
  const { length } = bytes
  let at = from + 1
  while (at < length) {
    const byte = bytes[at]
    if (byte === QUOTE) return at + 1
    at += byte === BACKSLASH ? 2 : 1
  }
  return -1
}

/** Commas in the value that `endOfValue` has passed last. */
let passedCommas = 0

/** Offset behind the value at `from`; -1 when it does not end or is nested too deeply. */
function endOfValue(bytes: Buffer, from: number): number {
  const { length } = bytes
  const first = bytes[from]
  passedCommas = 0
  if (first === QUOTE) return endOfString(bytes, from)
  let at = from
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    for (; at < length; at += 1) {
      const byte = bytes[at]
      if (byte === COMMA || byte === CLOSE_BRACE || skipBlanks(bytes, at) > at) break
    }
    return at > from ? at : -1
  }
  let depth = 0
  let commas = 0
  while (at < length) {
    const meaning = MEANING[bytes[at] as number]
    at += 1
    if (meaning === 0) continue
    if (meaning === IS_QUOTE) {
      for (; at < length; at += 1) {
        const byte = bytes[at]
        if (byte === QUOTE) break
        if (byte === BACKSLASH) at += 1
      }
      at += 1
    } else if (meaning === IS_COMMA) commas += 1
    else if (meaning === CLOSES) {
      depth -= 1
      if (depth === 0) {
        passedCommas = commas
        return at
      }
    } else {
      depth += 1
      if (depth > DEPTH_MAX) return -1
    }
  }
  return -1
}

/** Whether the bytes from `start` on are these characters, which are ASCII. */
function isAt(bytes: Buffer, start: number, key: string): boolean {
  for (let at = 0; at < key.length; at += 1) if (bytes[start + at] !== key.charCodeAt(at)) return false
  return true
}

interface Key {
  readonly key: string
  readonly number: number
}

/**
 * Finds members of the object that some bytes are. All of its functions write extents and commas into a `Members` that was made by
 * `empty`, and may be called with it one after the other.
 */
export interface MemberScanner {
  empty(): Members
  /**
   * Reads members from the start of the object on until a passed-over one comes, as long as members are in the order of the wanted
   * keys and none comes that is not wanted; after the first other member it goes on to the end.
   * @returns offset of the key of the passed-over member; that behind the object when there is none; -1 when the bytes are not one
   *   object or it is nested too deeply
   */
  head(bytes: Buffer, into: Members): number
  /**
   * Reads members from one of the object's keys to the end of the object.
   * @returns as `head`; the end of the bytes is the only offset there is
   */
  rest(bytes: Buffer, from: number, into: Members): number
}

/**
 * @param wanted the keys that are looked for, in ASCII; of a key that comes twice the last counts, as for JSON.parse
 * @param passedOver from this place in `wanted` on, commas in the values are not counted, and `head` stops
 */
export function memberScanner(wanted: readonly string[], passedOver: number): MemberScanner {
  const numbers = new Map(wanted.map((key, number) => [key, number]))
  const byLength: Key[][] = []
  for (const [key, number] of numbers) {
    byLength[key.length] ??= []
    byLength[key.length]?.push({ key, number })
  }

  /** Number of the key that is written from `start` to `end`, quotes included; -1 for others, null for what is no string. */
  function numberOf(bytes: Buffer, start: number, end: number): number | null {
    for (let at = start; at < end; at += 1) {
      if (bytes[at] !== BACKSLASH) continue
      try {
        return numbers.get(JSON.parse(bytes.toString('utf8', start, end)) as string) ?? -1
      } catch {
        return null
      }
    }
    const keys = byLength[end - start - 2]
    if (keys === undefined) return -1
    for (const { key, number } of keys) if (isAt(bytes, start + 1, key)) return number
    return -1
  }

  /** Number of the key whose quote is at `start` when it is one of the next wanted ones and written plainly; else -1. */
  function nextNumber(bytes: Buffer, start: number, last: number): number {
    for (let number = last + 1; number <= last + LOOKED_AHEAD && number < wanted.length; number += 1) {
      const key = wanted[number] as string
      if (bytes[start + key.length + 1] === QUOTE && isAt(bytes, start + 1, key)) return number
    }
    return -1
  }

  function read(bytes: Buffer, from: number, into: Members, stops: boolean): number {
    const { extents } = into
    let at = from
    let inOrder = stops
    let last = -1
    for (;;) {
      if (bytes[at] !== QUOTE) return -1
      let number: number | null = inOrder ? nextNumber(bytes, at, last) : -1
      let keyEnd: number
      if (number >= 0) keyEnd = at + (wanted[number] as string).length + 2
      else {
        keyEnd = endOfString(bytes, at)
        if (keyEnd < 0) return -1
        number = numberOf(bytes, at, keyEnd)
        if (number === null) return -1
      }
      if (inOrder) {
        if (number >= passedOver) return at
        if (number > last) last = number
        else inOrder = false
      }
      at = skipBlanks(bytes, keyEnd)
      if (bytes[at] !== COLON) return -1
      const start = skipBlanks(bytes, at + 1)
      const end = endOfValue(bytes, start)
      if (end < 0) return -1
      if (number >= 0) {
        extents[number * 2] = start
        extents[number * 2 + 1] = end
      }
      if (number < passedOver) into.commas += passedCommas
      at = skipBlanks(bytes, end)
      const next = bytes[at]
      if (next === CLOSE_BRACE) return skipBlanks(bytes, at + 1) === bytes.length ? bytes.length : -1
      if (next !== COMMA) return -1
      into.commas += 1
      at = skipBlanks(bytes, at + 1)
    }
  }

  const nowhere: readonly number[] = wanted.flatMap(() => [-1, -1])
  return {
    empty: () => ({ extents: nowhere.slice(), commas: 0 }),
    head: (bytes, into) => {
      const open = skipBlanks(bytes, 0)
      if (bytes[open] !== OPEN_BRACE) return -1
      const at = skipBlanks(bytes, open + 1)
      if (bytes[at] !== CLOSE_BRACE) return read(bytes, at, into, true)
      return skipBlanks(bytes, at + 1) === bytes.length ? bytes.length : -1
    },
    rest: (bytes, from, into) => read(bytes, from, into, false)
  }
}
