import { describe, expect, it } from 'vitest'
import { auditEvent, runtimeEvent } from '../../../test/support/enriched-event.ts'
import { loadTexts, matches, ruleText } from '../../../test/support/rule-text.ts'
import { explainRule, renderExplanation } from './explain.ts'

const CONTAINERS = 'requestObject.spec.containers'
const pod = (containers: unknown, more: object = {}) =>
  auditEvent({
    verb: 'create',
    objectRef: { resource: 'pods', namespace: 'shop', name: 'web' },
    requestObject: { spec: { containers } },
    ...more
  })
const selection = (item: object) => ({ selection: item, condition: 'selection' })
const privileged = { name: 'a', image: 'docker.io/a:1', securityContext: { privileged: true } }
const plain = {
  name: 'b',
  image: 'ghcr.io/b:1',
  securityContext: { privileged: false },
  env: [{ name: 'K', value: 'v' }]
}

describe('a map as a value', () => {
  it.each<[string, unknown, unknown, boolean]>([
    [
      'one element has all of it',
      { 'image|startswith': 'docker.io/', 'securityContext.privileged': true },
      [plain, privileged],
      true
    ],
    [
      'each part holds for another element',
      { 'image|startswith': 'ghcr.io/', 'securityContext.privileged': true },
      [plain, privileged],
      false
    ],
    ['one object instead of a list', { name: 'a' }, privileged, true],
    ['lists in lists', { name: 'a', 'securityContext.privileged': true }, [[plain], [[privileged]]], true],
    ['an empty list', { 'name|exists': false }, [], false],
    ['no list', { 'name|exists': false }, undefined, false],
    ['texts and numbers instead of objects', { name: null }, ['a', 5, null], false],
    ['what an element lacks', { name: 'b', 'securityContext.runAsUser': null }, [plain], true],
    ['what only another element has', { name: 'a', 'env|exists': true }, [privileged, plain], false],
    ['a list of values inside', { name: ['x', 'b'] }, [plain], true],
    ['all values inside', { 'env.name|contains|all': ['K', 'x'] }, [plain], false],
    ['a map inside a map', { name: 'b', env: { name: 'K', value: 'v' } }, [privileged, plain], true],
    [
      'a map inside a map, parts of other elements',
      { name: 'b', env: { name: 'K', value: 'w' } },
      [plain, { env: [{ value: 'w' }] }],
      false
    ],
    [
      'fields of the same element',
      { 'image|fieldref|contains': 'name' },
      [
        { name: 'x', image: 'y' },
        { name: 'y', image: 'x' },
        { name: 'im', image: 'im:1' }
      ],
      true
    ],
    [
      'fields of different elements',
      { 'image|fieldref': 'name' },
      [
        { name: 'x', image: 'y' },
        { name: 'y', image: 'x' }
      ],
      false
    ],
    ['a list of maps: any of them', [{ name: 'x' }, { name: 'b', image: 'ghcr.io/*' }], [privileged, plain], true],
    ['keys of the prototype', { 'constructor.name|exists': true }, [{}], false],
    ['keys with dots', { 'labels.a.b/c': 'x' }, [{ labels: { 'a.b/c': 'x' } }], true]
  ])('%s', (_, value, containers, expected) => {
    expect(matches(selection({ [CONTAINERS]: value }), pod(containers))).toBe(expected)
  })

  it('can be asked of every map, and of none', () => {
    const test = (key: string, value: unknown) =>
      matches(selection({ [`${CONTAINERS}${key}`]: value }), pod([privileged, plain]))
    expect(test('|all', [{ name: 'a', image: 'docker.io/*' }, { name: 'b' }])).toBe(true)
    expect(test('|all', [{ name: 'a', image: 'docker.io/*' }, { name: 'c' }])).toBe(false)
    expect(test('|neq', { name: 'a', image: 'ghcr.io/*' })).toBe(true)
    expect(test('|neq', { name: 'b', image: 'ghcr.io/*' })).toBe(false)
  })

  it('reads records of the event model, where null says that nothing is known', () => {
    const event = runtimeEvent({
      process: {
        command_line: '/bin/x',
        ancestors: [
          { name: 'sh', executable: '/bin/sh' },
          { name: 'nginx', executable: '/usr/sbin/nginx' }
        ]
      }
    })
    const test = (value: object) => matches(selection({ 'process.ancestors': value }), event)
    expect(test({ name: 'sh', 'executable|endswith': '/sh' })).toBe(true)
    expect(test({ name: 'sh', 'executable|endswith': '/nginx' })).toBe(false)
    expect(test({ name: 'sh', 'command_line|exists': true })).toBe(false)
    expect(matches(selection({ process: { name: 'x', 'ancestors.name': 'nginx' } }), event)).toBe(true)
  })

  it('reads a body as a whole', () => {
    const value = { 'spec.containers.name': 'b', kind: null }
    expect(matches(selection({ requestObject: value }), pod([plain]))).toBe(true)
    // The text of the body is another field of the same name.
    expect(matches(selection({ requestObject: [value, '*nothing of the kind*'] }), pod([plain]))).toBe(true)
    expect(matches(selection({ 'requestObject|contains': '"name":"b"' }), pod([plain]))).toBe(true)
  })

  it('cannot be told when the body was left out, nor can what is the opposite', () => {
    const event = pod([privileged], { level: 'Metadata', requestObject: undefined })
    const { loaded } = loadTexts([ruleText({ a: { [`${CONTAINERS}|neq`]: { name: 'a' } }, condition: 'a' })])
    expect(loaded.map((rule) => explainRule(rule, event).verdict)).toEqual(['not_evaluable'])
  })

  it('is explained element by element', () => {
    const { loaded } = loadTexts([
      ruleText({
        a: { [CONTAINERS]: { 'image|startswith': 'docker.io/', 'securityContext.privileged': true } },
        condition: 'a'
      })
    ])
    const [rule] = loaded
    if (rule === undefined) throw new Error('the rule did not load')
    const text = renderExplanation(explainRule(rule, pod([plain, privileged])))
    expect(text.split('\n').slice(1)).toEqual([
      'true    a',
      `true      ${CONTAINERS}: { image|startswith: docker.io/, securityContext.privileged: true }`,
      `            audit.${CONTAINERS} is 2 elements`,
      'false       element 1',
      'false         and',
      'false           image|startswith: docker.io/',
      `                  audit.${CONTAINERS}.image is ghcr.io/b:1`,
      'false           securityContext.privileged: true',
      `                  audit.${CONTAINERS}.securityContext.privileged is false`,
      'true        element 2',
      'true          and',
      'true            image|startswith: docker.io/',
      `                  audit.${CONTAINERS}.image is docker.io/a:1`,
      'true            securityContext.privileged: true',
      `                  audit.${CONTAINERS}.securityContext.privileged is true`,
      ''
    ])
  })

  it('is shown in signals by the fields it reads', () => {
    const { rules } = loadTexts([ruleText({ a: { [CONTAINERS]: { name: 'a', image: '*' } }, condition: 'a' })])
    const [signal] = rules.match(pod([privileged, plain]))
    expect(signal?.evidence).toMatchObject({
      [`audit.${CONTAINERS}.name`]: 'a, b',
      [`audit.${CONTAINERS}.image`]: 'docker.io/a:1, ghcr.io/b:1'
    })
  })

  it.each<[string, string, string]>([
    ['under a field of plain values', 'a:\n  verb: { x: y }\ncondition: a', '5:11 RULE_VALUE -'],
    ['under a list of texts', 'a:\n  pod_spec.images: { x: y }\ncondition: a', '5:22 RULE_VALUE -'],
    [
      'with a modifier for text',
      `a:\n  ${CONTAINERS}|contains: { name: y }\ncondition: a`,
      '5:5 RULE_MODIFIER_MISUSED -'
    ],
    ['that is empty', `a:\n  ${CONTAINERS}: {}\ncondition: a`, `5:36 RULE_VALUE -`],
    ['with keywords', `a:\n  ${CONTAINERS}:\n    '|all': [x, y]\ncondition: a`, '6:7 RULE_VALUE -'],
    [
      'with a field that its records lack',
      'a:\n  process.ancestors:\n    executabel: x\ncondition: a',
      '6:7 RULE_FIELD_UNKNOWN executable'
    ],
    [
      'with a modifier that there is not',
      `a:\n  ${CONTAINERS}:\n    name|contain: x\ncondition: a`,
      '6:7 RULE_MODIFIER_UNKNOWN contains'
    ],
    ['with a list in it', `a:\n  ${CONTAINERS}:\n    name: [[x]]\ncondition: a`, '6:14 RULE_VALUE -']
  ])('is an error %s', (_, detection, expected) => {
    const { errors } = loadTexts([
      `title: a rule\nlogsource: { product: kubernetes, service: audit }\ndetection:\n${detection.replace(/^/gm, '  ')}\n`
    ])
    const [first] = errors
    expect(first && `${first.line}:${first.column} ${first.code} ${first.suggestion ?? '-'}`).toBe(expected)
  })

  it('counts for the size of a rule as what is in it', () => {
    const many = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`f${index}`, 'x']))
    const definitions = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [`s${index}`, { [CONTAINERS]: many }])
    )
    const { errors } = loadTexts([ruleText({ ...definitions, condition: '1 of them' })])
    expect(errors.map(({ code }) => code)).toEqual(['RULE_TOO_LARGE'])
  })
})
