import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Action, Signal } from '../../schemas/generated/types.ts'
import { createFakeCluster } from '../../test/support/fake-cluster.ts'
import { incidentIn } from '../../test/support/fresh-incident.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { NO_FACTS } from '../core/respond/facts.ts'
import { planFor } from '../core/respond/plan.ts'
import { parsePlaybook } from '../core/respond/playbook.ts'
import { createMemoryBus } from '../platform/memory/bus.ts'
import { loadTopics } from '../platform/topics.ts'
import { createActionsStage } from './actions-stage.ts'
import { signApproval } from './approvals.ts'
import { commandOf } from './commands.ts'
import { createExecutor } from './execute.ts'
import { createGrants } from './grants.ts'
import { createLedger } from './ledger.ts'
import { lookUp } from './look-up.ts'
import { responderOptions } from './options.ts'
import { createResponderStage } from './stage.ts'

const UID = '11111111-1111-4111-8111-111111111111'
const POD = '/api/v1/namespaces/x/pods/lone'
const codec = createCodec(localSchemas())
const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const commander = generateKeyPairSync('ed25519')
const NOW_MS = 1_795_000_000_000
const now_ms = () => NOW_MS
const playbook = parsePlaybook(
  'name: test\ntitle: Test\nmode: auto\nwhen: { severity: low }\nsteps: [{ action: delete_pod }]',
  'test.yml'
)
const incident = incidentIn('c', 'incident-1', [{ uid: UID, namespace: 'x', name: 'lone', node: 'n1' }])

/** A responder on a bus and a cluster of one pod. */
async function world(mode: 'dry-run' | 'approve' | 'auto' = 'approve') {
  const cluster = createFakeCluster({
    [POD]: {
      metadata: { uid: UID, name: 'lone', namespace: 'x' },
      spec: { nodeName: 'n1' },
      status: { phase: 'Running' }
    }
  })
  const { api } = cluster
  const bus = createMemoryBus({ topics: loadTopics(), now_ms })
  const options = { ...responderOptions.parse({}), mode, severity: 'low' as const }
  const publish = (action: Action) =>
    bus.publish([{ topic: 'weir.actions.v1', key: action.incident_id, value: codec.encode('action', action) }])
  const ledger = createLedger(api, now_ms, 'weir')
  const grants = createGrants({ api, now_ms, account: { namespace: 'weir', name: 'weir-responder' }, max_ms: 60_000 })
  const protection = { weir_namespace: 'weir', namespaces: [], names: [] }
  const ports = {
    api,
    grants,
    ledger,
    publish,
    now_ms,
    cluster_id: 'c',
    limits: options.limits,
    protection,
    watch_ms: 0,
    lag_ms: 0
  }
  const executor = createExecutor(ports)
  const planning = createResponderStage({
    codec,
    options,
    now_ms,
    playbooks: [playbook],
    facts: (one) => lookUp(api, one, 'weir'),
    carryOut: async (plan) => void (await executor.carryOut(plan, 'approve'))
  })
  bus.run(planning)
  bus.run(
    createActionsStage({
      codec,
      executor,
      keys: new Map([['alice', publicKey]]),
      command_key: commander.publicKey,
      cluster: { id: 'c', name: 'test' },
      options,
      now_ms,
      planAgain: planning.planAgain
    })
  )
  const actions = async (): Promise<readonly Action[]> =>
    await Promise.all(bus.read('weir.actions.v1').map(({ value }) => codec.decode('action', value)))
  const signals = async (): Promise<readonly Signal[]> =>
    await Promise.all(bus.read('weir.signals.v1').map(({ value }) => codec.decode('signal', value)))
  return { bus, cluster, publish, actions, signals }
}

async function planned(one: Awaited<ReturnType<typeof world>>): Promise<Action> {
  await one.bus.publish([{ topic: 'weir.incidents.v1', key: incident.id, value: codec.encode('incident', incident) }])
  await one.bus.drain()
  const plan = (await one.actions()).find(({ status }) => status === 'planned')
  if (plan === undefined) throw new Error('no plan')
  return plan
}

const approved = (plan: Action, key = privateKey): Action => ({
  ...plan,
  status: 'approved',
  approval: signApproval(plan, 'approve', 'alice', key, NOW_MS * 1000)
})

describe('the responder on its topics', () => {
  it('plans, waits for an approval, carries the plan out, and records each state', async () => {
    const one = await world()
    const plan = await planned(one)
    expect(plan.mode).toBe('approve')
    expect(one.cluster.objects.has(POD)).toBe(true)
    await one.publish(approved(plan))
    await one.bus.drain()
    expect(one.cluster.objects.has(POD)).toBe(false)
    expect((await one.actions()).map(({ status }) => status)).toEqual([
      'planned',
      'approved',
      'approved',
      'approved',
      'done'
    ])
    expect((await one.actions()).at(-1)).toMatchObject({ id: plan.id, approval: { by: 'alice' }, reason: null })
  })

  it('goes ahead by itself only where playbook and settings say so', async () => {
    const one = await world('auto')
    expect((await planned(one)).mode).toBe('auto')
    expect(one.cluster.objects.has(POD)).toBe(false)
    expect((await one.actions()).map(({ status }) => status)).toContain('done')
  })

  it('in dry-run refuses what somebody approved', async () => {
    const one = await world('dry-run')
    const plan = await planned(one)
    expect(plan.mode).toBe('dry_run')
    await one.publish(approved(plan))
    await one.bus.drain()
    expect(one.cluster.objects.has(POD)).toBe(true)
    expect((await one.actions()).at(-1)).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching(/^RESPOND_MODE/)
    })
  })

  it.each<[string, string, (plan: Action) => Action]>([
    ['without an approval', 'RESPOND_APPROVAL_FORGED', (plan) => ({ ...plan, status: 'approved' })],
    [
      'signed with another key',
      'RESPOND_APPROVAL_FORGED',
      (plan) => approved(plan, generateKeyPairSync('ed25519').privateKey)
    ],
    [
      'approved for other steps',
      'RESPOND_PLAN_FORGED',
      (plan) => {
        const steps = plan.steps.map((step) => ({
          ...step,
          requests: step.requests.map((request) => ({ ...request, path: '/api/v1/namespaces/x/pods/other' }))
        }))
        return { ...approved(plan), steps }
      }
    ]
  ])('refuses, in the open and with a signal, a message %s', async (_name, code, forge) => {
    const one = await world()
    const plan = await planned(one)
    await one.publish(forge(plan))
    await one.bus.drain()
    expect(one.cluster.changes.filter((change) => change.includes('pods'))).toEqual([])
    expect((await one.actions()).at(-1)).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining(code),
      steps: []
    })
    expect(one.bus.read('weir.actions.v1.dlq').map(({ headers }) => headers['dlq.code'])).toEqual([code])
    expect(await one.signals()).toMatchObject([
      { severity: 'high', rule: { code: 'W01' }, cluster: { id: 'c' }, evidence: { 'error.code': code } }
    ])
  })

  it('raises a signal for a command to an agent that the responder did not sign, and none for its own', async () => {
    const one = await world()
    const plan = await planned(one)
    const [step] = plan.steps
    const [request] = step?.requests ?? []
    if (step === undefined || request === undefined) throw new Error('no step')
    const command = (key: typeof privateKey, age_ms: number) =>
      commandOf(plan, step.id, request, key, (NOW_MS - age_ms) * 1000) ?? plan
    // Its own, one of its own that is read again much later, and a forgery.
    await one.publish(command(commander.privateKey, 0))
    await one.publish(command(commander.privateKey, 3_600_000))
    await one.bus.drain()
    expect(await one.signals()).toEqual([])
    await one.publish(command(privateKey, 0))
    await one.bus.drain()
    expect((await one.signals()).map(({ evidence }) => evidence['error.code'])).toEqual(['RESPOND_COMMAND_FORGED'])
  })

  it('a flood of forgeries is one signal, whatever they say, and ties itself to nothing they name', async () => {
    const one = await world()
    const plan = await planned(one)
    for (const by of ['alice', 'bob', 'system:admin'])
      await one.publish({
        ...plan,
        id: `${by}-1`,
        status: 'approved',
        approval: { verb: 'approve', by, signed_at: 1, signature: 'x' }
      })
    await one.bus.drain()
    const signals = await one.signals()
    expect(signals.length).toBe(3)
    expect(new Set(signals.map(({ id }) => id)).size).toBe(1)
    expect(signals.flatMap(({ entities }) => entities.map(({ id }) => id))).toEqual(
      signals.map(() => 'weir.actions.v1')
    )
  })

  it('leaves approvals of other clusters to their own responders', async () => {
    const one = await world()
    const plan = await planned(one)
    await one.publish({ ...approved(plan), cluster: { id: 'd', name: 'other' } })
    await one.bus.drain()
    expect(await one.signals()).toEqual([])
    expect(one.bus.read('weir.actions.v1.dlq')).toEqual([])
  })

  it('plans again when the cluster has changed since, and does nothing of the old plan', async () => {
    const one = await world()
    const plan = await planned(one)
    one.cluster.objects.set(POD, { metadata: { uid: 'another', name: 'lone', namespace: 'x' } })
    await one.publish(approved(plan))
    await one.bus.drain()
    const states = await one.actions()
    expect(one.cluster.objects.has(POD)).toBe(true)
    expect(states.at(-2)).toMatchObject({
      id: plan.id,
      status: 'failed',
      reason: expect.stringContaining('RESPOND_CLUSTER_CHANGED')
    })
    expect(states.at(-1)).toMatchObject({
      status: 'planned',
      steps: [],
      notes: ['pod x/lone is gone, or another pod has its name now']
    })
  })

  it('what cannot be decoded costs no other message', async () => {
    const one = await world()
    const plan = await planned(one)
    await one.bus.publish([{ topic: 'weir.actions.v1', key: incident.id, value: Buffer.from('x') }])
    await one.publish(approved(plan))
    await one.bus.drain()
    expect(one.bus.read('weir.actions.v1.dlq').map(({ headers }) => headers['dlq.code'])).toEqual(['CODEC_WRONG_MAGIC'])
    expect(one.cluster.objects.has(POD)).toBe(false)
  })

  it('a plan made from the incident alone is never carried out', async () => {
    const plan = planFor(incident, NO_FACTS, playbook)
    expect(plan?.mode).toBe('dry_run')
    const one = await world()
    // It names the UID that was seen, so the deletion is guarded; a patch of whatever has the name is not.
    const patching = planFor(incident, NO_FACTS, {
      ...playbook,
      steps: [{ action: 'quarantine_pod', severity: 'low' }]
    })
    if (patching === null) throw new Error('no plan')
    await one.publish(approved(patching))
    await one.bus.drain()
    expect((await one.actions()).at(-1)).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('RESPOND_PROTECTED')
    })
  })
})
