import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSlotIndex } from './slot-index.ts'

describe('the index of slots', () => {
  it('finds what a map finds, however hashes fall together and whatever is taken out', () => {
    const step = fc.record({ slot: fc.nat(200), hash: fc.integer({ min: -3, max: 3 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const index = createSlotIndex()
        const model = new Map<number, number>()
        for (const { slot, hash } of steps) {
          const known = model.get(slot)
          if (known === undefined) {
            index.add(hash, slot)
            model.set(slot, hash)
          } else {
            index.remove(known, slot)
            model.delete(slot)
          }
          for (const [one, itsHash] of model) expect(index.find(itsHash, (found) => found === one)).toBe(one)
          expect(index.find(known ?? 99, (found) => found === (known === undefined ? -2 : slot))).toBe(-1)
        }
      }),
      { numRuns: 50 }
    )
  })
})
