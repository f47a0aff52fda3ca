import { describe, expect, it } from 'vitest'
import { apiObjectOfGoogleName, apiObjectOfUri } from './api-path.ts'

const object = (
  apiGroup: string | null,
  apiVersion: string | null,
  namespace: string | null,
  resource: string | null,
  name: string | null,
  subresource: string | null
) => ({ apiGroup, apiVersion, namespace, resource, name, subresource })

describe('apiObjectOfUri', () => {
  it.each([
    ['/api/v1/namespaces/shop/pods', object(null, 'v1', 'shop', 'pods', null, null)],
    ['/api/v1/namespaces/shop/pods/web/exec?command=sh', object(null, 'v1', 'shop', 'pods', 'web', 'exec')],
    [
      '/apis/apps/v1/namespaces/shop/deployments/web/scale',
      object('apps', 'v1', 'shop', 'deployments', 'web', 'scale')
    ],
    ['/api/v1/nodes/n1/proxy/metrics', object(null, 'v1', null, 'nodes', 'n1', 'proxy')],
    ['/api/v1/namespaces', object(null, 'v1', null, 'namespaces', null, null)],
    ['/api/v1/namespaces/shop', object(null, 'v1', 'shop', 'namespaces', 'shop', null)],
    ['/api/v1/namespaces/shop/finalize', object(null, 'v1', 'shop', 'namespaces', 'shop', 'finalize')],
    [
      '/apis/storage.k8s.io/v1/volumeattachments/x/status',
      object('storage.k8s.io', 'v1', null, 'volumeattachments', 'x', 'status')
    ]
  ])('reads %s', (uri, expected) => {
    expect(apiObjectOfUri(uri)).toEqual(expected)
  })

  it.each([
    '',
    '/',
    '/healthz',
    '/api',
    '/api/v1',
    '/apis/apps/v1',
    '/apis/apps/v1/',
    'api/v1/pods',
    '/openapi/v2/x/y'
  ])('%j names no resource', (uri) => {
    expect(apiObjectOfUri(uri)).toBeNull()
  })
})

describe('apiObjectOfGoogleName', () => {
  it.each([
    ['core/v1/namespaces/shop/pods/web/exec', 'pods', object(null, 'v1', 'shop', 'pods', 'web', 'exec')],
    ['core/v1/namespaces/shop/pods', 'pods', object(null, 'v1', 'shop', 'pods', null, null)],
    ['core/v1/namespaces/shop/status', 'namespaces', object(null, 'v1', 'shop', 'namespaces', 'shop', 'status')],
    ['core/v1/namespaces/shop', 'namespaces', object(null, 'v1', 'shop', 'namespaces', 'shop', null)],
    [
      'rbac.authorization.k8s.io/v1/clusterroles/admin',
      'clusterroles',
      object('rbac.authorization.k8s.io', 'v1', null, 'clusterroles', 'admin', null)
    ]
  ])('reads %s of %s', (name, resource, expected) => {
    expect(apiObjectOfGoogleName(name, resource)).toEqual(expected)
  })

  it('a path that is no resource has no object', () => {
    expect(apiObjectOfGoogleName('healthz', null)).toBeNull()
  })
})
