import { type EventValue, textOfValue } from './event-view.ts'

/** Control and formatting characters, which could rewrite a terminal or reverse a line (Unicode Cc, Cf, line separators). */
const CONTROL = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu

/** Whether it is of printable ASCII alone, without blanks at its ends: most texts are, and are found so faster than by the expression. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code < 0x21 ? code !== 0x20 : code > 0x7e) return false
  }
  return text.charCodeAt(0) !== 0x20 && text.charCodeAt(text.length - 1) !== 0x20
}

/**
 * Untrusted text as one line that is safe to show: control characters become one blank each run, and what is too long is cut
 * with an ellipsis.
 */
export function plainLine(text: string, most: number): string {
  if (text.length <= most && isPlain(text)) return text
  // Cutting before cleaning keeps the work bounded; cleaning never makes text longer.
  const line = text
    .slice(0, most * 4)
    .replace(CONTROL, ' ')
    .trim()
  return line.length > most ? `${line.slice(0, most - 1).toWellFormed()}…` : line.toWellFormed()
}

/** Values of a field as one line, distinct ones separated by commas; null when there is none. */
export function plainValues(values: readonly EventValue[], most: number): string | null {
  const texts = new Set<string>()
  let length = 0
  for (const value of values) {
    const text = typeof value === 'object' && value !== null ? '(object)' : textOfValue(value)
    if (text === null || text === '') continue
    texts.add(text.slice(0, most * 4))
    length += text.length
    if (length > most) break
  }
  return texts.size === 0 ? null : plainLine([...texts].join(', '), most)
}
