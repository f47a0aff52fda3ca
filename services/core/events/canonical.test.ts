import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { reversedKeys } from '../../../test/support/event-fixtures.ts'
import { canonicalText, contentId } from './canonical.ts'

describe('canonicalText', () => {
  it('does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalText(reversedKeys(value))).toBe(canonicalText(value))
      })
    )
  })

  it('tells values apart that JSON tells apart', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        // -0 is 0 in JSON text.
        const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other))
        expect(canonicalText(one) === canonicalText(other)).toBe(same)
      })
    )
  })

  it.each([
    [{ a: '1,b:2' }, { a: '1', b: '2' }],
    [['a', 'b'], ['a,b']],
    [[[1], 2], [[1, 2]]],
    [{ a: null }, {}],
    [{ a: 1 }, { a: '1' }]
  ])('tells %j from %j', (one, other) => {
    expect(contentId(one)).not.toBe(contentId(other))
  })

  it('is finite however deep the value is', () => {
    const deep: unknown = JSON.parse(`${'{"a":['.repeat(50_000)}${']}'.repeat(50_000)}`)
    expect(canonicalText(deep).length).toBeLessThan(1_000)
  })

  it('is what the plain way of writing it gives, byte for byte: ids are made of it', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: 'grapheme-ascii', minLength: 190, maxLength: 210 }),
      fc.constantFrom('"', '\\', '\n', '\u007f', '\ud800', 'é', '~', '__proto__', '10', '9')
    )
    const values = fc.anything({
      key: texts,
      values: [texts, fc.double(), fc.boolean(), fc.constant(null)],
      maxKeys: 24
    })
    fc.assert(
      fc.property(values, (value) => {
        expect(canonicalText(value)).toBe(plainText(value))
      })
    )
  })

  it('sees a key __proto__ as any other', () => {
    expect(contentId(JSON.parse('{"__proto__":1}'))).not.toBe(contentId({}))
  })
})

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => [key, sorted(item)])
    .concat([['object']])
}

function plainText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => `${plainText(item)},`).join('')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${JSON.stringify(key)}:${plainText(item)},`)
    .join('')}}`
}
