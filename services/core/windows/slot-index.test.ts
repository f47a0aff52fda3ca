import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSlotIndex, type SlotIndex } from './slot-index.ts'

function all(index: SlotIndex, hash: number): readonly number[] {
  const slots: number[] = []
  for (let slot = index.first(hash); slot >= 0; slot = index.next()) slots.push(slot)
  return slots.sort((a, b) => a - b)
}

const withHash = (model: ReadonlyMap<number, number>, hash: number): readonly number[] =>
  [...model]
    .filter(([, its]) => its === hash)
    .map(([slot]) => slot)
    .sort((a, b) => a - b)

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
          for (const hash of [-3, -2, -1, 0, 1, 2, 3]) expect(all(index, hash)).toEqual(withHash(model, hash))
        }
      }),
      { numRuns: 50 }
    )
  })
})
