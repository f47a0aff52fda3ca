import { describe, expect, it } from 'vitest'
import { celExpression, eplFilter, sigmaRustRule, tauRule } from './translate.ts'
import type { Item, Rule } from './workload.ts'

const rule = (selection: readonly Item[], filter: readonly Item[] | null = null, sigma = '{}'): Rule => ({
  id: '1',
  kind: 'process',
  selection,
  filter,
  sigma
})
const contains = (text: string): Item => ({ field: 'line', linking: 'any', tests: [{ kind: 'contains', text }] })

describe('rules in the languages of other engines', () => {
  it('what is special in a language is escaped in texts', () => {
    expect(eplFilter(rule([contains("50%_o'k\\")]))).toBe("line_lower like '%50\\\\%\\\\_o\\'k\\\\\\\\%' escape '\\\\'")
    expect(celExpression(rule([contains("o'k\\")]))).toBe("line_lower.contains('o\\'k\\\\')")
  })

  it('a filter is negated as a whole', () => {
    const negated = rule([contains('a')], [contains('b'), contains('c')])
    expect(celExpression(negated)).toBe(
      "line_lower.contains('a') && !((line_lower.contains('b') && line_lower.contains('c')))"
    )
  })

  it('a field that a rule has twice is tested twice by tau-engine', () => {
    expect(JSON.parse(tauRule(rule([contains('a'), contains('b')])))).toMatchObject({
      detection: {
        selection0: { line: 'i*a*' },
        selection1: { line: 'i*b*' },
        condition: 'selection0 and selection1'
      }
    })
  })

  it('regular expressions that ignore case do so for sigma-rust', () => {
    const sigma = JSON.stringify({ detection: { selection: { 'line|re|i': 'a+' }, condition: 'selection' } })
    expect(JSON.parse(sigmaRustRule(rule([], null, sigma)))).toEqual({
      detection: { selection: { 'line|re': '(?i)a+' }, condition: 'selection' }
    })
  })
})
