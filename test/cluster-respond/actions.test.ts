import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Action, Entity, Incident } from '../../schemas/generated/types.ts'
import { buildIncident } from '../../services/core/correlate/incident.ts'
import { arrayAt, at, type JsonObject, stringAt } from '../../services/core/json.ts'
import { planFor } from '../../services/core/respond/plan.ts'
import { parsePlaybook } from '../../services/core/respond/playbook.ts'
import { uidOf } from '../../services/core/respond/requests.ts'
import type { ClusterApi } from '../../services/platform/kubernetes/cluster-api.ts'
import { grantedObjects } from '../../services/responder/grants.ts'
import { lookUp } from '../../services/responder/look-up.ts'
import { entityOf, podOf, signalOf } from '../support/signals.ts'
import {
  admin,
  apply,
  asResponder,
  createResponder,
  install,
  KUBECONFIG,
  ACTIONS_NAMESPACE as NAMESPACE,
  running,
  until
} from './real-cluster.ts'
import { daemonSet, deployment, podSpec } from './workloads.ts'

/** Each action that is about something else than a workload, on a real API server with the rights the responder has there. */

const NODE = '/api/v1/nodes/node1'
const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const ACCOUNT = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/robot`
const HOOK = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/respond-test-hook'
const REQUEST = '/apis/certificates.k8s.io/v1/certificatesigningrequests/respond-test-request'
const WIDGET = `/apis/respond.example.org/v1/namespaces/${NAMESPACE}/widgets/gear`
const metadata = (name: string, more: JsonObject = {}): JsonObject => ({ name, namespace: NAMESPACE, ...more })

const CUSTOM_KIND: JsonObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.respond.example.org' },
  spec: {
    group: 'respond.example.org',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
      }
    ]
  }
}

function certificateRequest(): string {
  const args = ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const pem = execFileSync('openssl', [...args, '-keyout', '/dev/null', '-subj', '/CN=mallory'], { stdio: 'pipe' })
  return pem.toString('base64')
}

const binding = (name: string): JsonObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: metadata(name),
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
  subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace: NAMESPACE }]
})
const OBJECTS: readonly JsonObject[] = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('robot', { labels: { kept: 'yes' } }) },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: metadata('robot-token', { annotations: { 'kubernetes.io/service-account.name': 'robot' } })
  },
  binding('evil'),
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'respond-test-hook' },
    webhooks: [
      {
        name: 'hook.respond.example.org',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Ignore',
        clientConfig: { url: 'https://127.0.0.1:9/x' },
        rules: [{ apiGroups: ['none.example.org'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['nones'] }]
      }
    ]
  },
  deployment('movable', 1, NAMESPACE),
  deployment('held', 1, NAMESPACE),
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadata('held'),
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'held' } } }
  },
  daemonSet('everywhere', NAMESPACE),
  { apiVersion: 'v1', kind: 'Pod', metadata: metadata('alone', { labels: { app: 'alone' } }), spec: podSpec() },
  CUSTOM_KIND
]

describe.skipIf(KUBECONFIG === '')('on a real cluster', { timeout: 180_000 }, () => {
  let root: ClusterApi
  let api: ClusterApi
  let cluster: string
  const robot = entityOf('service_account', `${NAMESPACE}/robot`, 'actor')

  const read = async (path: string) => await root.send({ method: 'GET', path })
  const status = async (path: string) => (await read(path)).status
  const apps = async () =>
    new Set((await running(root, NAMESPACE)).map((pod) => stringAt(pod, 'metadata', 'labels', 'app') ?? ''))
  const untilRun = (...wanted: readonly string[]) =>
    until(`${wanted.join(', ')} to run`, async () => {
      const now = await apps()
      return wanted.every((app) => now.has(app)) ? true : [...now].join(', ')
    })

  function incidentOf(id: string, action: string, ...entities: readonly Entity[]): Incident {
    const source = action === '' ? 'runtime' : 'audit'
    const ancestry = action === '' ? [entityOf('process', 'p', 'actor', 'nc')] : []
    const signal = signalOf({ id, minute: 0, source, action, entities, ancestry, severity: 'critical' })
    const incident = buildIncident({ id: `actions-${id}`, revision: 1, status: 'open' }, [signal])
    return { ...incident, severity: 'critical', cluster: { id: cluster, name: 'test' } }
  }

  async function planOf(incident: Incident, action: string, as: ClusterApi = api): Promise<Action> {
    const text = `name: ${action.replaceAll('_', '-')}\ntitle: T\nlimits: { pods: 40 }\nprotected_namespaces: [shop, respond-test, respond-latency, respond-neighbour]\nsteps: [{ action: ${action} }]`
    const plan = planFor(incident, await lookUp(as, incident, 'weir'), parsePlaybook(text, 't.yml'))
    if (plan === null || plan.steps.length === 0) throw new Error(`no plan for ${action}: ${plan?.notes.join('; ')}`)
    return plan
  }

  /** Carries a plan out with the responder's rights, which leaves none of them. */
  async function carriedOut(plan: Action, verb: 'approve' | 'undo' = 'approve'): Promise<Action | null> {
    const done = await createResponder(api, cluster).executor.carryOut(plan, verb)
    expect(await grantedObjects(root)).toEqual([])
    return done
  }

  beforeAll(async () => {
    root = await admin()
    cluster = await install(root)
    api = await asResponder(root)
    await apply(root, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
    for (const manifest of OBJECTS) await apply(root, manifest)
    await apply(root, {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'respond-test-request' },
      spec: {
        request: certificateRequest(),
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['client auth']
      }
    })
    await untilRun('movable', 'held', 'everywhere', 'alone')
  }, 120_000)

  afterAll(async () => {
    for (const path of [
      `/api/v1/namespaces/${NAMESPACE}`,
      HOOK,
      REQUEST,
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.respond.example.org'
    ])
      await root.send({ method: 'DELETE', path })
  })

  it('a node is drained: what a budget holds and what nothing makes again stays, and the undo lets pods come again', async () => {
    await until('the budget to be counted', async () => {
      const { body } = await read(`/apis/policy/v1/namespaces/${NAMESPACE}/poddisruptionbudgets/held`)
      return at(body, ['status', 'currentHealthy']) === 1 ? true : null
    })
    const plan = await planOf(incidentOf('drain', '', entityOf('node', 'node1')), 'drain_node')
    const done = await carriedOut(plan)
    expect(done).toMatchObject({ status: 'failed', reason: expect.stringContaining('RESPOND_STEP_FAILED: 429') })
    const failed = done?.results.filter(({ outcome }) => outcome === 'failed')
    expect(failed?.length).toBe(1)
    await until('the movable pod to be gone', async () => ((await apps()).has('movable') ? 'it runs' : true))
    expect([...(await apps())].toSorted()).toEqual(['alone', 'everywhere', 'held'])
    expect(at((await read(NODE)).body, ['spec', 'unschedulable'])).toBe(true)
    expect(await carriedOut(plan, 'undo')).toMatchObject({ status: 'undone' })
    await untilRun('movable')
  })

  it('a node is cordoned, and taken back', async () => {
    const plan = await planOf(incidentOf('cordon', '', entityOf('node', 'node1')), 'cordon_node')
    expect(await carriedOut(plan)).toMatchObject({ status: 'done' })
    expect(at((await read(NODE)).body, ['spec', 'unschedulable'])).toBe(true)
    expect(await carriedOut(plan, 'undo')).toMatchObject({ status: 'undone' })
    expect(at((await read(NODE)).body, ['spec', 'unschedulable'])).toBeUndefined()
  })

  it('a node is tainted, which drives its pods off, and taken back', async () => {
    const plan = await planOf(incidentOf('taint', '', entityOf('node', 'node1')), 'taint_node')
    expect(await carriedOut(plan)).toMatchObject({ status: 'done' })
    await until('the pods to be driven off', async () => {
      const now = await apps()
      return now.has('movable') || now.has('held') ? [...now].join(', ') : true
    })
    expect(await carriedOut(plan, 'undo')).toMatchObject({ status: 'undone' })
    expect(arrayAt((await read(NODE)).body, 'spec', 'taints').map((taint) => stringAt(taint, 'key'))).not.toContain(
      'weir.io/isolated'
    )
    await untilRun('movable', 'held')
  })

  it('an owner of a custom kind is scaled to zero by its scale, without the right to read it, and back', async () => {
    await until('the kind to be served', async () => ((await status(WIDGET)) === 404 ? true : null))
    await apply(root, {
      apiVersion: 'respond.example.org/v1',
      kind: 'Widget',
      metadata: metadata('gear'),
      spec: { replicas: 2 }
    })
    const widget = (await read(WIDGET)).body
    const owner = {
      apiVersion: 'respond.example.org/v1',
      kind: 'Widget',
      name: 'gear',
      uid: stringAt(widget, 'metadata', 'uid') ?? '',
      controller: true
    }
    await apply(root, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: metadata('gear-1', { labels: { app: 'gear' }, ownerReferences: [owner] }),
      spec: podSpec()
    })
    await untilRun('gear')
    const pod = (await running(root, NAMESPACE)).find((one) => stringAt(one, 'metadata', 'name') === 'gear-1') ?? {}
    const incident = incidentOf('custom', '', podOf(uidOf(pod), `${NAMESPACE}/gear-1`), entityOf('node', 'node1'))
    const plan = await planOf(incident, 'contain_workload')
    expect(plan.steps.map(({ target }) => target.name)).toEqual([`Widget/${NAMESPACE}/gear`])
    const replicas = async () => at((await read(WIDGET)).body, ['spec', 'replicas'])
    expect(await carriedOut(plan)).toMatchObject({ status: 'done' })
    expect(await replicas()).toBe(0)
    expect(await carriedOut(plan, 'undo')).toMatchObject({ status: 'undone' })
    expect(await replicas()).toBe(2)
  })

  it.each<[string, string, string, Entity, string, boolean]>([
    [
      'a binding that the attack made',
      'delete_role_binding',
      'rolebindings:create',
      entityOf('role_binding', `${NAMESPACE}/evil`, 'target'),
      `${RBAC}/namespaces/${NAMESPACE}/rolebindings/evil`,
      true
    ],
    [
      'a webhook that the attack registered',
      'remove_webhook',
      'mutatingwebhookconfigurations:create',
      entityOf('object', 'mutatingwebhookconfigurations/respond-test-hook', 'target'),
      HOOK,
      true
    ],
    [
      'a certificate request of the attack',
      'deny_certificate_request',
      'certificatesigningrequests:create',
      entityOf('object', 'certificatesigningrequests/respond-test-request', 'target'),
      REQUEST,
      false
    ]
  ])('%s is removed, and made again by whoever may', async (_name, action, request, target, path, hasUndo) => {
    expect(await status(path)).toBe(200)
    const plan = await planOf(incidentOf(action, request, robot, target), action)
    expect(await carriedOut(plan)).toMatchObject({ status: 'done' })
    expect(await status(path)).toBe(404)
    const undo = plan.steps.flatMap(({ undo_requests }) => undo_requests)
    expect(undo.length > 0).toBe(hasUndo)
    for (const one of undo) expect((await root.send(one)).status).toBe(201)
    expect(await status(path)).toBe(hasUndo ? 200 : 404)
  })

  it('bindings that name a service account alone are deleted', async () => {
    await apply(root, binding('own'))
    const plan = await planOf(incidentOf('revoke', 'pods:list', robot), 'revoke_service_account')
    expect(await carriedOut(plan)).toMatchObject({ status: 'done' })
    for (const name of ['own', 'evil'])
      expect(await status(`${RBAC}/namespaces/${NAMESPACE}/rolebindings/${name}`)).toBe(404)
  })

  it('a token secret is deleted by a plan of somebody who may look at it; the responder itself may not', async () => {
    const target = entityOf('secret', `${NAMESPACE}/robot-token`, 'target')
    const incident = incidentOf('token', 'secrets:get', robot, target)
    await expect(planOf(incident, 'delete_token_secret')).rejects.toThrow(/was not found/)
    const plan = await planOf(incident, 'delete_token_secret', root)
    expect(await carriedOut(plan)).toMatchObject({ status: 'done' })
    expect(await status(`/api/v1/namespaces/${NAMESPACE}/secrets/robot-token`)).toBe(404)
  })

  it('a service account is rotated: tokens that were issued are void, and it is there as before', async () => {
    const before = (await read(ACCOUNT)).body
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } }
    const { body } = await root.send({ method: 'POST', path: `${ACCOUNT}/token`, body: JSON.stringify(request) })
    const token = stringAt(body, 'status', 'token') ?? ''
    const asRobot = async () => (await root.send({ method: 'GET', path: '/api/v1/nodes' }, { token })).status
    expect(await asRobot()).toBe(403)
    const plan = await planOf(incidentOf('rotate', 'pods:list', robot), 'rotate_service_account')
    expect(await carriedOut(plan)).toMatchObject({ status: 'done' })
    const after = (await read(ACCOUNT)).body
    expect(stringAt(after, 'metadata', 'labels', 'kept')).toBe('yes')
    expect(stringAt(after, 'metadata', 'uid')).not.toBe(stringAt(before, 'metadata', 'uid'))
    await until('the token to be void', async () => ((await asRobot()) === 401 ? true : null), 30_000)
  })
})
