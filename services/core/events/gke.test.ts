import { describe, expect, it } from 'vitest'
import { eventFixture, eventRecord } from '../../../test/support/event-fixtures.ts'
import { isObject, type JsonObject } from '../json.ts'
import { gkeEventFrom } from './gke.ts'
import { eventId } from './sourced-event.ts'
import { parseTimestamp } from './timestamp.ts'

const ARRIVAL = 1_800_000_000_000_000
const [created, started, ended, refused, conflict, path] = eventFixture('gke.ndjson').map((entry) =>
  gkeEventFrom(entry, ARRIVAL)
)

/** The first entry of the fixture with changes to its payload. */
function withPayload(changes: JsonObject): JsonObject {
  const entry = eventRecord('gke.ndjson')
  return { ...entry, protoPayload: { ...(isObject(entry.protoPayload) ? entry.protoPayload : {}), ...changes } }
}

describe('gkeEventFrom', () => {
  it('reads who, what, on what, with bodies and cluster', () => {
    expect(created).toMatchObject({
      provider: 'gke',
      cluster: { id: 'gke/acme-prod/europe-west4/shop', name: 'shop' },
      audit: {
        auditID: '0f6f4b5e-8a3f-4c59-93f4-0d8f1c8ab001',
        stage: 'ResponseComplete',
        level: 'RequestResponse',
        verb: 'create',
        requestURI: '/api/v1/namespaces/shop/pods/debug',
        user: { username: 'dev@example.com' },
        sourceIPs: ['198.51.100.20'],
        userAgent: 'kubectl/v1.32.3 (linux/amd64)',
        objectRef: {
          resource: 'pods',
          namespace: 'shop',
          name: 'debug',
          uid: '9f0d3f6a-2f3b-4a43-a1de-0c1fc1b0aa01',
          apiGroup: null,
          apiVersion: 'v1',
          subresource: null
        },
        responseStatus: { code: 201 },
        stageTimestamp: parseTimestamp('2026-11-20T11:00:00.123456Z'),
        annotations: { 'authorization.k8s.io/decision': 'allow' }
      }
    })
    expect(JSON.parse(created?.audit?.requestObject ?? '')).toMatchObject({ spec: { containers: [{ name: 'debug' }] } })
  })

  it('begin and end of a stream are two events of one request', () => {
    expect(started?.audit).toMatchObject({ stage: 'ResponseStarted', verb: 'create', responseStatus: { code: 101 } })
    expect(started?.audit?.objectRef).toMatchObject({ resource: 'pods', name: 'debug', subresource: 'exec' })
    expect(ended?.audit).toMatchObject({ stage: 'ResponseComplete', auditID: started?.audit?.auditID })
    expect(started && ended && eventId(started) !== eventId(ended)).toBe(true)
  })

  it('a refusal has its decision and its HTTP status', () => {
    expect(refused?.audit).toMatchObject({
      verb: 'list',
      objectRef: { resource: 'secrets', namespace: 'shop', name: null },
      responseStatus: { code: 403, status: 'Failure', message: 'secrets is forbidden' },
      annotations: { 'authorization.k8s.io/decision': 'forbid' }
    })
  })

  it('the API server’s own status counts before the gRPC one', () => {
    expect(conflict?.audit).toMatchObject({
      objectRef: { apiGroup: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings', name: 'backdoor' },
      requestURI: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/backdoor',
      responseStatus: { code: 409, status: 'Failure', reason: 'AlreadyExists', message: 'already exists' }
    })
  })

  it('a path that is no resource has a URI and no object', () => {
    expect(path?.audit).toMatchObject({ verb: 'get', requestURI: '/healthz', objectRef: null })
  })

  it.each([
    ['a gRPC status', { status: { code: 5 }, response: undefined }, 404],
    ['an empty gRPC status', { status: {}, response: undefined }, 201],
    ['an HTTP status in its place', { status: { code: 422 }, response: undefined }, 422],
    ['an object in the answer', { status: undefined }, 201],
    ['a failure in the answer and no number', { status: undefined, response: { status: 'Failure' } }, null],
    ['numbers of a wrong type', { status: { code: 'x' }, response: undefined }, undefined]
  ])('with %s', (_, changes, code) => {
    expect(gkeEventFrom(withPayload(changes), ARRIVAL).audit?.responseStatus?.code).toBe(code)
  })

  it('nothing but a refusal means 403', () => {
    const payload = {
      status: undefined,
      response: undefined,
      authorizationInfo: [{ granted: true }, { granted: false }]
    }
    const { labels: _labels, ...entry } = withPayload(payload)
    expect(gkeEventFrom(entry, ARRIVAL).audit).toMatchObject({
      responseStatus: { code: 403, status: 'Failure' },
      annotations: { 'authorization.k8s.io/decision': 'forbid' }
    })
  })

  it('nothing at all about the answer stays unknown', () => {
    const { labels: _labels, ...entry } = withPayload({
      status: undefined,
      response: undefined,
      authorizationInfo: undefined
    })
    const event = gkeEventFrom(entry, ARRIVAL)
    expect(event.audit?.responseStatus).toBeNull()
    expect(event.audit?.annotations).toEqual({})
  })

  it('the permission names the request when another service made it', () => {
    const event = gkeEventFrom(
      {
        protoPayload: {
          methodName: 'v2.deploymentmanager.deployments.insert',
          serviceName: 'deploymentmanager.googleapis.com',
          authorizationInfo: [{ granted: true, permission: 'io.k8s.batch.v1.cronjobs.create' }]
        }
      },
      ARRIVAL
    )
    expect(event.audit).toMatchObject({ verb: 'create', objectRef: { resource: 'cronjobs', apiGroup: 'batch' } })
    expect(event.audit?.annotations).toMatchObject({ 'weir.io/time': 'arrival' })
  })

  it.each([
    ['EVENT_NOT_KUBERNETES', eventRecord('gke-other-service.json')],
    ['EVENT_INCOMPLETE', { operation: { producer: 'k8s.io' } }],
    ['EVENT_INCOMPLETE', { protoPayload: {} }],
    ['EVENT_NOT_KUBERNETES', { protoPayload: { serviceName: 'k8s.io', methodName: 7 } }]
  ])('refuses with %s what is no request to a cluster', (code, entry) => {
    expect(() => gkeEventFrom(entry, ARRIVAL)).toThrowError(expect.objectContaining({ code }))
  })
})
