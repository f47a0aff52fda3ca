/**
 * Where the members of a JSON object are in its text, without reading their values: nesting and strings are followed, nothing else
 * is looked at. For valid JSON the extents are exact, whatever keys and strings an attacker chose. Text that is not JSON may have
 * extents as well: whoever reads a value parses it and meets what is wrong there.
 */

/** Of what was scanned. */
export interface Members {
  /** Extent of the value of each wanted key, by its number, -1 for what is not there: start and end, one after the other. */
  readonly extents: Int32Array
  /** Commas between members and elements outside of the passed-over values, strings left aside. */
  readonly commas: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COMMA = 0x2c
const COLON = 0x3a

/** Nesting that a value may have; deeper ones are not scanned. */
const DEPTH_MAX = 100
/** Characters of a string that are looked at one by one before the rest is searched natively. */
const HOP_AFTER = 24

const isBlank = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

function skipBlanks(text: string, from: number): number {
  let at = from
  while (isBlank(text.charCodeAt(at))) at += 1
  return at
}

/** Offset behind the string whose quote is at `from`; -1 when it does not end. */
function endOfString(text: string, from: number): number {
  const near = from + HOP_AFTER
  let at = from + 1
  while (at < near) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    // Beyond the end of the text there is no number.
    if (!(code >= 0)) return -1
    at += code === BACKSLASH ? 2 : 1
  }
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote < 0) return -1
    let escapes = 0
    while (quote - escapes > at && text.charCodeAt(quote - escapes - 1) === BACKSLASH) escapes += 1
    if (escapes % 2 === 0) return quote + 1
    at = quote + 1
  }
}

/** Commas in the value that `endOfValue` has passed last. */
let passedCommas = 0

/** Offset behind the value at `from`; -1 when it does not end or is nested too deeply. */
function endOfValue(text: string, from: number): number {
  const first = text.charCodeAt(from)
  passedCommas = 0
  if (first === QUOTE) return endOfString(text, from)
  let at = from
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === COMMA || code === CLOSE_BRACE || isBlank(code)) return at > from ? at : -1
      if (!(code >= 0)) return -1
      at += 1
    }
  }
  let depth = 0
  let commas = 0
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at)
      if (at < 0) return -1
      continue
    }
    at += 1
    if (code === COMMA) commas += 1
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1
      if (depth === 0) {
        passedCommas = commas
        return at
      }
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1
      if (depth > DEPTH_MAX) return -1
    } else if (!(code >= 0)) return -1
  }
}

/** The key between two quotes; undefined for what is no string of JSON. */
function keyOf(text: string, start: number, end: number): string | undefined {
  const key = text.slice(start + 1, end - 1)
  if (!key.includes('\\')) return key
  try {
    return JSON.parse(text.slice(start, end)) as string
  } catch {
    return undefined
  }
}

/**
 * Scans the object that a text is.
 * @param wanted numbers of the keys that are looked for, from 0; of a key that comes twice the last counts, as for JSON.parse
 * @param passedOver from this number on, commas in the value of a wanted key are not counted
 * @returns null when the text is not one object and nothing else, or is nested too deeply
 */
export function scanMembers(text: string, wanted: ReadonlyMap<string, number>, passedOver: number): Members | null {
  const extents = new Int32Array(wanted.size * 2).fill(-1)
  let commas = 0
  let at = skipBlanks(text, 0)
  if (text.charCodeAt(at) !== OPEN_BRACE) return null
  at = skipBlanks(text, at + 1)
  if (text.charCodeAt(at) === CLOSE_BRACE) return skipBlanks(text, at + 1) === text.length ? { extents, commas } : null
  for (;;) {
    if (text.charCodeAt(at) !== QUOTE) return null
    const keyEnd = endOfString(text, at)
    if (keyEnd < 0) return null
    const key = keyOf(text, at, keyEnd)
    if (key === undefined) return null
    at = skipBlanks(text, keyEnd)
    if (text.charCodeAt(at) !== COLON) return null
    const start = skipBlanks(text, at + 1)
    const end = endOfValue(text, start)
    if (end < 0) return null
    const number = wanted.get(key)
    if (number !== undefined) {
      extents[number * 2] = start
      extents[number * 2 + 1] = end
    }
    if (number === undefined || number < passedOver) commas += passedCommas
    at = skipBlanks(text, end)
    const next = text.charCodeAt(at)
    if (next === CLOSE_BRACE) return skipBlanks(text, at + 1) === text.length ? { extents, commas } : null
    if (next !== COMMA) return null
    commas += 1
    at = skipBlanks(text, at + 1)
  }
}
