/**
 * Text with wildcards, as Sigma writes it: `*` any number of characters, `?` exactly one, `\` before a wildcard or before
 * another backslash takes its meaning away, and any other backslash is just a backslash.
 * Source: sigma-rules-specification 2.x, "String Wildcard" and "Escaping".
 */
export type TextPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'one' }
  | { readonly kind: 'placeholder'; readonly name: string }

export const ANY: TextPart = { kind: 'any' }
const ONE: TextPart = { kind: 'one' }

/** Neighbouring texts become one, neighbouring `*` too. */
export function joinParts(parts: readonly TextPart[]): readonly TextPart[] {
  const joined: TextPart[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (part.kind === 'text' && part.text === '') continue
    if (part.kind === 'text' && last?.kind === 'text')
      joined[joined.length - 1] = { kind: 'text', text: last.text + part.text }
    else if (!(part.kind === 'any' && last?.kind === 'any')) joined.push(part)
  }
  return joined
}

/** Parses a value of a rule. */
export function parsePattern(value: string): readonly TextPart[] {
  const parts: TextPart[] = []
  let text = ''
  const flush = () => {
    parts.push({ kind: 'text', text })
    text = ''
  }
  for (let index = 0; index < value.length; index += 1) {
    const character = value.charAt(index)
    const next = value.charAt(index + 1)
    if (character === '\\' && (next === '*' || next === '?' || next === '\\')) {
      text += next
      index += 1
    } else if (character === '*' || character === '?') {
      flush()
      parts.push(character === '*' ? ANY : ONE)
    } else {
      text += character
    }
  }
  flush()
  return joinParts(parts)
}

/** The text of a pattern without wildcards, null when it has some. */
export function plainText(parts: readonly TextPart[]): string | null {
  if (parts.length === 0) return ''
  const [only] = parts
  return parts.length === 1 && only?.kind === 'text' ? only.text : null
}

/** Parts between two `*`: texts, and null for one character. */
type Segment = readonly (string | null)[]

const NO_MATCH = -1

/** End of the segment when it matches at a place, else -1. */
function matchAt(segment: Segment, text: string, start: number): number {
  let at = start
  for (const item of segment) {
    if (item === null) {
      if (at >= text.length) return NO_MATCH
      at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
    } else {
      if (!text.startsWith(item, at)) return NO_MATCH
      at += item.length
    }
  }
  return at
}

/**
 * End of the first place at or after `start` where the segment matches, else -1. A segment that starts with text is looked for by
 * that text, so that the work stays near one pass.
 */
function search(segment: Segment, text: string, start: number): number {
  const first = segment[0]
  for (let at = start; at <= text.length; at += 1) {
    if (typeof first === 'string') {
      at = text.indexOf(first, at)
      if (at === NO_MATCH) return NO_MATCH
    }
    const end = matchAt(segment, text, at)
    if (end !== NO_MATCH) return end
  }
  return NO_MATCH
}

/** Whether the segment can be laid so that it ends where the text ends. */
function matchesEnd(segment: Segment, text: string, start: number): boolean {
  const last = segment.at(-1)
  if (segment.length === 1 && typeof last === 'string') return text.length - last.length >= start && text.endsWith(last)
  if (typeof last === 'string' && !text.endsWith(last)) return false
  for (let at = start; at <= text.length; at += 1) {
    if (matchAt(segment, text, at) === text.length) return true
  }
  return false
}

/**
 * Makes the test of a pattern against a whole text.
 * @param parts without placeholders
 * @param cased false: the pattern is compared in lower case, and so has the text to be given
 * @returns the test; its time is proportional to the length of the text (times that of a segment, where `?` is used)
 */
export function compilePattern(parts: readonly TextPart[], cased: boolean): (text: string) => boolean {
  const segments: (string | null)[][] = [[]]
  for (const part of parts) {
    if (part.kind === 'any') segments.push([])
    else segments.at(-1)?.push(part.kind === 'text' ? (cased ? part.text : part.text.toLowerCase()) : null)
  }
  const first = segments[0] ?? []
  const last = segments.at(-1) ?? []
  if (segments.length === 1) {
    const [only] = first
    if (first.length === 0) return (text) => text === ''
    if (first.length === 1 && typeof only === 'string') return (text) => text === only
    return (text) => matchAt(first, text, 0) === text.length
  }
  const [start] = first
  const [end] = last
  if (segments.length === 2 && first.length + last.length === 1) {
    if (typeof start === 'string') return (text) => text.startsWith(start)
    if (typeof end === 'string') return (text) => text.endsWith(end)
  }
  const between = segments.slice(1, -1).filter((segment) => segment.length > 0)
  const [middle] = between
  const [needle] = middle ?? []
  if (first.length === 0 && last.length === 0) {
    if (between.length === 0) return () => true
    if (between.length === 1 && middle?.length === 1 && typeof needle === 'string')
      return (text) => text.includes(needle)
  }
  return (text) => {
    let at = matchAt(first, text, 0)
    if (at === NO_MATCH) return false
    for (const segment of between) {
      at = search(segment, text, at)
      if (at === NO_MATCH) return false
    }
    return last.length === 0 || matchesEnd(last, text, at)
  }
}
