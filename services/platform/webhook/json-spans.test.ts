import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { elementsAt, isDeeperThan, membersAt, type Span } from './json-spans.ts'

const text = (bytes: Buffer, { start, end }: Span) => bytes.toString('utf8', start, end)
const parsed = (bytes: Buffer, span: Span): unknown => JSON.parse(text(bytes, span))
const indent = fc.constantFrom('', ' ', '\t', '   ')

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

describe('the places of the parts of a JSON text', () => {
  it('of an object are those of its members, however it is written', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), indent, (object, space) => {
        const bytes = Buffer.from(JSON.stringify(object, null, space))
        const members = membersAt(bytes, 0).map(({ key, value }) => [JSON.parse(`"${key}"`), parsed(bytes, value)])
        expect(members).toEqual(Object.entries(JSON.parse(bytes.toString()) as object))
      })
    )
  })

  it('of an array are those of its elements', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), indent, (array, space) => {
        const bytes = Buffer.from(JSON.stringify(array, null, space))
        expect(elementsAt(bytes, 0).map((span) => parsed(bytes, span))).toEqual(JSON.parse(bytes.toString()))
      })
    )
  })

  it.each(['', '  ', '7', '"{"', '{', '[', '{"a"', '{"a":', '[1,', '{"a":1,', '["', '{"a":"\\'])(
    'of %j are none or some, without an error',
    (broken) => {
      const bytes = Buffer.from(broken)
      expect(membersAt(bytes, 0).length + elementsAt(bytes, 0).length).toBeLessThan(3)
    }
  )

  it('are found beside bytes that are not UTF-8', () => {
    const bytes = Buffer.from('{"a":"\u00ff","b":[1,"\u00fe"]}', 'latin1')
    expect(membersAt(bytes, 0).map(({ key, value }) => [key, value.end - value.start])).toEqual([
      ['a', 3],
      ['b', 7]
    ])
  })
})

describe('the depth of a JSON text', () => {
  it('is that of its value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(8), (value, limit) => {
        expect(isDeeperThan(Buffer.from(JSON.stringify(value)), limit)).toBe(
          depthOf(JSON.parse(JSON.stringify(value))) > limit
        )
      })
    )
  })

  it('does not count brackets in strings', () => {
    expect(isDeeperThan(Buffer.from('{"a":"[[[[\\"[[[["}'), 1)).toBe(false)
  })
})
