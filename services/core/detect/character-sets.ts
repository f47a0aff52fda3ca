/** Sorted, disjoint, inclusive ranges of code points. */
export type CharacterSet = readonly (readonly [number, number])[]

/** The last code point of Unicode. */
export const LAST = 0x10ffff

/** Ranges in any order, overlapping or not, as a set. */
export function normalise(ranges: readonly (readonly [number, number])[]): CharacterSet {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0])
  const merged: [number, number][] = []
  for (const [first, last] of sorted) {
    const previous = merged.at(-1)
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last)
    else merged.push([first, last])
  }
  return merged
}

/** All code points that are not in the set. */
export function complement(set: CharacterSet): CharacterSet {
  const gaps: [number, number][] = []
  let next = 0
  for (const [first, last] of set) {
    if (first > next) gaps.push([next, first - 1])
    next = last + 1
  }
  if (next <= LAST) gaps.push([next, LAST])
  return gaps
}

/** The characters of an ASCII text. */
const codes = (text: string): CharacterSet =>
  normalise(text.split('').map((character) => [character.charCodeAt(0), character.charCodeAt(0)] as const))

const DIGIT: CharacterSet = [[0x30, 0x39]]
/** What `\w` means: letters, digits and underscore of ASCII, as in PCRE. */
export const WORD: CharacterSet = normalise([...DIGIT, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]])
const SPACE: CharacterSet = normalise([
  [0x09, 0x0d],
  [0x20, 0x20]
])
export const NEWLINE: CharacterSet = [[0x0a, 0x0a]]

/** Escapes that stand for a set, by the character after the backslash. */
export const CLASS_ESCAPES: Readonly<Record<string, CharacterSet>> = {
  d: DIGIT,
  D: complement(DIGIT),
  w: WORD,
  W: complement(WORD),
  s: SPACE,
  S: complement(SPACE),
  h: codes(' \t'),
  H: complement(codes(' \t')),
  N: complement(NEWLINE)
}

/** Escapes that stand for a control character. */
export const CHARACTER_ESCAPES: Readonly<Record<string, number>> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9, v: 11 }

/** `[:name:]` inside a character class, by name. */
export const POSIX_CLASSES: Readonly<Record<string, CharacterSet>> = {
  alpha: normalise([
    [0x41, 0x5a],
    [0x61, 0x7a]
  ]),
  digit: DIGIT,
  alnum: normalise([...DIGIT, [0x41, 0x5a], [0x61, 0x7a]]),
  upper: [[0x41, 0x5a]],
  lower: [[0x61, 0x7a]],
  space: SPACE,
  blank: codes(' \t'),
  punct: normalise([
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e]
  ]),
  xdigit: normalise([...DIGIT, [0x41, 0x46], [0x61, 0x66]]),
  word: WORD
}

/** Characters that differ only in case, by code point; made on first use, for the basic plane. */
let caseVariants: ReadonlyMap<number, readonly number[]> | null = null

function variants(): ReadonlyMap<number, readonly number[]> {
  if (caseVariants !== null) return caseVariants
  const byFolded = new Map<string, number[]>()
  for (let code = 0; code <= 0xffff; code += 1) {
    if (code >= 0xd800 && code <= 0xdfff) continue
    const character = String.fromCharCode(code)
    const upper = character.toUpperCase()
    const lower = character.toLowerCase()
    if (upper === character && lower === character) continue
    if (upper.length !== 1 || lower.length !== 1) continue
    const folded = upper.toLowerCase()
    const same = byFolded.get(folded)
    if (same === undefined) byFolded.set(folded, [code])
    else same.push(code)
  }
  const map = new Map<number, readonly number[]>()
  for (const same of byFolded.values()) for (const code of same) map.set(code, same)
  caseVariants = map
  return map
}

/** The set with everything that differs from a member only in case. */
export function foldCase(set: CharacterSet): CharacterSet {
  const more: [number, number][] = []
  const add = (same: readonly number[]) => {
    for (const other of same) more.push([other, other])
  }
  for (const [first, last] of set) {
    // Going through the smaller of the two keeps single letters cheap and large ranges bounded.
    if (last - first < 256) for (let code = first; code <= last; code += 1) add(variants().get(code) ?? [])
    else for (const [code, same] of variants()) if (code >= first && code <= last) add(same)
  }
  return more.length === 0 ? set : normalise([...set, ...more])
}
