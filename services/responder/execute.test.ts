import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Action } from '../../schemas/generated/types.ts'
import { createFakeCluster, type Trouble } from '../../test/support/fake-cluster.ts'
import { incidentIn } from '../../test/support/fresh-incident.ts'
import { entityOf, signalOf } from '../../test/support/signals.ts'
import { buildIncident } from '../core/correlate/incident.ts'
import type { JsonObject } from '../core/json.ts'
import { at } from '../core/json.ts'
import { planFor } from '../core/respond/plan.ts'
import { parsePlaybook } from '../core/respond/playbook.ts'
import type { ClusterApi } from '../platform/kubernetes/cluster-api.ts'
import { refusalOfApproval, signApproval } from './approvals.ts'
import { createExecutor, type ExecutorPorts } from './execute.ts'
import { createGrants } from './grants.ts'
import { createLedger } from './ledger.ts'
import { lookUp } from './look-up.ts'
import { createWatch } from './watch.ts'

const UID = '11111111-1111-4111-8111-111111111111'
const POD = '/api/v1/namespaces/x/pods/web-1'
const DEPLOYMENT = '/apis/apps/v1/namespaces/x/deployments/web'
const SCALE = `${DEPLOYMENT}/scale`
const playbook = parsePlaybook(
  'name: test\ntitle: Test\nsteps: [{ action: contain_workload }, { action: delete_pod }]',
  'test.yml'
)

const owner = (kind: string, name: string, uid: string) => [
  { apiVersion: 'apps/v1', kind, name, uid, controller: true }
]
const WORLD: Readonly<Record<string, JsonObject>> = {
  [POD]: {
    metadata: {
      uid: UID,
      name: 'web-1',
      namespace: 'x',
      labels: { app: 'web' },
      ownerReferences: owner('ReplicaSet', 'web-abc', 'rs')
    },
    spec: { nodeName: 'n1', serviceAccountName: 'default' },
    status: { phase: 'Running' }
  },
  '/apis/apps/v1/namespaces/x/replicasets/web-abc': {
    metadata: { uid: 'rs', name: 'web-abc', namespace: 'x', ownerReferences: owner('Deployment', 'web', 'dep') }
  },
  [DEPLOYMENT]: { metadata: { uid: 'dep', name: 'web', namespace: 'x' }, spec: { replicas: 3 } },
  [SCALE]: { metadata: { uid: 'dep', name: 'web', namespace: 'x' }, spec: { replicas: 3 } }
}

class Crash extends Error {}

interface Options extends Partial<ExecutorPorts> {
  readonly crashAt?: string
  readonly max_ms?: number
}

function responderOn(
  cluster: ReturnType<typeof createFakeCluster>,
  { crashAt, max_ms = 60_000, ...changes }: Options = {}
) {
  const published: Action[] = []
  const points: string[] = []
  const now_ms = changes.now_ms ?? (() => 1_000_000)
  const checkpoint = (name: string) => {
    points.push(name)
    if (name !== crashAt) return
    dead = true
    throw new Crash(name)
  }
  let dead = false
  // What has ended tidies nothing up.
  const api: ClusterApi = {
    close: () => {},
    send: async (request, as) => {
      if (dead) throw new Crash('dead')
      return cluster.api.send(request, as)
    }
  }
  const ledger = createLedger(api, now_ms, 'weir')
  const account = { namespace: 'weir', name: 'weir-responder' }
  const grants = createGrants({ api, now_ms, account, max_ms, checkpoint })
  const publish = async (action: Action) => {
    published.push(action)
  }
  const executor = createExecutor({
    api,
    grants,
    ledger,
    publish,
    now_ms,
    cluster_id: 'c',
    limits: { plans_per_hour: 10, changes_per_hour: 100, plans_at_once: 2, pods_per_plan: 10 },
    protection: { weir_namespace: 'weir', namespaces: [], names: [] },
    watch_ms: 60_000,
    lag_ms: 0,
    checkpoint,
    ...changes
  })
  return {
    executor,
    ledger,
    grants,
    published,
    points,
    watch: createWatch({ api: cluster.api, ledger, publish, now_ms })
  }
}

async function planOn(cluster: ReturnType<typeof createFakeCluster>): Promise<Action> {
  const incident = incidentIn('c', 'incident-1', [{ uid: UID, namespace: 'x', name: 'web-1', node: 'n1' }])
  const plan = planFor(incident, await lookUp(cluster.api, incident, 'weir'), playbook)
  if (plan === null) throw new Error('no plan')
  return plan
}

const CHANGES = [`PATCH ${SCALE}`, `DELETE ${POD}`]
const changesOf = (cluster: ReturnType<typeof createFakeCluster>) =>
  cluster.changes.filter((one) => CHANGES.includes(one))
const replicas = (cluster: ReturnType<typeof createFakeCluster>) => at(cluster.objects.get(SCALE), ['spec', 'replicas'])
const outcomes = (action: Action | null) => action?.results.map(({ outcome }) => outcome)

describe('carrying a plan out', () => {
  it('makes its changes in order, each recorded before and after, and leaves no permission', async () => {
    const cluster = createFakeCluster(WORLD)
    const plan = await planOn(cluster)
    const { executor, published } = responderOn(cluster)
    const done = await executor.carryOut(plan, 'approve')
    expect(done).toMatchObject({ status: 'done', reason: null })
    expect(outcomes(done)).toEqual(['intended', 'done', 'intended', 'done'])
    expect(changesOf(cluster)).toEqual(CHANGES)
    expect(cluster.permissions()).toEqual([])
    expect(published.map(({ status, results }) => `${status} ${results.length}`)).toEqual([
      'approved 1',
      'approved 2',
      'approved 3',
      'approved 4',
      'done 4'
    ])
  })

  it('is done once, however often its approval comes', async () => {
    const cluster = createFakeCluster(WORLD)
    const plan = await planOn(cluster)
    await responderOn(cluster).executor.carryOut(plan, 'approve')
    expect(await responderOn(cluster).executor.carryOut(plan, 'approve')).toBeNull()
    expect(changesOf(cluster)).toEqual(CHANGES)
  })

  it('takes back what it did, and nothing that it did not do', async () => {
    const cluster = createFakeCluster(WORLD)
    const plan = await planOn(cluster)
    const { executor } = responderOn(cluster)
    expect(await executor.carryOut(plan, 'undo')).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('RESPOND_NOT_DONE')
    })
    await executor.carryOut(plan, 'approve')
    const signed = { verb: 'undo', by: 'a', signed_at: 1, signature: 'another' }
    expect(await executor.carryOut({ ...plan, approval: signed }, 'undo')).toMatchObject({
      status: 'undone',
      reason: null
    })
    expect(replicas(cluster)).toBe(3)
    expect(cluster.permissions()).toEqual([])
  })
})

describe('an API server in trouble', () => {
  const onChange =
    (status: number, rest: { readonly applied?: boolean; readonly retry_after_ms?: number } = {}, times = 1): Trouble =>
    ({ method, path }, count) =>
      CHANGES.includes(`${method} ${path}`) && count <= times ? { status, ...rest } : null

  it.each<[string, Trouble]>([
    ['is busy', onChange(429, { retry_after_ms: 1 })],
    ['fails', onChange(500)],
    ['fails after the change was made', onChange(500, { applied: true })],
    ['does not answer', onChange(0)],
    ['does not answer after the change was made', onChange(0, { applied: true })],
    ['is contended', onChange(409)],
    ['fails for a while', onChange(503, {}, 3)],
    ['fails with whatever it is asked, once', (_request, times) => (times === 1 ? { status: 500 } : null)],
    ['answers nothing, whatever it is asked, once', (_request, times) => (times === 1 ? { status: 0 } : null)]
  ])('that %s still makes each change once', async (_name, trouble) => {
    const cluster = createFakeCluster(WORLD)
    const plan = await planOn(cluster)
    cluster.troubled(trouble)
    const { executor } = responderOn(cluster)
    expect(await executor.carryOut(plan, 'approve')).toMatchObject({ status: 'done', reason: null })
    expect(replicas(cluster)).toBe(0)
    expect(cluster.objects.has(POD)).toBe(false)
    cluster.troubled(() => null)
    expect(cluster.permissions()).toEqual([])
  })

  it.each([403, 422, 500])('that answers %d for good is on record, and leaves no permission', async (status) => {
    const cluster = createFakeCluster(WORLD)
    const plan = await planOn(cluster)
    cluster.troubled(onChange(status, {}, 1_000))
    const done = await responderOn(cluster).executor.carryOut(plan, 'approve')
    expect(done).toMatchObject({ status: 'failed', reason: expect.stringContaining(`RESPOND_STEP_FAILED: ${status}`) })
    expect(cluster.permissions()).toEqual([])
  })

  it('that gives no permissions makes no change', async () => {
    const cluster = createFakeCluster(WORLD)
    const plan = await planOn(cluster)
    cluster.troubled(({ method, path }) =>
      method === 'POST' && path.endsWith('/rolebindings') ? { status: 403 } : null
    )
    const done = await responderOn(cluster).executor.carryOut(plan, 'approve')
    expect(done).toMatchObject({ status: 'failed', reason: expect.stringContaining('RESPOND_PERMISSION') })
    expect(changesOf(cluster)).toEqual([])
    expect(cluster.permissions()).toEqual([])
  })
})

describe('draining a node', () => {
  const NODE = '/api/v1/nodes/n1'
  const podOn = (name: string): readonly [string, JsonObject] => [
    `/api/v1/namespaces/x/pods/${name}`,
    {
      metadata: { uid: `uid-${name}`, name, namespace: 'x', ownerReferences: owner('ReplicaSet', 'web-abc', 'rs') },
      spec: { nodeName: 'n1' },
      status: { phase: 'Running' }
    }
  ]
  const drain = parsePlaybook('name: drain\ntitle: T\nsteps: [{ action: drain_node }]', 'drain.yml')
  const incident = buildIncident({ id: 'incident-2', revision: 1, status: 'open' }, [
    signalOf({
      id: 's',
      minute: 0,
      entities: [entityOf('node', 'n1')],
      ancestry: [entityOf('process', 'p', 'actor', 'nc')],
      cluster: { id: 'c', name: 'c' }
    })
  ])
  const world = async () => {
    const cluster = createFakeCluster(
      Object.fromEntries([[NODE, { metadata: { uid: 'n', name: 'n1' }, spec: {} }], podOn('a'), podOn('b')])
    )
    const plan = planFor(incident, await lookUp(cluster.api, incident, 'weir'), drain)
    if (plan === null) throw new Error('no plan')
    return { cluster, plan }
  }
  const left = (cluster: ReturnType<typeof createFakeCluster>) =>
    ['a', 'b'].filter((name) => cluster.objects.has(`/api/v1/namespaces/x/pods/${name}`))

  it('evicts its pods and lets none come, and the undo lets them come again', async () => {
    const { cluster, plan } = await world()
    expect(await responderOn(cluster).executor.carryOut(plan, 'approve')).toMatchObject({ status: 'done' })
    expect(left(cluster)).toEqual([])
    expect(at(cluster.objects.get(NODE), ['spec', 'unschedulable'])).toBe(true)
    const signed = { verb: 'undo', by: 'a', signed_at: 1, signature: 'another' }
    expect(await responderOn(cluster).executor.carryOut({ ...plan, approval: signed }, 'undo')).toMatchObject({
      status: 'undone'
    })
    expect(at(cluster.objects.get(NODE), ['spec', 'unschedulable'])).toBe(false)
  })

  it('leaves a pod that a PodDisruptionBudget holds, after some tries, and evicts the others', async () => {
    const { cluster, plan } = await world()
    const tries: number[] = []
    cluster.troubled(({ path }, times) => {
      if (!path.endsWith('/pods/a/eviction')) return null
      tries.push(times)
      return { status: 429, retry_after_ms: 1 }
    })
    const done = await responderOn(cluster).executor.carryOut(plan, 'approve')
    expect(done).toMatchObject({ status: 'failed', reason: expect.stringContaining('RESPOND_STEP_FAILED: 429') })
    expect(left(cluster)).toEqual(['a'])
    expect(tries.length).toBe(6)
    expect(cluster.permissions()).toEqual([])
  })

  it('leaves what has taken the name of a pod that is gone', async () => {
    const { cluster, plan } = await world()
    cluster.objects.set('/api/v1/namespaces/x/pods/a', { metadata: { uid: 'new', name: 'a', namespace: 'x' } })
    expect(await responderOn(cluster).executor.carryOut(plan, 'approve')).toMatchObject({ status: 'done' })
    expect(left(cluster)).toEqual(['a'])
  })
})

describe('rotating a service account', () => {
  const ACCOUNT = '/api/v1/namespaces/x/serviceaccounts/robot'
  const rotate = parsePlaybook('name: rotate\ntitle: T\nsteps: [{ action: rotate_service_account }]', 'rotate.yml')
  const incident = buildIncident({ id: 'incident-3', revision: 1, status: 'open' }, [
    signalOf({
      id: 's',
      minute: 0,
      source: 'audit',
      entities: [entityOf('service_account', 'x/robot', 'actor')],
      cluster: { id: 'c', name: 'c' }
    })
  ])

  it('leaves one of the same name and another UID, also when the responder is killed at any point', async () => {
    const world = async () => {
      const metadata = { uid: 'old', name: 'robot', namespace: 'x', labels: { a: 'b' } }
      const cluster = createFakeCluster({ [ACCOUNT]: { metadata } })
      const plan = planFor(incident, await lookUp(cluster.api, incident, 'weir'), rotate)
      if (plan === null) throw new Error('no plan')
      return { cluster, plan }
    }
    const undisturbed = await world()
    const { executor, points } = responderOn(undisturbed.cluster)
    await executor.carryOut(undisturbed.plan, 'approve')
    for (const crashAt of [undefined, ...new Set(points)]) {
      const { cluster, plan } = await world()
      if (crashAt !== undefined)
        await expect(responderOn(cluster, { crashAt }).executor.carryOut(plan, 'approve')).rejects.toThrow(Crash)
      await responderOn(cluster).executor.carryOut(plan, 'approve')
      const now = cluster.objects.get(ACCOUNT)
      expect(at(now, ['metadata', 'uid']), crashAt).toBe(`uid-of-${ACCOUNT}`)
      expect(at(now, ['metadata', 'labels', 'a']), crashAt).toBe('b')
      expect(cluster.changes.filter((one) => one.includes('/x/serviceaccounts')).length, crashAt).toBeLessThanOrEqual(3)
      expect(cluster.permissions(), crashAt).toEqual([])
    }
  })
})

describe('a crash', () => {
  it('at any point loses nothing, does nothing twice, and leaves no permission', { timeout: 60_000 }, async () => {
    const undisturbed = createFakeCluster(WORLD)
    const { executor, points } = responderOn(undisturbed)
    await executor.carryOut(await planOn(undisturbed), 'approve')
    const names = [...new Set(points)]
    expect(names.length).toBeGreaterThan(15)
    for (const crashAt of names) {
      const cluster = createFakeCluster(WORLD)
      const plan = await planOn(cluster)
      await expect(responderOn(cluster, { crashAt }).executor.carryOut(plan, 'approve'), crashAt).rejects.toThrow(Crash)
      await responderOn(cluster).executor.carryOut(plan, 'approve')
      expect(replicas(cluster), crashAt).toBe(0)
      expect(cluster.objects.has(POD), crashAt).toBe(false)
      expect(changesOf(cluster).filter((one) => one.startsWith('PATCH')).length, crashAt).toBe(1)
      expect(cluster.permissions(), crashAt).toEqual([])
    }
  })

  it('that nobody takes up again leaves permissions until they are swept up', async () => {
    const cluster = createFakeCluster(WORLD)
    const plan = await planOn(cluster)
    const crashed = responderOn(cluster, { crashAt: 'before contain_workload' })
    await expect(crashed.executor.carryOut(plan, 'approve')).rejects.toThrow(Crash)
    expect(cluster.permissions().length).toBeGreaterThan(0)
    expect(await responderOn(cluster).grants.sweep()).toEqual([])
    const later = responderOn(cluster, { now_ms: () => 1_000_000 + 60_001 })
    expect((await later.grants.sweep()).map(({ plan: id }) => id)).toEqual([plan.id])
    expect(cluster.permissions()).toEqual([])
  })

  it('after which somebody changed the object does not do the step again over their change', async () => {
    const cluster = createFakeCluster(WORLD)
    const plan = await planOn(cluster)
    await expect(
      responderOn(cluster, { crashAt: 'after contain_workload PATCH' }).executor.carryOut(plan, 'approve')
    ).rejects.toThrow(Crash)
    const managedFields = [{ manager: 'kubectl-scale', operation: 'Update', time: '2026-01-01T00:00:00Z' }]
    for (const path of [SCALE, DEPLOYMENT])
      cluster.objects.set(path, { metadata: { uid: 'dep', managedFields }, spec: { replicas: 3 } })
    const done = await responderOn(cluster).executor.carryOut(plan, 'approve')
    expect(done?.reason).toContain('kubectl-scale changed it after this step had begun')
    expect(replicas(cluster)).toBe(3)
  })
})

describe('what is refused', () => {
  const attempt = async (
    change: (plan: Action) => Action,
    options: Options = {},
    prepare: (cluster: ReturnType<typeof createFakeCluster>) => void = () => {}
  ) => {
    const cluster = createFakeCluster(WORLD)
    const plan = await planOn(cluster)
    prepare(cluster)
    let code: unknown
    try {
      const done = await responderOn(cluster, options).executor.carryOut(change(plan), 'approve')
      code = done?.reason?.split(':')[0]
    } catch (error) {
      code = at({ error: { ...(error as object) } }, ['error', 'code'])
    }
    expect(changesOf(cluster)).toEqual([])
    expect(cluster.permissions()).toEqual([])
    return code
  }
  const same = (plan: Action) => plan
  const set = (path: string, object: JsonObject) => (cluster: ReturnType<typeof createFakeCluster>) =>
    void cluster.objects.set(path, object)

  it.each<[string, string, () => Promise<unknown>]>([
    [
      'steps that are not those of the plan',
      'RESPOND_PLAN_FORGED',
      () =>
        attempt((plan) => ({
          ...plan,
          steps: plan.steps.map((step) => ({
            ...step,
            requests: step.requests.map((one) => ({ ...one, path: `${one.path}x` }))
          }))
        }))
    ],
    [
      'steps with ids of their own',
      'RESPOND_PLAN_FORGED',
      () => attempt((plan) => ({ ...plan, steps: plan.steps.map((step) => ({ ...step, id: 'x' })) }))
    ],
    ['a plan for another cluster', 'RESPOND_OTHER_CLUSTER', () => attempt(same, { cluster_id: 'd' })],
    [
      'anything while stopped',
      'RESPOND_STOPPED',
      () => attempt(same, {}, set('/api/v1/namespaces/weir/configmaps/weir-stop', { data: { by: 'me' } }))
    ],
    [
      'more pods than a plan may stop',
      'RESPOND_LIMIT',
      () => attempt(same, { limits: { plans_per_hour: 9, changes_per_hour: 9, plans_at_once: 1, pods_per_plan: 3 } })
    ],
    [
      'more plans than within an hour',
      'RESPOND_LIMIT',
      () => attempt(same, { limits: { plans_per_hour: 0, changes_per_hour: 9, plans_at_once: 1, pods_per_plan: 9 } })
    ],
    [
      'more changes than within an hour',
      'RESPOND_LIMIT',
      () => attempt(same, { limits: { plans_per_hour: 9, changes_per_hour: 1, plans_at_once: 1, pods_per_plan: 9 } })
    ],
    [
      'what the settings have come to protect',
      'RESPOND_PROTECTED',
      () => attempt(same, { protection: { weir_namespace: 'weir', namespaces: ['x'], names: [] } })
    ],
    [
      'what has come to be part of Weir',
      'RESPOND_PROTECTED',
      () => attempt(same, {}, set(POD, { metadata: { uid: UID, labels: { 'app.kubernetes.io/part-of': 'weir' } } }))
    ],
    [
      'a workload that another has taken the name of',
      'RESPOND_CLUSTER_CHANGED',
      () => attempt(same, {}, set(SCALE, { metadata: { uid: 'new' }, spec: { replicas: 3 } }))
    ],
    [
      'a workload with another scale',
      'RESPOND_CLUSTER_CHANGED',
      () => attempt(same, {}, set(SCALE, { metadata: { uid: 'dep' }, spec: { replicas: 5 } }))
    ],
    [
      'a pod that another has taken the name of',
      'RESPOND_CLUSTER_CHANGED',
      () => attempt(same, {}, set(POD, { metadata: { uid: 'new' } }))
    ]
  ])('%s', async (_name, code, work) => expect(await work()).toBe(code))
})

describe('looking up', () => {
  it('leaves out what is gone, and what another has taken the name of', async () => {
    for (const change of [null, { metadata: { uid: '22222222-2222-4222-8222-222222222222' } }]) {
      const cluster = createFakeCluster(WORLD)
      if (change === null) cluster.objects.delete(POD)
      else cluster.objects.set(POD, change)
      const plan = await planOn(cluster)
      expect(plan.steps).toEqual([])
      expect(plan.notes).toContain('pod x/web-1 is gone, or another pod has its name now')
    }
  })
})

describe('watching', () => {
  it('says once who brought back what was stopped, and that the rest held', async () => {
    const cluster = createFakeCluster(WORLD)
    const plan = await planOn(cluster)
    const { executor, watch, published } = responderOn(cluster)
    await executor.carryOut(plan, 'approve')
    await watch.turn()
    expect(published.at(-1)?.results.some(({ outcome }) => outcome === 'recreated')).toBe(false)
    const managedFields = [
      { manager: 'weir-responder', operation: 'Update', time: '2026-01-02T00:00:00Z' },
      { manager: 'mallory', operation: 'Apply', time: '2026-01-01T00:00:00Z' }
    ]
    cluster.objects.set(DEPLOYMENT, {
      metadata: { uid: 'dep', managedFields, labels: { 'argocd.argoproj.io/instance': 'shop' } }
    })
    cluster.objects.set('/api/v1/namespaces/x/pods/web-2', {
      ...WORLD[POD],
      metadata: { ...(WORLD[POD]?.['metadata'] as JsonObject), name: 'web-2', uid: 'u2' }
    })
    await watch.turn()
    await watch.turn()
    const news = published.at(-1)?.results.filter(({ outcome }) => outcome === 'recreated')
    expect(news?.map(({ message }) => message)).toEqual([
      'pod x/web-2 runs for Deployment x/web: last written by mallory (Apply, 2026-01-01T00:00:00Z); Argo CD application shop keeps it'
    ])
    const later = responderOn(cluster, { now_ms: () => 1_000_000 + 60_001 })
    await later.watch.turn()
    expect(later.published.at(-1)).toMatchObject({ status: 'failed' })
    expect(later.published.at(-1)?.results.at(-1)?.outcome).toBe('held')
    expect(await later.watch.turn()).toBe(0)
  })
})

describe('an approval', () => {
  const plan = { id: 'plan-1', cluster: { id: 'c', name: 'c' } }
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const other = generateKeyPairSync('ed25519')
  const keys = new Map([['alice', publicKey]])
  const good = signApproval(plan, 'approve', 'alice', privateKey, 1_000_000)
  const time = { now_ms: 1_000, valid_ms: 60_000 }

  it('of somebody with a key counts', () => expect(refusalOfApproval(plan, good, keys, time)).toBeNull())

  it.each<[string, Parameters<typeof refusalOfApproval>, string]>([
    ['that is none', [plan, null, keys, time], 'RESPOND_APPROVAL_FORGED'],
    ['without a signature', [plan, { ...good, signature: '' }, keys, time], 'RESPOND_APPROVAL_FORGED'],
    ['for another plan', [{ ...plan, id: 'plan-2' }, good, keys, time], 'RESPOND_APPROVAL_FORGED'],
    [
      'for another cluster',
      [{ ...plan, cluster: { id: 'd', name: 'c' } }, good, keys, time],
      'RESPOND_APPROVAL_FORGED'
    ],
    ['turned into an undo', [plan, { ...good, verb: 'undo' }, keys, time], 'RESPOND_APPROVAL_FORGED'],
    ['made younger', [plan, { ...good, signed_at: 2_000_000 }, keys, time], 'RESPOND_APPROVAL_FORGED'],
    ['of somebody unknown', [plan, { ...good, by: 'bob' }, keys, time], 'RESPOND_APPROVAL_FORGED'],
    [
      'with another’s key',
      [plan, signApproval(plan, 'approve', 'alice', other.privateKey, 1_000_000), keys, time],
      'RESPOND_APPROVAL_FORGED'
    ],
    ['that is old', [plan, good, keys, { ...time, now_ms: 100_000 }], 'RESPOND_APPROVAL_OLD'],
    [
      'from the future',
      [plan, signApproval(plan, 'approve', 'alice', privateKey, 900_000_000), keys, time],
      'RESPOND_APPROVAL_OLD'
    ]
  ])('%s does not', (_name, args, code) => expect(refusalOfApproval(...args)?.code).toBe(code))
})
