import {
  CHARACTER_ESCAPES,
  type CharacterSet,
  CLASS_ESCAPES,
  complement,
  foldCase,
  LAST,
  NEWLINE,
  normalise,
  POSIX_CLASSES
} from './character-sets.ts'
import { RULE_LIMITS } from './limits.ts'

/**
 * Regular expressions of Sigma: the PCRE subset that the specification's modifier appendix names (`.`, anchors, quantifiers,
 * classes, groups, alternation), with the character escapes and inline flags that published rules use. What is not regular in
 * the mathematical sense (back-references, look-around, atomic groups) is refused, because only regular ones can be matched in
 * time proportional to the text.
 */
export type RegexNode =
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'sequence'; readonly nodes: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly nodes: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly node: RegexNode; readonly least: number; readonly most: number }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }

export type Assertion = 'start' | 'end' | 'line_start' | 'line_end' | 'word_edge' | 'no_word_edge'

export interface RegexFlags {
  readonly ignoreCase: boolean
  readonly multiline: boolean
  readonly dotAll: boolean
}

/** Thrown by `parseRegex`: what is wrong, at which character, and whether it is refused for safety. */
export class RegexProblem extends Error {
  readonly at: number
  readonly refused: boolean
  constructor(message: string, at: number, refused = false) {
    super(message)
    this.at = at
    this.refused = refused
  }
}

/**
 * Parses a regular expression.
 * @throws RegexProblem with the place in the pattern
 */
export function parseRegex(pattern: string, flags: RegexFlags): RegexNode {
  if (pattern.length > RULE_LIMITS.regex_characters) {
    throw new RegexProblem(`it has more than ${RULE_LIMITS.regex_characters} characters`, 0, true)
  }
  let at = 0
  let depth = 0
  const peek = () => pattern.charAt(at)
  const eat = (text: string): boolean => {
    if (!pattern.startsWith(text, at)) return false
    at += text.length
    return true
  }
  const codePoint = (): number => {
    const code = pattern.codePointAt(at) ?? 0
    at += code > 0xffff ? 2 : 1
    return code
  }
  const setOf = (set: CharacterSet, active: RegexFlags): RegexNode => ({
    kind: 'set',
    set: active.ignoreCase ? foldCase(set) : set
  })

  const hex = (start: number, digits: RegExp): number => {
    const found = digits.exec(pattern.slice(at, at + 8))
    const text = found?.[1]
    const code = text === undefined ? Number.NaN : Number.parseInt(text, 16)
    if (found === null || !(code <= LAST)) throw new RegexProblem('the character code is not valid', start)
    at += found[0].length
    return code
  }

  /** After the backslash: a class or one character. */
  const escaped = (inClass: boolean): CharacterSet => {
    const start = at - 1
    if (at >= pattern.length) throw new RegexProblem('it ends in a backslash', start)
    const character = peek()
    const known = Object.hasOwn(CLASS_ESCAPES, character) ? CLASS_ESCAPES[character] : undefined
    if (known !== undefined) {
      at += 1
      return known
    }
    const control = Object.hasOwn(CHARACTER_ESCAPES, character) ? CHARACTER_ESCAPES[character] : undefined
    if (control !== undefined) {
      at += 1
      return [[control, control]]
    }
    if (character === 'x') {
      at += 1
      const code = peek() === '{' ? hex(start, /^\{([0-9a-f]{1,6})\}/i) : hex(start, /^([0-9a-f]{1,2})/i)
      return [[code, code]]
    }
    if (character === 'u') {
      at += 1
      const code = hex(start, /^([0-9a-f]{4})/i)
      return [[code, code]]
    }
    if (inClass && character === 'b') {
      at += 1
      return [[8, 8]]
    }
    if (/[1-9]/.test(character) || character === 'k' || character === 'g') {
      throw new RegexProblem('back-references cannot be matched in bounded time', start, true)
    }
    if (/[0-9A-Za-z]/.test(character)) throw new RegexProblem(`the escape \\${character} is not supported`, start)
    const code = codePoint()
    return [[code, code]]
  }

  /** One member of a character class: a character or a class escape. */
  const member = (): CharacterSet => {
    if (eat('\\')) return escaped(true)
    const code = codePoint()
    return [[code, code]]
  }

  const characterClass = (active: RegexFlags): RegexNode => {
    const start = at - 1
    const negated = eat('^')
    const ranges: (readonly [number, number])[] = []
    let first = true
    while (first || peek() !== ']') {
      if (at >= pattern.length) throw new RegexProblem('a character class is not closed', start)
      first = false
      const posix = /^\[:(\^?)([a-z]+):\]/.exec(pattern.slice(at, at + 16))
      if (posix !== null) {
        const name = posix[2] ?? ''
        const set = Object.hasOwn(POSIX_CLASSES, name) ? POSIX_CLASSES[name] : undefined
        if (set === undefined) throw new RegexProblem(`the class [:${name}:] is not known`, at)
        at += posix[0].length
        ranges.push(...(posix[1] === '^' ? complement(set) : set))
        continue
      }
      const low = member()
      const [single] = low
      const isCharacter = low.length === 1 && single !== undefined && single[0] === single[1]
      if (isCharacter && peek() === '-' && pattern.charAt(at + 1) !== ']' && at + 1 < pattern.length) {
        at += 1
        const high = member()
        const [end] = high
        if (high.length !== 1 || end === undefined || end[0] !== end[1] || end[0] < single[0]) {
          throw new RegexProblem('a range in a character class is out of order', at - 1)
        }
        ranges.push([single[0], end[0]])
      } else {
        ranges.push(...low)
      }
    }
    at += 1
    const set = normalise(ranges)
    const folded = active.ignoreCase ? foldCase(set) : set
    return { kind: 'set', set: negated ? complement(folded) : folded }
  }

  /** `(?flags)` and `(?flags:`; null when what follows is something else. */
  const inlineFlags = (active: RegexFlags): RegexFlags | null => {
    const found = /^\?([ims]*)(?:-([ims]+))?(?=[:)])/.exec(pattern.slice(at, at + 12))
    if (found === null || (found[1] === '' && found[2] === undefined)) return null
    at += found[0].length
    const on = found[1] ?? ''
    const off = found[2] ?? ''
    const value = (flag: string, before: boolean) => (off.includes(flag) ? false : on.includes(flag) || before)
    return {
      ignoreCase: value('i', active.ignoreCase),
      multiline: value('m', active.multiline),
      dotAll: value('s', active.dotAll)
    }
  }

  const group = (active: RegexFlags): RegexNode => {
    const start = at - 1
    let inner = active
    if (peek() === '?') {
      const changed = inlineFlags(active)
      if (changed !== null) {
        inner = changed
        at += 1
      } else if (eat('?=') || eat('?!') || eat('?<=') || eat('?<!')) {
        throw new RegexProblem('look-around cannot be matched in bounded time', start, true)
      } else if (eat('?>') || eat('?(') || eat('?|') || eat('?R') || eat('?&') || eat('?P=') || eat('?P>')) {
        throw new RegexProblem('this kind of group cannot be matched in bounded time', start, true)
      } else if (!eat('?:')) {
        const name = /^\?P?(?:<[A-Za-z_]\w*>|'[A-Za-z_]\w*')/.exec(pattern.slice(at, at + 80))
        if (name === null) throw new RegexProblem('this kind of group is not supported', start)
        at += name[0].length
      }
    }
    depth += 1
    if (depth > RULE_LIMITS.nesting)
      throw new RegexProblem(`groups are nested deeper than ${RULE_LIMITS.nesting}`, start, true)
    const node = choice(inner)
    depth -= 1
    if (!eat(')')) throw new RegexProblem('a group is not closed', start)
    return node
  }

  /** Null when no quantifier stands here: a brace that is none is an ordinary character. */
  const quantifier = (): { least: number; most: number } | null => {
    const start = at
    let bounds: { least: number; most: number }
    if (eat('*')) bounds = { least: 0, most: Number.POSITIVE_INFINITY }
    else if (eat('+')) bounds = { least: 1, most: Number.POSITIVE_INFINITY }
    else if (eat('?')) bounds = { least: 0, most: 1 }
    else {
      const found = /^\{(\d{1,5})(?:(,)(\d{0,5}))?\}/.exec(pattern.slice(at, at + 16))
      if (found === null) return null
      const least = Number(found[1])
      const most = found[2] === undefined ? least : found[3] ? Number(found[3]) : Number.POSITIVE_INFINITY
      if (most < least) throw new RegexProblem('a quantifier is out of order', start)
      at += found[0].length
      bounds = { least, most }
    }
    // Lazy or not makes no difference to whether something matches; possessive does.
    if (peek() === '+') throw new RegexProblem('possessive quantifiers are not supported', at)
    eat('?')
    return bounds
  }

  const atom = (active: RegexFlags): RegexNode => {
    if (eat('(')) return group(active)
    if (eat('[')) return characterClass(active)
    if (eat('.')) return { kind: 'set', set: active.dotAll ? [[0, LAST]] : complement(NEWLINE) }
    if (eat('^')) return { kind: 'assertion', assertion: active.multiline ? 'line_start' : 'start' }
    if (eat('$')) return { kind: 'assertion', assertion: active.multiline ? 'line_end' : 'end' }
    if (eat('\\A')) return { kind: 'assertion', assertion: 'start' }
    if (eat('\\z') || eat('\\Z')) return { kind: 'assertion', assertion: 'end' }
    if (eat('\\b')) return { kind: 'assertion', assertion: 'word_edge' }
    if (eat('\\B')) return { kind: 'assertion', assertion: 'no_word_edge' }
    if (eat('\\')) return setOf(escaped(false), active)
    if (/^[*+?]/.test(peek())) throw new RegexProblem('a quantifier has nothing to repeat', at)
    const code = codePoint()
    return setOf([[code, code]], active)
  }

  /** Flags that are set inside hold to the end of the group, also in its further alternatives. */
  const sequence = (start: RegexFlags): { readonly node: RegexNode; readonly flags: RegexFlags } => {
    let active = start
    const nodes: RegexNode[] = []
    while (at < pattern.length && peek() !== '|' && peek() !== ')') {
      if (peek() === '(' && pattern.charAt(at + 1) === '?') {
        const before = at
        at += 1
        const changed = inlineFlags(active)
        if (changed !== null && eat(')')) {
          active = changed
          continue
        }
        at = before
      }
      const from = at
      const node = atom(active)
      const bounds = quantifier()
      if (bounds === null) nodes.push(node)
      else if (node.kind === 'assertion' && pattern.charAt(from) !== '(')
        throw new RegexProblem('a quantifier has nothing to repeat', from)
      else nodes.push({ kind: 'repeat', node, ...bounds })
      if (bounds !== null && /^[*+?]/.test(peek())) throw new RegexProblem('two quantifiers follow each other', at)
    }
    return {
      node: nodes.length === 1 && nodes[0] !== undefined ? nodes[0] : { kind: 'sequence', nodes },
      flags: active
    }
  }

  function choice(active: RegexFlags): RegexNode {
    const nodes: RegexNode[] = []
    let next = active
    do {
      const alternative = sequence(next)
      nodes.push(alternative.node)
      next = alternative.flags
    } while (eat('|'))
    return nodes.length === 1 && nodes[0] !== undefined ? nodes[0] : { kind: 'choice', nodes }
  }

  const node = choice(flags)
  if (at < pattern.length) throw new RegexProblem('a group is closed that was not opened', at)
  return node
}
