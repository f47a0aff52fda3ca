import { describe, expect, it } from 'vitest'
import { loadTexts, ruleText } from '../../../test/support/rule-text.ts'
import { WeirError } from '../../core/errors.ts'
import { runRuleTests } from './run-tests.ts'
import { parseTestFile } from './test-file.ts'

const RULE = ruleText({ a: { verb: 'list', 'objectRef.resource': 'secrets' }, condition: 'a' })
const event = { audit: { verb: 'list', objectRef: { resource: 'secrets' } } }
const read = (cases: unknown) => parseTestFile({ file: '1.test.yml', text: JSON.stringify(cases) })
const run = (cases: unknown, rules: readonly string[] = [RULE]) => runRuleTests([read(cases)], loadTexts(rules))

describe('rule tests', () => {
  it('pass when the rule does what they say', () => {
    const results = run([
      { name: 'a list of secrets', event, expect: 'match', title: 'a rule' },
      {
        name: 'a list of pods',
        event: { audit: { ...event.audit, objectRef: { resource: 'pods' } } },
        expect: 'no_match'
      },
      { name: 'a process', event: { runtime: {} }, expect: 'no_match', because: 'other_logsource' }
    ])
    expect(results.map(({ passed, verdict, why }) => [passed, verdict, why])).toEqual([
      [true, 'match', null],
      [true, 'no_match', null],
      [true, 'other_logsource', null]
    ])
  })

  it.each([
    [
      'a match that is not expected',
      { event, expect: 'no_match' },
      /expected no_match, got match:[\s\S]*objectRef\.resource/
    ],
    ['another reason', { event: { runtime: {} }, expect: 'no_match' }, /expected no_match, got other_logsource/],
    ['another title', { event, expect: 'match', title: 'x' }, /expected the title "x", got "a rule"/],
    ['a rule that is not there', { event, expect: 'match', rule: 'x' }, /1\.yml holds no rule called x/],
    ['an event that cannot be made', { event: { audit: { kind: 'Pod' } }, expect: 'match' }, /the event cannot be made/]
  ])('fail for %s, and say why', (_, given, why) => {
    const [result] = run([{ name: 'a case', ...given }])
    expect(result?.passed).toBe(false)
    expect(result?.why).toMatch(why)
  })

  it('fail when the rule did not load, and say where it is wrong', () => {
    const [result] = run(
      [{ name: 'a case', event, expect: 'no_match' }],
      [ruleText({ a: { verbb: 'x' }, condition: 'a' })]
    )
    expect(result).toMatchObject({ passed: false, verdict: 'error', rule: null })
    expect(result?.why).toContain('1.yml:3:18 RULE_FIELD_UNKNOWN')
  })

  it('ask which rule when a file holds several', () => {
    const two = `name: one\n${RULE}---\nname: two\n${RULE.replace('a rule', 'another rule').replace('secrets', 'pods')}`
    const [unsaid, said] = run(
      [
        { name: 'unsaid', event, expect: 'match' },
        { name: 'said', event, expect: 'match', rule: 'one' }
      ],
      [two]
    )
    expect(unsaid?.why).toContain('holds 2 rules')
    expect(said?.passed).toBe(true)
  })

  it('take the event of an earlier case with changes', () => {
    const { cases } = read([
      { name: 'the first', event: { ...event, facts: { pod: { name: 'x' } } }, expect: 'match' },
      {
        name: 'the second',
        event: { like: 'the first', patch: { audit: { verb: 'get', objectRef: { name: 'k' } }, facts: { pod: null } } },
        expect: 'no_match'
      }
    ])
    expect(cases[1]?.event).toEqual({
      audit: { verb: 'get', objectRef: { resource: 'secrets', name: 'k' } },
      facts: {}
    })
  })

  it.each([
    ['no list', { name: 'x' }],
    ['an unknown key', [{ name: 'a case', event, expect: 'match', exepct: 1 }]],
    ['an event of both kinds', [{ name: 'a case', event: { ...event, runtime: {} }, expect: 'match' }]],
    ['two cases of one name', [1, 2].map(() => ({ name: 'a case', event, expect: 'match' }))],
    ['a case like none', [{ name: 'a case', event: { like: 'no case', patch: {} }, expect: 'match' }]],
    [
      'a change to no event',
      [
        { name: 'one', event, expect: 'match' },
        { name: 'two', event: { like: 'one', patch: { audit: null } }, expect: 'match' }
      ]
    ]
  ])('are refused with %s, naming the file', (_, cases) => {
    let code = ''
    try {
      read(cases)
    } catch (error) {
      if (!(error instanceof WeirError)) throw error
      code = error.code
      expect(error.message).toMatch(/^1\.test\.yml: /)
    }
    expect(code).toBe('RULES_TEST_FILE')
  })
})
