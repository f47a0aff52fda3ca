import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { apiPath, isObjectName, isPathSegmentName, scopedName } from './names.ts'

describe('names', { timeout: 60_000 }, () => {
  it.each([
    ['web-1', true],
    ['kube-proxy-node-1.example.com', true],
    ['a', true],
    ['A', false],
    ['-a', false],
    ['a-', false],
    ['a..b', false],
    ['', false],
    ['a/b', false],
    ['a b', false],
    ['ä', false],
    ['a\n', false],
    ['a'.repeat(64), false],
    [Array(64).fill('abc').join('.'), false]
  ])('%j as the name of an object: %s', (name, valid) => {
    expect(isObjectName(name)).toBe(valid)
  })

  it.each([
    ['x/p', { namespace: 'x', name: 'p' }],
    ['x.y/p', null],
    ['x/p/q', null],
    ['x/', null],
    ['/p', null],
    ['p', null]
  ])('%j taken apart', (text, expected) => {
    expect(scopedName(text)).toEqual(expected)
  })

  it.each([
    ['system:node', true],
    ['..', false],
    ['.', false],
    ['a/b', false],
    ['a%2fb', false],
    ['', false]
  ])('%j as the name of a binding: %s', (name, valid) => {
    expect(isPathSegmentName(name)).toBe(valid)
  })

  it('a path has as many segments as it was made of, whatever is in them', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1 }), (segments) => {
        expect(
          apiPath(...segments)
            .slice(1)
            .split('/')
            .map(decodeURIComponent)
        ).toEqual(segments)
      })
    )
  })
})
