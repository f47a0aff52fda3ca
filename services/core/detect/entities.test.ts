import { describe, expect, it } from 'vitest'
import type { EnrichedEvent } from '../../../schemas/generated/types.ts'
import { auditEvent, runtimeEvent } from '../../../test/support/enriched-event.ts'
import { cloudEvent } from '../../cli/rule-tests/test-events.ts'
import { linksOf } from '../correlate/link-keys.ts'
import { ancestryOf, entitiesOf } from './entities.ts'

/** Entities as `role type id`, sorted. */
const entities = (event: EnrichedEvent) => entitiesOf(event).map(({ role, type, id }) => `${role} ${type} ${id}`)
const targets = (event: EnrichedEvent) => entities(event).filter((entity) => entity.startsWith('target'))

const request = (verb: string, objectRef: object, more: object = {}) => auditEvent({ verb, objectRef, ...more })
const notebook = {
  username: 'system:serviceaccount:data:notebook',
  extra: {
    'authentication.kubernetes.io/credential-id': ['JTI=1'],
    'authentication.kubernetes.io/pod-name': ['notebook-0'],
    'authentication.kubernetes.io/pod-uid': ['uid-9'],
    'authentication.kubernetes.io/node-name': ['node-1']
  }
}

describe('entities of API requests', () => {
  it('are the identity with its credential and pod, the address and the object', () => {
    const event = request('list', { resource: 'secrets', namespace: 'data' }, { user: notebook })
    expect(entities(event)).toEqual([
      'actor service_account data/notebook',
      'actor credential JTI=1',
      'actor pod uid-9',
      'context source_address 10.1.2.3',
      'target secret data/*'
    ])
    expect(entitiesOf(event).find(({ type }) => type === 'pod')?.name).toBe('data/notebook-0')
  })

  it.each([
    ['alice', 'actor user alice'],
    ['system:anonymous', 'actor user system:anonymous'],
    ['system:kube-scheduler', 'actor user system:kube-scheduler'],
    ['system:node:node-7', 'actor node node-7']
  ])('name %s as %s', (username, expected) => {
    expect(entities(request('get', { resource: 'pods' }, { user: { username } }))).toContain(expected)
  })

  it('are about the impersonated identity', () => {
    const event = request('get', { resource: 'pods' }, { impersonatedUser: { username: 'system:serviceaccount:a:b' } })
    expect(entities(event)[0]).toBe('actor service_account a/b')
  })

  it.each([
    ['get', { resource: 'pods', namespace: 'a', name: 'p' }, ['target pod a/p']],
    ['get', { resource: 'pods', namespace: 'a', name: 'p', uid: 'u' }, ['target pod u']],
    ['list', { resource: 'pods', namespace: 'a' }, []],
    ['get', { resource: 'secrets', namespace: 'a', name: 's' }, ['target secret a/s']],
    ['list', { resource: 'secrets', namespace: 'a' }, ['target secret a/*']],
    ['list', { resource: 'secrets' }, ['target secret *']],
    ['create', { resource: 'rolebindings', namespace: 'a', name: 'b' }, ['target role_binding a/b']],
    ['create', { resource: 'clusterrolebindings', name: 'b' }, ['target role_binding b']],
    [
      'create',
      { resource: 'serviceaccounts', namespace: 'a', name: 'b', subresource: 'token' },
      ['target service_account a/b']
    ],
    ['get', { resource: 'nodes', name: 'n' }, ['target node n']],
    ['get', { resource: 'configmaps', namespace: 'a', name: 'c' }, ['target object configmaps/a/c']],
    ['get', { resource: 'clusterroles', name: 'c' }, ['target object clusterroles/c']],
    ['list', { resource: 'configmaps', namespace: 'a' }, []],
    ['create', { resource: 'deployments', namespace: 'a', name: 'd', uid: 'u' }, ['target workload u']],
    ['create', { resource: 'deployments', namespace: 'a', name: 'd' }, ['target workload Deployment/a/d']],
    ['create', { resource: 'cronjobs', namespace: 'a', name: 'd' }, ['target workload CronJob/a/d']]
  ])('%s %j are about %j', (verb, reference, expected) => {
    expect(targets(request(verb, reference))).toEqual(expected)
  })

  it('name the pod of a request by UID when the event is of that pod, and never the pod of the token for it', () => {
    const other = request('get', { resource: 'pods', namespace: 'a', name: 'p' }, { user: notebook })
    expect(entities(other)).toContain('target pod a/p')
    expect(entities(other)).toContain('actor pod uid-9')
    const known = { ...other, pod: { ...(other.pod ?? {}), uid: 'u1', name: 'p', namespace: 'a' } } as EnrichedEvent
    expect(entities(known)).toContain('target pod u1')
  })

  it('give a thing its strongest role', () => {
    const self = request(
      'get',
      { resource: 'serviceaccounts', namespace: 'data', name: 'notebook' },
      { user: notebook }
    )
    expect(entities(self).filter((entity) => entity.includes('service_account'))).toEqual([
      'actor service_account data/notebook'
    ])
  })

  it('hold the images of a pod spec, bounded', () => {
    const create = (count: number) =>
      request(
        'create',
        { resource: 'pods', namespace: 'a', name: 'p' },
        { requestObject: { spec: { containers: Array.from({ length: count }, (_, n) => ({ image: `i${n}` })) } } }
      )
    expect(targets(create(2))).toEqual(['target pod a/p', 'target image i0', 'target image i1'])
    expect(entities(create(500)).length).toBe(64)
  })
})

describe('entities of runtime events', () => {
  const facts = {
    pod: { uid: 'pod-uid-1', name: 'web-1', namespace: 'shop', node: 'node-1', service_account: 'shop/default' },
    workload: { kind: 'Deployment', name: 'web', namespace: 'shop', uid: null }
  }

  it('are the process, its container and pod, and what they belong to', () => {
    const event = runtimeEvent({ process: { command_line: '/bin/sh -c id' } }, facts)
    expect(entities(event)).toEqual([
      'actor process process-1',
      `actor container ${'c1'.repeat(32)}`,
      'actor pod pod-uid-1',
      'context workload Deployment/shop/web',
      'context service_account shop/default',
      'context node node-1',
      'context image registry.example.org/shop/app:1.0'
    ])
    expect(
      entitiesOf(event)
        .slice(0, 3)
        .map(({ name }) => name)
    ).toEqual(['/bin/sh -c id', 'app', 'shop/web-1'])
  })

  it('name the workload by UID where there is one', () => {
    const event = runtimeEvent({}, { ...facts, workload: { ...facts.workload, uid: 'w' } })
    expect(entities(event)).toContain('context workload w')
  })

  it.each([
    ['/var/run/secrets/kubernetes.io/serviceaccount/token', 'target'],
    ['/run/secrets/kubernetes.io/serviceaccount/..data/token', 'target'],
    ['/var/run/secrets/kubernetes.io/serviceaccountX/token', 'context'],
    ['/home/run/secrets/kubernetes.io/serviceaccount/token', 'context']
  ])('say of %s that the service account is %s', (path, role) => {
    expect(entities(runtimeEvent({ file: { path } }, facts))).toContain(`${role} service_account shop/default`)
  })

  it.each([
    [{ destination_ip: '8.8.8.8' }, ['target indicator 8.8.8.8']],
    [{ destination_ip: '8.8.8.8', domain: 'Evil.Example.' }, ['target indicator evil.example']],
    [{ domain: 'evil.example' }, ['target indicator evil.example']],
    [{ destination_ip: '10.0.0.1' }, []],
    [{ destination_ip: '127.0.0.1' }, []],
    [{ destination_ip: '169.254.1.1' }, []],
    [{ destination_ip: '169.254.169.254' }, ['target indicator 169.254.169.254']],
    [{ destination_ip: '169.254.170.2' }, ['target indicator 169.254.170.2']],
    [{ destination_ip: 'fe80::1' }, []],
    [{ destination_ip: '2606:4700::1' }, ['target indicator 2606:4700::1']],
    [{ domain: 'kubernetes.default.svc.cluster.local', destination_ip: '10.96.0.1' }, []],
    [{ domain: 'localhost' }, []],
    [{ domain: 'metadata.google.internal' }, ['target indicator metadata.google.internal']],
    [{ destination_ip: '8.8.8.8', direction: 'ingress' }, []]
  ])('say of a connection to %j that it is about %j', (network, expected) => {
    expect(targets(runtimeEvent({ network }))).toEqual(expected)
  })

  it('of a host process are the process and the node', () => {
    expect(entities(runtimeEvent({ container: null }))).toEqual(['actor process process-1', 'context node node-1'])
  })
})

describe('ancestry', () => {
  it('is the process and its ancestors by command line, also where an engine does not identify them', () => {
    const event = runtimeEvent({
      process: {
        command_line: 'cat token',
        ancestors: [{ entity_id: 'e2', executable: '/bin/sh' }, { command_line: `x${'y'.repeat(999)}` }]
      }
    })
    expect(ancestryOf(event).map(({ id, name, role }) => [id, name.length > 99 ? name.length : name, role])).toEqual([
      ['process-1', 'cat token', 'actor'],
      ['e2', '/bin/sh', 'context'],
      ['process-1^2', 256, 'context']
    ])
  })

  it('of an API request is empty', () => {
    expect(ancestryOf(auditEvent({ verb: 'get' }))).toEqual([])
  })
})

describe("entities of a cloud's trail", () => {
  const session = {
    type: 'AssumedRole',
    principalId: 'AROAEXAMPLEROLE000001:s',
    arn: 'arn:aws:sts::111122223333:assumed-role/web/s',
    accessKeyId: 'ASIAEXAMPLESESSION01',
    sessionContext: { sessionIssuer: { type: 'Role', arn: 'arn:aws:iam::111122223333:role/web' } }
  }

  it('are the key of the session, its role, the address and what it is about', () => {
    const event = cloudEvent({
      eventSource: 'secretsmanager.amazonaws.com',
      eventName: 'GetSecretValue',
      userIdentity: session,
      sourceIPAddress: '175.102.182.6',
      resources: [{ ARN: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop' }]
    })
    expect(entities(event)).toEqual([
      'actor cloud_identity ASIAEXAMPLESESSION01',
      'context cloud_identity arn:aws:iam::111122223333:role/web',
      'context source_address 175.102.182.6',
      'target object arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop'
    ])
    expect(entitiesOf(event)[0]?.name).toBe(session.arn)
  })

  it('are the service account that takes a role, and the key it is given', () => {
    const event = cloudEvent({
      eventName: 'AssumeRoleWithWebIdentity',
      userIdentity: { type: 'WebIdentityUser', userName: 'system:serviceaccount:shop:web' },
      sourceIPAddress: '175.102.182.6',
      responseElements: { credentials: { accessKeyId: 'ASIAEXAMPLESESSION01' } }
    })
    expect(entities(event)).toEqual([
      'actor service_account shop/web',
      'context source_address 175.102.182.6',
      'target cloud_identity ASIAEXAMPLESESSION01'
    ])
  })

  it('have whoever has no key by name', () => {
    expect(entities(cloudEvent({ userIdentity: { type: 'Root', arn: 'arn:aws:iam::111122223333:root' } }))[0]).toBe(
      'actor cloud_identity arn:aws:iam::111122223333:root'
    )
  })

  it('go with the credential of a person in the audit log of EKS, and not with that of a node', () => {
    const medium = { severity: 'medium' as const, tactics: [], techniques: [], parts: [] }
    const user = (username: string) => ({ username, extra: { accessKeyId: ['ASIAEXAMPLESESSION01'] } })
    const keys = (username: string) =>
      linksOf({
        ...medium,
        source: 'audit',
        entities: entitiesOf(request('list', { resource: 'pods' }, { user: user(username) }))
      }).map(({ key }) => key)
    expect(keys('alice')).toContain('credential:ASIAEXAMPLESESSION01')
    expect(keys('system:node:ip-10-0-0-1')).not.toContain('credential:ASIAEXAMPLESESSION01')
    const cloud = linksOf({
      ...medium,
      source: 'cloud',
      entities: entitiesOf(cloudEvent({ userIdentity: session }))
    }).map(({ key }) => key)
    for (const kind of ['cloud_key', 'credential']) expect(cloud).toContain(`${kind}:ASIAEXAMPLESESSION01`)
  })
})
