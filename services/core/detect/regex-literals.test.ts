import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expression, text } from '../../../test/support/regex-arbitrary.ts'
import { literalMachine } from './literal-machine.ts'
import { requiredLiterals } from './regex-literals.ts'
import { compileRegex } from './regex-machine.ts'
import { parseRegex } from './regex-syntax.ts'

const NONE = { ignoreCase: false, multiline: false, dotAll: false }

function isFound(literals: readonly string[], input: string): boolean {
  let found = false
  literalMachine(literals.map((literal) => ({ text: literal, place: 'inside' as const, hits: [0] })))(input, () => {
    found = true
  })
  return found
}

describe('requiredLiterals', () => {
  it('gives literals of which every matching text has one', () => {
    let matched = 0
    fc.assert(
      fc.property(expression, text, fc.boolean(), (pattern, input, ignoreCase) => {
        const flags = { ...NONE, ignoreCase }
        const literals = requiredLiterals(parseRegex(pattern, flags))
        fc.pre(literals !== null)
        if (!compileRegex(pattern, flags).test(input)) return
        matched += 1
        expect(isFound(literals ?? [], input)).toBe(true)
      }),
      { numRuns: 3000 }
    )
    expect(matched).toBeGreaterThan(100)
  })

  it.each([
    ['stratum\\+(tcp|ssl)://', ['stratum+tcp://', 'stratum+ssl://']],
    ['\\b(curl|wget)\\b[^|;]*\\|\\s*(ba)?sh\\b', ['curl', 'wget']],
    ['^/proc/[0-9]+/environ$', ['/environ']],
    ['(a+|bc)x', ['ax', 'bcx']],
    ['(a+|bc)+xyz?', ['axy', 'axyz', 'bcxy', 'bcxyz']],
    ['(abc){2,}', ['abc']],
    ['^/(tmp|home/[^/]+|opt|usr|var)/(.*/)?\\.[^/]+/', ['/.']],
    ['(ab)*cd', ['cd']],
    ['x(a+b|[0-9]*c)d', ['abd', 'cd']],
    ['(x|a*)b[0-9]', ['b']],
    ['(abc)?', null],
    ['a|b*', null],
    ['[a-z]+', null],
    ['.*', null],
    ['', null]
  ])('finds in %s %j', (pattern, expected) => {
    expect(requiredLiterals(parseRegex(pattern, NONE))).toEqual(expected)
  })

  it('folds what is compared without case, beyond ASCII too', () => {
    const flags = { ...NONE, ignoreCase: true }
    const literals = requiredLiterals(parseRegex('SKI', flags))
    expect(literals).toEqual(['ski'])
    for (const input of ['ski', '\u017f\u212a\u0131', 'x\u017fKi']) {
      expect(compileRegex('SKI', flags).test(input)).toBe(true)
      expect(isFound(literals ?? [], input)).toBe(true)
    }
  })
})
