import { isObject } from '../../core/json.ts'

/** A line of bpftrace's output. */
export type BpftraceLine =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'lost'; readonly count: number }

/**
 * bpftrace writes bytes from 0x80 on as `\uffffff` and two digits, since it takes them for negative: JSON would read that as one
 * character and two letters. Escapes are taken one by one, so that a backslash that is escaped itself does not begin another.
 */
function withBytes(line: string): string {
  return line.replace(/\\(?:uffffff([0-9a-f]{2})|u[0-9a-fA-F]{4}|.)/gs, (whole, byte: string | undefined) =>
    byte === undefined ? whole : `\\u00${byte}`
  )
}

/**
 * Reads a line of `bpftrace -f json`.
 * @returns null for what tells nothing: maps, attached probes, warnings, lines that are no JSON
 */
export function readBpftraceLine(line: Buffer): BpftraceLine | null {
  let json: unknown
  try {
    json = JSON.parse(withBytes(line.toString('latin1')))
  } catch {
    return null
  }
  if (!isObject(json)) return null
  const { type, data } = json
  // Every character is a byte now, and the bytes are UTF-8 as far as the process wanted them to be.
  if (type === 'printf' && typeof data === 'string')
    return { type: 'text', text: Buffer.from(data, 'latin1').toString('utf8') }
  if (type !== 'lost_events') return null
  const count = isObject(data) ? data.events : data
  return { type: 'lost', count: typeof count === 'number' && count > 0 ? count : 1 }
}

/** A line of our program, taken apart: a letter, numbers, and the text at its end. */
export interface Said {
  readonly letter: string
  readonly numbers: readonly number[]
  readonly text: string
}

const NUMBERS: Readonly<Record<string, number>> = { R: 0, E: 6, A: 2, X: 7, F: 3, Q: 7, C: 7, O: 7, N: 1 }

/** @returns null when it is none of ours */
export function partsOf(text: string): Said | null {
  const letter = text.slice(0, 1)
  const count = NUMBERS[letter]
  if (count === undefined) return null
  const numbers: number[] = []
  let at = 1
  for (; numbers.length < count; ) {
    const end = text.indexOf(' ', at + 1)
    const number = Number(text.slice(at + 1, end === -1 ? undefined : end))
    if (text[at] !== ' ' || !Number.isFinite(number)) return null
    numbers.push(number)
    at = end === -1 ? text.length : end
  }
  return { letter, numbers, text: text.slice(at + 1) }
}
