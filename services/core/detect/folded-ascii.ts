/**
 * Text as literals are looked up in it: ASCII in lower case. Literals are chosen so that what they stand for cannot be in a text
 * without them, so that other characters and case need no attention.
 */

/**
 * Characters beyond ASCII that become ASCII in lower case (Kelvin sign, dotted I) or differ from it only in case for regular
 * expressions (long s, dotless i).
 */
const BEYOND: ReadonlyMap<number, string> = new Map([
  [0x212a, 'k'],
  [0x0130, 'i'],
  [0x017f, 's'],
  [0x0131, 'i']
])

/** A character in lower case when it is, or may be compared as, one of ASCII; null for others. */
export function foldedAscii(code: number): string | null {
  if (code < 128) return String.fromCharCode(code).toLowerCase()
  return BEYOND.get(code) ?? null
}

/** Small numbers for the characters of some literals, the same for characters that are not told apart. */
export interface CharacterClasses {
  /** Numbers are less than this. 0 is for all characters that no literal has. */
  readonly width: number
  /** By code, for ASCII. */
  readonly ascii: Uint8Array
  /** By code, for the few others that are taken for ASCII. */
  readonly beyond: ReadonlyMap<number, number>
}

/** @param texts folded ASCII */
export function characterClasses(texts: readonly string[]): CharacterClasses {
  const ascii = new Uint8Array(128)
  let width = 1
  for (const text of texts) {
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index)
      if (code < 128 && ascii[code] === 0) {
        ascii[code] = width
        width += 1
      }
    }
  }
  for (let code = 0x41; code <= 0x5a; code += 1) ascii[code] = ascii[code + 32] ?? 0
  return {
    width,
    ascii,
    beyond: new Map([...BEYOND].map(([code, folded]) => [code, ascii[folded.charCodeAt(0)] ?? 0]))
  }
}
