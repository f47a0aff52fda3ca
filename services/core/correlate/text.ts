const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu
const PLAIN_ASCII = /^[\x20-\x7e]*$/

function utf8Length(codePoint: number): number {
  if (codePoint < 0x80) return 1
  if (codePoint < 0x800) return 2
  return codePoint < 0x1_0000 ? 3 : 4
}

/**
 * Text of unknown origin made fit to be shown and stored: command lines, object names and titles come from attackers. Control
 * and formatting characters (terminal escapes, line breaks, text-direction overrides, zero-width ones) become one blank.
 * @param max_bytes longest result in UTF-8; what is cut ends in `…`
 */
export function plainText(text: string, max_bytes: number): string {
  // Nothing past this can be part of the result, and a text of megabytes is not worth looking through.
  const head = text.length > max_bytes ? text.slice(0, max_bytes + 1) : text
  const shown = PLAIN_ASCII.test(head) ? head : head.toWellFormed().replace(INVISIBLE, ' ')
  let bytes = 0
  let end = 0
  let roomForEllipsis = 0
  for (const character of shown) {
    bytes += utf8Length(character.codePointAt(0) ?? 0)
    if (bytes > max_bytes) return `${shown.slice(0, roomForEllipsis)}…`
    end += character.length
    if (bytes <= max_bytes - 3) roomForEllipsis = end
  }
  return shown.trim()
}

/** `a, b and c`; with more than `most` items the rest is counted: `a, b and 4 more`. */
export function listed(items: readonly string[], most = 5): string {
  const shown = items.length > most ? [...items.slice(0, most - 1), `${items.length - most + 1} more`] : items
  if (shown.length <= 1) return shown.join('')
  return `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}

/** `1 signal`, `2 signals`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** Order of UTF-16 code units, the same everywhere; for sorting where no language is meant. */
export function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** @param time microseconds since the epoch @returns `2026-03-01 12:34:56` in UTC; the number itself when no calendar has it */
export function clockText(time: number): string {
  const date = new Date(Math.floor(time / 1000))
  return Number.isNaN(date.getTime()) ? String(time) : date.toISOString().slice(0, 19).replace('T', ' ')
}

/** The later of two clock texts, without its date where that is the same. */
export function laterText(from: string, to: string): string {
  return from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to
}
