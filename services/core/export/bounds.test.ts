import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { freeForm, MAX_LIST_ITEMS, MAX_TEXT_CHARACTERS, text, texts } from './bounds.ts'

const tally = () => ({ truncated: 0 })

describe('text', () => {
  it('is never longer than a term may be, is well-formed, and counts its cuts', () => {
    const long = '🜨'.repeat(MAX_TEXT_CHARACTERS)
    const count = tally()
    const cut = text(long, count) ?? ''
    expect(cut).toHaveLength(MAX_TEXT_CHARACTERS)
    expect(cut.isWellFormed()).toBe(true)
    expect(Buffer.byteLength('字'.repeat(MAX_TEXT_CHARACTERS))).toBeLessThan(32_766)
    expect(count.truncated).toBe(1)
  })

  it('mends a lone surrogate', () => {
    expect(text('a\ud800b', tally())).toBe('a\ufffdb')
  })

  it('leaves out what is empty or no text', () => {
    expect([text('', tally()), text(null, tally()), text(7, tally())]).toEqual([undefined, undefined, undefined])
  })

  it('counts list items beyond the bound', () => {
    const count = tally()
    expect(
      texts(
        Array.from({ length: MAX_LIST_ITEMS + 5 }, (_, i) => `v${i}`),
        count
      )
    ).toHaveLength(MAX_LIST_ITEMS)
    expect(count.truncated).toBe(5)
  })
})

describe('freeForm', () => {
  it('renames the keys that would make a guarded reader refuse the whole answer', () => {
    const hostile = JSON.parse(
      '{"data":{"__proto__":{"polluted":true},"constructor":{"prototype":{"x":1}}},"constructor":"kept"}'
    )
    const copy = freeForm(hostile, tally())
    expect(JSON.stringify(copy)).toBe(
      '{"data":{"(__proto__)":{"polluted":true},"(constructor)":{"prototype":{"x":1}}},"constructor":"kept"}'
    )
    expect({}).not.toHaveProperty('polluted')
  })

  it.each([
    ['depth', JSON.parse(`${'{"a":'.repeat(500)}1${'}'.repeat(500)}`)],
    ['number of values', Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`label-${i}`, 'x']))],
    ['empty lists', { list: Array.from({ length: 10_000 }, () => []) }],
    ['length of strings', { a: 'x'.repeat(1_000_000) }],
    ['length of keys', { ['k'.repeat(1_000_000)]: 'x' }]
  ])('bounds the %s and counts what it cut', (_, value) => {
    const count = tally()
    const copy = freeForm(value, count)
    expect(JSON.stringify(copy).length).toBeLessThan(60_000)
    expect(count.truncated).toBeGreaterThan(0)
  })

  it('keeps JSON within the bounds as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        fc.pre(!/__proto__|constructor/.test(JSON.stringify(value)))
        const wrapped = { value: JSON.parse(JSON.stringify(value)) }
        expect(JSON.parse(JSON.stringify(freeForm(wrapped, tally())).toWellFormed())).toEqual(
          JSON.parse(JSON.stringify(wrapped).toWellFormed())
        )
      })
    )
  })

  it('puts what is no object under a key, and has nothing to say of nothing', () => {
    expect(freeForm([1, 2], tally())).toEqual({ value: [1, 2] })
    expect([freeForm(null, tally()), freeForm({}, tally())]).toEqual([undefined, undefined])
  })
})
