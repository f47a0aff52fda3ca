import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldCase } from './character-sets.ts'
import { foldedAscii } from './folded-ascii.ts'
import { type Literal, literalMachine } from './literal-machine.ts'

const places = fc.constantFrom('start' as const, 'end' as const, 'inside' as const)
const literal = fc.tuple(fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 4 }), places)
/** Long enough for texts to be ruled out by a few characters; of so few that parts of them are met often. */
const longLiteral = fc.tuple(fc.string({ unit: fc.constantFrom('a', 'k', '-'), minLength: 5, maxLength: 8 }), places)
const text = fc.string({ unit: fc.constantFrom('a', 'A', 'b', 'B', '/', 'é', 'K', '😀'), maxLength: 12 })

const around = fc.string({ unit: fc.constantFrom('a', 'A', 'k', 'K', '-', 'é', '\u212a'), maxLength: 12 })

function isIn([wanted, place]: readonly [string, Literal['place']], given: string): boolean {
  const lowered = given.toLowerCase()
  if (place === 'start') return lowered.startsWith(wanted)
  return place === 'end' ? lowered.endsWith(wanted) : lowered.includes(wanted)
}

/** What the machine finds of literals whose hits are their places in the list, and what is there. */
function found(literals: readonly (readonly [string, Literal['place']])[], given: string) {
  const hits = new Set<number>()
  const machine = literalMachine(literals.map(([wanted, place], index) => ({ text: wanted, place, hits: [index] })))
  machine(given, (index) => hits.add(index))
  return {
    machine: [...hits].sort((a, b) => a - b),
    expected: literals.flatMap((one, index) => (isIn(one, given) ? [index] : []))
  }
}

describe('literalMachine', () => {
  it('finds every literal that is in the text where it has to be, and no other', () => {
    fc.assert(
      fc.property(fc.array(literal, { minLength: 1, maxLength: 12 }), text, (literals, given) => {
        const { machine, expected } = found(literals, given)
        expect(machine).toEqual(expected)
      }),
      { numRuns: 500 }
    )
  })

  it('finds long literals, whatever stands around them', () => {
    let hits = 0
    fc.assert(
      fc.property(
        fc.array(longLiteral, { minLength: 1, maxLength: 6 }),
        fc.array(around, { minLength: 2, maxLength: 4 }),
        fc.nat(),
        fc.boolean(),
        (literals, parts, which, upper) => {
          const wanted = literals[which % literals.length]?.[0] ?? ''
          const { machine, expected } = found(literals, parts.join(upper ? wanted.toUpperCase() : wanted))
          expect(machine).toEqual(expected)
          hits += expected.length
        }
      ),
      { numRuns: 1_000 }
    )
    expect(hits).toBeGreaterThan(100)
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
