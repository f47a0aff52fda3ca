import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Signal } from '../../../schemas/generated/types.ts'
import { entityOf, signalOf } from '../../../test/support/signals.ts'
import { createPartStore } from './part-store.ts'

const hex = (length: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: length, maxLength: length })
    .map((digits) => digits.map((digit) => digit.toString(16)).join(''))
const text = fc.oneof(
  hex(32),
  fc.uuid(),
  fc.uuid().map((id) => `JTI=${id}`),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('alice', 'shop/web', '__proto__', '\u0001', '"', 'Привет')
)
const entity = fc
  .tuple(fc.constantFrom('user', 'pod', 'secret'), text, fc.constantFrom('actor', 'target', 'context'), fc.option(text))
  .map(([type, id, role, name]) => entityOf(type, id, role, name ?? id))
const signal: fc.Arbitrary<Signal> = fc
  .record({
    id: text,
    minute: fc.integer({ min: 0, max: 100 }),
    source: fc.constantFrom('audit', 'runtime'),
    action: text,
    entities: fc.array(entity, { maxLength: 4 }),
    ancestry: fc.array(entity, { maxLength: 2 }),
    event_id: text,
    fields: fc.dictionary(text, fc.array(text, { maxLength: 3 }), { maxKeys: 3, noNullPrototype: true })
  })
  .map(({ event_id, fields, ...sketch }) => ({ ...signalOf(sketch), event_id, correlation_fields: fields }))
const signals = fc.uniqueArray(signal, { selector: ({ id }) => id, maxLength: 30 })

const bare = (one: Signal) => ({ ...one, title: '', dedup_key: '', evidence: {} })

describe('the store of parts', () => {
  it('gives back what windows need of every signal, packed or not', () => {
    fc.assert(
      fc.property(signals, fc.integer({ min: 0, max: 40 }), (all, young) => {
        const store = createPartStore(young)
        for (const one of all) store.add(one)
        expect(store.size).toBe(all.length)
        for (const one of all) {
          const slot = store.slotOf(one.id)
          expect(bare(store.signalOf(slot))).toEqual(bare(one))
          expect(store.fieldsOf(slot)).toEqual(one.correlation_fields)
          expect([store.idOf(slot), store.timeOf(slot), store.ruleOf(slot)]).toEqual([one.id, one.time, one.rule.id])
        }
      })
    )
  })

  it('has what was added and not taken out, and uses slots again', () => {
    fc.assert(
      fc.property(signals, fc.array(fc.nat(29)), fc.integer({ min: 0, max: 5 }), (all, order, young) => {
        const store = createPartStore(young)
        const there = new Set<string>()
        for (const one of order.map((place) => all[place]).filter((found) => found !== undefined)) {
          const slot = store.slotOf(one.id)
          expect(slot >= 0).toBe(there.has(one.id))
          if (slot < 0) {
            store.add(one)
            there.add(one.id)
          } else {
            store.remove(slot)
            there.delete(one.id)
          }
        }
        expect(all.filter(({ id }) => store.slotOf(id) >= 0).map(({ id }) => id)).toEqual(
          all.map(({ id }) => id).filter((id) => there.has(id))
        )
      })
    )
  })
})
