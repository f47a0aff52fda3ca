import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnsOf, fitted, padded, printable, wrapped } from './terminal-text.ts'

describe('text for terminals', { timeout: 60_000 }, () => {
  it('never holds what a terminal would obey or hide', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 40 }), (text, columns) => {
        for (const shown of [
          printable(text),
          fitted(text, columns),
          padded(text, columns),
          ...wrapped(text, columns)
        ]) {
          expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
          expect(shown.isWellFormed()).toBe(true)
        }
      })
    )
  })

  it('keeps to the columns it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 40 }), (text, columns) => {
        expect(columnsOf(fitted(text, columns))).toBeLessThanOrEqual(columns)
        expect(columnsOf(padded(text, columns))).toBe(columns)
        for (const line of wrapped(text, columns)) expect(columnsOf(line)).toBeLessThanOrEqual(columns)
      })
    )
  })

  it.each([
    ['abc', 3, 'abc'],
    ['abcd', 3, 'ab…'],
    ['日本語', 4, '日…'],
    ['a\u001b[31mb', 20, 'a [31mb'],
    ['e\u0301\u0301', 1, 'e\u0301\u0301']
  ])('%j in %i columns is %j', (text, columns, expected) => {
    expect(fitted(text, columns)).toBe(expected)
  })

  it('wraps at blanks and loses no word that fits', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1 }), (words) => {
        expect(wrapped(words.join(' '), 10).join(' ')).toBe(words.join(' '))
      })
    )
  })
})
