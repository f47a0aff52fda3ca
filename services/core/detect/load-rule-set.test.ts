import { describe, expect, it } from 'vitest'
import type { EnrichedEvent } from '../../../schemas/generated/types.ts'
import { auditEvent, runtimeEvent, TEST_TIME } from '../../../test/support/enriched-event.ts'
import { loadTexts, ruleText } from '../../../test/support/rule-text.ts'
import { explainRule, renderExplanation } from './explain.ts'

const RULE_ID = '11111111-0000-4000-8000-000000000001'
const OTHER_ID = '22222222-0000-4000-8000-000000000002'
const AUDIT = 'product: kubernetes, service: audit'
const exec = (command: string) => runtimeEvent({ process: { command_line: command } })
const titled = (id: string, text: string, more = '') => `id: ${id}\n${more}${text}`
const anyGet = titled(RULE_ID, ruleText({ a: { verb: 'get' }, condition: 'a' }), 'name: any_get\n')
const GET = auditEvent({ verb: 'get', objectRef: { resource: 'pods', namespace: 'shop', name: 'web' } })

function filterText(rules: string, condition: string, more = '', logsource = AUDIT): string {
  return `title: an exception\nid: ${OTHER_ID}\nlogsource: { ${logsource} }\nfilter:\n  rules: ${rules}\n  selection: { actor.name: alice@example.org }\n  condition: ${condition}\n${more}`
}

describe('a rule set', () => {
  it.each([
    ['product: kubernetes, service: audit', 'audit'],
    ['product: kubernetes, service: audit, category: application', 'audit'],
    ['product: kubernetes', 'audit'],
    ['product: linux, category: process_creation', 'exec'],
    ['category: process_creation', 'exec'],
    ['product: linux, category: network_connection', 'connect'],
    ['product: linux, category: dns_query', 'dns'],
    ['product: linux, category: file_access', 'read'],
    ['product: linux', 'exec,connect,dns,read'],
    ['product: weir, category: engine_alert', 'alert'],
    ['product: weir, category: runtime', 'exec,connect,dns,read,alert']
  ])('evaluates rules of { %s } on %s', (logsource, expected) => {
    const events: Record<string, EnrichedEvent> = {
      audit: GET,
      exec: exec('ls'),
      connect: runtimeEvent({ network: { destination_ip: '1.1.1.1' } }),
      dns: runtimeEvent({ network: { domain: 'example.org' } }),
      read: runtimeEvent({ file: { path: '/x' } }),
      alert: runtimeEvent({ alert: {} })
    }
    const { rules } = loadTexts([ruleText({ a: { 'id|exists': true }, condition: 'a' }, logsource)])
    const matched = Object.keys(events).filter((name) => rules.match(events[name] ?? GET).length > 0)
    expect(matched.join()).toBe(expected)
  })

  it("means by Sigma's Linux names what the event model has", () => {
    const event = runtimeEvent({
      process: {
        command_line: '/usr/bin/curl x',
        user_id: 0,
        working_directory: '/tmp',
        parents: ['/bin/bash -c y', '/sbin/init']
      },
      network: { destination_ip: '1.2.3.4', destination_port: 443, domain: 'x.org' }
    })
    const items = {
      Image: '/usr/bin/curl',
      CommandLine: '/usr/bin/curl x',
      ParentImage: '/bin/bash',
      ParentCommandLine: '/bin/bash -c y',
      CurrentDirectory: '/tmp',
      User: 'root',
      ProcessId: 101,
      Initiated: 'true',
      DestinationIp: '1.2.3.4',
      DestinationPort: 443,
      DestinationHostname: 'x.org',
      'process.ancestors.executable': '/sbin/init',
      'process.ancestors[1].executable': '/sbin/init'
    }
    const test = (item: object) =>
      loadTexts([ruleText({ a: item, condition: 'a' }, 'product: linux, category: network_connection')]).rules.match(
        event
      ).length
    expect(test(items)).toBe(1)
    expect(test({ ParentImage: '/sbin/init' })).toBe(0)
  })

  it('evaluates all rules and gives signals in the order of rule ids, the same every time', () => {
    const texts = ['9', '1', '5'].map((digit) =>
      titled(RULE_ID.replace(/^1/, digit), ruleText({ a: { verb: 'get' }, condition: 'a' }))
    )
    const once = loadTexts(texts).rules.match(GET)
    expect(once.map(({ rule }) => rule.id.charAt(0))).toEqual(['1', '5', '9'])
    expect(loadTexts(texts.toReversed()).rules.match(GET)).toEqual(once)
  })

  it('tells a match, a miss and what the audit level left out apart', () => {
    const told: string[] = []
    const load = (detection: object) =>
      loadTexts([ruleText(detection)], { observer: { notEvaluable: (rule) => told.push(rule.document.title) } })
    const create = (level: string, body?: object, resource = 'pods') =>
      auditEvent({
        verb: 'create',
        level,
        objectRef: { resource, namespace: 'a', name: 'b' },
        ...(body && { requestObject: body })
      })
    const check = (detection: object, event: EnrichedEvent) => {
      told.length = 0
      const { rules, loaded } = load(detection)
      const matched = rules.match(event).length === 1
      const [rule] = loaded
      if (rule === undefined) throw new Error('the rule was not loaded')
      const { verdict } = explainRule(rule, event)
      expect(verdict).toBe(matched ? 'match' : told.length > 0 ? 'not_evaluable' : 'no_match')
      return verdict
    }
    const privileged = { a: { 'objectRef.resource': 'pods', 'requestObject.spec.privileged': true }, condition: 'a' }
    expect(check(privileged, create('Request', { spec: { privileged: true } }))).toBe('match')
    expect(check(privileged, create('Request', { spec: {} }))).toBe('no_match')
    expect(check(privileged, create('Metadata'))).toBe('not_evaluable')
    expect(check(privileged, create('Metadata', undefined, 'secrets'))).toBe('no_match')
    expect(check(privileged, auditEvent({ verb: 'get', level: 'Metadata', objectRef: { resource: 'pods' } }))).toBe(
      'no_match'
    )
    const unlessPrivileged = {
      a: { verb: 'create' },
      b: { 'requestObject.spec.privileged': true },
      condition: 'a and not b'
    }
    expect(check(unlessPrivileged, create('Metadata'))).toBe('not_evaluable')
    expect(check(unlessPrivileged, create('Request', { spec: {} }))).toBe('match')
    expect(check({ ...unlessPrivileged, condition: 'a or b' }, create('Metadata'))).toBe('match')
    expect(check({ a: { 'pod_spec.privileged': true }, condition: 'a' }, create('Metadata'))).toBe('not_evaluable')
    expect(
      check({ a: { 'pod_spec.privileged': true }, condition: 'a' }, create('Metadata', undefined, 'secrets'))
    ).toBe('no_match')
    const cut = {
      ...create('Request'),
      audit: { ...create('Request').audit, requestObject: '{"spec":{"priv' }
    } as EnrichedEvent
    expect(check(privileged, cut)).toBe('not_evaluable')
  })

  it('says when it stops looking', () => {
    const limits: string[] = []
    const observer = { limited: (limit: string) => limits.push(limit) }
    const long = runtimeEvent({ process: { command_line: `${'x'.repeat(70_000)}needle` } })
    const load = (detection: object) =>
      loadTexts([ruleText(detection, 'product: weir, category: runtime')], { observer })
    expect(load({ a: { 'process.command_line|re': 'needle' }, condition: 'a' }).rules.match(long)).toEqual([])
    expect(load({ a: { 'process.command_line|contains': 'needle' }, condition: 'a' }).rules.match(long)).toHaveLength(1)
    expect(limits).toEqual(['regex_input_characters'])
  })

  it('finds a path through hostile keys in bounded time', () => {
    // Every way of reading a.a.a… as keys exists, so there are as many places to look at as the body has values.
    const nest = (depth: number): object =>
      depth === 0 ? {} : { a: nest(depth - 1), 'a.a': nest(Math.max(depth - 2, 0)) }
    const limits: string[] = []
    const path = `requestObject.${'a.'.repeat(18)}z`
    const { rules } = loadTexts([ruleText({ a: { [path]: 1 }, b: { 'requestObject.list': 1 }, condition: 'a or b' })], {
      observer: { limited: (limit) => limits.push(limit) }
    })
    expect(rules.match(auditEvent({ verb: 'create', requestObject: nest(18) }))).toEqual([])
    expect(limits).toEqual([])
    const list = Array.from({ length: 110_000 }, () => 0)
    expect(rules.match(auditEvent({ verb: 'create', requestObject: { list: [...list, 1] } }))).toEqual([])
    expect(limits).toEqual(['path_steps'])
  })

  it('loads every rule that SigmaHQ has for Kubernetes audit logs, by its shapes', () => {
    // Own twins of the published rules: same log sources, same field names, same kinds of values.
    const shapes = [
      { a: { verb: 'create', 'objectRef.resource': 'pods', 'objectRef.subresource': 'exec' }, condition: 'a' },
      { a: { verb: 'patch', apiGroup: 'apps', 'objectRef.resource': 'deployments' }, condition: 'a' },
      { a: { verb: 'create', 'objectRef.resource': 'pods', hostPath: '*' }, condition: 'a' },
      { a: { verb: 'create', 'objectRef.resource': 'pods', capabilities: '*' }, condition: 'a' },
      {
        a: { 'objectRef.apiGroup': 'batch', 'objectRef.resource': ['cronjobs', 'jobs'], verb: ['create', 'replace'] },
        condition: 'a'
      },
      { a: { file_path: ['*-gcc-*', '*gcc*'] }, condition: 'a' },
      { a: { 'responseStatus.code': [401, 403] }, condition: 'a' },
      { a: { 'objectRef.namespace': 'kube-system' }, condition: 'a' },
      {
        a: { 'requestURI|re': '%2f(bin%2f(ash|bash)|usr%2fbin%2f(curl|wget))|%20-[icl]' },
        b: { 'userAgent|contains': ['access_matrix'] },
        s: { 'responseStatus.code': 'ALLOW' },
        condition: '(a or b) and s'
      }
    ]
    const sources = [AUDIT, 'category: application, product: kubernetes, service: audit']
    const texts = sources.flatMap((source) =>
      shapes.map((shape, index) => ruleText(shape, source).replace('a rule', `shape ${index} ${source.length}`))
    )
    const { errors, rules } = loadTexts(texts)
    expect(errors).toEqual([])
    expect(rules.size).toBe(texts.length)
  })
})

describe('filters', () => {
  const takes = (names: string, rule: string) => `${rule}x-weir: { filters: ${names} }\n`
  const shared = `name: shared\n${filterText('none', 'not selection')}`

  it('that a rule takes by name count for it', () => {
    expect(loadTexts([takes('[shared]', anyGet), shared]).rules.match(GET)).toEqual([])
    expect(loadTexts([anyGet, shared]).rules.match(GET)).toHaveLength(1)
  })

  it('that are not there are reported where a rule takes them', () => {
    const [missing] = loadTexts([takes('[shred]', anyGet), shared]).errors
    expect([missing?.code, missing?.suggestion]).toEqual(['RULE_REFERENCE', 'shared'])
  })

  it.each([
    ['by id', filterText(`[${RULE_ID}]`, 'not selection'), 0],
    ['by name', filterText('[any_get]', 'not selection'), 0],
    ['by name, alone', filterText('any_get', 'not selection'), 0],
    ['for all rules of the log source', filterText('any', 'not selection'), 0],
    ['that the rule does not take', filterText('none', 'not selection'), 1],
    ['that hold for others only', filterText('any', 'selection'), 1],
    ['of another log source', filterText('any', 'not selection', '', 'product: linux'), 1],
    ['that are over', filterText('any', 'not selection', 'x-weir: { owner: a, expires: 2026-11-24 }'), 1],
    ['that are not over yet', filterText('any', 'not selection', 'x-weir: { owner: a, expires: 2026-11-25 }'), 0]
  ])('%s count', (_, filter, expected) => {
    const silenced: string[] = []
    const { rules, errors } = loadTexts([anyGet, filter], {
      observer: { filtered: (rule, { document }) => silenced.push(`${rule.document.name} ${document.title}`) }
    })
    expect(errors).toEqual([])
    expect(rules.match(GET)).toHaveLength(expected)
    expect(silenced).toEqual(expected === 0 ? ['any_get an exception'] : [])
  })

  it('that name no rule, or one of another log source, are wrong and leave the rule as it is', () => {
    const noRule = loadTexts([anyGet, filterText('[any_gte]', 'not selection')])
    expect(noRule.errors[0]).toMatchObject({ file: '2.yml', line: 5, code: 'RULE_REFERENCE', suggestion: 'any_get' })
    expect(noRule.rules.match(GET)).toHaveLength(1)
    expect(loadTexts([anyGet, filterText('[any_get]', 'not selection', '', 'product: linux')]).errors[0]?.code).toBe(
      'RULE_REFERENCE'
    )
  })

  it('with a mistake do not silence', () => {
    const broken = filterText('any', 'not selection').replace('actor.name', 'actor.nam')
    const { rules, errors } = loadTexts([
      anyGet,
      titled(OTHER_ID.replace(/^2/, '3'), ruleText({ a: { verb: 'get' }, condition: 'a' }).replace('a rule', 'b')),
      broken
    ])
    expect(errors.map(({ code, suggestion }) => `${code} ${suggestion}`)).toEqual(['RULE_FIELD_UNKNOWN actor.name'])
    expect(rules.match(GET)).toHaveLength(2)
  })

  it('that cannot be told do not silence', () => {
    const filter = filterText('any', 'not selection').replace(
      'actor.name: alice@example.org',
      'requestObject.spec.trusted: true'
    )
    const create = ruleText({ a: { verb: 'create' }, condition: 'a' })
    const { rules } = loadTexts([create, filter])
    expect(rules.match(auditEvent({ verb: 'create', level: 'Metadata' }))).toHaveLength(1)
    expect(rules.match(auditEvent({ verb: 'create', requestObject: { spec: { trusted: true } } }))).toHaveLength(0)
  })
})

describe('documents that are not matched on single events', () => {
  const correlation = (section: string) =>
    `title: many\nid: ${OTHER_ID}\ncorrelation:\n${section.replace(/^/gm, '  ')}\n`
  const COUNT = 'type: event_count\nrules: [any_get]\ngroup-by: [actor.name]\ntimespan: 5m\ncondition: { gte: 10 }'

  it('are listed, and take the rules they are made of with them', () => {
    const { loaded, windows, profiles, deferred, errors, correlations } = loadTexts([
      anyGet,
      correlation(COUNT),
      'title: new things\nprofile: { type: new_value, rules: [any_get], of: [verb], for: { cluster: [] } }\n'
    ])
    expect(errors).toEqual([])
    expect(deferred).toEqual([])
    expect(profiles.map(({ parts }) => parts)).toEqual([[loaded[0]?.document.id]])
    expect(loaded.map(({ role, carried }) => [role, carried.map(({ path }) => path)])).toEqual([
      ['part', ['actor.name', 'verb']]
    ])
    expect(windows.map(({ id, parts, mode }) => [id, parts, mode])).toEqual([
      [OTHER_ID, [loaded[0]?.document.id], 'sliding']
    ])
    expect(correlations[0]?.correlation).toMatchObject({
      type: 'event_count',
      timespan_ms: 300_000,
      group_by: ['actor.name']
    })
  })

  it('leave their rules alone where they say so', () => {
    expect(loadTexts([anyGet, correlation(`${COUNT}\ngenerate: true`)]).rules.match(GET)[0]?.role).toBe('alert')
  })

  it('are not rules any more when their status says so', () => {
    const { rules, deferred } = loadTexts([
      `status: deprecated\n${anyGet}`,
      `status: unsupported\n${titled(OTHER_ID, ruleText({ a: { verb: 'x' }, condition: 'a' }))}`
    ])
    expect(rules.size).toBe(0)
    expect(deferred.map(({ reason }) => reason)).toEqual(['deprecated', 'unsupported'])
  })

  it.each([
    ['type: event_cont\nrules: [any_get]\ntimespan: 5m\ncondition: { gte: 1 }', '4:9 RULE_VALUE event_count'],
    ['type: event_count\nrules: [any_gt]\ntimespan: 5m\ncondition: { gte: 1 }', '5:11 RULE_REFERENCE any_get'],
    ['type: event_count\nrules: [any_get]\ntimespan: 5w\ncondition: { gte: 1 }', '6:13 RULE_VALUE -'],
    ['type: event_count\nrules: [any_get]\ntimespan: 5m\ncondition: { gtee: 1 }', '7:16 RULE_KEY_UNKNOWN gte'],
    ['type: event_count\nrules: [any_get]\ntimespan: 5m', '4:3 RULE_KEY_MISSING -'],
    ['type: value_count\nrules: [any_get]\ntimespan: 5m\ncondition: { gte: 1 }', '7:14 RULE_KEY_MISSING -'],
    [
      'type: value_percentile\nrules: [any_get]\ntimespan: 5m\ncondition: { gte: 1, field: time }',
      '7:14 RULE_KEY_MISSING -'
    ],
    ['type: temporal\nrule: [any_get]\ntimespan: 5m', '5:3 RULE_KEY_UNKNOWN rules'],
    ['type: temporal\nrules: [any_get]\ntimespan: 5m\naliases: { a: { no_rule: verb } }', '1:1 RULE_REFERENCE -'],
    ['type: temporal\nrules: []\ntimespan: 5m', '5:10 RULE_VALUE -'],
    ['type: temporal\nrules: [any_get]\ntimespan: 5m\ngenerate: maybe', '7:13 RULE_VALUE -']
  ])('%j is wrong at %s', (section, expected) => {
    const [first] = loadTexts([anyGet, correlation(section)]).errors
    expect(first && `${first.line}:${first.column} ${first.code} ${first.suggestion ?? '-'}`).toBe(expected)
  })
})

describe('signals', () => {
  const rule = `${titled(RULE_ID, ruleText({ a: { verb: 'get', 'objectRef.name': ['web', 'x'] }, b: { 'userAgent|startswith': 'kubectl' }, condition: 'a and b' }))}
level: low
tags: [attack.credential_access, attack.t1552.007, attack.defense-evasion, attack.g0139, cve.2021-1]
x-weir:
  code: A99
  title: '{actor.name} read {objectRef.namespace}/{objectRef.name} from {pod.name|source_ip} {requestObject.x}'
  playbook: look
  severity: medium
`

  it('say what happened and what the rule looked at', () => {
    const [signal] = loadTexts([rule]).rules.match(GET)
    expect(signal).toMatchObject({
      time: TEST_TIME,
      source: 'audit',
      rule: { id: RULE_ID, code: 'A99', title: 'a rule', level: 'low' },
      severity: 'medium',
      title: 'alice@example.org read shop/web from web unknown',
      action: 'pods:get',
      outcome: 'success',
      tactics: ['credential-access', 'defense-evasion'],
      techniques: ['T1552.007'],
      playbook: 'look',
      evidence: {
        'audit.verb': 'get',
        'audit.objectRef.name': 'web',
        'audit.userAgent': 'kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9'
      }
    })
  })

  it('have the same id for the same event, and another for every other event and rule', () => {
    const ids = [GET, { ...GET, id: 'other' }].flatMap((event) =>
      [rule, rule.replace(RULE_ID, OTHER_ID)].map((text) => loadTexts([text]).rules.match(event)[0]?.id)
    )
    expect(new Set(ids).size).toBe(4)
    expect(loadTexts([rule]).rules.match(GET)[0]?.id).toBe(ids[0])
  })

  it('put untrusted text in as text: one line, bounded, no placeholders', () => {
    const evil = `{verb}\u001b[31m\n\u202e${'y'.repeat(5000)}`
    const [signal] = loadTexts([
      rule
        .replace("'objectRef.name'", "'objectRef.name|exists'")
        .replace('"objectRef.name":["web","x"]', '"objectRef.name|exists":true')
    ]).rules.match(auditEvent({ verb: 'get', objectRef: { resource: 'pods', namespace: 'shop', name: evil } }))
    expect(signal?.title).toMatch(/^alice@example.org read shop\/\{verb\} \[31m y+… from /)
    expect(signal?.title.length).toBeLessThan(401)
    expect(Math.max(...Object.values(signal?.evidence ?? {}).map((text) => text.length))).toBeLessThanOrEqual(512)
  })

  it('tell the same thing when the fields of dedup, or else actor and workload, are equal', () => {
    const key = (text: string, event: EnrichedEvent) => loadTexts([text]).rules.match(event)[0]?.dedup_key
    const other = auditEvent({
      verb: 'get',
      auditID: 'b',
      objectRef: { resource: 'pods', namespace: 'shop', name: 'x' }
    })
    const bob = auditEvent({
      verb: 'get',
      user: { username: 'bob' },
      objectRef: { resource: 'pods', namespace: 'shop', name: 'web' }
    })
    expect(key(rule, GET)).toBe(key(rule, { ...GET, id: 'again' }))
    expect(key(rule, GET)).not.toBe(key(rule, bob))
    expect(key(rule, GET)).not.toBe(key(rule, other))
    const byVerb = `${rule}  dedup: [verb]\n`
    expect(key(byVerb, GET)).toBe(key(byVerb, other))
    expect(key(byVerb, GET)).not.toBe(key(byVerb.replace(RULE_ID, OTHER_ID), GET))
  })

  it('are one per rule, with the first placeholder that has a value', () => {
    expect(
      loadTexts([rule.replace('{pod.name|source_ip}', '{pod.node|source_ip}')]).rules.match(GET)[0]?.title
    ).toContain('from 10.1.2.3')
  })
})

describe('explain', () => {
  it('shows the condition with what each part of it saw', () => {
    const detection = {
      a: { verb: ['get', 'list'], 'objectRef.resource': 'secrets' },
      k: ['alice'],
      condition: 'a and not k'
    }
    const { loaded } = loadTexts([titled(RULE_ID, ruleText(detection)), filterText('any', 'not selection')])
    const [rule] = loaded
    if (rule === undefined) throw new Error('the rule was not loaded')
    expect(renderExplanation(explainRule(rule, GET))).toBe(`a rule (${RULE_ID}) does not match
false   and
false     a
false       and
true          verb: get, list
                audit.verb is get
false         objectRef.resource: secrets
                audit.objectRef.resource is pods
false     not
true        k
true          keywords: alice
                the whole event searched
filter an exception (${OTHER_ID}); a signal passes when this is true:
false   not
true      selection
true        actor.name: alice@example.org
              actor.name is alice@example.org
`)
  })

  it.each([
    ['filtered', [anyGet, filterText('any', 'not selection')], GET],
    ['match', [anyGet], GET],
    ['other_logsource', [anyGet], exec('ls')],
    ['no_match', [anyGet], auditEvent({ verb: 'list' })]
  ] as const)('says %s', (verdict, texts, event) => {
    const [rule] = loadTexts(texts).loaded
    expect(rule && explainRule(rule, event).verdict).toBe(verdict)
  })
})
