import { afterEach, describe, expect, it, vi } from 'vitest'
import type { AuditEvent } from '../../schemas/generated/types.ts'
import { loadTexts, ruleText } from '../../test/support/rule-text.ts'
import { bodiesOf } from './bodies.ts'
import { inventoryFromAudit } from './enrich/inventory.ts'
import { barePod, enrich } from './enrich/join.ts'
import type { PodFacts } from './enrich/pod-facts.ts'
import { auditEventFrom } from './events/audit.ts'
import type { SourcedEvent } from './events/sourced-event.ts'

const cluster = { id: 'c1', name: 'prod' }
const pod = {
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
  spec: { containers: [{ name: 'web', image: 'nginx' }] }
}
const deployment = {
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop', uid: 'u2' },
  spec: { template: { spec: pod.spec } }
}
const known: PodFacts = {
  pod: barePod(pod.metadata, null),
  containers: [],
  workload: { kind: 'Pod', name: 'web', namespace: 'shop', uid: 'u1' },
  observed: 1
}

const reference = {
  resource: 'deployments',
  namespace: 'shop',
  name: 'web',
  uid: null,
  apiGroup: 'apps',
  apiVersion: 'v1',
  resourceVersion: null,
  subresource: null
}

function write(resource: string, verb: string, request: unknown, response: unknown): AuditEvent {
  return auditEventFrom({
    stage: 'ResponseComplete',
    verb,
    user: { username: 'alice' },
    objectRef: { resource, namespace: 'shop', name: 'web' },
    requestObject: request,
    responseObject: response,
    stageTimestamp: '2026-11-24T12:00:00Z'
  })
}

const sourced = (audit: AuditEvent): SourcedEvent => ({
  audit,
  runtime: null,
  cluster,
  source: { type: 'audit', provider: 'kubernetes', instance: 'collector' },
  received: 20
})

const noBodies = loadTexts([ruleText({ a: { verb: 'nothing' }, condition: 'a' })]).rules
const bothBodies = loadTexts([
  ruleText({ a: { 'requestObject.kind': 'x' }, b: { 'responseObject.kind': 'x' }, condition: 'a or b' })
]).rules

/** How often JSON is parsed while everything looks at an event. */
function parses(audit: AuditEvent, rules: typeof noBodies, facts: PodFacts | null, inventory: boolean): number {
  const parse = vi.spyOn(JSON, 'parse').mockClear()
  const bodies = bodiesOf(audit)
  if (inventory) inventoryFromAudit(audit, cluster, bodies)
  rules.match(
    enrich(sourced(audit), () => facts, bodies),
    bodies
  )
  return parse.mock.calls.length
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('bodies of an audit event', () => {
  it.each([
    ['a pod that is written, read by all', write('pods', 'create', pod, pod), bothBodies, 2],
    ['a workload that is patched, read by all', write('deployments', 'patch', { spec: {} }, deployment), bothBodies, 2],
    ['a body that is no JSON', { ...write('pods', 'create', pod, pod), requestObject: '{"cut' }, bothBodies, 2],
    ['a read without bodies', write('pods', 'get', null, null), bothBodies, 0],
    ['what is no workload', write('secrets', 'create', {}, {}), noBodies, 0]
  ])('are parsed once each: %s', (_, audit, rules, expected) => {
    expect(parses(audit, rules, null, true)).toBe(expected)
  })

  it('are not parsed for a pod that the inventory knows, beyond what was asked for', () => {
    expect(parses(write('pods', 'create', pod, pod), noBodies, known, false)).toBe(1)
  })

  it('are not parsed for the UID of a workload that an update names already', () => {
    const status = write('deployments', 'update', deployment, deployment)
    const objectRef = { ...reference, uid: 'u2', subresource: 'status' }
    expect(parses({ ...status, objectRef }, noBodies, null, false)).toBe(0)
    expect(parses({ ...status, objectRef: { ...objectRef, uid: null } }, noBodies, null, false)).toBe(1)
  })

  it.each([
    ['none', null],
    ['JSON', '{"a":1}'],
    ['cut JSON', '{"a":'],
    ['null', 'null']
  ])('are what parsing them gives: %s', (_, text) => {
    const bodies = bodiesOf({ requestObject: text, responseObject: '[]' })
    const expected = text === null || text === '{"a":' ? undefined : JSON.parse(text)
    expect(bodies.request()).toEqual(expected)
    expect(bodies.request()).toEqual(expected)
    expect(bodies.response()).toEqual([])
  })
})
