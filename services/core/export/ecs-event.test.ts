import { describe, expect, it } from 'vitest'
import {
  auditEvent,
  execProcess,
  execRequest,
  numberedEvent,
  runtimeEvent,
  SAMPLE_TIME
} from '../../../test/support/search-samples.ts'
import { eventDocument, TAG_BAD_TIME } from './ecs-event.ts'

const json = (value: unknown) => JSON.parse(JSON.stringify(value))

describe('an audit event', () => {
  const document = json(eventDocument(auditEvent))

  it('has the raw paths of audit.k8s.io/v1', () => {
    expect(document.kubernetes.audit).toMatchObject({
      auditID: execRequest.auditID,
      verb: 'get',
      user: { username: 'alice', groups: ['developers', 'system:authenticated'] },
      objectRef: { resource: 'pods', subresource: 'exec', namespace: 'shop' },
      responseStatus: { code: 101 },
      sourceIPs: ['203.0.113.9', '10.0.0.1'],
      annotations: { 'authorization.k8s.io/decision': 'allow' },
      stageTimestamp: '2026-11-24T06:00:00.123456Z'
    })
  })

  it('has the paths of ECS', () => {
    expect(document).toMatchObject({
      '@timestamp': '2026-11-24T06:00:00.123456Z',
      event: {
        kind: 'event',
        category: ['api', 'session'],
        type: ['start', 'allowed'],
        action: 'pods/exec:get',
        outcome: 'success',
        id: auditEvent.id,
        ingested: '2026-11-24T06:00:00.923456Z'
      },
      user: { name: 'alice' },
      user_agent: { original: execRequest.userAgent },
      source: { ip: '203.0.113.9' },
      orchestrator: {
        type: 'kubernetes',
        cluster: { name: 'shop-prod' },
        namespace: 'shop',
        resource: { type: 'pods', name: 'web-7d5dd55b94-5wfpd' }
      },
      message: 'alice get pods/exec shop/web-7d5dd55b94-5wfpd'
    })
  })

  it('tells who impersonated whom', () => {
    const impersonating = { ...execRequest, impersonatedUser: { ...execRequest.user, username: 'system:admin' } }
    expect(json(eventDocument({ ...auditEvent, audit: impersonating })).user).toMatchObject({
      name: 'alice',
      effective: { name: 'system:admin' }
    })
  })

  it.each([
    ['create', null, 201, ['creation', 'allowed']],
    ['patch', null, 200, ['change', 'allowed']],
    ['deletecollection', null, 403, ['deletion', 'denied']],
    ['list', null, 401, ['access', 'denied']],
    ['toString', null, null, ['access']],
    ['create', 'portforward', 500, ['start']]
  ])('of verb %s, subresource %s and status %s has event.type %j', (verb, subresource, code, type) => {
    const audit = {
      ...execRequest,
      verb,
      objectRef: execRequest.objectRef && { ...execRequest.objectRef, subresource },
      responseStatus: { code, status: null, reason: null, message: null }
    }
    expect(json(eventDocument({ ...auditEvent, audit })).event.type).toEqual(type)
  })

  it('has bodies without their bookkeeping', () => {
    const body = {
      kind: 'Pod',
      metadata: { name: 'x', managedFields: [{ manager: 'kubectl' }] },
      spec: { hostPID: true }
    }
    const audit = { ...execRequest, requestObject: JSON.stringify(body) }
    expect(json(eventDocument({ ...auditEvent, audit })).kubernetes.audit.requestObject).toEqual({
      kind: 'Pod',
      metadata: { name: 'x' },
      spec: { hostPID: true }
    })
  })

  it('keeps the start of a body that was cut short, and says so', () => {
    const document = json(eventDocument({ ...auditEvent, audit: { ...execRequest, requestObject: '{"kind":"Po' } }))
    expect(document.kubernetes.audit.requestObject).toEqual({ unparsed: '{"kind":"Po' })
    expect(document.weir.truncated).toBe(1)
  })

  it.each([
    [
      'secrets',
      null,
      {
        kind: 'Secret',
        data: { password: 'aHVudGVyMg==' },
        metadata: { name: 'db', annotations: { last: 'aHVudGVyMg==' } }
      }
    ],
    ['serviceaccounts', 'token', { kind: 'TokenRequest', status: { token: 'aHVudGVyMg==' } }],
    ['tokenreviews', null, { kind: 'TokenReview', spec: { token: 'aHVudGVyMg==' } }]
  ])('never carries credentials out of bodies of %s/%s', (resource, subresource, body) => {
    const audit = {
      ...execRequest,
      objectRef: execRequest.objectRef && { ...execRequest.objectRef, resource, subresource },
      requestObject: JSON.stringify(body),
      responseObject: JSON.stringify(body).slice(0, -1)
    }
    const document = json(eventDocument({ ...auditEvent, audit }))
    expect(JSON.stringify(document)).not.toContain('aHVudGVyMg')
    expect(document.kubernetes.audit.requestObject).toMatchObject({ kind: body.kind, redacted: true })
    expect(document.kubernetes.audit.responseObject).toEqual({ redacted: true })
  })
})

describe('a runtime event', () => {
  it('has the paths of ECS and its process tree', () => {
    expect(json(eventDocument(runtimeEvent))).toMatchObject({
      event: { category: ['process'], type: ['start'], action: 'exec' },
      process: {
        entity_id: 'node-2/4f3c/4711/1795500000',
        pid: 4711,
        executable: '/usr/bin/curl',
        args: ['curl', '-s', 'http://169.254.169.254/latest/meta-data/'],
        command_line: 'curl -s http://169.254.169.254/latest/meta-data/',
        working_directory: '/tmp',
        interactive: true,
        user: { id: '0' },
        parent: { pid: 4700, name: 'sh', command_line: 'sh -i' }
      },
      host: { name: 'node-2' },
      kubernetes: {
        namespace: 'shop',
        pod: { name: 'web-7d5dd55b94-5wfpd', app: 'web' },
        workload: { kind: 'Deployment' }
      },
      weir: { process: { in_image: false, ancestors: ['sh -i', '/app/web'] }, enrichment: { status: 'complete' } }
    })
  })

  it('with a container has the columns analysts list by', () => {
    const document = json(eventDocument(runtimeEvent))
    expect(document).toMatchObject({
      pod_namespace: 'shop',
      pod_name: 'web-7d5dd55b94-5wfpd',
      image_name: 'registry.example/shop/web:1.4.2',
      image_id: 'sha256:ff3aa5862fd17f8695984609743f4523188984adbcd25cf5ac4224b71b2f2f5e',
      container_id: '86eb9e29a77d432afc7a15b424db1d24a382f3caae26f860ab22df8cb5e96054',
      privileged: true
    })
    expect(document.container).toMatchObject({ image: { hash: { all: [document.image_id] } } })
    expect(json(eventDocument({ ...runtimeEvent, container: null }))).not.toHaveProperty('container_id')
  })

  it('of a DNS query has its question, of a connection its destination', () => {
    const network = {
      direction: 'egress',
      transport: 'udp',
      source_ip: '10.244.2.17',
      source_port: 40_000,
      destination_ip: '10.96.0.10',
      destination_port: 53,
      domain: 'pool.example'
    }
    const of = (action: string) =>
      json(
        eventDocument({ ...runtimeEvent, action, runtime: { ...execProcess, category: 'network', action, network } })
      )
    expect(of('dns')).toMatchObject({
      dns: { question: { name: 'pool.example' } },
      destination: { ip: '10.96.0.10', port: 53 }
    })
    expect(of('connect')).toMatchObject({ destination: { domain: 'pool.example' }, source: { ip: '10.244.2.17' } })
    expect(of('connect')).not.toHaveProperty('dns')
  })

  it('with an action that is not in the table is classified by its category', () => {
    const document = eventDocument({ ...runtimeEvent, runtime: { ...execProcess, action: 'toString' } })
    expect(document['event']).toMatchObject({ category: ['process'], type: ['info'] })
  })

  it('with a time that is none carries the time of receipt, and says so', () => {
    expect(json(eventDocument(numberedEvent(1, { time: -1 })))).toMatchObject({
      '@timestamp': '2026-11-24T06:00:00.923456Z',
      tags: [TAG_BAD_TIME]
    })
    expect(json(eventDocument(numberedEvent(1, { time: -1, received: -1 })))['@timestamp']).toBe(
      '1970-01-01T00:00:00.000000Z'
    )
    expect(json(eventDocument(numberedEvent(1, { time: SAMPLE_TIME })))).not.toHaveProperty('tags')
  })
})
