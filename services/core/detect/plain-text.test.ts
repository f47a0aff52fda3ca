import fc from 'fast-check'
import { expect, it } from 'vitest'
import { plainLine } from './plain-text.ts'

it('a text that is plain already stays as it is, and any other becomes plain', () => {
  const near = fc.stringMatching(/^[ -~\t\u0085\u200b\u2028é]{0,12}$/)
  fc.assert(
    fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), fc.integer({ min: 1, max: 14 }), (text, most) => {
      const line = text
        .slice(0, most * 4)
        .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
        .trim()
      const cut = line.length > most ? `${line.slice(0, most - 1).toWellFormed()}…` : line.toWellFormed()
      expect(plainLine(text, most)).toBe(cut)
    })
  )
})
