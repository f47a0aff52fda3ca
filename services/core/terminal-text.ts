/** Names of the styles a renderer asks for. Whoever prints decides whether they become colours. */
export type StyleName = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan' | 'magenta'
export type Style = (style: StyleName, text: string) => string

export interface Rendering {
  /** Columns to fit in. */
  readonly width: number
  readonly style: Style
}

/** No colours, for files and tests. */
export const plainStyle: Style = (_style, text) => text

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu
const MARK = /^\p{M}$/u

/** Wide in East Asian terminals (Unicode UAX 11, the common blocks) and emoji. */
function isWide(codePoint: number): boolean {
  return (
    codePoint >= 0x1100 &&
    (codePoint <= 0x115f ||
      (codePoint >= 0x2e80 && codePoint <= 0xa4cf) ||
      (codePoint >= 0xac00 && codePoint <= 0xd7a3) ||
      (codePoint >= 0xf900 && codePoint <= 0xfaff) ||
      (codePoint >= 0xfe30 && codePoint <= 0xfe6f) ||
      (codePoint >= 0xff00 && codePoint <= 0xff60) ||
      (codePoint >= 0xffe0 && codePoint <= 0xffe6) ||
      (codePoint >= 0x1f300 && codePoint <= 0x1faff) ||
      (codePoint >= 0x2_0000 && codePoint <= 0x3_fffd))
  )
}

function columnsOfCharacter(character: string): number {
  const codePoint = character.codePointAt(0) ?? 0
  if (codePoint < 0x300) return 1
  if (MARK.test(character)) return 0
  return isWide(codePoint) ? 2 : 1
}

/** Columns that a text without control characters takes on a terminal. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += columnsOfCharacter(character)
  return columns
}

/** Text that cannot move the cursor, change colours or hide itself: what is printed may have been written by an attacker. */
export function printable(text: string): string {
  return text.toWellFormed().replace(INVISIBLE, ' ')
}

/** Printable text, cut to a number of columns. */
export function fitted(text: string, columns: number): string {
  const shown = printable(text)
  let used = 0
  let end = 0
  let roomForEllipsis = 0
  for (const character of shown) {
    used += columnsOfCharacter(character)
    if (used > columns) return columns < 1 ? '' : `${shown.slice(0, roomForEllipsis)}…`
    end += character.length
    if (used < columns) roomForEllipsis = end
  }
  return shown
}

/** Printable text, cut or filled with blanks to exactly so many columns. */
export function padded(text: string, columns: number): string {
  const shown = fitted(text, columns)
  return shown + ' '.repeat(Math.max(0, columns - columnsOf(shown)))
}

/** Printable text in lines of at most so many columns, broken at blanks; what has none is cut. */
export function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of printable(text).split(' ')) {
    if (word === '') continue
    const longer = line === '' ? word : `${line} ${word}`
    if (line === '' || columnsOf(longer) <= columns) line = longer
    else {
      lines.push(fitted(line, columns))
      line = word
    }
  }
  if (line !== '') lines.push(fitted(line, columns))
  return lines
}
