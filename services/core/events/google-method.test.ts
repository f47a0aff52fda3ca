import { describe, expect, it } from 'vitest'
import { googleMethodOf, httpStatusOf } from './google-method.ts'

describe('googleMethodOf', () => {
  it.each([
    ['io.k8s.core.v1.pods.create', ['create', null, 'v1', 'pods', null]],
    ['io.k8s.core.v1.pods.exec.create', ['create', null, 'v1', 'pods', 'exec']],
    ['io.k8s.core.v1.nodes.proxy.get', ['get', null, 'v1', 'nodes', 'proxy']],
    ['io.k8s.apps.v1.daemonsets.patch', ['patch', 'apps', 'v1', 'daemonsets', null]],
    ['io.k8s.batch.v1beta1.cronjobs.update', ['update', 'batch', 'v1beta1', 'cronjobs', null]],
    [
      'io.k8s.authorization.rbac.v1.clusterrolebindings.create',
      ['create', 'rbac.authorization.k8s.io', 'v1', 'clusterrolebindings', null]
    ],
    ['io.k8s.networking.v1.ingresses.delete', ['delete', 'networking.k8s.io', 'v1', 'ingresses', null]],
    ['io.cert-manager.v1.certificates.get', ['get', 'cert-manager.io', 'v1', 'certificates', null]],
    ['io.k8s.get', ['get', null, null, null, null]]
  ])('reads %s', (name, [verb, apiGroup, apiVersion, resource, subresource]) => {
    expect(googleMethodOf(name)).toEqual({ verb, apiGroup, apiVersion, resource, subresource })
  })

  it.each([
    '',
    'io',
    'io.k8s',
    'io.k8s.core.v1',
    'io.k8s.core.v1.pods',
    'io.k8s.core.v1.pods.',
    'v2.deploymentmanager.deployments.insert',
    'x.'.repeat(300)
  ])('%j is no method of the Kubernetes API', (name) => {
    expect(googleMethodOf(name)).toBeNull()
  })
})

describe('httpStatusOf', () => {
  it.each([
    [0, 200],
    [5, 404],
    [6, 409],
    [7, 403],
    [10, 409],
    [16, 401],
    [17, 500],
    [99, 500],
    [404, 404]
  ])('gRPC status %i is HTTP status %i', (grpc, http) => {
    expect(httpStatusOf(grpc)).toBe(http)
  })
})
