import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Signal } from '../../../schemas/generated/types.ts'
import { entityOf, signalOf } from '../../../test/support/signals.ts'
import { createPartStore } from './part-store.ts'
import type { Template } from './part-template.ts'
import { hashTexts } from './slot-index.ts'

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
const MINUTE = 7
const MEMORY_US = 300_000_000
/** Which of many are packed after what was added up to them. */
const packings = fc.array(fc.boolean(), { maxLength: 60 })
const classOf = (rule_id: string) => rule_id.length

function newStore() {
  const changelog = new Map<number, Buffer>()
  const store = createPartStore((number, bytes) => {
    if (bytes === null) changelog.delete(number)
    else changelog.set(number, bytes)
  })
  return { store, changelog }
}
type Store = ReturnType<typeof newStore>['store']

function restored(changelog: ReadonlyMap<number, Buffer>): Store {
  const { store } = newStore()
  const known = new Map<string, Template>()
  const how = { classOf, memoryOf: () => MEMORY_US, closed_before: Number.NEGATIVE_INFINITY, taken: () => {} }
  for (const [number, bytes] of changelog) store.restore(number, bytes, known, how)
  return store
}

function expectSame(store: Store, all: readonly Signal[]): void {
  expect(store.size).toBe(all.length)
  for (const one of all) {
    const slot = store.slotOf(one.id)
    expect(bare(store.signalOf(slot))).toEqual(bare(one))
    expect(store.fieldsOf(slot)).toEqual(one.correlation_fields)
    expect([store.idOf(slot), store.timeOf(slot), store.ruleOf(slot)]).toEqual([one.id, one.time, one.rule.id])
    for (const [name, texts] of Object.entries(one.correlation_fields)) {
      if (texts.length === 0) continue
      expect(store.valuesAre(slot, name, texts)).toBe(true)
      expect(store.valuesAre(slot, name, [...texts, 'more'])).toBe(false)
      expect(store.valuesAre(slot, name, texts.toReversed())).toBe(texts.join('\0') === texts.toReversed().join('\0'))
    }
    for (const name of [...Object.keys(one.correlation_fields), 'no field of this name']) {
      const texts = one.correlation_fields[name] ?? []
      const hash = store.hashOfValues(slot, name, 17)
      expect(hash).toBe(texts.length === 0 ? null : hashTexts(texts, 17))
      if (hash === null) continue
      for (const [otherName, others] of all.flatMap((other) => Object.entries(other.correlation_fields))) {
        const other = all.find(({ correlation_fields }) => correlation_fields[otherName] === others)
        const isSame = store.isSameValues(store.slotOf(other?.id ?? ''), otherName, slot, name)
        expect(isSame).toBe(JSON.stringify(others) === JSON.stringify(texts))
      }
    }
    expect(store.valuesAre(slot, 'no field of this name', ['value'])).toBe(false)
    expect(store.valuesAre(slot, 'constructor', ['value'])).toBe(false)
  }
}

describe('the store of parts', () => {
  it('gives back what windows need of every signal, packed or not, and through its changelog', () => {
    fc.assert(
      fc.property(signals, packings, (all, packing) => {
        const { store, changelog } = newStore()
        for (const [place, one] of all.entries()) {
          store.add(one, MINUTE, false)
          if (packing[place] === true) store.pack(classOf)
        }
        expectSame(store, all)
        store.pack(classOf)
        expectSame(store, all)
        expectSame(restored(changelog), all)
      })
    )
  })

  it('has what was added and not taken out, and so has its changelog', () => {
    fc.assert(
      fc.property(signals, fc.array(fc.nat(29), { maxLength: 60 }), packings, (all, order, packing) => {
        const { store, changelog } = newStore()
        const there = new Set<string>()
        const expectThere = (one: Store) =>
          expect(all.filter(({ id }) => one.slotOf(id) >= 0).map(({ id }) => id)).toEqual(
            all.map(({ id }) => id).filter((id) => there.has(id))
          )
        for (const [step, place] of order.entries()) {
          const one = all[place]
          if (one === undefined) continue
          const slot = store.slotOf(one.id)
          expect(slot >= 0).toBe(there.has(one.id))
          if (slot < 0) {
            store.add(one, MINUTE, false)
            there.add(one.id)
          } else {
            store.remove(slot)
            there.delete(one.id)
          }
          if (packing[step] === true) store.pack(classOf)
        }
        expectThere(store)
        store.pack(classOf)
        expectThere(store)
        for (const { id } of all.filter((one) => there.has(one.id))) store.remove(store.slotOf(id))
        store.pack(classOf)
        expect(changelog.size).toBe(0)
      })
    )
  })

  it('keeps few blocks, whatever is packed together, and none that nothing is left of', () => {
    const { store, changelog } = newStore()
    const all = Array.from({ length: 3_000 }, (_, number) => signalOf({ id: `signal ${number}`, minute: number }))
    for (const one of all) {
      store.add(one, MINUTE, false)
      store.pack(classOf)
    }
    expect(changelog.size).toBeLessThan(30)
    expectSame(restored(changelog), all)
    for (const { id } of all.slice(0, 2_900)) store.remove(store.slotOf(id))
    store.pack(classOf)
    expectSame(store, all.slice(2_900))
    const bytes = [...changelog.values()].reduce((sum, { length }) => sum + length, 0)
    expect(bytes).toBeLessThan(100 * 200)
    for (const { id } of all.slice(2_900)) store.remove(store.slotOf(id))
    expect([store.size, changelog.size]).toEqual([0, 0])
  })

  it('does not take for a block what is none', () => {
    const restore = (bytes: Buffer) => () => restored(new Map([[0, bytes]]))
    expect(restore(Buffer.alloc(0))).toThrow(RangeError)
    expect(restore(Buffer.alloc(40))).toThrow(RangeError)
    expect(restore(Buffer.alloc(40, 1))).toThrow(Error)
  })

  it('keeps those with entries of their own out of the changelog', () => {
    const { store, changelog } = newStore()
    const slot = store.add(signalOf({ id: 'result', minute: 0 }), MINUTE, true)
    expect(store.isSingle(slot)).toBe(true)
    store.pack(classOf)
    expect([store.isSingle(slot), store.idOf(slot), changelog.size]).toEqual([true, 'result', 0])
  })
})
