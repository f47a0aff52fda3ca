import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldCase } from './character-sets.ts'
import { foldedAscii, type Literal, literalMachine } from './literal-machine.ts'

const places = fc.constantFrom('start' as const, 'end' as const, 'inside' as const)
const literal = fc.tuple(fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 4 }), places)
const text = fc.string({ unit: fc.constantFrom('a', 'A', 'b', 'B', '/', 'é', 'K', '😀'), maxLength: 12 })

function isIn([wanted, place]: readonly [string, Literal['place']], given: string): boolean {
  const lowered = given.toLowerCase()
  if (place === 'start') return lowered.startsWith(wanted)
  return place === 'end' ? lowered.endsWith(wanted) : lowered.includes(wanted)
}

describe('literalMachine', () => {
  it('finds every literal that is in the text where it has to be, and no other', () => {
    fc.assert(
      fc.property(fc.array(literal, { minLength: 1, maxLength: 12 }), text, (literals, given) => {
        const found = new Set<number>()
        const machine = literalMachine(
          literals.map(([wanted, place], index) => ({ text: wanted, place, hits: [index] }))
        )
        machine(given, (index) => found.add(index))
        expect([...found].sort((a, b) => a - b)).toEqual(
          literals.flatMap((one, index) => (isIn(one, given) ? [index] : []))
        )
      }),
      { numRuns: 500 }
    )
  })

  it('tells what every literal stands for, also when several have the same text', () => {
    const found: number[] = []
    const machine = literalMachine([
      { text: 'ab', place: 'inside', hits: [1, 2] },
      { text: 'b', place: 'end', hits: [3] },
      { text: 'ab', place: 'start', hits: [4] }
    ])
    machine('xAB', (index) => found.push(index))
    expect(found.sort()).toEqual([1, 2, 3])
  })
})

describe('foldedAscii', () => {
  it('knows every character that is ASCII in lower case or differs from it only in case', () => {
    for (let code = 0; code <= 0x1ffff; code += 1) {
      if (code >= 0xd800 && code <= 0xdfff) continue
      const character = String.fromCodePoint(code)
      const ascii = new Set([...character.toLowerCase()].filter((lower) => lower < '\x80'))
      expect(ascii.size).toBeLessThanOrEqual(1)
      for (const lower of ascii) expect(foldedAscii(code)).toBe(lower)
    }
    for (let code = 0; code < 128; code += 1) {
      for (const [first, last] of foldCase([[code, code]])) {
        for (let same = first; same <= last; same += 1) expect(foldedAscii(same)).toBe(foldedAscii(code))
      }
    }
  })
})
