import { RULE_LIMITS } from './limits.ts'
import { joinParts, type TextPart } from './text-pattern.ts'

/** What modifiers make of text. Encoded text is a string of bytes: one character, 0 to 255, for each. */

/** UTF-8 of a text, as bytes. */
export const utf8 = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text))

/** Base64 of bytes. */
export const base64 = (octets: string): string => btoa(octets)

/** UTF-16 of a text, as bytes, without a byte order mark. */
export function encodeUtf16(text: string, littleEndian: boolean): string {
  let octets = ''
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    const high = String.fromCharCode(unit >> 8)
    const low = String.fromCharCode(unit & 0xff)
    octets += littleEndian ? low + high : high + low
  }
  return octets
}

/** How many characters of base64 text depend on the bytes before and after, by offset and by length modulo 3. */
const BASE64_CUT_START = [0, 2, 3] as const
const BASE64_CUT_END = [0, 3, 2] as const

/** The part of the base64 text of bytes that is the same whatever stands before (so many bytes, modulo 3) and after them. */
export function base64AtOffset(octets: string, offset: 0 | 1 | 2): string {
  const encoded = base64(' '.repeat(offset) + octets)
  const cut = BASE64_CUT_END[(octets.length + offset) % 3] ?? 0
  return encoded.slice(BASE64_CUT_START[offset], encoded.length - cut)
}

/** Dashes that Windows programs take for each other. */
const DASHES = ['-', '/', '\u2013', '\u2014', '\u2015'] as const
const DASH_BEFORE_WORD = /(?<![\p{L}\p{N}_])[-/\u2013\u2014\u2015](?=[\p{L}\p{N}_])/gu

/**
 * Every way of writing the dashes that begin a word.
 * @returns null when there are more than `RULE_LIMITS.values`
 */
export function dashVariants(parts: readonly TextPart[]): readonly (readonly TextPart[])[] | null {
  let variants: (readonly TextPart[])[] = [[]]
  for (const part of parts) {
    const pieces = part.kind === 'text' ? part.text.split(DASH_BEFORE_WORD) : null
    if (pieces === null) {
      variants = variants.map((variant) => [...variant, part])
      continue
    }
    pieces.forEach((piece, index) => {
      const text: TextPart = { kind: 'text', text: piece }
      if (index === 0) variants = variants.map((variant) => [...variant, text])
      else {
        variants = variants.flatMap((variant) =>
          variants.length > RULE_LIMITS.values
            ? []
            : DASHES.map((dash) => [...variant, { kind: 'text' as const, text: dash }, text])
        )
      }
    })
    if (variants.length === 0 || variants.length > RULE_LIMITS.values) return null
  }
  return variants.map(joinParts)
}
