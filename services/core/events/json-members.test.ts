import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { objectText, valueText } from '../../../test/support/json-text-arbitrary.ts'
import { type Members, memberScanner } from './json-members.ts'

const KEYS = ['verb', 'user', 'requestObject', '__proto__'] as const
const scanner = memberScanner(KEYS, 2)
/** All members, with a stop before the first passed-over one where there is one. */
function scan(bytes: Buffer): Members | null {
  const members = scanner.empty()
  const stopped = scanner.head(bytes, members)
  if (stopped < 0) return null
  return stopped === bytes.length || scanner.rest(bytes, stopped, members) === bytes.length ? members : null
}
const scanText = (text: string) => scan(Buffer.from(text))
const keys = fc.constantFrom(...KEYS, 'verb ', 'Verb')

function found(text: string): Map<string, unknown> | null {
  const bytes = Buffer.from(text)
  const members = scan(bytes)
  if (members === null) return null
  return new Map(
    KEYS.flatMap((key, number) => {
      const start = members.extents[number * 2] ?? -1
      return start < 0
        ? []
        : [[key, JSON.parse(bytes.toString('utf8', start, members.extents[number * 2 + 1]))] as const]
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
          // As it would come from a file, where there is no half of a surrogate pair.
          const text = Buffer.from(before + object + after).toString()
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
        expect(scanText(text.slice(0, cut % text.length))).toBeNull()
        for (const more of ['}', ',', ' 1', '{}']) expect(scanText(text + more)).toBeNull()
      })
    )
  })

  it('never throws nor runs on for text of any kind', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', '"verb"', '1', ' ')), (parts) => {
        const text = parts.join('')
        const members = scanText(text)
        for (const place of members?.extents ?? []) expect(place).toBeLessThanOrEqual(Buffer.byteLength(text))
      }),
      { numRuns: 1_000 }
    )
  })

  it('is not fooled by keys that are deeper, nor by braces and quotes in strings', () => {
    const text = '{"a":{"verb":"get"},"b":"},\\"verb\\":\\"get\\"","verb":"create","c":[{"verb":"get"}],"d":"\\\\"}'
    expect(found(text)).toEqual(new Map([['verb', 'create']]))
  })

  it('counts commas outside of what is passed over', () => {
    expect(scanText('{"verb":[1,2],"requestObject":[1,2,3],"x":"a,b"}')?.commas).toBe(3)
  })

  it('does not follow nesting without end', () => {
    const nested = (depth: number) => `{"verb":${'['.repeat(depth)}${']'.repeat(depth)}}`
    expect(scanText(nested(100))).not.toBeNull()
    expect(scanText(nested(101))).toBeNull()
  })
})
