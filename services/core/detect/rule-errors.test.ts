import { describe, expect, it } from 'vitest'
import { FIELDS, loadTexts, ruleText } from '../../../test/support/rule-text.ts'
import { formatRuleError, type RuleErrorCode } from './errors.ts'
import { loadRuleSet } from './load-rule-set.ts'

const GOOD = ruleText({ a: { verb: 'get' }, condition: 'a' })

/** The first error of a file as `line:column CODE suggestion`. */
function errorOf(text: string): string {
  const { errors } = loadTexts([text])
  const [first] = errors
  return first === undefined ? 'none' : `${first.line}:${first.column} ${first.code} ${first.suggestion ?? '-'}`
}

const rule = (detection: string, rest = '') => `title: a rule
logsource: { product: kubernetes, service: audit }
detection:
${detection.replace(/^/gm, '  ')}
${rest}`

describe('errors in rules', () => {
  it.each<[string, string, string]>([
    [
      'a field that does not exist',
      rule('a:\n  objectRef.resourc: pods\ncondition: a'),
      '5:5 RULE_FIELD_UNKNOWN objectRef.resource'
    ],
    [
      'the end of a path',
      rule('a:\n  containre.privileged: true\ncondition: a'),
      '5:5 RULE_FIELD_UNKNOWN container.privileged'
    ],
    ['a field of another dialect', rule('a:\n  username: root\ncondition: a'), '5:5 RULE_FIELD_UNKNOWN user.username'],
    [
      'a modifier that does not exist',
      rule('a:\n  verb|contain: x\ncondition: a'),
      '5:5 RULE_MODIFIER_UNKNOWN contains'
    ],
    ['an empty modifier', rule('a:\n  verb|: x\ncondition: a'), '5:5 RULE_MODIFIER_UNKNOWN -'],
    ['text for a comparison', rule('a:\n  responseStatus.code|gt: x\ncondition: a'), '5:29 RULE_MODIFIER_MISUSED -'],
    [
      'a number for contains',
      rule('a:\n  verb|contains:\n    - x\n    - 5\ncondition: a'),
      '7:9 RULE_MODIFIER_MISUSED -'
    ],
    ['re after another modifier', rule('a:\n  verb|contains|re: x\ncondition: a'), '5:23 RULE_MODIFIER_MISUSED -'],
    ['a flag without re', rule('a:\n  verb|i: x\ncondition: a'), '5:13 RULE_MODIFIER_MISUSED -'],
    ['base64 of a wildcard', rule('a:\n  verb|base64: x*\ncondition: a'), '5:18 RULE_MODIFIER_MISUSED -'],
    ['contains of null', rule('a:\n  verb|contains: null\ncondition: a'), '5:20 RULE_MODIFIER_MISUSED -'],
    ['wide of text that is not ASCII', rule('a:\n  verb|wide: é\ncondition: a'), '5:16 RULE_MODIFIER_MISUSED -'],
    ['exists with something else', rule('a:\n  verb|exists: maybe\ncondition: a'), '5:18 RULE_MODIFIER_MISUSED -'],
    ['an hour that is none', rule('a:\n  time|hour: 24\ncondition: a'), '5:16 RULE_MODIFIER_MISUSED -'],
    [
      'an address range that is none',
      rule('a:\n  source_ip|cidr: 10.0.0.0/33\ncondition: a'),
      '5:21 RULE_MODIFIER_MISUSED -'
    ],
    ['a reference to no field', rule('a:\n  verb|fieldref: stag\ncondition: a'), '5:20 RULE_FIELD_UNKNOWN stage'],
    [
      'a placeholder without values',
      rule('a:\n  verb|expand: "%verbs%"\ncondition: a'),
      '5:18 RULE_PLACEHOLDER_UNKNOWN -'
    ],
    ['a regular expression that is wrong', rule('a:\n  verb|re: "(a"\ncondition: a'), '5:15 RULE_REGEX -'],
    ['a back-reference', rule("a:\n  verb|re: '(a)\\1'\ncondition: a"), '5:18 RULE_REGEX_REFUSED -'],
    [
      'a repetition that is too large',
      rule("a:\n  verb|re: '((a{99}){99}){99}'\ncondition: a"),
      '5:15 RULE_REGEX_REFUSED -'
    ],
    ['exists on keywords', rule("a:\n  '|exists': true\ncondition: a"), '5:16 RULE_MODIFIER_MISUSED -'],
    [
      'an identifier that is not defined',
      rule('selection:\n  verb: get\ncondition: not selektion'),
      '6:18 RULE_CONDITION selection'
    ],
    ['a pattern that means nothing', rule('a:\n  verb: get\ncondition: 1 of filter_*'), '6:19 RULE_CONDITION -'],
    ['two of', rule('a:\n  verb: get\ncondition: 2 of them'), '6:14 RULE_CONDITION -'],
    ['a condition that stops', rule('a:\n  verb: get\ncondition: a and'), '6:19 RULE_CONDITION -'],
    ['a condition that goes on', rule('a:\n  verb: get\ncondition: a a'), '6:16 RULE_CONDITION -'],
    ['an open parenthesis', rule('a:\n  verb: get\ncondition: (a'), '6:16 RULE_CONDITION -'],
    ['a closing parenthesis', rule('a:\n  verb: get\ncondition: "a)"'), '6:16 RULE_CONDITION -'],
    ['an aggregation', rule('a:\n  verb: get\ncondition: a | count() > 5'), '6:16 RULE_CONDITION -'],
    ['an empty condition', rule('a:\n  verb: get\ncondition: ""'), '6:15 RULE_CONDITION -'],
    ['a missing condition', rule('a:\n  verb: get'), '4:3 RULE_KEY_MISSING -'],
    ['a condition alone', rule('condition: a'), '4:3 RULE_KEY_MISSING -'],
    ['timeframe', rule('a:\n  verb: get\ncondition: a\ntimeframe: 5m'), '7:3 RULE_UNSUPPORTED -'],
    ['an empty list', rule('a:\n  verb: []\ncondition: a'), '5:11 RULE_VALUE -'],
    ['a map as value', rule('a:\n  verb: { x: y }\ncondition: a'), '5:11 RULE_VALUE -'],
    ['an octal number', rule('a:\n  verb: 0755\ncondition: a'), '5:11 RULE_VALUE -'],
    ['a number that no double holds', rule('a:\n  verb: 12345678901234567890\ncondition: a'), '5:11 RULE_VALUE -'],
    ['a level that does not exist', rule('a:\n  verb: get\ncondition: a', 'level: hgih'), '7:8 RULE_VALUE high'],
    ['a status that does not exist', rule('a:\n  verb: get\ncondition: a', 'status: stabel'), '7:9 RULE_VALUE stable'],
    ['another taxonomy', rule('a:\n  verb: get\ncondition: a', 'taxonomy: ocsf'), '7:11 RULE_UNSUPPORTED -'],
    [
      'an unknown key of ours',
      rule('a:\n  verb: get\ncondition: a', 'x-weir: { titel: x }'),
      '7:11 RULE_KEY_UNKNOWN title'
    ],
    [
      'a field in the title',
      rule('a:\n  verb: get\ncondition: a', "x-weir: { title: 'a {verbb}' }"),
      '7:21 RULE_FIELD_UNKNOWN verb'
    ],
    [
      'an open placeholder',
      rule('a:\n  verb: get\ncondition: a', "x-weir: { title: 'a {verb' }"),
      '7:21 RULE_TEMPLATE -'
    ],
    [
      'a field in dedup',
      rule('a:\n  verb: get\ncondition: a', 'x-weir: { dedup: [actor.nam] }'),
      '7:19 RULE_FIELD_UNKNOWN actor.name'
    ],
    [
      'no title',
      'logsource: { product: kubernetes }\ndetection: { a: { verb: get }, condition: a }\n',
      '1:1 RULE_KEY_MISSING -'
    ],
    ['no log source', 'title: x\ndetection: { a: { verb: get }, condition: a }\n', '1:1 RULE_KEY_MISSING -'],
    [
      'a log source that is not here',
      rule('a:\n  verb: get\ncondition: a').replace('service: audit', 'service: aduit'),
      '2:12 RULE_LOGSOURCE service: audit'
    ],
    [
      'a misspelt section',
      'title: x\nlogsource: { product: kubernetes }\ndetections: { a: { verb: get }, condition: a }\n',
      '3:1 RULE_DOCUMENT_KIND detection'
    ],
    ['a list for a document', '- a\n- b\n', '1:1 RULE_DOCUMENT_KIND -'],
    ['a collection of Sigma 1', 'action: global\ntitle: x\n', '1:1 RULE_UNSUPPORTED -'],
    ['a key twice', rule('a:\n  verb: get\n  verb: list\ncondition: a'), '6:5 RULE_YAML -'],
    ['directives alone', '%\n', '1:1 RULE_YAML -'],
    ['broken YAML', 'title: "x\n', '2:1 RULE_YAML -'],
    ['a YAML tag', rule('a:\n  verb: !js x\ncondition: a'), '5:11 RULE_YAML -'],
    [
      'nesting',
      `title: x\nlogsource: { product: kubernetes }\ndetection: { a: ${'['.repeat(20)}x${']'.repeat(20)}, condition: a }`,
      '3:32 RULE_TOO_LARGE -'
    ]
  ])('%s is named with its place', (_, text, expected) => {
    expect(errorOf(text)).toBe(expected)
  })

  it('leave all other rules loaded, also those in the same file', () => {
    const broken = rule('a:\n  nothing.like.this: x\ncondition: a').replace('a rule', 'broken')
    const second = GOOD.replace('a rule', 'second')
    const { rules, errors } = loadTexts([
      `${GOOD}---\n${broken}---\n${second}`,
      'title: "',
      GOOD.replace('a rule', 'third')
    ])
    expect(rules.size).toBe(3)
    expect(errors.map(({ file, code }) => `${file} ${code}`)).toEqual(['1.yml RULE_FIELD_UNKNOWN', '2.yml RULE_YAML'])
  })

  it('are all reported at once', () => {
    const { errors } = loadTexts([
      rule('a:\n  verbb: x\n  stagee: y\nb:\n  userAgentt: 1\ncondition: a and b', 'x-weir: { title: "{ouctome}" }')
    ])
    expect(errors.map(({ line, suggestion }) => [line, suggestion])).toEqual([
      [5, 'verb'],
      [6, 'stage'],
      [8, 'userAgent'],
      [10, 'outcome']
    ])
  })

  it('read as one line for people', () => {
    const [error] = loadTexts([rule('a:\n  objectRef.resourc: pods\ncondition: a')]).errors
    expect(error && formatRuleError(error)).toBe(
      '1.yml:5:5 RULE_FIELD_UNKNOWN the field objectRef.resourc is not known in this log source (did you mean objectRef.resource?)'
    )
  })

  it.each<[string, string, RuleErrorCode]>([
    [
      'aliases that multiply',
      `a: &a [x, x, x, x, x, x, x, x]\n${'bcdefg'
        .split('')
        .map((name, index) => `${name}: &${name} [${`*${'abcdef'[index]}, `.repeat(8)}]`)
        .join('\n')}\ntitle: x`,
      'RULE_TOO_LARGE'
    ],
    ['a file that is too large', `# ${'x'.repeat(300_000)}`, 'RULE_TOO_LARGE'],
    [
      'a condition that is too deep',
      rule(`a:\n  verb: get\ncondition: ${'('.repeat(30)}a${')'.repeat(30)}`),
      'RULE_TOO_LARGE'
    ],
    ['a chain of not', rule(`a:\n  verb: get\ncondition: ${'not '.repeat(300)}a`), 'RULE_TOO_LARGE'],
    ['a condition that is too long', rule(`a:\n  verb: get\ncondition: ${'a or '.repeat(1000)}a`), 'RULE_TOO_LARGE'],
    [
      'a condition that multiplies',
      rule(`a:\n${'  - verb: get\n'.repeat(100)}condition: ${'a or '.repeat(200)}a`),
      'RULE_TOO_LARGE'
    ],
    [
      'windash that multiplies',
      rule(`a:\n  verb|windash: '${'-a '.repeat(10)}'\ncondition: a`),
      'RULE_MODIFIER_MISUSED'
    ],
    ['wildcards without end', rule(`a:\n  verb: '${'?*a'.repeat(100)}'\ncondition: a`), 'RULE_TOO_LARGE'],
    ['a value without end', rule(`a:\n  verb: '${'a'.repeat(5000)}'\ncondition: a`), 'RULE_TOO_LARGE']
  ])('bound %s', (_, text, code) => {
    const { errors, rules } = loadTexts([text])
    expect(errors.map((error) => error.code)).toContain(code)
    expect(rules.size).toBe(0)
  })

  it('survive brackets deeper than any stack', () => {
    const { errors } = loadTexts(['['.repeat(100_000), '- '.repeat(20_000)])
    expect(errors.map(({ file, code }) => `${file} ${code}`)).toEqual(['1.yml RULE_TOO_LARGE', '2.yml RULE_YAML'])
  })

  it('name rules whose id or name is taken', () => {
    const id = 'id: 7d5d4f4e-0000-4000-8000-000000000001\n'
    const { errors, rules } = loadTexts([
      id + GOOD,
      id + GOOD,
      `name: n\n${GOOD.replace('a rule', 'b')}`,
      `name: n\n${GOOD.replace('a rule', 'c')}`
    ])
    expect(errors.map(({ file, code }) => `${file} ${code}`)).toEqual(['2.yml RULE_DUPLICATE', '4.yml RULE_DUPLICATE'])
    expect(rules.size).toBe(2)
  })

  it('name what is wrong with fields.yml', () => {
    const broken = { ...FIELDS, text: FIELDS.text.replace('Image: process.executable', 'Image: process.executabel') }
    expect(loadRuleSet([broken]).errors[0]).toMatchObject({ code: 'RULE_FIELD_MAP', suggestion: 'process.executable' })
    expect(loadRuleSet([]).errors[0]?.code).toBe('RULE_FIELD_MAP')
  })
})
