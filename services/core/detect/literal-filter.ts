/**
 * Finds out quickly that a text has none of many literals, which is so for most texts. Three characters at a time are looked at,
 * and as many passed over as these prove that no literal can begin there: the longer the shortest literal, the fewer characters
 * are read.
 * Source: Sun Wu, Udi Manber, "A fast algorithm for multi-pattern searching", University of Arizona TR-94-17 (1994).
 */

const GRAM = 3
/** With shorter literals too few characters are passed over. */
const SHORTEST = 5
/** Most groups of three characters should be in no literal, and the table should stay in the processor's nearest cache. */
const SPARSE = 16
const SMALLEST_TABLE = 1 << 10
const LARGEST_TABLE = 1 << 15
const LARGEST_STEP = 255

/** Lower case and upper case are the same, and some other characters too, which only finds more. */
const CASE = 0x20

const hashOf = (first: number, second: number, third: number): number =>
  ((first | CASE) << 10) ^ ((second | CASE) << 5) ^ (third | CASE)

function tableSize(grams: number): number {
  let size = SMALLEST_TABLE
  while (size < LARGEST_TABLE && size < grams * SPARSE) size *= 2
  return size
}

/**
 * The first place in a text at which a literal may begin; -1 when it has none. Characters beyond ASCII end the search: there may
 * be one before or behind them.
 */
export type LiteralFilter = (text: string) => number

/**
 * @param literals folded ASCII
 * @returns null when they are too short for it
 */
export function literalFilter(literals: readonly string[]): LiteralFilter | null {
  const shortest = Math.min(...literals.map(({ length }) => length))
  if (literals.length === 0 || shortest < SHORTEST) return null
  // All literals are looked for by their first characters, as many as the shortest has.
  const last = shortest - GRAM
  const size = tableSize(literals.length * (last + 1))
  const mask = size - 1
  const hashAt = (text: string, at: number): number =>
    hashOf(text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2)) & mask
  /** How far the nearest place is at which a literal has the three characters last. */
  const steps = new Uint8Array(size).fill(Math.min(last + 1, LARGEST_STEP))
  /** Whether a literal begins with the three characters. */
  const begins = new Uint8Array(size)
  for (const literal of literals) {
    begins[hashAt(literal, 0)] = 1
    for (let at = 0; at <= last; at += 1) {
      const hash = hashAt(literal, at)
      steps[hash] = Math.min(steps[hash] ?? 0, last - at)
    }
  }
  return (text) => {
    const end = text.length - GRAM
    for (let at = last; at <= end; ) {
      const first = text.charCodeAt(at)
      const second = text.charCodeAt(at + 1)
      const third = text.charCodeAt(at + 2)
      if ((first | second | third) > 127) return at - last
      const step = steps[hashOf(first, second, third) & mask] ?? 0
      if (step > 0) at += step
      else {
        const from = at - last
        const one = text.charCodeAt(from)
        const two = text.charCodeAt(from + 1)
        const three = text.charCodeAt(from + 2)
        if ((one | two | three) > 127 || begins[hashOf(one, two, three) & mask] === 1) return from
        at += 1
      }
    }
    return -1
  }
}
