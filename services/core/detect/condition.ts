import type { Problems } from './errors.ts'
import { RULE_LIMITS } from './limits.ts'
import type { RuleNode } from './rule-tree.ts'
import { nearest } from './suggest.ts'
import type { SourceScalar } from './yaml-source.ts'

interface Token {
  readonly text: string
  /** Index in the condition. */
  readonly index: number
}

const WORD = /[A-Za-z0-9_*.\-$]+/y
const OPERATORS: ReadonlySet<string> = new Set(['and', 'or', 'not', 'of', 'them'])

/** Search identifiers that a pattern of `1 of` or `all of` means; those that begin with `_` only when the pattern does. */
function selectIdentifiers(pattern: string, identifiers: Iterable<string>): readonly string[] {
  const all = pattern.toLowerCase() === 'them'
  const pieces = pattern.split('*')
  const matches = (name: string): boolean => {
    if (name.startsWith('_') && !pattern.startsWith('_')) return false
    if (all) return true
    const [first = '', ...rest] = pieces
    const last = rest.pop()
    if (last === undefined) return name === first
    if (!name.startsWith(first)) return false
    let at = first.length
    for (const piece of rest) {
      const found = name.indexOf(piece, at)
      if (found === -1) return false
      at = found + piece.length
    }
    return name.length - last.length >= at && name.endsWith(last)
  }
  return [...identifiers].filter(matches)
}

/**
 * Parses a condition. Binding, from weak to strong: or, and, not, `x of`, parentheses.
 * @param identifiers the search identifiers with their trees
 * @returns null when it is wrong, which is reported with the place inside the condition
 */
export function parseCondition(
  source: SourceScalar,
  identifiers: ReadonlyMap<string, RuleNode>,
  problems: Problems
): RuleNode | null {
  const { value } = source
  if (typeof value !== 'string') return problems.report(source.at, 'RULE_CONDITION', 'the condition has to be text')
  if (value.length > RULE_LIMITS.condition_characters) {
    return problems.report(
      source.at,
      'RULE_TOO_LARGE',
      `the condition has more than ${RULE_LIMITS.condition_characters} characters`
    )
  }
  const fail = (index: number, message: string, suggestion: string | null = null): null =>
    problems.report(source.textAt === null ? source.at : source.textAt + index, 'RULE_CONDITION', message, suggestion)

  const tokens: Token[] = []
  for (let index = 0; index < value.length; ) {
    const character = value.charAt(index)
    if (/\s/.test(character)) {
      index += 1
      continue
    }
    if (character === '(' || character === ')') {
      tokens.push({ text: character, index })
      index += 1
      continue
    }
    if (character === '|') return fail(index, 'aggregations after | were replaced by correlation documents in Sigma 2')
    WORD.lastIndex = index
    const word = WORD.exec(value)
    if (word === null) return fail(index, `${JSON.stringify(character)} means nothing in a condition`)
    tokens.push({ text: word[0], index })
    index += word[0].length
  }
  if (tokens.length === 0) return fail(0, 'the condition is empty')
  if (tokens.length > RULE_LIMITS.condition_terms) {
    return problems.report(
      source.at,
      'RULE_TOO_LARGE',
      `the condition has more than ${RULE_LIMITS.condition_terms} terms`
    )
  }

  let at = 0
  let depth = 0
  const peek = (offset = 0): string => tokens[at + offset]?.text.toLowerCase() ?? ''
  const here = (): number => tokens[at]?.index ?? value.length

  const named = (name: string, child: RuleNode): RuleNode => ({ kind: 'named', name, child })

  const selector = (): RuleNode | null => {
    const quantifier = peek()
    const index = here()
    at += 2
    const token = tokens[at]
    if (token === undefined) return fail(value.length, `"${quantifier} of" is not followed by a pattern or "them"`)
    at += 1
    if (quantifier !== 'all' && quantifier !== '1' && quantifier !== 'any') {
      return fail(index, `"${quantifier} of" is not part of Sigma: 1, any and all are`)
    }
    const names = selectIdentifiers(token.text, identifiers.keys())
    if (names.length === 0) return fail(token.index, `no search identifier is called like ${token.text}`)
    const children = names.flatMap((name) => {
      const child = identifiers.get(name)
      return child === undefined ? [] : [named(name, child)]
    })
    const [only] = children
    if (children.length === 1 && only !== undefined) return only
    return { kind: quantifier === 'all' ? 'and' : 'or', children }
  }

  const term = (): RuleNode | null => {
    const token = tokens[at]
    if (token === undefined) return fail(value.length, 'the condition ends where a search identifier is expected')
    if (token.text === '(' || peek() === 'not') {
      depth += 1
      if (depth > RULE_LIMITS.nesting) {
        return problems.report(
          source.at,
          'RULE_TOO_LARGE',
          `the condition is nested deeper than ${RULE_LIMITS.nesting} levels`
        )
      }
      at += 1
      let node: RuleNode | null
      if (token.text === '(') {
        node = either()
        if (node === null) return null
        if (tokens[at]?.text !== ')') return fail(here(), 'a parenthesis is not closed')
        at += 1
      } else {
        const child = term()
        node = child === null ? null : { kind: 'not', child }
      }
      depth -= 1
      return node
    }
    if (peek(1) === 'of') return selector()
    if (token.text === ')' || OPERATORS.has(peek())) {
      return fail(token.index, `"${token.text}" stands where a search identifier is expected`)
    }
    const child = identifiers.get(token.text)
    if (child === undefined) {
      return fail(
        token.index,
        `the search identifier ${token.text} is not defined`,
        nearest(token.text, identifiers.keys())
      )
    }
    at += 1
    return named(token.text, child)
  }

  const chain = (operator: 'and' | 'or', operand: () => RuleNode | null): RuleNode | null => {
    const first = operand()
    if (first === null) return null
    const children = [first]
    while (peek() === operator) {
      at += 1
      const next = operand()
      if (next === null) return null
      children.push(next)
    }
    return children.length === 1 ? first : { kind: operator, children }
  }
  const both = () => chain('and', term)
  function either(): RuleNode | null {
    return chain('or', both)
  }

  const node = either()
  if (node === null) return null
  if (at < tokens.length) return fail(here(), `"${tokens[at]?.text ?? ''}" is not expected here`)
  return node
}
