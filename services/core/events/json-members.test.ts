import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { objectText, valueText } from '../../../test/support/json-text-arbitrary.ts'
import { scanMembers } from './json-members.ts'

const KEYS = ['verb', 'user', 'requestObject', '__proto__'] as const
const WANTED: ReadonlyMap<string, number> = new Map(KEYS.map((key, number) => [key, number]))
const keys = fc.constantFrom(...KEYS, 'verb ', 'Verb')

function found(text: string): Map<string, unknown> | null {
  const members = scanMembers(text, WANTED, 2)
  if (members === null) return null
  return new Map(
    KEYS.flatMap((key, number) => {
      const start = members.extents[number * 2] ?? -1
      return start < 0 ? [] : [[key, JSON.parse(text.slice(start, members.extents[number * 2 + 1]))] as const]
    })
  )
}

describe('scanning an object', () => {
  it('finds what JSON.parse finds, whatever the keys and strings are', () => {
    fc.assert(
      fc.property(
        objectText(keys, valueText(keys)),
        fc.constantFrom('', ' ', '\n'),
        fc.constantFrom('', '\t', '\r\n '),
        (object, before, after) => {
          const text = before + object + after
          const parsed = JSON.parse(text) as Record<string, unknown>
          const expected = KEYS.filter((key) => Object.hasOwn(parsed, key)).map((key) => [key, parsed[key]] as const)
          expect(found(text)).toEqual(new Map(expected))
        }
      ),
      { numRuns: 1_000 }
    )
  })

  it('takes no text that is cut short or has something behind it', () => {
    fc.assert(
      fc.property(objectText(keys, valueText(keys)), fc.nat(), (text, cut) => {
        expect(scanMembers(text.slice(0, cut % text.length), WANTED, 2)).toBeNull()
        for (const more of ['}', ',', ' 1', '{}']) expect(scanMembers(text + more, WANTED, 2)).toBeNull()
      })
    )
  })

  it('never throws nor runs on for text of any kind', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', '"verb"', '1', ' ')), (parts) => {
        const text = parts.join('')
        const members = scanMembers(text, WANTED, 2)
        for (const place of members?.extents ?? []) expect(place).toBeLessThanOrEqual(text.length)
      }),
      { numRuns: 1_000 }
    )
  })

  it('is not fooled by keys that are deeper, nor by braces and quotes in strings', () => {
    const text = '{"a":{"verb":"get"},"b":"},\\"verb\\":\\"get\\"","verb":"create","c":[{"verb":"get"}],"d":"\\\\"}'
    expect(found(text)).toEqual(new Map([['verb', 'create']]))
  })

  it('counts commas outside of what is passed over', () => {
    expect(scanMembers('{"verb":[1,2],"requestObject":[1,2,3],"x":"a,b"}', WANTED, 2)?.commas).toBe(3)
  })

  it('does not follow nesting without end', () => {
    const nested = (depth: number) => `{"verb":${'['.repeat(depth)}${']'.repeat(depth)}}`
    expect(scanMembers(nested(100), WANTED, 2)).not.toBeNull()
    expect(scanMembers(nested(101), WANTED, 2)).toBeNull()
  })
})
