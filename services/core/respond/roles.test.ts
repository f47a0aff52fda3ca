import { describe, expect, it } from 'vitest'
import { property } from '../json.ts'
import { PROTECTED_NAMESPACES } from './guard-rails.ts'
import { grants, type PolicyRule, permissionOf, rolesOf } from './permissions.ts'
import { PERMISSION_NAMESPACE, responderManifests } from './roles.ts'

const manifests = responderManifests('weir')
const rulesOf = (name: string, kind = 'ClusterRole'): readonly PolicyRule[] =>
  manifests
    .filter((one) => one['kind'] === kind && property(one['metadata'], 'name') === name)
    .flatMap((one) => one['rules'] as readonly PolicyRule[])

const right = (verb: string, api_group: string, resource: string, name: string | null = 'x') => ({
  namespace: 'x',
  api_group,
  resource,
  verb,
  name
})
const RBAC = 'rbac.authorization.k8s.io'

describe('what the responder may always do', () => {
  const rules = [...rulesOf('weir-responder'), ...rulesOf('weir-responder', 'Role')]
  const may = (...of: Parameters<typeof right>) => rules.some((rule) => grants(rule, right(...of)))

  it.each<Parameters<typeof right>>([
    ['get', '', 'secrets'],
    ['list', '', 'secrets', null],
    ['create', '', 'pods', null],
    ['create', '', 'pods/exec'],
    ['delete', '', 'pods'],
    ['patch', '', 'pods'],
    ['patch', 'apps', 'deployments'],
    ['patch', 'apps', 'deployments/scale'],
    ['impersonate', '', 'users'],
    ['escalate', RBAC, 'clusterroles'],
    ['bind', RBAC, 'clusterroles', 'cluster-admin'],
    ['bind', RBAC, 'clusterroles', 'weir-responder'],
    ['bind', RBAC, 'roles'],
    ['delete', RBAC, 'rolebindings', 'somebody-elses'],
    ['update', RBAC, 'rolebindings', 'weir-jit-0'],
    ['patch', RBAC, 'roles', 'weir-jit-0'],
    ['create', '', 'serviceaccounts/token', 'weir-responder'],
    ['delete', '', 'nodes'],
    ['patch', '', 'nodes']
  ])('is not: %s %s %s %s', (...of) => expect(may(...of)).toBe(false))

  it('is to bind the roles of actions, and to remove what it made', () => {
    expect(may('bind', RBAC, 'clusterroles', 'weir-respond-contain-workload')).toBe(true)
    expect(may('delete', RBAC, 'rolebindings', 'weir-jit-3')).toBe(true)
    expect(may('delete', RBAC, 'clusterrolebindings', 'weir-jit-0-taint-node')).toBe(true)
  })
})

it('no role of an action allows to make pods, to read or write secrets beyond one, to change roles or who has them', () => {
  const granted = manifests
    .filter(
      (one) => one['kind'] === 'ClusterRole' && String(property(one['metadata'], 'name')).startsWith('weir-respond-')
    )
    .flatMap((one) => one['rules'] as readonly PolicyRule[])
  expect(granted.length).toBeGreaterThan(10)
  for (const [verb, group, resource] of [
    ['create', '', 'pods'],
    ['create', '', 'pods/exec'],
    ['get', '', 'pods/exec'],
    ['list', '', 'secrets'],
    ['patch', '', 'secrets'],
    ['create', '', 'serviceaccounts/token'],
    ['create', RBAC, 'rolebindings'],
    ['patch', RBAC, 'rolebindings'],
    ['patch', RBAC, 'clusterroles'],
    ['escalate', RBAC, 'clusterroles'],
    ['bind', RBAC, 'clusterroles'],
    ['create', 'admissionregistration.k8s.io', 'mutatingwebhookconfigurations'],
    ['approve', 'certificates.k8s.io', 'signers'],
    ['update', 'certificates.k8s.io', 'certificatesigningrequests/approval']
  ] as const)
    expect(
      granted.some((rule) => grants(rule, right(verb, group, resource))),
      `${verb} ${resource}`
    ).toBe(false)
})

it('the role of a plan names its objects, by namespace', () => {
  const request = (method: string, path: string) => ({
    to: 'kube-apiserver',
    method,
    path,
    body: null,
    content_type: null
  })
  const permissions = [
    request('PATCH', '/apis/apps/v1/namespaces/a/deployments/web/scale'),
    request('POST', '/apis/networking.k8s.io/v1/namespaces/b/networkpolicies'),
    request('DELETE', '/api/v1/nodes/n1?x=y'),
    { ...request('POST', '/v1/evidence'), to: 'node-agent/n1' }
  ].flatMap((one) => permissionOf(one) ?? [])
  expect([...rolesOf(permissions)]).toEqual([
    ['a', [{ apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['patch'], resourceNames: ['web'] }]],
    ['b', [{ apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['create'] }]],
    ['', [{ apiGroups: [''], resources: ['nodes'], verbs: ['delete'], resourceNames: ['n1'] }]]
  ])
})

it('the API server itself refuses permissions in the namespaces that every cluster has to have', () => {
  const text = JSON.stringify(manifests)
  for (const namespace of ['kube-system', 'kube-public', 'kube-node-lease', PERMISSION_NAMESPACE, 'weir'])
    expect(text).toContain(`'${namespace}'`)
  expect(PROTECTED_NAMESPACES.map(({ namespace }) => namespace)).toContain('kube-system')
})
