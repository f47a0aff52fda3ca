import { describe, expect, it } from 'vitest'
import type { ActionStep } from '../../../schemas/generated/types.ts'
import { entityOf, podOf, signalOf } from '../../../test/support/signals.ts'
import { buildIncident } from '../correlate/incident.ts'
import type { JsonObject } from '../json.ts'
import type { LiveFacts, LiveWorkload, PlanFacts } from './facts.ts'
import { refusalOf } from './guard-rails.ts'
import { grants } from './permissions.ts'
import { ACTIONS, planFor, planId } from './plan.ts'
import { ACTION_NAMES, parsePlaybook } from './playbook.ts'

const HEADER = { id: '273e12d0390acc02', revision: 1, status: 'open' } as const
const everything = parsePlaybook(
  `name: everything\ntitle: Everything\nlimits: { objects: 10 }\nsteps:\n${ACTION_NAMES.map((name) => `  - action: ${name}\n`).join('')}`,
  'everything.yml'
)
const PROTECTION = { weir_namespace: 'weir', namespaces: [], names: [] }

interface World {
  readonly kind?: string
  readonly replicas?: number | null
  readonly object?: JsonObject
  readonly jobs?: LiveWorkload['jobs']
  readonly scale_path?: string | null
  readonly pod?: JsonObject
  readonly objects?: ReadonlyMap<string, JsonObject>
  readonly budgets?: readonly JsonObject[]
  readonly node_pods?: readonly JsonObject[]
}

/** A cluster with pod x/web-1 of a workload x/web. */
function factsOf(world: World): PlanFacts {
  const { kind = 'Deployment', pod = {} } = world
  const workload = { kind, namespace: 'x', name: 'web', uid: 'uid-w' }
  const scale = world.scale_path === undefined ? '/apis/apps/v1/namespaces/x/deployments/web/scale' : world.scale_path
  const podObject = {
    metadata: { uid: 'uid-1', name: 'web-1', namespace: 'x', labels: { app: 'web' } },
    spec: {},
    ...pod
  }
  const live: LiveFacts = {
    workloads: [
      {
        workload,
        path: `/apis/${kind.endsWith('Job') ? 'batch' : 'apps'}/v1/namespaces/x/${kind.toLowerCase()}s/web`,
        scale_path: scale,
        object: {
          metadata: { uid: 'uid-w' },
          spec: { template: { metadata: { labels: { app: 'web' } } } },
          ...world.object
        },
        replicas: world.replicas === undefined ? 3 : world.replicas,
        jobs: world.jobs ?? []
      }
    ],
    objects: new Map([['/api/v1/namespaces/x/pods/web-1', podObject], ...(world.objects ?? [])]),
    node_pods: new Map([['n1', world.node_pods ?? []]]),
    disruption_budgets: world.budgets ?? []
  }
  const known = {
    pod: {
      uid: 'uid-1',
      name: 'web-1',
      namespace: 'x',
      node: 'n1',
      ip: null,
      service_account: 'x/default',
      labels: {},
      created: null,
      host_network: null,
      host_pid: null,
      host_ipc: null
    },
    workload
  }
  return { pods: [known], bindings: [], weir_namespace: 'weir', live }
}

const attack = buildIncident(HEADER, [
  signalOf({ id: 's', minute: 0, source: 'runtime', entities: [podOf('uid-1', 'x/web-1'), entityOf('node', 'n1')] })
])

const textsOf = (steps: readonly ActionStep[], name: string) =>
  steps
    .filter((step) => step.name === name)
    .flatMap(({ requests }) => requests)
    .map(({ to, method, path, body }) => `${to} ${method} ${path} ${body ?? ''}`)

function planOf(world: World, incident = attack) {
  const plan = planFor(incident, factsOf(world), everything)
  if (plan === null) throw new Error('no plan')
  return plan
}

describe('a plan made with the cluster at hand', () => {
  it('scales a workload down only while it is the one looked at, with the scale looked at, and back to that', () => {
    const { steps } = planOf({})
    const [step] = steps.filter(({ name }) => name === 'contain_workload')
    expect(step?.requests.map(({ body }) => body)).toEqual([
      null,
      '[{"op":"test","path":"/metadata/uid","value":"uid-w"},{"op":"test","path":"/spec/replicas","value":3},{"op":"add","path":"/spec/replicas","value":0}]'
    ])
    expect(step?.undo_requests.map(({ body }) => body)).toEqual([
      '[{"op":"test","path":"/metadata/uid","value":"uid-w"},{"op":"add","path":"/spec/replicas","value":3}]'
    ])
    expect(step?.target.id).toBe('uid-w')
    expect(step?.blast_radius).toMatch(/^1 pod now/)
  })

  it('asks for exactly the rights that its requests take', () => {
    const [step] = planOf({}).steps.filter(({ name }) => name === 'contain_workload')
    expect(step?.permissions).toEqual(
      ['get', 'patch'].map((verb) => ({
        namespace: 'x',
        api_group: 'apps',
        resource: 'deployments/scale',
        name: 'web',
        verb
      }))
    )
  })

  it.each<[string, World, string]>([
    [
      'a DaemonSet without a selector',
      { kind: 'DaemonSet', scale_path: null, replicas: null },
      '{"op":"add","path":"/spec/template/spec/nodeSelector","value":{"weir.io/nowhere":"true"}}'
    ],
    [
      'a DaemonSet with one',
      {
        kind: 'DaemonSet',
        scale_path: null,
        replicas: null,
        object: { metadata: { uid: 'd' }, spec: { template: { spec: { nodeSelector: { disk: 'ssd' } } } } }
      },
      '{"op":"test","path":"/spec/template/spec/nodeSelector","value":{"disk":"ssd"}},{"op":"add","path":"/spec/template/spec/nodeSelector/weir.io~1nowhere","value":"true"}'
    ],
    ['a Job', { kind: 'Job', scale_path: null, replicas: null }, '{"op":"add","path":"/spec/suspend","value":true}'],
    [
      'the jobs of a CronJob',
      {
        kind: 'CronJob',
        scale_path: null,
        replicas: null,
        jobs: [{ path: '/apis/batch/v1/namespaces/x/jobs/web-1', object: { metadata: { uid: 'uid-j' } } }]
      },
      '"uid-j"'
    ],
    [
      'a custom owner with a scale',
      { kind: 'Rollout', scale_path: '/apis/argoproj.io/v1alpha1/namespaces/x/rollouts/web/scale' },
      'PATCH /apis/argoproj.io/v1alpha1/namespaces/x/rollouts/web/scale'
    ]
  ])('stops %s', (_name, world, expected) => {
    expect(textsOf(planOf(world).steps, 'contain_workload').join('\n')).toContain(expected)
  })

  it.each<[string, World, string]>([
    ['has no scale', { kind: 'Thing', scale_path: null, replicas: null }, 'a Thing has no scale'],
    ['is at 0 already', { replicas: 0 }, 'is at 0 replicas already'],
    [
      'is suspended already',
      { kind: 'Job', scale_path: null, object: { spec: { suspend: true } } },
      'is suspended already'
    ],
    [
      'is of Weir',
      { object: { metadata: { uid: 'u', labels: { 'app.kubernetes.io/part-of': 'weir' } } } },
      'it is a part of Weir'
    ],
    [
      'carries nodes',
      { object: { spec: { template: { spec: { priorityClassName: 'system-node-critical' } } } } },
      'its priority class is system-node-critical'
    ]
  ])('leaves alone, and says so, what %s', (_name, world, note) => {
    const plan = planOf(world)
    expect(plan.steps.map(({ name }) => name)).not.toContain('contain_workload')
    expect(plan.notes).toContainEqual(expect.stringContaining(note))
  })

  it('says what could break: replicas, disruption budgets, and who may put it back', () => {
    const [step] = planOf({
      object: {
        metadata: { uid: 'w', labels: { 'argocd.argoproj.io/instance': 'shop' } },
        spec: { template: { metadata: { labels: { app: 'web' } } } }
      },
      budgets: [
        {
          metadata: { name: 'two', namespace: 'x' },
          spec: { selector: { matchLabels: { app: 'web' } } },
          status: { disruptionsAllowed: 1 }
        },
        { metadata: { name: 'other', namespace: 'x' }, spec: { selector: { matchLabels: { app: 'db' } } } }
      ]
    }).steps.filter(({ name }) => name === 'contain_workload')
    expect(step?.risks).toEqual([
      'all of its 3 replicas, the last one too',
      'PodDisruptionBudget two is broken: it allows 1 disruptions, and does not hold this up',
      'Argo CD application shop keeps this workload and may put it back: stop it there, too'
    ])
  })

  it('has a static pod taken away by the agent of its node', () => {
    const bare = buildIncident(HEADER, [
      signalOf({
        id: 's',
        minute: 0,
        source: 'runtime',
        entities: [podOf('uid-1', 'x/web-n1'), entityOf('node', 'n1')]
      })
    ])
    const facts = factsOf({})
    const workload = { kind: 'Pod', namespace: 'x', name: 'web-n1', uid: 'uid-1' }
    const pods = facts.pods.map(({ pod }) => ({ pod: { ...pod, name: 'web-n1' }, workload }))
    const mirror = { metadata: { uid: 'uid-1', annotations: { 'kubernetes.io/config.hash': 'abc' } } }
    const live = {
      workloads: [],
      disruption_budgets: [],
      objects: new Map([['/api/v1/namespaces/x/pods/web-n1', mirror]])
    }
    const steps = planFor(bare, { ...facts, pods, live }, everything)?.steps ?? []
    expect(textsOf(steps, 'contain_workload')).toEqual([
      'node-agent/n1 POST /v1/static-pods/remove {"namespace":"x","name":"web","config_hash":"abc"}'
    ])
  })

  it('removes what the attack made, and only what it made', () => {
    const account = entityOf('service_account', 'x/sa', 'actor')
    const of = (id: string, action: string, target: ReturnType<typeof entityOf>, minute: number) =>
      signalOf({ id, minute, source: 'audit', action, entities: [account, target] })
    const incident = buildIncident(HEADER, [
      of('a', 'clusterrolebindings:create', entityOf('role_binding', 'evil', 'target'), 0),
      of('b', 'rolebindings:patch', entityOf('role_binding', 'x/changed', 'target'), 1),
      of('c', 'secrets:get', entityOf('secret', 'x/token', 'target'), 2),
      of('d', 'secrets:get', entityOf('secret', 'x/password', 'target'), 3),
      of(
        'e',
        'mutatingwebhookconfigurations:create',
        entityOf('object', 'mutatingwebhookconfigurations/hook', 'target'),
        4
      ),
      of('f', 'certificatesigningrequests:create', entityOf('object', 'certificatesigningrequests/me', 'target'), 5),
      of('g', 'clusterrolebindings:create', entityOf('role_binding', 'kube-system/x', 'target'), 6)
    ])
    const token = { metadata: { uid: 't', annotations: { 'kubernetes.io/service-account.name': 'sa' } } }
    const objects = new Map<string, JsonObject>([
      [
        '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/evil',
        { metadata: { uid: 'b', resourceVersion: '1' }, roleRef: { name: 'admin' }, subjects: [{ name: 'sa' }] }
      ],
      ['/apis/rbac.authorization.k8s.io/v1/namespaces/x/rolebindings/changed', { metadata: { uid: 'c' } }],
      ['/api/v1/namespaces/x/secrets/token', token],
      ['/api/v1/namespaces/x/secrets/password', { metadata: { uid: 'p' } }],
      ['/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/hook', { metadata: { uid: 'h' } }],
      ['/apis/certificates.k8s.io/v1/certificatesigningrequests/me', { metadata: { uid: 'r' } }]
    ])
    const plan = planOf({ objects }, incident)
    const removed = plan.steps.filter(({ name }) =>
      ['delete_role_binding', 'delete_token_secret', 'remove_webhook', 'deny_certificate_request'].includes(name)
    )
    expect(removed.map(({ target }) => target.id)).toEqual([
      'clusterrolebindings/evil',
      'secrets/x/token',
      'certificatesigningrequests/me',
      'mutatingwebhookconfigurations/hook'
    ])
    expect(removed.map(({ undo_requests }) => undo_requests.map(({ to }) => to))).toEqual([
      ['kube-apiserver/operator'],
      [],
      [],
      ['kube-apiserver/operator']
    ])
    expect(plan.notes).toContainEqual(expect.stringContaining('secrets x/password is left alone: it is not of type'))
  })

  it('deletes bindings that name nobody else, and prints for people what takes the right to give roles', () => {
    const incident = buildIncident(HEADER, [
      signalOf({
        id: 's',
        minute: 0,
        source: 'audit',
        action: 'pods:list',
        entities: [entityOf('service_account', 'x/sa', 'actor')]
      })
    ])
    const subject = (name: string) => ({ kind: 'ServiceAccount', name, namespace: 'x' })
    const bindings = [
      { namespace: 'x', name: 'own', role: 'edit', subjects: [subject('sa')], object: { metadata: { uid: 'o' } } },
      {
        namespace: null,
        name: 'shared',
        role: 'view',
        subjects: [subject('sa'), subject('b')],
        object: { metadata: { uid: 's' } }
      }
    ]
    const plan = planFor(incident, { ...factsOf({}), bindings }, everything)
    const [step, ...more] = (plan?.steps ?? []).filter(({ name }) => name === 'revoke_service_account')
    expect(step?.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'DELETE /apis/rbac.authorization.k8s.io/v1/namespaces/x/rolebindings/own'
    ])
    expect(more).toEqual([])
    expect(plan?.notes).toContainEqual(
      expect.stringContaining(
        'PATCH /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/shared {"subjects":[{"kind":"ServiceAccount","name":"b"'
      )
    )
  })

  it('isolates a node, and never one of the control plane', () => {
    const incident = buildIncident(HEADER, [
      signalOf({
        id: 's',
        minute: 0,
        source: 'runtime',
        entities: [entityOf('node', 'n1')],
        ancestry: [entityOf('process', 'p', 'actor', 'nc')]
      })
    ])
    const node = (labels: JsonObject) =>
      new Map([['/api/v1/nodes/n1', { metadata: { uid: 'n', labels }, spec: { taints: [{ key: 'a' }] } }]])
    const texts = (labels: JsonObject) => {
      const { steps } = planOf({ objects: node(labels) }, incident)
      return [...textsOf(steps, 'cordon_node'), ...textsOf(steps, 'taint_node')].join('\n')
    }
    expect(texts({})).toContain('{"op":"add","path":"/spec/unschedulable","value":true}')
    expect(texts({})).toContain('{"op":"test","path":"/spec/taints","value":[{"key":"a"}]}')
    expect(texts({ 'node-role.kubernetes.io/control-plane': '' })).toBe('')
  })

  describe('that drains a node', () => {
    const incident = buildIncident(HEADER, [
      signalOf({
        id: 's',
        minute: 0,
        source: 'runtime',
        entities: [entityOf('node', 'n1')],
        ancestry: [entityOf('process', 'p', 'actor', 'nc')]
      })
    ])
    const node = (spec: JsonObject = {}) => new Map([['/api/v1/nodes/n1', { metadata: { uid: 'n' }, spec }]])
    const ofKind = (kind: string | null) =>
      kind === null ? {} : { ownerReferences: [{ kind, name: 'o', uid: 'o', controller: true }] }
    const podOn = (name: string, kind: string | null, more: JsonObject = {}, namespace = 'x'): JsonObject => ({
      metadata: { uid: `uid-${name}`, name, namespace, ...ofKind(kind) },
      spec: {},
      status: { phase: 'Running' },
      ...more
    })
    const drain = (node_pods: readonly JsonObject[], objects = node()) => planOf({ objects, node_pods }, incident)

    it('cordons it, and evicts each pod that is made again elsewhere, only while it is the one looked at', () => {
      const { steps } = drain([podOn('a', 'ReplicaSet'), podOn('b', 'StatefulSet')])
      expect(textsOf(steps, 'drain_node')).toEqual([
        expect.stringContaining('PATCH /api/v1/nodes/n1'),
        expect.stringMatching(/POST \/api\/v1\/namespaces\/x\/pods\/a\/eviction .*"uid":"uid-a"/),
        expect.stringMatching(/POST \/api\/v1\/namespaces\/x\/pods\/b\/eviction .*"uid":"uid-b"/)
      ])
      const [, step] = steps.filter(({ name }) => name === 'drain_node')
      expect(step?.permissions).toEqual([
        { namespace: 'x', api_group: '', resource: 'pods/eviction', name: 'a', verb: 'create' }
      ])
      for (const request of step?.requests ?? []) {
        expect(refusalOf(request, PROTECTION)).toBeNull()
        expect(refusalOf({ ...request, body: '{}' }, PROTECTION)).toContain('UID')
      }
    })

    it.each<[string, JsonObject, string | null]>([
      ['of a DaemonSet', podOn('p', 'DaemonSet'), 'DaemonSet would make it again'],
      ['that is static', podOn('p', 'Node'), 'static pod'],
      ['that nothing makes again', podOn('p', null), 'nothing makes it again'],
      ['of the control plane', podOn('p', 'ReplicaSet', {}, 'kube-system'), 'is protected'],
      ['of Weir', podOn('p', 'ReplicaSet', {}, 'weir'), 'is protected'],
      [
        'that the node lives by',
        podOn('p', 'ReplicaSet', { spec: { priorityClassName: 'system-node-critical' } }),
        'priority class'
      ],
      ['that has ended', podOn('p', 'Job', { status: { phase: 'Succeeded' } }), null]
    ])('lets a pod stay %s', (_name, pod, note) => {
      const { steps, notes } = drain([pod])
      expect(textsOf(steps, 'drain_node').filter((text) => text.includes('eviction'))).toEqual([])
      expect(notes.filter((one) => one.includes('stays on node')).length).toBe(note === null ? 0 : 1)
      if (note !== null) expect(notes.join('\n')).toContain(note)
    })

    it('evicts as many as the playbook allows, and says how many more there are', () => {
      const { steps, notes } = drain(Array.from({ length: 13 }, (_, number) => podOn(`p${number}`, 'ReplicaSet')))
      expect(textsOf(steps, 'drain_node').filter((text) => text.includes('eviction')).length).toBe(10)
      expect(notes).toContain('3 more pods of node n1 are left to people: the playbook stops at 10')
    })

    it('leaves a cordon alone that somebody else has put up', () => {
      const { steps } = drain([], node({ unschedulable: true }))
      expect(textsOf(steps, 'drain_node')).toEqual([])
    })
  })

  it('rotates a service account by deleting the one looked at and making it again without its tokens', () => {
    const incident = buildIncident(HEADER, [
      signalOf({ id: 's', minute: 0, source: 'audit', entities: [entityOf('service_account', 'x/robot', 'actor')] })
    ])
    const account = {
      metadata: { uid: 'sa', name: 'robot', namespace: 'x', resourceVersion: '7', labels: { a: 'b' } },
      secrets: [{ name: 'robot-token' }],
      imagePullSecrets: [{ name: 'pull' }]
    }
    const { steps } = planOf({ objects: new Map([['/api/v1/namespaces/x/serviceaccounts/robot', account]]) }, incident)
    expect(textsOf(steps, 'rotate_service_account')).toEqual([
      'kube-apiserver DELETE /api/v1/namespaces/x/serviceaccounts/robot {"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"sa"}}',
      'kube-apiserver POST /api/v1/namespaces/x/serviceaccounts {"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"robot","namespace":"x","labels":{"a":"b"}},"imagePullSecrets":[{"name":"pull"}]}'
    ])
    const { notes } = planOf({}, incident)
    expect(notes).toContain('service account x/robot is not rotated: it was not found in the cluster')
  })

  it('is another plan when anything that is sent changes, and the same with other words', () => {
    const plan = planOf({})
    expect(planId(plan)).toBe(plan.id)
    expect(planOf({ replicas: 4 }).id).not.toBe(plan.id)
    const first = plan.steps.map((step) => ({ ...step, description: 'other words', id: '' }))
    expect(planId({ ...plan, steps: first })).toBe(plan.id)
    for (const change of [{ path: '/x' }, { body: '{}' }, { method: 'PUT' }, { to: 'notify' }]) {
      const steps = plan.steps.map((step) => ({
        ...step,
        requests: step.requests.map((one) => ({ ...one, ...change }))
      }))
      expect(planId({ ...plan, steps })).not.toBe(plan.id)
    }
  })

  it('needs no right that its action does not declare, and every request of it passes the guard rails', () => {
    const worlds: readonly World[] = [
      {},
      { kind: 'DaemonSet', scale_path: null, replicas: null },
      { kind: 'CronJob', scale_path: null, replicas: null }
    ]
    for (const world of worlds) {
      for (const step of planOf(world).steps) {
        const name = ACTION_NAMES.find((one) => one === step.name)
        const rules = name === undefined ? [] : ACTIONS[name].rbac
        for (const permission of step.permissions)
          expect(
            rules.some((rule) => grants(rule, permission)),
            `${step.name} ${JSON.stringify(permission)}`
          ).toBe(true)
        for (const request of step.requests) expect(refusalOf(request, PROTECTION)).toBeNull()
        for (const request of step.undo_requests) expect(refusalOf(request, PROTECTION, true)).toBeNull()
      }
    }
  })
})

describe('the last check before the API server', () => {
  const patch = '[{"op":"test","path":"/metadata/uid","value":"u"},{"op":"add","path":"/spec/x","value":1}]'
  const request = (method: string, path: string, body: string | null = patch) => ({
    to: 'kube-apiserver',
    method,
    path,
    body,
    content_type: null
  })

  it.each([
    [
      'a namespace of the control plane',
      request('PATCH', '/apis/apps/v1/namespaces/kube-system/deployments/coredns'),
      'protected'
    ],
    ['the same, encoded', request('PATCH', '/apis/apps/v1/namespaces/kube%2Dsystem/deployments/coredns'), 'protected'],
    [
      'Weir itself',
      request('DELETE', '/api/v1/namespaces/weir/pods/p', '{"preconditions":{"uid":"u"}}'),
      'Weir itself'
    ],
    [
      'a binding of the control plane',
      request(
        'DELETE',
        '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:node',
        '{"preconditions":{"uid":"u"}}'
      ),
      'control plane'
    ],
    [
      'a namespace as a whole',
      request('DELETE', '/api/v1/namespaces/x', '{"preconditions":{"uid":"u"}}'),
      'namespaces are never'
    ],
    [
      'what the settings protect',
      request('PATCH', '/apis/apps/v1/namespaces/x/deployments/db'),
      'protected by the settings'
    ],
    ['a deletion of whatever has the name', request('DELETE', '/api/v1/namespaces/x/pods/p', '{}'), 'UID'],
    ['a patch of whatever has the name', request('PATCH', '/api/v1/namespaces/x/pods/p', '{"metadata":{}}'), 'UID'],
    ['a replacement', request('PUT', '/api/v1/namespaces/x/pods/p', '{}'), 'UID'],
    ['what is no object', request('DELETE', '/healthz'), 'not the path']
  ])('refuses %s', (_name, one, reason) => {
    expect(refusalOf(one, { ...PROTECTION, names: ['db'] })).toContain(reason)
  })
})
