import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { imageParts } from './images.ts'
import { inventoryRecordOf } from './inventory.ts'

const cluster = { id: 'c1', name: 'prod' }
const metadata = { name: 'x', namespace: 'shop', uid: 'u1' }
const recordOf = (object: object) => inventoryRecordOf({ metadata, ...object }, cluster, 1)

describe('what is kept of', () => {
  it('a role binding is its role and its subjects', () => {
    const subjects = [
      { kind: 'ServiceAccount', name: 'web', namespace: 'shop' },
      { kind: 'Group', name: 'developers', apiGroup: 'rbac.authorization.k8s.io' }
    ]
    const record = recordOf({ kind: 'RoleBinding', roleRef: { kind: 'ClusterRole', name: 'edit' }, subjects })
    expect(record?.references).toEqual([
      { relation: 'role', kind: 'ClusterRole', name: 'edit', namespace: null, uid: null },
      { relation: 'subject', kind: 'ServiceAccount', name: 'web', namespace: 'shop', uid: null },
      { relation: 'subject', kind: 'Group', name: 'developers', namespace: null, uid: null }
    ])
  })

  it('an endpoint slice is its service, its addresses and its pods', () => {
    const record = recordOf({
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'web' } },
      endpoints: [
        { addresses: ['10.244.0.7'], targetRef: { kind: 'Pod', name: 'web-1', namespace: 'shop', uid: 'p1' } }
      ]
    })
    expect(record?.addresses).toEqual(['10.244.0.7'])
    expect(record?.references).toMatchObject([
      { relation: 'service', kind: 'Service', name: 'web', namespace: 'shop' },
      { relation: 'endpoint', kind: 'Pod', name: 'web-1', uid: 'p1' }
    ])
  })

  it('a webhook is where it sends what', () => {
    const record = recordOf({
      kind: 'MutatingWebhookConfiguration',
      webhooks: [
        {
          clientConfig: { service: { name: 'injector', namespace: 'mesh' } },
          rules: [{ operations: ['CREATE', 'UPDATE'], resources: ['pods'] }],
          failurePolicy: 'Ignore'
        },
        { clientConfig: { url: 'https://203.0.113.5/x' }, rules: [], failurePolicy: 'Fail' }
      ]
    })
    expect(record?.attributes).toEqual({
      url: 'https://203.0.113.5/x',
      rules: 'create,update pods',
      failure_policy: 'Ignore,Fail'
    })
    expect(record?.references).toMatchObject([{ kind: 'Service', name: 'injector', namespace: 'mesh' }])
  })

  it('services and network policies is whom they select', () => {
    expect(recordOf({ kind: 'Service', spec: { type: 'ClusterIP', selector: { app: 'web' } } })?.attributes).toEqual({
      type: 'ClusterIP',
      selector: 'app=web'
    })
    const spec = {
      podSelector: {
        matchLabels: { app: 'web' },
        matchExpressions: [
          { key: 'tier', operator: 'In', values: ['a', 'b'] },
          { key: 'old', operator: 'DoesNotExist' }
        ]
      },
      policyTypes: ['Ingress', 'Egress']
    }
    expect(recordOf({ kind: 'NetworkPolicy', spec })?.attributes).toEqual({
      selector: 'app=web,tier in (a,b),!old',
      types: 'Ingress,Egress'
    })
    expect(recordOf({ kind: 'NetworkPolicy', spec: { podSelector: {} } })?.attributes).toEqual({ selector: '*' })
  })

  it('a service account is the cloud identity it is tied to, and no other annotation', () => {
    const annotations = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/x', note: 'y' }
    expect(recordOf({ kind: 'ServiceAccount', metadata: { ...metadata, annotations } })?.attributes).toEqual({
      'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/x'
    })
  })

  it('an object of any shape never throws, and nothing large is kept', () => {
    const kinds = fc.constantFrom(
      'Pod',
      'Node',
      'Service',
      'EndpointSlice',
      'RoleBinding',
      'MutatingWebhookConfiguration',
      'NetworkPolicy'
    )
    const keys = fc.constantFrom('spec', 'status', 'endpoints', 'webhooks', 'subjects', 'roleRef', 'x')
    fc.assert(
      fc.property(kinds, fc.dictionary(keys, fc.jsonValue()), (kind, object) => {
        const record = recordOf({ ...object, kind })
        expect(Object.values(record?.attributes ?? {}).every((value) => value.length <= 2048)).toBe(true)
      })
    )
    const subjects = Array.from({ length: 5000 }, (_, n) => ({ kind: 'User', name: `u${n}` }))
    expect(recordOf({ kind: 'RoleBinding', subjects })?.references).toHaveLength(1000)
  })
})

it.each([
  ['nginx:1.27', 'docker.io/library/nginx@sha256:aa', 'nginx', '1.27', 'sha256:aa'],
  ['reg.local:5000/a/b', 'sha256:bb', 'reg.local:5000/a/b', null, 'sha256:bb'],
  ['reg.local:5000/a/b:v1@sha256:cc', null, 'reg.local:5000/a/b', 'v1', 'sha256:cc'],
  ['sha256:dd', 'reg/x@sha256:dd', 'reg/x', null, 'sha256:dd'],
  [null, null, null, null, null]
])('the image %s with id %s has its parts', (name, id, repository, tag, digest) => {
  expect(imageParts(name, id)).toEqual({ repository, tag, digest })
})
