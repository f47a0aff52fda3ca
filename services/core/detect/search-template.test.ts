import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { auditEvent } from '../../../test/support/enriched-event.ts'
import { loadTexts, ruleText } from '../../../test/support/rule-text.ts'

const steps = (query: string) =>
  `${ruleText({ a: { verb: 'get' }, condition: 'a' })}x-weir:\n  investigation:\n    - in words\n    - { step: search, query: ${JSON.stringify(query)} }\n`

const searchOf = (query: string, username: string): string | null => {
  const { rules } = loadTexts([steps(query)])
  const [signal] = rules.match(
    auditEvent({ verb: 'get', user: { username }, objectRef: { resource: 'pods', namespace: 'shop' } })
  )
  return signal?.investigation[1]?.query ?? null
}

describe('the search of an investigation step', () => {
  it('holds the values of the event, quoted', () => {
    expect(searchOf('user.name:"{actor.name}" AND x:"{objectRef.name|objectRef.namespace}"', 'alice')).toBe(
      'user.name:"alice" AND x:"shop"'
    )
  })

  it('asks for anything where the event has no value', () => {
    expect(searchOf('a:"{objectRef.name}"', 'alice')).toBe('a:*')
  })

  it('never lets a value out of its quotes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (name) => {
        const query = searchOf('user.name:"{actor.name}" AND a:b', name) ?? ''
        const inner = /^user\.name:(.*) AND a:b$/su.exec(query)?.[1] ?? ''
        expect(inner === '*' || /^"(?:[^"\\]|\\["\\])*"$/su.test(inner)).toBe(true)
      }),
      { examples: [['x" OR user.name:"'], ['\\'], ['\\" OR *']] }
    )
  })

  it.each([
    ['a placeholder without quotes', 'user.name:{actor.name}', 'RULE_TEMPLATE'],
    ['a placeholder that is not closed', 'user.name:"{actor.name"', 'RULE_TEMPLATE'],
    ['a field that is not known', 'user.name:"{actor.nam}"', 'RULE_FIELD_UNKNOWN']
  ])('is refused for %s, and so is its rule', (_, query, code) => {
    const { errors, loaded } = loadTexts([steps(query)])
    expect(errors.map((error) => error.code)).toEqual([code])
    expect(loaded).toEqual([])
  })
})
