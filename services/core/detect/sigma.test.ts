import { describe, expect, it } from 'vitest'
import { auditEvent, runtimeEvent } from '../../../test/support/enriched-event.ts'
import { loadTexts, matches, ruleText } from '../../../test/support/rule-text.ts'

const selection = (item: object) => ({ selection: item, condition: 'selection' })
const line = (text: string) => runtimeEvent({ process: { command_line: text } })
const matchesLine = (key: string, value: unknown, text: string) => matches(selection({ [key]: value }), line(text))

const pod = (spec: object, more: object = {}) =>
  auditEvent({
    verb: 'create',
    objectRef: { resource: 'pods', namespace: 'shop', name: 'web' },
    requestObject: { spec },
    ...more
  })

describe('values', () => {
  // Wildcards and escapes: sigma-rules-specification, "String Wildcard" and "Escaping".
  it.each([
    ['whoami', 'whoami', true],
    ['WhoAmI', 'whoami', true],
    ['whoami', 'whoami ', false],
    ['who*', 'whoami', true],
    ['*ami', 'whoami', true],
    ['w*a*i', 'whoami', true],
    ['w*o*o*i', 'whoami', false],
    ['who?mi', 'whoami', true],
    ['who?ami', 'whoami', false],
    ['?', '😀', true],
    ['*?', '', false],
    ['*', '', true],
    ['\\*', '*', true],
    ['\\*', 'x', false],
    ['\\?', '?', true],
    ['C:\\Windows', 'C:\\Windows', true],
    ['C:\\\\Windows', 'C:\\Windows', true],
    ['\\\\*', '\\anything', true],
    ['\\\\*', 'anything', false],
    ['\\\\\\*', '\\*', true],
    ['\\\\\\*', '\\x', false],
    ['\\\\\\\\host', '\\\\host', true],
    ['a*a', 'a', false],
    ['ab*ba', 'aba', false],
    ['*a?c*', 'xxabcxx', true],
    ['*a?c*', 'xxacxx', false],
    ['', '', true],
    ['', 'x', false]
  ])('text %j against %j is %s', (value, text, expected) => {
    expect(
      matches(selection({ 'process.working_directory': value }), runtimeEvent({ process: { working_directory: text } }))
    ).toBe(expected)
  })

  it.each([
    ['responseStatus.code', 403, true],
    ['responseStatus.code', '403', true],
    ['responseStatus.code', '4*', true],
    ['responseStatus.code', 404, false],
    ['responseStatus.code', 'DENY', false],
    // Names the decision in published rules.
    ['responseStatus.code', 'ALLOW', true],
    ['audit.responseStatus.code', 'ALLOW', false],
    ['requestObject.spec.hostPID', true, true],
    ['requestObject.spec.hostPID', 'true', true],
    ['requestObject.spec.hostPID', false, false],
    ['requestObject.spec.grace', 30, true],
    ['requestObject.spec.grace', '30', true],
    ['requestObject.spec.text', 5, true],
    ['requestObject.spec.text', 5.5, false]
  ])('%s: %j compares numbers, booleans and their texts: %s', (field, value, expected) => {
    const event = pod({ hostPID: true, grace: 30, text: '5' }, { responseStatus: { code: 403 } })
    expect(matches(selection({ [field]: value }), event)).toBe(expected)
  })

  it('tells null, an empty text and a missing field apart', () => {
    const event = pod({ empty: '', nothing: null, list: [], some: 'x' })
    const test = (field: string, value: unknown) =>
      matches(selection({ [`requestObject.spec.${field}`]: value }), event)
    expect([
      test('empty', null),
      test('nothing', null),
      test('missing', null),
      test('list', null),
      test('some', null)
    ]).toEqual([false, true, true, true, false])
    expect([test('empty', ''), test('nothing', ''), test('missing', '')]).toEqual([true, false, false])
    expect([
      test('empty|exists', true),
      test('nothing|exists', true),
      test('missing|exists', true),
      test('missing|exists', false)
    ]).toEqual([true, true, false, true])
    expect(matches(selection({ userAgent: null }), auditEvent({ verb: 'get', userAgent: undefined }))).toBe(true)
  })

  it('takes a name for several paths to have no value only when none of them has one', () => {
    const file = (given: { path?: string; target_path?: string }) =>
      loadTexts([
        ruleText({ a: { TargetFilename: null }, condition: 'a' }, 'product: linux, category: file_event')
      ]).rules.match(runtimeEvent({ category: 'file', action: 'rename', file: given })).length
    expect([file({ path: '/a' }), file({ path: '/a', target_path: '/b' })]).toEqual([0, 0])
  })

  it('means any element by a path through a list, and null where an element has nothing', () => {
    const event = pod({
      containers: [
        { name: 'a', securityContext: { privileged: true } },
        { name: 'b' },
        { name: 'c', ports: [[{ p: 1 }]] }
      ]
    })
    const test = (field: string, value: unknown) =>
      matches(selection({ [`requestObject.spec.containers.${field}`]: value }), event)
    expect([
      test('name', 'b'),
      test('name', 'd'),
      test('securityContext.privileged', true),
      test('securityContext.privileged', false)
    ]).toEqual([true, false, true, false])
    expect(test('securityContext', null)).toBe(true)
    expect(test('ports.p', 1)).toBe(true)
    expect(test('name|all', ['a', 'b'])).toBe(true)
    expect(test('name|all', ['a', 'd'])).toBe(false)
    expect(test('name|neq', 'a')).toBe(false)
  })

  it('finds keys that contain dots', () => {
    const event = pod({}, { requestObject: { metadata: { annotations: { 'a.b/c.d': 'x', 'a.b': { c: 'y' } } } } })
    expect(matches(selection({ 'requestObject.metadata.annotations.a.b/c.d': 'x' }), event)).toBe(true)
    expect(matches(selection({ 'requestObject.metadata.annotations.a.b.c': 'y' }), event)).toBe(true)
    const token = auditEvent({
      verb: 'list',
      user: { username: 'system:serviceaccount:a:b', extra: { 'authentication.kubernetes.io/pod-name': ['p-1'] } },
      annotations: { 'authorization.k8s.io/decision': 'forbid' }
    })
    expect(matches(selection({ 'user.extra.authentication.kubernetes.io/pod-name': 'p-1' }), token)).toBe(true)
    expect(matches(selection({ 'annotations.authorization.k8s.io/decision': 'forbid' }), token)).toBe(true)
  })

  it('takes hostile keys for what they are: names', () => {
    const body = JSON.parse(
      '{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"x":1}},"spec":{"toString":"t"}}'
    )
    const event = pod({}, { requestObject: body })
    expect(matches(selection({ 'requestObject.polluted': 'yes' }), event)).toBe(false)
    expect(matches(selection({ 'requestObject.__proto__.polluted': 'yes' }), event)).toBe(true)
    expect(matches(selection({ 'requestObject.hasOwnProperty|exists': true }), event)).toBe(false)
    expect(matches(selection({ 'requestObject.spec.toString': 't' }), event)).toBe(true)
    expect(matches(selection({ 'pod.labels.__proto__|exists': true }), event)).toBe(false)
  })
})

describe('modifiers', () => {
  it.each([
    ['process.command_line|contains', 'ETC', 'cat /etc/shadow', true],
    ['process.command_line|contains', 'etc*shadow', 'cat /etc/shadow', true],
    ['process.command_line|startswith', 'cat', 'cat /etc/shadow', true],
    ['process.command_line|startswith', 'at', 'cat /etc/shadow', false],
    ['process.command_line|endswith', 'SHADOW', 'cat /etc/shadow', true],
    ['process.command_line|endswith', 'shado', 'cat /etc/shadow', false],
    ['process.command_line|contains|all', ['cat', 'shadow'], 'cat /etc/shadow', true],
    ['process.command_line|contains|all', ['cat', 'passwd'], 'cat /etc/shadow', false],
    ['process.command_line|contains', ['passwd', 'shadow'], 'cat /etc/shadow', true],
    ['process.command_line|cased', 'CAT', 'cat', false],
    ['process.command_line|contains|cased', 'Shadow', 'cat /etc/Shadow', true],
    ['process.command_line|neq', 'cat', 'dog', true],
    ['process.command_line|neq', ['cat', 'dog'], 'dog', false],
    ['process.command_line|contains|neq', 'cat', 'concatenate', false],
    ['process.command_line|re', 'sh(adow)?$', 'cat /etc/shadow', true],
    ['process.command_line|re', 'SHADOW', 'cat /etc/shadow', false],
    ['process.command_line|re|i', 'SHADOW', 'cat /etc/shadow', true],
    ['process.command_line|re|m', '^b$', 'a\nb\nc', true],
    ['process.command_line|re', '^b$', 'a\nb\nc', false],
    ['process.command_line|re|s', 'a.b', 'a\nb', true],
    ['process.command_line|re|i|s', 'A.B', 'a\nb', true],
    ['process.command_line|re', 'a.b', 'a\nb', false],
    ['process.command_line|re|startswith', 'b|a', 'ab', true],
    ['process.command_line|re|endswith', 'b|a', 'ac', false],
    ['process.command_line|base64', '/bin/sh', 'L2Jpbi9zaA==', true],
    ['process.command_line|base64|contains', '/bin/sh', 'echo L2Jpbi9zaA== | sh', true],
    ['process.command_line|base64offset|contains', '/bin/sh', 'echo eHgvYmluL3No', true],
    ['process.command_line|base64offset|contains', '/bin/sh', 'echo eC9iaW4vc2g=', true],
    ['process.command_line|base64offset|contains', '/bin/sh', 'echo L2Jpbi9zaA', true],
    ['process.command_line|base64offset|contains', '/bin/sh', 'echo L2Jpbi96c2g=', false],
    [
      'process.command_line|base64offset|contains',
      'é/ü',
      `x ${btoa(String.fromCharCode(...new TextEncoder().encode('..é/ü.')))}`,
      true
    ],
    ['process.command_line|utf16le|base64', 'cmd', 'YwBtAGQA', true],
    ['process.command_line|wide|base64offset|contains', 'IEX', 'powershell SQBFAFgA', true],
    ['process.command_line|utf16be|base64', 'cmd', 'AGMAbQBk', true],
    ['process.command_line|utf16|base64', 'cmd', '//5jAG0AZAA=', true],
    ['process.command_line|wide', 'cmd', 'c\0m\0d\0', true],
    ['process.command_line|windash|contains', ' -exec', 'run /exec', true],
    ['process.command_line|windash|contains', ' -exec', 'run \u2013exec', true],
    ['process.command_line|windash|contains', ' -exec', 'run exec', false],
    ['process.command_line|windash|contains', 'a-b', 'a/b', false],
    ['process.command_line|windash|contains|all', [' -a', ' /b'], 'run /a -b', true],
    ['process.command_line|fieldref', 'process.executable', '/bin/x', true],
    ['process.command_line|fieldref', 'process.executable', '/bin/x y', false],
    ['process.command_line|fieldref|startswith', 'process.executable', '/bin/x y', true],
    ['process.command_line|fieldref|contains', 'process.name', '/bin/x y', true],
    ['process.command_line|fieldref|neq', 'process.executable', '/bin/x y', true],
    ['process.pid|gt', 100, 'x', true],
    ['process.pid|gte', 101, 'x', true],
    ['process.pid|lt', 101, 'x', false],
    ['process.pid|lte', 101, 'x', true],
    ['process.pid|lte', 100.5, 'x', false],
    ['process.pid|neq', 101, 'x', false],
    ['process.command_line|gt', 5, '10', true],
    ['process.command_line|gt', 5, 'ten', false],
    ['process.ancestors.pid|gt', 5, 'x', false],
    ['process.command_line|exists', true, 'x', true],
    ['process.exit_code|exists', true, 'x', false],
    ['time|hour', 12, 'x', true],
    ['time|minute', 1, 'x', false],
    ['time|day', 24, 'x', true],
    ['time|week', 48, 'x', true],
    ['time|month|gte', 11, 'x', true],
    ['time|year', [2025, 2026], 'x', true],
    ['process.pid|minute', 5, 'x', false]
  ])('%s: %j on %j is %s', (key, value, text, expected) => {
    expect(matchesLine(key, value, text)).toBe(expected)
  })

  it.each([
    ['10.0.0.0/8', '10.200.3.4', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.0.0.0/8', '::ffff:10.1.1.1', true],
    ['192.168.1.128/25', '192.168.1.127', false],
    ['0.0.0.0/0', '8.8.8.8', true],
    ['10.1.2.3', '10.1.2.3', true],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['::/0', '1:2:3:4:5:6:7:8', true],
    ['10.0.0.0/8', 'ten', false],
    ['10.0.0.0/8', '10.1', false],
    ['10.0.0.0/8', '010.1.1.1', false]
  ])('cidr %s holds %s: %s', (range, address, expected) => {
    const event = runtimeEvent({ network: { destination_ip: address } })
    expect(matches(selection({ 'network.destination_ip|cidr': range }), event)).toBe(expected)
  })

  it('puts the values of placeholders in, wildcards and all', () => {
    const placeholders = new Map([
      ['admins', ['root', 'adm_*']],
      ['host', ['db']]
    ])
    const test = (key: string, value: string, text: string) =>
      matches(selection({ [key]: value }), line(text), { placeholders })
    expect(test('process.command_line|expand', '%admins%', 'ADM_bob')).toBe(true)
    expect(test('process.command_line|expand', '%admins%@%host%', 'root@db')).toBe(true)
    expect(test('process.command_line|expand', '%admins%', '%admins%')).toBe(false)
    expect(test('process.command_line', '%admins%', '%admins%')).toBe(true)
    expect(test('process.command_line|expand', '\\%admins% %host%', '%admins% db')).toBe(true)
    expect(test('process.command_line|expand|contains', '%host%', 'my db here')).toBe(true)
    expect(test('process.command_line|contains|expand', '%host%', 'my db here')).toBe(true)
  })

  it('takes address ranges from a list', () => {
    const placeholders = new Map([['networks', ['192.0.2.0/24', '2001:db8::/32']]])
    const rule = selection({ 'network.destination_ip|expand|cidr': '%networks%' })
    const within = (address: string) =>
      matches(rule, runtimeEvent({ network: { destination_ip: address } }), { placeholders })
    expect(['192.0.2.7', '2001:db8::1', '192.0.3.7'].map(within)).toEqual([true, true, false])
  })
})

describe('search identifiers', () => {
  const event = auditEvent({ verb: 'create', objectRef: { resource: 'pods', namespace: 'shop', name: 'web' } })
  it.each([
    ['all items of a map', { verb: 'create', 'objectRef.resource': 'pods' }, true],
    ['all items of a map, one wrong', { verb: 'create', 'objectRef.resource': 'nodes' }, false],
    ['any of a list of maps', [{ verb: 'delete' }, { 'objectRef.resource': 'pods' }], true],
    ['any of a list of maps, all wrong', [{ verb: 'delete' }, { 'objectRef.resource': 'nodes' }], false],
    ['keywords', ['nothing', 'alice@EXAMPLE'], true],
    ['keywords in the object', ['shop'], true],
    ['keywords with wildcards', ['alice*.org'], true],
    ['keywords not there', ['bob'], false],
    ['a number as keyword', [200], true],
    ['all keywords', { '|all': ['alice', 'shop'] }, true],
    ['all keywords, one not there', { '|all': ['alice', 'bob'] }, false],
    ['a keyword as regular expression', { '|re': 'al.ce@' }, true],
    ['keywords in a list with a map', [{ verb: 'delete' }, 'alice'], true]
  ])('match %s', (_, item, expected) => {
    expect(matches(selection(item), event)).toBe(expected)
  })

  it('look for keywords in bodies as they mean, not as they are written', () => {
    const quoted = pod({ containers: [{ command: ['say "hi"\n'] }] })
    expect(matches(selection(['"hi"']), quoted)).toBe(true)
    expect(matches(selection(['\\"hi']), quoted)).toBe(false)
  })
})

describe('conditions', () => {
  const event = auditEvent({ verb: 'create' })
  const test = (condition: string | string[]) =>
    matches(
      {
        yes: { verb: 'create' },
        no: { verb: 'delete' },
        sel_a: { verb: 'create' },
        sel_b: { verb: 'delete' },
        'odd-name.1': { verb: 'create' },
        _hidden: { verb: 'delete' },
        condition
      },
      event
    )
  it.each([
    ['yes', true],
    ['no', false],
    ['not no', true],
    ['not not yes', true],
    ['yes and no', false],
    ['yes or no', true],
    ['yes and not no', true],
    ['no and no or yes', true],
    ['yes or no and no', true],
    ['(yes or no) and no', false],
    ['not no and yes', true],
    ['not (no or yes)', false],
    ['not yes or yes', true],
    ['1 of sel_*', true],
    ['any of sel_*', true],
    ['all of sel_*', false],
    ['all of sel_a', true],
    ['1 of *_b', false],
    ['1 of s*_*', true],
    ['1 of them', true],
    ['all of them', false],
    ['all of yes*', true],
    ['not 1 of sel_b*', true],
    ['yes and not all of sel_* and not no', true],
    ['1 of _hid*', false],
    ['yes AND NOT no', true],
    ['odd-name.1', true],
    ['  yes   and\n yes ', true]
  ])('%s is %s', (condition, expected) => {
    expect(test(condition)).toBe(expected)
  })

  it('are alternatives when there are several', () => {
    expect(test(['no', 'yes'])).toBe(true)
    expect(test(['no', 'sel_b'])).toBe(false)
  })
})
