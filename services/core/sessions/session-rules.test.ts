import { describe, expect, it } from 'vitest'
import { loadTexts, ruleText } from '../../../test/support/rule-text.ts'
import { REQUEST_FIELDS, START_FIELDS } from './session-fields.ts'
import { sessionIndexOf } from './state.ts'

const ASKED = `name: asked\n${ruleText({ a: { verb: 'get' }, condition: 'a' })}`
const STARTED = `name: began\n${ruleText({ a: { 'process.entry': 'exec' }, condition: 'a' }, 'product: linux, category: process_creation', 'another rule')}`

const load = (correlation: string, rest = '') =>
  loadTexts([
    ASKED,
    STARTED,
    `title: sessions\ncorrelation: { rules: [asked, began], timespan: 15m, ${correlation} }\n${rest}`
  ])

describe('a correlation over sessions', () => {
  it('has its rules carry what it needs, and alert no more', () => {
    const { errors, loaded, windows } = load('type: session, find: attributed')
    expect(errors).toEqual([])
    const carried = loaded.map(({ document, role, carried: fields }) => [
      document.name,
      role,
      fields.map(({ path }) => path)
    ])
    expect(new Map(carried.map(([name, ...rest]) => [name, rest]))).toEqual(
      new Map<unknown, unknown>([
        ['asked', ['part', [...REQUEST_FIELDS]]],
        ['began', ['part', [...START_FIELDS]]]
      ])
    )
    expect(sessionIndexOf(windows).parts).toEqual(new Set(loaded.map(({ document }) => document.id)))
  })

  it.each([
    ['does not say what to find', 'type: session', '', 'RULE_VALUE', null],
    ['finds what there is not', 'type: session, find: unansered', '', 'RULE_VALUE', 'unanswered'],
    ['is of another type', 'type: temporal, find: unasked', '', 'RULE_VALUE', null],
    ['has a condition', 'type: session, find: unasked, condition: { gte: 1 }', '', 'RULE_UNSUPPORTED', null],
    [
      'names what it does not know',
      'type: session, find: unasked',
      'x-weir: { title: "{whom}" }',
      'RULE_FIELD_UNKNOWN',
      'who'
    ]
  ])('is refused when it %s', (_, correlation, rest, code, suggestion) => {
    expect(load(correlation, rest).errors).toMatchObject([{ file: '3.yml', code, suggestion }])
  })
})
