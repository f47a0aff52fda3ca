import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expression, text } from '../../../test/support/regex-arbitrary.ts'
import { compileRegex } from './regex-machine.ts'
import { RegexProblem } from './regex-syntax.ts'

const NONE = { ignoreCase: false, multiline: false, dotAll: false }
const matches = (pattern: string, text: string, flags: Partial<typeof NONE> = {}) =>
  compileRegex(pattern, { ...NONE, ...flags }).test(text)

function refusal(pattern: string): RegexProblem {
  try {
    compileRegex(pattern, NONE)
  } catch (error) {
    if (error instanceof RegexProblem) return error
    throw error
  }
  throw new Error(`${pattern} was accepted`)
}

describe('compileRegex', () => {
  it('agrees with the engine of the language on every regular expression', () => {
    fc.assert(
      fc.property(expression, text, fc.boolean(), fc.boolean(), fc.boolean(), (pattern, input, i, m, s) => {
        // V8 lets \B match between the halves of a surrogate pair, which is no place between characters.
        fc.pre(!(pattern.includes('\\B') && input.includes('😀')))
        const oracle = new RegExp(pattern, `u${i ? 'i' : ''}${m ? 'm' : ''}${s ? 's' : ''}`)
        expect(matches(pattern, input, { ignoreCase: i, multiline: m, dotAll: s })).toBe(oracle.test(input))
      }),
      { numRuns: 500 }
    )
  })

  it.each([
    ['curl.*\\|\\s*(ba)?sh', 'curl -s http://x/y | bash', true],
    ['curl.*\\|\\s*(ba)?sh', 'curl -s http://x/y; bash', false],
    ['(?i)NC\\s+-e', 'nc  -e /bin/sh', true],
    ['a(?i:B)c', 'abc', true],
    ['a(?i:B)c', 'abC', false],
    ['(?i)a|b', 'B', true],
    ['(?:(?i)a|b)c', 'Bc', true],
    ['[[:digit:]]+[[:^alpha:]]', 'x12', true],
    ['[]a]', ']', true],
    ['x{,3}', 'x{,3}', true],
    ['\\x41\\x{1F600}', 'A😀', true],
    ['^(?P<name>a)$', 'a', true],
    ['é', 'É', false]
  ])('%s on %j gives %s', (pattern, input, expected) => {
    expect(matches(pattern, input)).toBe(expected)
  })

  it.each(['(a+)+$', '(a|a)*b', '(a|b|ab)*c', '(.*a){12}', '(x+x+)+y', 'a.*b.*c.*d'])(
    'takes time proportional to the text for %s',
    (pattern) => {
      const machine = compileRegex(pattern, NONE)
      // Any backtracking engine would need longer than the age of the universe for some of these.
      expect(machine.test('a'.repeat(50_000))).toBe(pattern === '(a+)+$' || pattern === '(.*a){12}')
      expect(machine.test(`${'abx'.repeat(20_000)}!`)).toBe(pattern.startsWith('(a|a)') || pattern === '(.*a){12}')
    }
  )

  it('bounds the memory of an expression whose deterministic automaton is exponential', () => {
    const machine = compileRegex('[ab]*a[ab]{14}c', NONE)
    const random = fc.sample(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 3000, maxLength: 3000 }), {
      numRuns: 1,
      seed: 7
    })
    expect(machine.test(random[0] ?? '')).toBe(false)
    expect(machine.test(`${random[0] ?? ''}a${'b'.repeat(14)}c`)).toBe(true)
  })

  it('does not take an expression longer than its bound', () => {
    expect(refusal('a'.repeat(3000)).refused).toBe(true)
  })

  it.each([
    ['(a)\\1', true],
    ['(?=a)b', true],
    ['(?<!a)b', true],
    ['(?>a+)', true],
    ['(?:a{1,1000}){1,1000}', true],
    ['(?:){1,99999}(?:(?:){1,99999}){1,99999}', true],
    ['('.repeat(40), true],
    ['(a', false],
    ['a)', false],
    ['[a', false],
    ['*a', false],
    ['a**', false],
    ['a++', false],
    ['[b-a]', false],
    ['a{3,2}', false],
    ['\\q', false],
    ['\\', false],
    ['[[:nope:]]', false],
    ['^*', false],
    ['\\p{L}', false]
  ])('does not take %s (refused for safety: %s)', (pattern, refused) => {
    expect(refusal(pattern).refused).toBe(refused)
  })
})
