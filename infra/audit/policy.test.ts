import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'

const texts = z.array(z.string()).default([])
const policySchema = z.strictObject({
  apiVersion: z.literal('audit.k8s.io/v1'),
  kind: z.literal('Policy'),
  omitStages: texts,
  omitManagedFields: z.boolean(),
  rules: z.array(
    z.strictObject({
      level: z.enum(['None', 'Metadata', 'Request', 'RequestResponse']),
      users: texts,
      userGroups: texts,
      verbs: texts,
      namespaces: texts,
      nonResourceURLs: texts,
      resources: z
        .array(z.strictObject({ group: z.string().default(''), resources: texts, resourceNames: texts }))
        .default([])
    })
  )
})

const read = (file: string) => parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as unknown
const policy = policySchema.parse(read('policy.yaml'))
type Rule = (typeof policy)['rules'][number]

interface Asked {
  readonly user: string
  readonly groups?: readonly string[]
  readonly verb: string
  /** `GROUP/RESOURCE[/SUBRESOURCE]`, with an empty group for core; or `/` and a path, as in `//healthz`. */
  readonly what: string
  readonly namespace?: string
  readonly name?: string
}

const oneOf = (list: readonly string[], value: string) => list.length === 0 || list.includes(value)

/** Whether a rule decides a request, as k8s.io/apiserver/pkg/audit/policy/checker.go has it. */
function decides(rule: Rule, { user, groups = [], verb, what, namespace = '', name = '' }: Asked): boolean {
  if (!oneOf(rule.users, user) || !oneOf(rule.verbs, verb)) return false
  if (rule.userGroups.length > 0 && !rule.userGroups.some((group) => groups.includes(group))) return false
  const isPath = what.startsWith('//')
  if (rule.namespaces.length > 0 || rule.resources.length > 0) {
    if (isPath || !oneOf(rule.namespaces, namespace)) return false
    if (rule.resources.length === 0) return true
    const [group = '', ...resource] = what.split('/')
    return rule.resources.some(
      (match) => match.group === group && oneOf(match.resources, resource.join('/')) && oneOf(match.resourceNames, name)
    )
  }
  if (rule.nonResourceURLs.length > 0) {
    const path = what.slice(1)
    return (
      isPath &&
      rule.nonResourceURLs.some((url) => (url.endsWith('*') ? path.startsWith(url.slice(0, -1)) : path === url))
    )
  }
  return true
}

const levelOf = (asked: Asked) => policy.rules.find((rule) => decides(rule, asked))?.level ?? 'None'

const AUTHENTICATED = 'system:authenticated'
const alice = { user: 'alice', groups: [AUTHENTICATED] }
const anonymous = { user: 'system:anonymous', groups: ['system:unauthenticated'] }
const node = { user: 'system:node:n-1', groups: ['system:nodes', AUTHENTICATED] }
const controllers = { user: 'system:kube-controller-manager', groups: [AUTHENTICATED] }
const coredns = {
  user: 'system:serviceaccount:kube-system:coredns',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', AUTHENTICATED]
}
const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection']
const VERBS = ['get', 'list', 'watch', ...WRITES]

describe('the audit policy', () => {
  it.each(['/secrets', '/serviceaccounts/token', 'authentication.k8s.io/tokenreviews'])(
    'never logs a body of %s, and always the request',
    (what) => {
      for (const who of [alice, anonymous, node, controllers, coredns]) {
        for (const verb of VERBS)
          expect([who.user, verb, levelOf({ ...who, verb, what, namespace: 'kube-system' })]).toEqual([
            who.user,
            verb,
            'Metadata'
          ])
      }
    }
  )

  it.each([
    '/pods/exec',
    '/pods/attach',
    '/pods/portforward',
    '/pods/proxy',
    '/pods/log',
    '/nodes/proxy',
    '/services/proxy'
  ])('never leaves out %s, whoever it is and by whichever verb', (what) => {
    for (const who of [alice, anonymous, node, controllers, coredns]) {
      for (const verb of VERBS) expect(levelOf({ ...who, verb, what })).toBe('Request')
    }
  })

  it.each([
    '/pods',
    '/pods/ephemeralcontainers',
    '/services',
    '/serviceaccounts',
    '/namespaces',
    '/nodes',
    '/persistentvolumes',
    'apps/deployments',
    'apps/daemonsets',
    'batch/cronjobs',
    'rbac.authorization.k8s.io/clusterrolebindings',
    'admissionregistration.k8s.io/mutatingwebhookconfigurations',
    'certificates.k8s.io/certificatesigningrequests/approval',
    'networking.k8s.io/networkpolicies'
  ])('logs changes of %s with their bodies', (what) => {
    for (const who of [alice, anonymous, node, controllers, coredns]) {
      for (const verb of WRITES) expect(levelOf({ ...who, verb, what })).toBe('RequestResponse')
    }
  })

  it.each<[string, Asked, string]>([
    ['who looks around', { ...alice, verb: 'list', what: '/pods' }, 'Metadata'],
    [
      'who asks what it may do',
      { ...alice, verb: 'create', what: 'authorization.k8s.io/selfsubjectrulesreviews' },
      'RequestResponse'
    ],
    ['who deletes events', { ...alice, verb: 'deletecollection', what: '/events' }, 'Metadata'],
    ['an unknown caller who asks for the version', { ...anonymous, verb: 'get', what: '//version' }, 'Metadata'],
    [
      'an unknown caller who reads the API’s description',
      { ...anonymous, verb: 'get', what: '//openapi/v3' },
      'Metadata'
    ],
    [
      'a change of who is who on EKS',
      { ...alice, verb: 'patch', what: '/configmaps', namespace: 'kube-system', name: 'aws-auth' },
      'Request'
    ],
    [
      'a change of another ConfigMap',
      { ...alice, verb: 'patch', what: '/configmaps', namespace: 'default', name: 'aws-auth' },
      'Metadata'
    ],
    [
      'a controller’s credential that gets something by name',
      { ...controllers, verb: 'get', what: 'apps/deployments' },
      'Metadata'
    ],
    ['a lease that is deleted', { ...node, verb: 'delete', what: 'coordination.k8s.io/leases' }, 'Metadata'],
    ['a lease of somebody', { ...alice, verb: 'update', what: 'coordination.k8s.io/leases' }, 'Metadata'],
    ['the state of a pod, changed by somebody', { ...alice, verb: 'patch', what: '/pods/status' }, 'Metadata'],
    ['a resource it does not know', { ...alice, verb: 'create', what: 'example.com/things' }, 'Metadata']
  ])('tells of %s', (_, asked, level) => {
    expect(levelOf(asked)).toBe(level)
  })

  it.each<[string, Asked]>([
    ['probes', { ...anonymous, verb: 'get', what: '//healthz' }],
    ['a node’s lease', { ...node, verb: 'update', what: 'coordination.k8s.io/leases' }],
    ['a node’s report', { ...node, verb: 'patch', what: '/nodes/status' }],
    ['a node that watches pods', { ...node, verb: 'watch', what: '/pods' }],
    ['events being told', { ...coredns, verb: 'create', what: '/events' }],
    ['controllers that watch', { ...controllers, verb: 'watch', what: 'apps/deployments' }]
  ])('leaves out %s', (_, asked) => {
    expect(levelOf(asked)).toBe('None')
  })

  it('leaves nothing out for everybody but probes and the telling of events', () => {
    const forEverybody = policy.rules.filter(
      ({ level, users, userGroups }) => level === 'None' && users.length + userGroups.length === 0
    )
    expect(
      forEverybody.map(({ nonResourceURLs, resources, verbs }) => [
        nonResourceURLs,
        resources.flatMap((match) => match.resources),
        verbs.length > 0
      ])
    ).toEqual([
      [['/healthz*', '/livez*', '/readyz*'], [], false],
      [[], ['events', 'events'], true]
    ])
  })
})

describe('the webhook kubeconfig', () => {
  it('names one cluster, one user and the context of both', () => {
    const named = z.array(z.object({ name: z.string() })).length(1)
    const config = z
      .object({
        kind: z.literal('Config'),
        clusters: named,
        users: named,
        contexts: z.array(z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) })),
        'current-context': z.string()
      })
      .parse(read('webhook-kubeconfig.yaml'))
    expect(config.contexts).toEqual([
      { name: config['current-context'], context: { cluster: config.clusters[0]?.name, user: config.users[0]?.name } }
    ])
  })
})
