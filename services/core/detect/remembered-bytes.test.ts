import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Answers, RememberedBytes, UNANSWERED } from './remembered-bytes.ts'

const ranges = (...texts: readonly string[]) =>
  texts.map((text) => {
    const bytes = Buffer.from(`..${text}.`)
    return { bytes, from: 2, to: bytes.length - 1 }
  })

describe('bytes that are remembered', () => {
  it('have the answers that were given for these bytes and no others', () => {
    // Few letters and a weak hash: many texts differ in little, or only in where one range ends.
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\0'), maxLength: 6 })
    fc.assert(
      fc.property(fc.array(text, { maxLength: 200 }), (texts) => {
        const remembered = new RememberedBytes(1)
        const given = new Map<string, Answers>()
        for (const one of texts) {
          const answers = remembered.answersFor(ranges(one))
          if (answers === null) continue
          const known = given.get(one)
          if (known === undefined) {
            expect(answers[0]).toBe(UNANSWERED)
            answers[0] = given.size
            given.set(one, answers)
          } else expect(answers).toBe(known)
        }
      })
    )
  })

  it('are all of several ranges', () => {
    const remembered = new RememberedBytes(2)
    const answers = remembered.answersFor(ranges('ab', 'cd'))
    answers?.fill(7)
    expect(remembered.answersFor(ranges('ab', 'cd'))).toBe(answers)
    expect(remembered.answersFor(ranges('ab', 'ce'))?.[1]).toBe(UNANSWERED)
  })

  it('are a copy: what becomes of the event changes nothing', () => {
    const remembered = new RememberedBytes(1)
    const [range] = ranges('secret')
    if (range === undefined) throw new Error('no range')
    remembered.answersFor([range])?.fill(1)
    range.bytes.fill(0x78)
    expect(remembered.answersFor([range])?.[0]).toBe(UNANSWERED)
    expect(remembered.answersFor(ranges('secret'))?.[0]).toBe(1)
  })

  it('are not remembered when they are long', () => {
    expect(new RememberedBytes(1).answersFor(ranges('x'.repeat(1_000)))).toBeNull()
  })

  it('are passed over for a while when values do not come again, and not when most do', () => {
    const [once, again] = [new RememberedBytes(1), new RememberedBytes(1)]
    let passed = 0
    for (let index = 0; index < 20_000; index += 1) {
      if (once.isWorthwhile()) once.answersFor(ranges(`value ${index}`))
      else passed += 1
      expect(again.isWorthwhile()).toBe(true)
      again.answersFor(ranges(`value ${index % 900}`))
    }
    expect(passed).toBeGreaterThan(10_000)
    for (let index = 0; index < 200_000; index += 1) once.isWorthwhile()
    expect(once.isWorthwhile()).toBe(true)
  })
})
