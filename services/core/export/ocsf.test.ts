import { isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SCHEMAS } from '../../../schemas/generated/schemas.ts'
import type { Incident, Signal } from '../../../schemas/generated/types.ts'
import { avroArbitrary } from '../../../test/support/avro-arbitrary.ts'
import { incident, signal } from '../../../test/support/search-samples.ts'
import { detectionFinding, incidentFinding } from './ocsf.ts'

/**
 * What OCSF 1.6.0 asks for, copied by hand from schema.ocsf.io/1.6.0: classes/detection_finding, classes/incident_finding and
 * the objects they refer to. `required` are its required attributes, `oneOf` its at_least_one constraints.
 */
const BASE = ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid']
const DETECTION_REQUIRED = [...BASE, 'finding_info']
const INCIDENT_REQUIRED = [...BASE, 'finding_info_list', 'status_id']
const ATTACK_ONE_OF = ['tactic', 'technique', 'sub_technique']
const RESOURCE_ONE_OF = ['name', 'uid']
const EVIDENCE_ONE_OF = ['actor', 'data', 'process', 'src_endpoint']
const ACTIVITIES = [0, 1, 2, 3, 99]
const SEVERITIES = [0, 1, 2, 3, 4, 5, 6, 99]
const OBSERVABLE_TYPES = [...Array.from({ length: 48 }, (_, i) => i), 99]

type Json = Record<string, unknown>
const json = (value: unknown): Json => JSON.parse(JSON.stringify(value))
const list = (value: unknown): Json[] => (Array.isArray(value) ? value : [])

function expectCommon(finding: Json, classUid: number): void {
  expect(finding).toMatchObject({ class_uid: classUid, category_uid: 2 })
  expect(finding['type_uid']).toBe(classUid * 100 + Number(finding['activity_id']))
  expect(ACTIVITIES).toContain(finding['activity_id'])
  expect(SEVERITIES).toContain(finding['severity_id'])
  expect(Number.isInteger(finding['time'])).toBe(true)
  expect(finding['metadata']).toMatchObject({ version: '1.6.0', product: { name: 'Weir', vendor_name: 'Weir' } })
  for (const observable of list(finding['observables'])) {
    expect(OBSERVABLE_TYPES).toContain(observable['type_id'])
    expect(typeof observable['name']).toBe('string')
  }
}

function expectOneOf(objects: readonly Json[], keys: readonly string[]): void {
  for (const object of objects) expect(keys.some((key) => Object.hasOwn(object, key))).toBe(true)
}

function expectDetection(finding: Json): void {
  expect(Object.keys(finding)).toEqual(expect.arrayContaining(DETECTION_REQUIRED))
  expectCommon(finding, 2004)
  const info = finding['finding_info'] as Json
  expect(typeof info['uid']).toBe('string')
  expectOneOf(list(info['attacks']), ATTACK_ONE_OF)
  expectOneOf(list(finding['resources']), RESOURCE_ONE_OF)
  expectOneOf(list(finding['evidences']), EVIDENCE_ONE_OF)
  for (const evidence of list(finding['evidences']) as Record<string, Json | undefined>[]) {
    if (evidence['src_endpoint']) expect(isIP(String(evidence['src_endpoint']['ip']))).toBeGreaterThan(0)
    if (evidence['process']) expect(evidence['process']['uid']).toBeTruthy()
    if (evidence['actor']) expect(evidence['actor']).toMatchObject({ user: { name: expect.stringMatching(/./su) } })
  }
}

function expectIncident(finding: Json): void {
  expect(Object.keys(finding)).toEqual(expect.arrayContaining(INCIDENT_REQUIRED))
  expectCommon(finding, 2005)
  expect(list(finding['finding_info_list']).length).toBeGreaterThan(0)
  for (const info of list(finding['finding_info_list'])) expect(typeof info['uid']).toBe('string')
  expect([0, 1, 2, 3, 4, 5, 99]).toContain(finding['status_id'])
  expect(finding['assignee_group']).toBeDefined()
  expectOneOf(list(finding['attacks']), ATTACK_ONE_OF)
}

describe('a signal as a Detection Finding', () => {
  it('has what the class requires, whatever the signal', () => {
    fc.assert(
      fc.property(avroArbitrary(SCHEMAS.signal), (value) =>
        expectDetection(json(detectionFinding(value as Signal, '1.0.0')))
      )
    )
  })

  it('is found by user, address and container id', () => {
    const finding = json(detectionFinding(signal, '1.0.0'))
    expect(list(finding['observables']).map(({ type_id, value }) => [type_id, value])).toEqual([
      [4, 'alice'],
      [2, '203.0.113.9'],
      [38, 'shop/web-7d5dd55b94-5wfpd'],
      [10, '86eb9e29a77d432afc7a15b424db1d24a382f3caae26f860ab22df8cb5e96054'],
      [38, 'Deployment/shop/web']
    ])
    expect(finding).toMatchObject({
      time: 1_795_500_000_123,
      severity_id: 3,
      is_alert: true,
      message: signal.title,
      finding_info: {
        analytic: { uid: signal.rule.id, type_id: 1 },
        attacks: [
          { tactic: { name: 'Execution' }, technique: { uid: 'T1609' } },
          { tactic: { name: 'Execution' }, technique: { uid: 'T1552' }, sub_technique: { uid: 'T1552.007' } }
        ]
      },
      evidences: [{ uid: signal.event_id, actor: { user: { name: 'alice' } }, src_endpoint: { ip: '203.0.113.9' } }]
    })
    expect(list(finding['resources'])).toContainEqual({
      uid: '0b6cbb1e-7d4c-4a6f-9f2a-5f1a4c1f0c9e',
      name: 'web-7d5dd55b94-5wfpd',
      namespace: 'shop',
      type: 'pod',
      role_id: 1,
      role: 'Target'
    })
  })

  it.each([
    ['workload', 'Deployment/shop/web', { type: 'Deployment', namespace: 'shop', name: 'web' }],
    ['workload', 'Deployment/web', { type: 'Deployment', name: 'web' }],
    ['object', 'configmaps/shop/settings', { type: 'configmaps', namespace: 'shop', name: 'settings' }],
    ['object', 'clusterroles/admin', { type: 'clusterroles', name: 'admin' }],
    ['secret', 'shop/db', { type: 'secret', namespace: 'shop', name: 'db' }],
    ['role_binding', 'admin', { type: 'role_binding', name: 'admin' }],
    ['image', 'registry.example/shop/web:1', { type: 'image', name: 'registry.example/shop/web:1' }]
  ] as const)('tells the place of the %s %s', (type, name, expected) => {
    const finding = json(detectionFinding({ ...signal, entities: [{ type, id: 'x', name, role: 'target' }] }, '1.0.0'))
    expect(list(finding['resources'])).toEqual([{ uid: 'x', ...expected, role_id: 1, role: 'Target' }])
  })

  it.each([
    ['203.0.113.77', 2],
    ['203.0.113.777', 1],
    ['2001:db8::1', 2],
    ['::ffff:10.0.0.1', 2],
    ['::::', 1],
    ['pool.example', 1],
    ['d41d8cd98f00b204e9800998ecf8427e', 8]
  ])('tells that the indicator %s is an observable of type %i', (name, type) => {
    const finding = json(
      detectionFinding({ ...signal, entities: [{ type: 'indicator', id: name, name, role: 'target' }] }, '1.0.0')
    )
    expect(list(finding['observables'])).toMatchObject([{ type_id: type, value: name }])
  })
})

describe('an incident as an Incident Finding', () => {
  it('has what the class requires, whatever the incident', () => {
    fc.assert(
      fc.property(avroArbitrary(SCHEMAS.incident), (value) =>
        expectIncident(json(incidentFinding(value as Incident, '1.0.0')))
      )
    )
  })

  it('lists a finding per signal, by the uid of its detection finding', () => {
    const finding = json(incidentFinding(incident, '1.0.0'))
    expect(
      list(finding['finding_info_list']).map(({ uid, related_events }) => [
        uid,
        list(related_events).map(({ uid }) => uid)
      ])
    ).toEqual([
      ['sig-3b1f', [signal.event_id]],
      ['sig-77aa', ['node-2/4f3c/tetragon/41']],
      ['sig-77ab', ['node-2/4f3c/tetragon/42']]
    ])
  })

  it.each([
    [
      { revision: 1, status: 'open' },
      { activity_id: 1, status_id: 1, type_uid: 200501 }
    ],
    [
      { revision: 4, status: 'open' },
      { activity_id: 2, status_id: 1, type_uid: 200502 }
    ],
    [
      { revision: 5, status: 'closed' },
      { activity_id: 3, status_id: 5, type_uid: 200503 }
    ],
    [
      { revision: 5, status: 'merged', merged_into: 'inc-1' },
      { activity_id: 3, status_id: 5, status_detail: 'merged into inc-1' }
    ]
  ] as const)('of %j is %j', (change, expected) => {
    expect(json(incidentFinding({ ...incident, ...change }, '1.0.0'))).toMatchObject(expected)
  })

  it('leaves tactics by themselves where there are several, since which technique is whose cannot be told', () => {
    expect(json(incidentFinding(incident, '1.0.0'))['attacks']).toEqual([
      { technique: { uid: 'T1552' }, sub_technique: { uid: 'T1552.005' } },
      { technique: { uid: 'T1609' } },
      { tactic: { name: 'Execution' } },
      { tactic: { name: 'Credential Access' } }
    ])
  })
})
