import { describe, expect, it } from 'vitest'
import type { AuditEvent, RuntimeEvent } from '../../../schemas/generated/types.ts'
import type { SourcedEvent } from '../events/sourced-event.ts'
import { enrich, isWorthRetrying, lookupKeys } from './join.ts'
import { factKey, type PodFacts } from './pod-facts.ts'

const cluster = { id: 'c1', name: 'prod' }
const CONTAINER_ID = 'ab'.repeat(32)
const facts: PodFacts = {
  pod: {
    uid: 'uid-1',
    name: 'web-7d9-x',
    namespace: 'shop',
    node: 'node-1',
    ip: '10.0.0.7',
    service_account: 'shop/web',
    labels: { app: 'web' },
    created: 1,
    host_network: false,
    host_pid: false,
    host_ipc: false
  },
  containers: [{ id: CONTAINER_ID, name: 'web', image_name: 'nginx:1', image_id: 'sha256:1', privileged: false }],
  workload: { kind: 'Deployment', name: 'web', namespace: 'shop', uid: 'uid-d' },
  observed: 1
}
const known = new Map([
  [factKey.podUid('c1', 'uid-1'), facts],
  [factKey.podName('c1', 'shop', 'web-7d9-x'), facts],
  [factKey.container('c1', CONTAINER_ID), facts]
])
const lookup = (key: string) => known.get(key) ?? null
const nothing = () => null

const runtime = (event: Partial<RuntimeEvent>): SourcedEvent => ({
  audit: null,
  runtime: {
    id: 'r1',
    time: 10,
    category: 'process',
    action: 'exec',
    process: null,
    container: null,
    pod: null,
    network: null,
    file: null,
    alert: null,
    attributes: {},
    ...event
  },
  cluster,
  source: { type: 'runtime', provider: 'tetragon', instance: 'node-1' },
  received: 20
})

const audit = (event: Partial<AuditEvent>): SourcedEvent => ({
  audit: {
    auditID: 'a1',
    stage: 'ResponseComplete',
    level: 'RequestResponse',
    verb: 'get',
    requestURI: '/api',
    user: { username: 'alice', uid: null, groups: [], extra: {} },
    impersonatedUser: null,
    sourceIPs: [],
    userAgent: null,
    objectRef: null,
    responseStatus: { code: 200, status: null, reason: null, message: null },
    requestObject: null,
    responseObject: null,
    requestReceivedTimestamp: null,
    stageTimestamp: 10,
    annotations: { 'authorization.k8s.io/decision': 'allow' },
    ...event
  },
  runtime: null,
  cluster,
  source: { type: 'audit', provider: 'kubernetes', instance: 'collector' },
  received: 20
})

const reference = (fields: Partial<NonNullable<AuditEvent['objectRef']>>) => ({
  resource: 'pods',
  namespace: 'shop',
  name: null,
  uid: null,
  apiGroup: null,
  apiVersion: 'v1',
  resourceVersion: null,
  subresource: null,
  ...fields
})

const seen = (id: string) => ({ id, name: null, image_name: null, image_id: null, privileged: null })

describe('a runtime event', () => {
  it.each([
    ['the full id', CONTAINER_ID],
    ['the 31 characters Tetragon gives', CONTAINER_ID.slice(0, 31)],
    ['the 12 characters Falco gives', CONTAINER_ID.slice(0, 12)]
  ])('finds its pod by %s of its container', (_, id) => {
    const enriched = enrich(runtime({ container: seen(id) }), lookup)
    expect(enriched.enrichment).toEqual({ status: 'complete', reason: null })
    expect(enriched.container).toEqual(facts.containers[0])
    expect(enriched.workload?.name).toBe('web')
    expect(enriched.pod?.service_account).toBe('shop/web')
  })

  it('of the host has no pod and says that none applies', () => {
    expect(enrich(runtime({}), lookup).enrichment.status).toBe('not_applicable')
  })

  it('of an unknown container is missing with a reason, and worth another look', () => {
    const enriched = enrich(runtime({ container: seen('ff'.repeat(32)) }), lookup)
    expect(enriched.enrichment).toEqual({ status: 'missing', reason: 'container is not in the inventory' })
    expect(isWorthRetrying(enriched)).toBe(true)
  })

  it('keeps what the sensor knew when the inventory knows nothing', () => {
    const pod = { uid: 'uid-9', name: 'job-1', namespace: 'ci' }
    const enriched = enrich(runtime({ container: { ...seen('ee'), image_name: 'busybox' }, pod }), nothing)
    expect(enriched.pod).toMatchObject(pod)
    expect(enriched.container?.image_name).toBe('busybox')
    expect(enriched.enrichment.status).toBe('partial')
  })

  it('in a new container of a known pod is joined with the pod and partial', () => {
    const pod = { uid: 'uid-1', name: 'web-7d9-x', namespace: 'shop' }
    const enriched = enrich(runtime({ container: { ...seen('dd'.repeat(32)), name: 'sidecar' }, pod }), lookup)
    expect(enriched.workload?.name).toBe('web')
    expect(enriched.container?.name).toBe('sidecar')
    expect(enriched.enrichment.status).toBe('partial')
  })
})

describe('an audit event', () => {
  it('is joined with the pod it is about, and with the container it names', () => {
    const uri = '/api/v1/namespaces/shop/pods/web-7d9-x/exec?command=sh&container=web'
    const enriched = enrich(
      audit({ requestURI: uri, objectRef: reference({ name: 'web-7d9-x', subresource: 'exec' }) }),
      lookup
    )
    expect(enriched.pod?.uid).toBe('uid-1')
    expect(enriched.container?.image_name).toBe('nginx:1')
    expect(enriched.action).toBe('pods/exec:get')
  })

  it('about something else is joined with the pod whose token was used', () => {
    const user = {
      username: 'system:serviceaccount:shop:web',
      uid: null,
      groups: [],
      extra: {
        'authentication.kubernetes.io/pod-uid': ['uid-1'],
        'authentication.kubernetes.io/pod-name': ['web-7d9-x'],
        'authentication.kubernetes.io/credential-id': ['JTI=1']
      }
    }
    const event = audit({ user, verb: 'list', objectRef: reference({ resource: 'secrets', namespace: null }) })
    expect(enrich(event, lookup)).toMatchObject({
      pod: { uid: 'uid-1' },
      actor: { kind: 'service_account', service_account: 'shop/web', credential_id: 'JTI=1', is_system: false },
      enrichment: { status: 'complete' }
    })
    expect(enrich(event, nothing)).toMatchObject({
      pod: { uid: 'uid-1', name: 'web-7d9-x' },
      enrichment: { status: 'partial' }
    })
  })

  it.each([
    ['Deployment', 'deployments', { spec: { template: { spec: { hostPID: true } } } }],
    ['CronJob', 'cronjobs', { spec: { jobTemplate: { spec: { template: { spec: { hostPID: true } } } } } }],
    ['Pod', 'pods', { spec: { hostPID: true } }]
  ])('that writes a %s shows its pod spec the same way', (_, resource, body) => {
    const event = audit({
      verb: 'create',
      objectRef: reference({ resource, name: 'x' }),
      requestObject: JSON.stringify(body)
    })
    expect(enrich(event, nothing).pod_spec).toMatchObject({ host_pid: true, privileged: false })
  })

  it.each([
    ['create', 'chosen by the client', 'given by the server', 'given by the server'],
    ['create', null, 'given by the server', 'given by the server'],
    ['patch', null, 'given by the server', 'given by the server'],
    ['update', 'given by the server', 'given by the server', 'given by the server'],
    ['update', null, 'given by the server', 'given by the server'],
    ['update', 'of the reference', null, 'of the reference']
  ])('that does a %s on a workload names its UID: reference %s, response %s', (verb, asked, answered, expected) => {
    const body = { kind: 'Deployment', metadata: { name: 'web', namespace: 'shop', uid: answered } }
    const event = audit({
      verb,
      objectRef: reference({ resource: 'deployments', name: 'web', uid: asked }),
      responseObject: answered === null ? null : JSON.stringify(body)
    })
    expect(enrich(event, nothing).workload).toEqual({
      kind: 'Deployment',
      name: 'web',
      namespace: 'shop',
      uid: expected
    })
  })

  it('that patches shows what came of the patch', () => {
    const event = audit({
      verb: 'patch',
      objectRef: reference({ resource: 'daemonsets', name: 'x' }),
      requestObject: '[{"op":"add","path":"/spec"}]',
      responseObject: JSON.stringify({
        spec: {
          template: {
            spec: { containers: [], initContainers: [{ image: 'evil', securityContext: { privileged: true } }] }
          }
        }
      })
    })
    expect(enrich(event, nothing).pod_spec).toMatchObject({ privileged: true, images: ['evil'] })
  })

  it('names impersonated and real user', () => {
    const impersonatedUser = { username: 'system:admin', uid: null, groups: ['system:masters'], extra: {} }
    expect(enrich(audit({ impersonatedUser }), nothing).actor).toMatchObject({
      name: 'system:admin',
      impersonator: 'alice'
    })
  })

  it.each([
    [
      {
        responseStatus: { code: 101, status: null, reason: null, message: null },
        stage: 'ResponseStarted',
        objectRef: reference({ name: 'p', subresource: 'exec' })
      },
      'success'
    ],
    [{ responseStatus: { code: 403, status: null, reason: null, message: null } }, 'failure'],
    [{ annotations: { 'authorization.k8s.io/decision': 'forbid' }, responseStatus: null }, 'failure'],
    [{ stage: 'RequestReceived', responseStatus: null }, 'unknown'],
    [{}, 'success']
  ])('%j has outcome %s', (fields, outcome) => {
    expect(enrich(audit(fields as Partial<AuditEvent>), nothing).outcome).toBe(outcome)
  })

  it.each([
    ['null'],
    ['[]'],
    ['{"spec":'],
    ['{"spec":{"containers":[null,1,{"image":{}}],"volumes":"x"}}'],
    ['{"__proto__":{"spec":{}}}']
  ])('with the body %s is enriched all the same', (body) => {
    const event = audit({ verb: 'create', objectRef: reference({}), requestObject: body, responseObject: body })
    expect(enrich(event, nothing).id).toBe('a1/ResponseComplete')
  })
})

it('look-ups are few and unique over clusters', () => {
  const event = runtime({ container: seen(CONTAINER_ID), pod: { uid: 'u', name: 'n', namespace: 's' } })
  expect(lookupKeys(event)).toEqual(['c1/container/abababababab', 'c1/pod/u', 'c1/pod-name/s/n'])
})
