import { describe, expect, it } from 'vitest'
import type { Action } from '../../schemas/generated/types.ts'
import { createFakeCluster } from '../../test/support/fake-cluster.ts'
import { incidentIn } from '../../test/support/fresh-incident.ts'
import { WeirError } from '../core/errors.ts'
import { at, type JsonObject } from '../core/json.ts'
import { planFor } from '../core/respond/plan.ts'
import { parsePlaybook } from '../core/respond/playbook.ts'
import { OPENSEARCH_ERRORS } from '../platform/opensearch/errors.ts'
import { createComeBack, MAX_ROUNDS } from './come-back.ts'
import { createExecutor } from './execute.ts'
import { createGrants } from './grants.ts'
import { createLedger } from './ledger.ts'
import { lookUp } from './look-up.ts'
import { createWatch, type WatchPorts } from './watch.ts'
import type { Writer } from './who-changed.ts'

const UID = '11111111-1111-4111-8111-111111111111'
const STATEFUL = '/apis/apps/v1/namespaces/x/statefulsets/db'
const SCALE = `${STATEFUL}/scale`
const POD = '/api/v1/namespaces/x/pods/db-0'
const playbook = (mode: 'auto' | 'approve') =>
  parsePlaybook(`name: test\ntitle: Test\nmode: ${mode}\nsteps: [{ action: contain_workload }]`, 'test.yml')
const owners = [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'set', controller: true }]
const pod: JsonObject = {
  metadata: { uid: UID, name: 'db-0', namespace: 'x', ownerReferences: owners },
  spec: { nodeName: 'n1' },
  status: { phase: 'Running' }
}
const set: JsonObject = { metadata: { uid: 'set', name: 'db', namespace: 'x' }, spec: { replicas: 1 } }
const MALLORY: Writer = {
  user: 'mallory',
  as: null,
  groups: ['ci'],
  address: '203.0.113.9',
  user_agent: 'kubectl/v1.34',
  request: 'patch statefulsets/scale',
  time: '2026-01-01T00:00:00Z'
}

/** A responder whose victim comes back as often as somebody likes. */
function world(mode: 'auto' | 'approve', whoChanged?: WatchPorts['whoChanged']) {
  const cluster = createFakeCluster({ [POD]: pod, [STATEFUL]: set, [SCALE]: set })
  const { api } = cluster
  let now = 1_000_000
  const now_ms = () => now
  const published: Action[] = []
  const publish = async (action: Action) => void published.push(action)
  const ledger = createLedger(api, now_ms, 'weir')
  const account = { namespace: 'weir', name: 'weir-responder' }
  const executor = createExecutor({
    api,
    grants: createGrants({ api, now_ms, account, max_ms: 60_000 }),
    ledger,
    publish,
    now_ms,
    cluster_id: 'c',
    limits: { plans_per_hour: 100, changes_per_hour: 100, plans_at_once: 4, pods_per_plan: 10 },
    protection: { weir_namespace: 'weir', namespaces: [], names: [] },
    watch_ms: 300_000,
    lag_ms: 0
  })
  const incident = incidentIn('c', 'incident-1', [{ uid: UID, namespace: 'x', name: 'db-0', node: 'n1' }])
  const plan = async () => planFor(incident, await lookUp(api, incident, 'weir'), playbook(mode))
  const onComeback = createComeBack({
    ledger,
    planAgain: plan,
    publish,
    carryOut: async (again, round) => void (await executor.carryOut(again, 'approve', round)),
    now_ms
  })
  const watch = createWatch({
    api,
    ledger,
    publish,
    now_ms,
    onComeback,
    ...(whoChanged === undefined ? {} : { whoChanged })
  })
  const replicas = () => at(cluster.objects.get(SCALE), ['spec', 'replicas'])
  return {
    ledger,
    published,
    replicas,
    async begin(): Promise<void> {
      const first = await plan()
      if (first === null) throw new Error('no plan')
      await executor.carryOut(first, 'approve')
      cluster.objects.delete(POD)
    },
    /** Somebody scales it up again, and the watch looks. */
    async bringBack(): Promise<void> {
      now += 2_000
      const time = new Date(now).toISOString()
      const managedFields = [{ manager: 'mallory-ctl', operation: 'Update', time }]
      const back = { ...set, metadata: { ...(set['metadata'] as JsonObject), managedFields } }
      cluster.objects.set(SCALE, back)
      cluster.objects.set(STATEFUL, back)
      cluster.objects.set(POD, pod)
      await watch.turn()
      if (replicas() === 0) cluster.objects.delete(POD)
    },
    async turn(after_ms: number): Promise<void> {
      now += after_ms
      await watch.turn()
    }
  }
}

const results = (published: readonly Action[], outcome: string) =>
  published.flatMap((action) => action.results.filter((one) => one.outcome === outcome).map(({ message }) => message))

describe('what comes back', () => {
  it('is stopped again in auto mode, by the same plan, too, as often as it comes', async () => {
    const one = world('auto')
    await one.begin()
    for (let round = 1; round < MAX_ROUNDS; round += 1) {
      await one.bringBack()
      expect(one.replicas(), `round ${round}`).toBe(0)
    }
    const runs = await one.ledger.list()
    expect(runs.length).toBe(MAX_ROUNDS)
    // The plan is the same: the same object is scaled from 1 to 0.
    expect(new Set(runs.map(({ action }) => action.id)).size).toBe(1)
  })

  it('is left to people once a playbook would go on for ever, which is said once', async () => {
    const one = world('auto')
    await one.begin()
    for (let round = 1; round < MAX_ROUNDS + 4; round += 1) await one.bringBack()
    expect(one.replicas()).toBe(1)
    expect((await one.ledger.list()).length).toBe(MAX_ROUNDS)
    const loops = one.published.filter(({ reason }) => reason?.startsWith('RESPOND_LOOP'))
    expect(loops.map(({ status }) => status)).toEqual(['failed'])
  })

  it('is planned again and not touched where people approve', async () => {
    const one = world('approve')
    await one.begin()
    await one.bringBack()
    expect(one.replicas()).toBe(1)
    expect(one.published.at(-1)).toMatchObject({ status: 'planned', mode: 'approve' })
  })

  it('is followed to who did it, though the audit log comes later than the pod; each is named once', async () => {
    let known: Writer | null = null
    const asked: unknown[] = []
    const one = world('approve', async (object, since_ms) => {
      asked.push([object.namespace, object.resource, object.name, since_ms])
      return known
    })
    await one.begin()
    await one.bringBack()
    expect(results(one.published, 'traced')).toEqual([])
    known = MALLORY
    await one.turn(2_000)
    await one.turn(2_000)
    const traced = new Set(results(one.published, 'traced'))
    expect([...traced]).toEqual([
      'statefulsets x/db was brought back by mallory (groups ci), from 203.0.113.9 with kubectl/v1.34, by patch statefulsets/scale at 2026-01-01T00:00:00Z'
    ])
    expect(new Set(asked.map((one) => JSON.stringify(one)))).toEqual(new Set(['["x","statefulsets","db",1000000]']))
  })

  it('is seen all the same when nobody can be asked who did it', async () => {
    const one = world('auto', async () => {
      throw new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_UNAVAILABLE', 'away')
    })
    await one.begin()
    await one.bringBack()
    expect(one.replicas()).toBe(0)
    expect(results(one.published, 'recreated').length).toBeGreaterThan(0)
  })
})
