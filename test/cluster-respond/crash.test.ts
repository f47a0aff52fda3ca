import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Action } from '../../schemas/generated/types.ts'
import { arrayAt, at, stringAt } from '../../services/core/json.ts'
import { planFor } from '../../services/core/respond/plan.ts'
import { parsePlaybook } from '../../services/core/respond/playbook.ts'
import { uidOf } from '../../services/core/respond/requests.ts'
import type { ClusterApi } from '../../services/platform/kubernetes/cluster-api.ts'
import { grantedObjects } from '../../services/responder/grants.ts'
import { lookUp } from '../../services/responder/look-up.ts'
import { incidentIn } from '../support/fresh-incident.ts'
import {
  admin,
  apply,
  asResponder,
  createResponder,
  install,
  KUBECONFIG,
  NAMESPACE,
  running,
  until
} from './real-cluster.ts'
import { deployment } from './workloads.ts'

const playbook = parsePlaybook(
  'name: crash\ntitle: Crash\nsteps: [{ action: contain_workload }, { action: delete_pod }]',
  'crash.yml'
)
/** Where a crash has to be survived. */
const POINTS = [
  'begun',
  'account',
  'seed contain_workload',
  'seed delete_pod',
  'role',
  'binding',
  'token',
  'granted',
  'before contain_workload',
  'after contain_workload PATCH',
  'recorded contain_workload',
  'before delete_pod',
  'after delete_pod DELETE',
  'recorded delete_pod',
  `release ${NAMESPACE}`,
  'release account',
  'released'
] as const
const DEPLOYMENT = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/crash`
const folder = mkdtempSync(join(tmpdir(), 'weir-crash-'))
const file = join(folder, 'plan.json')

describe.skipIf(KUBECONFIG === '')('a responder that is killed, on a real cluster', () => {
  let root: ClusterApi
  let api: ClusterApi
  let cluster: string
  let round = 0

  const read = async () => (await root.send({ method: 'GET', path: DEPLOYMENT })).body
  const scale = async (replicas: number) => {
    const body = JSON.stringify({ spec: { replicas } })
    await root.send({ method: 'PATCH', path: DEPLOYMENT, body, content_type: 'application/merge-patch+json' })
  }

  async function freshPlan(): Promise<Action> {
    await scale(1)
    const pod = await until('the pod to run', async () => {
      const pods = (await running(root)).filter(
        (one) =>
          stringAt(one, 'metadata', 'labels', 'app') === 'crash' &&
          stringAt(one, 'metadata', 'deletionTimestamp') === null
      )
      return pods.length === 1 ? (pods[0] ?? null) : `${pods.length} pods`
    })
    round += 1
    const seen = { uid: uidOf(pod), namespace: NAMESPACE, name: stringAt(pod, 'metadata', 'name') ?? '', node: 'node1' }
    const incident = incidentIn(cluster, `crash-${round}`, [seen])
    const plan = planFor(incident, await lookUp(api, incident, 'weir'), playbook)
    if (plan === null) throw new Error('no plan')
    writeFileSync(file, JSON.stringify(plan))
    return plan
  }

  const killAt = (point: string) => {
    const { signal, stderr } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, 'crash-child.ts'), file, cluster, point],
      { encoding: 'utf8' }
    )
    expect(signal, stderr).toBe('SIGKILL')
  }

  beforeAll(async () => {
    root = await admin()
    cluster = await install(root)
    api = await asResponder(root)
    await apply(root, deployment('crash', 1))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(POINTS)('at %s: the next one ends what it began, once, and leaves no permission', async (point) => {
    const plan = await freshPlan()
    const before = Number(at(await read(), ['metadata', 'generation']))
    killAt(point)
    const { executor } = createResponder(api, cluster)
    const done = await executor.carryOut(plan, 'approve')
    expect(done, JSON.stringify(done?.results)).toMatchObject({ status: 'done', reason: null })
    const after = await read()
    expect(at(after, ['spec', 'replicas'])).toBe(0)
    // The API server counts changes of what an object is to be.
    expect(Number(at(after, ['metadata', 'generation']))).toBe(before + 1)
    expect(await grantedObjects(root)).toEqual([])
  })

  it.each(['role', 'granted', 'after contain_workload PATCH', `release ${NAMESPACE}`])(
    'at %s, and never started again: what it held is swept up by another',
    async (point) => {
      await freshPlan()
      killAt(point)
      expect((await grantedObjects(root)).length).toBeGreaterThan(0)
      const later = createResponder(api, cluster, { now_ms: () => Date.now() + 120_000 })
      expect((await later.grants.sweep()).length).toBe(1)
      expect(await grantedObjects(root)).toEqual([])
    }
  )

  it('holds rights that end with it: a token that was kept is void after', async () => {
    const plan = await freshPlan()
    const { grants } = createResponder(api, cluster)
    const permissions = plan.steps.flatMap((step) => step.permissions)
    const { token, grant } = await grants.take(plan.id, permissions)
    const path = `${DEPLOYMENT}/scale`
    const status = async (way: string, method = 'GET') => (await api.send({ method, path: way }, { token })).status
    expect(await status(path)).toBe(200)
    // Nothing beside the objects of the plan, of the same kind or another, in the namespace or without one.
    expect(await status(path.replace('crash', 'other'))).toBe(403)
    expect(await status(DEPLOYMENT)).toBe(403)
    expect(await status(`/api/v1/namespaces/${NAMESPACE}/pods/other`, 'DELETE')).toBe(403)
    expect(await status(`/api/v1/namespaces/${NAMESPACE}/secrets`)).toBe(403)
    expect(await status('/api/v1/nodes')).toBe(403)
    await grants.release(grant)
    await until('the token to be void', async () => ((await status(path)) === 401 ? true : null), 20_000)
  })

  it('cannot be talked into more: the API server refuses what its policies and its own check of escalation forbid', async () => {
    const binding = (name: string, role: string, namespace: string, subject: string) => ({
      method: 'POST',
      path: `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`,
      body: JSON.stringify({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name, namespace },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'ServiceAccount', name: subject, namespace: 'weir-jit' }]
      })
    })
    const contain = 'weir-respond-contain-workload'
    const attempts = [
      binding('weir-jit-0', 'cluster-admin', NAMESPACE, 'weir-jit-0'),
      binding('weir-jit-0', 'admin', NAMESPACE, 'weir-jit-0'),
      binding('weir-jit-0', contain, 'kube-system', 'weir-jit-0'),
      binding('weir-jit-0', contain, 'weir', 'weir-jit-0'),
      binding('mine', contain, NAMESPACE, 'weir-jit-0'),
      binding('weir-jit-0', contain, NAMESPACE, 'other'),
      {
        method: 'POST',
        path: `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/roles`,
        body: JSON.stringify({
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'Role',
          metadata: { name: 'weir-jit-0', namespace: NAMESPACE },
          rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }]
        })
      },
      { method: 'POST', path: '/api/v1/namespaces/weir/serviceaccounts/weir-responder/token', body: '{"spec":{}}' },
      { method: 'DELETE', path: '/api/v1/namespaces/weir/configmaps/weir-stop', body: null }
    ]
    for (const attempt of attempts) {
      const { status, text } = await api.send(attempt)
      expect([403, 422], `${attempt.method} ${attempt.path} ${attempt.body ?? ''}: ${status} ${text}`).toContain(status)
    }
    expect(await grantedObjects(root)).toEqual([])
  })

  it('cannot change what a DaemonSet runs, even with the right to patch it', async () => {
    const name = 'guarded'
    const path = `/apis/apps/v1/namespaces/${NAMESPACE}/daemonsets/${name}`
    const { spec } = deployment(name, 1) as {
      readonly spec: { readonly template: unknown; readonly selector: unknown }
    }
    await apply(root, {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name, namespace: NAMESPACE },
      spec: { selector: spec.selector, template: spec.template }
    })
    const right = { namespace: NAMESPACE, api_group: 'apps', resource: 'daemonsets', verb: 'patch', name }
    const { grants } = createResponder(api, cluster)
    const { token, grant } = await grants.take('guarded-plan', [right])
    try {
      const patch = (operations: unknown) =>
        api.send(
          { method: 'PATCH', path, body: JSON.stringify(operations), content_type: 'application/json-patch+json' },
          { token }
        )
      const evil = await patch([{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'evil' }])
      expect([evil.status, evil.text]).toEqual([422, expect.stringContaining('it does not change what they run')])
      const fine = await patch([
        { op: 'add', path: '/spec/template/spec/nodeSelector', value: { 'weir.io/nowhere': 'true' } }
      ])
      expect(fine.status, fine.text).toBe(200)
    } finally {
      await grants.release(grant)
    }
  })

  it('cannot change what a pod runs, even with the right to label it', async () => {
    const plan = await freshPlan()
    const name = plan.steps.find((step) => step.name === 'delete_pod')?.target.name.split('/')[1] ?? ''
    const right = { namespace: NAMESPACE, api_group: '', resource: 'pods', verb: 'patch', name }
    const { grants } = createResponder(api, cluster)
    const { token, grant } = await grants.take('pod-plan', [right])
    try {
      const patch = (operations: unknown) =>
        api.send(
          {
            method: 'PATCH',
            path: `/api/v1/namespaces/${NAMESPACE}/pods/${name}`,
            body: JSON.stringify(operations),
            content_type: 'application/json-patch+json'
          },
          { token }
        )
      const evil = await patch([{ op: 'replace', path: '/spec/containers/0/image', value: 'evil' }])
      expect([evil.status, evil.text]).toEqual([422, expect.stringContaining('it does not change what they run')])
      const fine = await patch([{ op: 'add', path: '/metadata/labels/weir.io~1quarantine', value: 'x' }])
      expect(fine.status, fine.text).toBe(200)
    } finally {
      await grants.release(grant)
    }
  })

  it('is held by policies that the API server finds no fault with', async () => {
    const path = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies'
    const policies = await until('the policies to be checked', async () => {
      const { body } = await root.send({ method: 'GET', path })
      const own = arrayAt(body, 'items').filter((one) => (stringAt(one, 'metadata', 'name') ?? '').startsWith('weir-'))
      return own.length > 0 && own.every((one) => at(one, ['status', 'typeChecking']) !== undefined)
        ? own
        : `${own.length}`
    })
    expect(policies.flatMap((one) => arrayAt(one, 'status', 'typeChecking', 'expressionWarnings'))).toEqual([])
  })
})
