import { describe, expect, it } from 'vitest'
import { bodyOf, booleanOf, integerOf, jsonTextOf, LIMITS, textMapOf, textOf, textsMapOf, textsOf } from './fields.ts'

describe('bounds', () => {
  it('a text beyond its bound is cut, and the cut is told', () => {
    const cuts: string[] = []
    expect(textOf('x'.repeat(LIMITS.text + 1), 'userAgent', cuts)).toHaveLength(LIMITS.text)
    expect(cuts).toEqual(['userAgent'])
  })

  it('a text within its bound is left alone', () => {
    const cuts: string[] = []
    expect(textOf('x'.repeat(LIMITS.text), 'userAgent', cuts)).toHaveLength(LIMITS.text)
    expect(cuts).toEqual([])
  })

  it('a cut through a surrogate pair leaves well-formed text', () => {
    const text = textOf(`${'x'.repeat(9)}😀`, 'field', [], 10)
    expect(text).toHaveLength(10)
    expect(text?.isWellFormed()).toBe(true)
  })

  it('lists are bounded in number and in sum', () => {
    const many: string[] = []
    expect(textsOf(Array(LIMITS.items + 5).fill('g'), 'groups', many)).toHaveLength(LIMITS.items)
    expect(many).toEqual(['groups'])
    const large: string[] = []
    const texts = textsOf(Array(100).fill('x'.repeat(10_000)), 'groups', large)
    expect(texts.join('').length).toBeLessThanOrEqual(LIMITS.items_text)
    expect(large).toEqual(['groups'])
  })

  it('maps are bounded in number and in sum', () => {
    const many: string[] = []
    const entries = Object.fromEntries(Array.from({ length: LIMITS.entries + 5 }, (_, index) => [`k${index}`, 'v']))
    expect(Object.keys(textMapOf(entries, 'annotations', many))).toHaveLength(LIMITS.entries)
    expect(many).toEqual(['annotations'])
    const large: string[] = []
    const heavy = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`k${index}`, 'v'.repeat(LIMITS.text)]))
    expect(JSON.stringify(textMapOf(heavy, 'annotations', large)).length).toBeLessThan(LIMITS.entries_text + 1_000)
    expect(large).toEqual(['annotations'])
  })

  it('a body beyond its bound is left out whole, and so is one too deep to write', () => {
    const cuts: string[] = []
    expect(bodyOf({ data: 'x'.repeat(LIMITS.body) }, 'requestObject', cuts)).toBeNull()
    expect(bodyOf(JSON.parse(`${'['.repeat(1e6)}${']'.repeat(1e6)}`), 'responseObject', cuts)).toBeNull()
    expect(cuts).toEqual(['requestObject', 'responseObject'])
  })
})

describe('reading', () => {
  it('a key __proto__ is left out of maps and changes no prototype', () => {
    const json: unknown = JSON.parse('{"__proto__":["polluted"],"a":["b"]}')
    const map = textsMapOf(json, 'extra', [])
    expect(Object.keys(map)).toEqual(['a'])
    expect(Object.getPrototypeOf(map)).toBe(Object.prototype)
    expect(Object.keys(textMapOf(json, 'annotations', []))).toEqual(['a'])
  })

  it.each([
    [200, 200],
    ['200', 200],
    ['-1', null],
    [' 200', null],
    ['2e2', null],
    ['0x10', null],
    [1.5, null],
    [Number.NaN, null],
    ['9'.repeat(30), null],
    [true, null],
    [null, null],
    [[], null]
  ])('integer of %j is %j', (value, expected) => {
    expect(integerOf(value, 0, 599)).toBe(expected)
  })

  it.each([
    [true, true],
    ['true', true],
    [false, false],
    ['false', false],
    [1, null],
    ['yes', null],
    [undefined, null]
  ])('boolean of %j is %j', (value, expected) => {
    expect(booleanOf(value)).toBe(expected)
  })

  it.each([
    [undefined, null],
    [null, null],
    [{ kind: 'Pod' }, '{"kind":"Pod"}'],
    ['{"kind":"Pod"}', '{"kind":"Pod"}'],
    ['{"kind":', '"{\\"kind\\":"'],
    ['skipped-too-big-size-object', '"skipped-too-big-size-object"'],
    [5, '5']
  ])('body %j becomes the JSON text %j', (value, expected) => {
    expect(bodyOf(value, 'requestObject', [])).toBe(expected)
  })

  it('an own toJSON that is data does no harm', () => {
    expect(jsonTextOf(JSON.parse('{"toJSON":"x"}'))).toBe('{"toJSON":"x"}')
  })
})
