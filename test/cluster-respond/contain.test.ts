import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Action } from '../../schemas/generated/types.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { isObject, type JsonObject, parseJson, stringAt } from '../../services/core/json.ts'
import { planFor } from '../../services/core/respond/plan.ts'
import { parsePlaybook } from '../../services/core/respond/playbook.ts'
import { OPERATOR, uidOf } from '../../services/core/respond/requests.ts'
import { SLOTS } from '../../services/core/respond/roles.ts'
import { eventWrite } from '../../services/indexer/documents.ts'
import { createAgentActionsStage } from '../../services/node-agent/actions/stage.ts'
import { nodeAgentOptions } from '../../services/node-agent/options.ts'
import { type ClusterApi, openClusterApi } from '../../services/platform/kubernetes/cluster-api.ts'
import { createMemoryBus } from '../../services/platform/memory/bus.ts'
import { createMemorySearch } from '../../services/platform/memory/search.ts'
import { loadTopics } from '../../services/platform/topics.ts'
import { createAgentChannel } from '../../services/responder/agent-channel.ts'
import type { ExecutorPorts } from '../../services/responder/execute.ts'
import { grantedObjects } from '../../services/responder/grants.ts'
import { lookUp } from '../../services/responder/look-up.ts'
import { createWatch } from '../../services/responder/watch.ts'
import { createWhoChanged } from '../../services/responder/who-changed.ts'
import { auditEvent } from '../support/enriched-event.ts'
import { incidentIn } from '../support/fresh-incident.ts'
import {
  admin,
  apply,
  asResponder,
  createResponder,
  install,
  KUBECONFIG,
  list,
  NAMESPACE,
  running,
  STATIC_PODS,
  until
} from './real-cluster.ts'
import { deployment, jobOf, KINDS, STATIC_POD } from './workloads.ts'

const playbook = parsePlaybook(
  'name: test\ntitle: Test\nsteps: [{ action: collect_evidence }, { action: annotate_evidence }, { action: quarantine_pod }, { action: contain_workload }, { action: delete_pod }]',
  'test.yml'
)
/** How long nothing may come back. */
const QUIET_MS = 60_000
const ALL = [...Object.keys(KINDS), ...(STATIC_PODS === '' ? [] : ['static'])]

/** Of the cluster that the tests bring up: somebody else than its admin, and what its API server says of everybody. */
const MALLORY = join(dirname(KUBECONFIG), 'mallory.kubeconfig')
const AUDIT_LOG = join(dirname(KUBECONFIG), 'log/audit.jsonl')

const kept = mkdtempSync(join(tmpdir(), 'weir-static-pods-'))
/** The agent of the node and the way to it, over a bus instead of Kafka. */
function createAgent(cluster_id: string) {
  const codec = createCodec(localSchemas())
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const bus = createMemoryBus({ topics: loadTopics(), now_ms: Date.now, pump: 'automatic' })
  const publish = (action: Action) =>
    bus.publish([{ topic: 'weir.actions.v1', key: 'k', value: codec.encode('action', action) }])
  const channel = createAgentChannel({ codec, key: privateKey, publish, now_ms: Date.now })
  bus.run(channel.answers)
  bus.run(
    createAgentActionsStage({
      codec,
      node: 'node1',
      cluster_id,
      key: publicKey,
      static_pods: { manifests: STATIC_PODS, kept },
      containers: { cgroups: '/sys/fs/cgroup', proc: '/proc', own_pid: process.pid },
      signal: (pid, signal) => process.kill(pid, signal),
      evidence: nodeAgentOptions.parse({ actions: { evidence: { directory: join(kept, 'evidence') } } }).actions
        .evidence,
      publish: (messages) => bus.publish(messages),
      now_ms: Date.now
    })
  )
  return channel.toAgent
}

let root: ClusterApi
let api: ClusterApi
let cluster: string
let toAgent: NonNullable<ExecutorPorts['toAgent']>

const appsOf = async (namespace?: string) =>
  new Set((await running(root, namespace)).map((pod) => stringAt(pod, 'metadata', 'labels', 'app') ?? ''))

async function planOf(app: string, book = playbook): Promise<Action> {
  const pods = await running(root)
  const pod = pods.find((one) => stringAt(one, 'metadata', 'labels', 'app') === app)
  if (pod === undefined) throw new Error(`no pod of ${app} runs`)
  const seen = {
    uid: uidOf(pod),
    namespace: NAMESPACE,
    name: stringAt(pod, 'metadata', 'name') ?? '',
    node: stringAt(pod, 'spec', 'nodeName') ?? ''
  }
  const incident = incidentIn(cluster, book === playbook ? `incident-${app}` : `${book.name}-${app}`, [seen])
  const plan = planFor(incident, await lookUp(api, incident, 'weir'), book)
  if (plan === null) throw new Error(`no plan for ${app}`)
  return plan
}

describe.skipIf(KUBECONFIG === '')('on a real cluster', { timeout: 300_000 }, () => {
  const plans = new Map<string, Action>()
  const ended = new Map<string, Action | null>()

  beforeAll(async () => {
    root = await admin()
    cluster = await install(root)
    api = await asResponder(root)
    toAgent = createAgent(cluster)
    for (const manifest of Object.values(KINDS)) await apply(root, manifest)
    await apply(root, deployment('neighbour', 1))
    await apply(root, deployment('neighbour', 1, 'respond-neighbour'))
    const { body } = await root.send({ method: 'GET', path: `/apis/batch/v1/namespaces/${NAMESPACE}/cronjobs/cronjob` })
    await apply(root, jobOf(KINDS['cronjob'] ?? {}, stringAt(body, 'metadata', 'uid') ?? ''))
    if (STATIC_PODS !== '') writeFileSync(join(STATIC_PODS, 'static.json'), JSON.stringify(STATIC_POD))
    await until(
      'all kinds to run',
      async () => {
        const apps = await appsOf()
        return [...ALL, 'neighbour'].every((app) => apps.has(app)) ? true : null
      },
      120_000
    )
  }, 200_000)

  afterAll(() => {
    rmSync(kept, { recursive: true, force: true })
    if (STATIC_PODS !== '') rmSync(join(STATIC_PODS, 'static.json'), { force: true })
  })

  it('the responder may not do by itself what it plans', async () => {
    for (const app of ALL) plans.set(app, await planOf(app))
    for (const plan of plans.values()) {
      for (const request of plan.steps.flatMap(({ requests }) => requests)) {
        if (request.to !== 'kube-apiserver' || request.method === 'GET') continue
        const { status } = await api.send(request)
        expect(status, `${request.method} ${request.path}`).toBe(403)
      }
    }
  })

  it('of each kind of owner the attacked pods end, nothing replaces them, and neighbours live on', async () => {
    const { executor, ledger, published } = createResponder(api, cluster, { toAgent })
    const times: string[] = []
    const contain = async (app: string) => {
      // As the cluster is now: a CronJob may have begun another job since.
      const plan = await planOf(app)
      plans.set(app, plan)
      const started = performance.now()
      ended.set(app, await executor.carryOut(plan, 'approve'))
      times.push(`${app} ${Math.round(performance.now() - started)} ms`)
    }
    // As many at a time as there are slots for permissions.
    for (let from = 0; from < ALL.length; from += SLOTS.length)
      await Promise.all(ALL.slice(from, from + SLOTS.length).map(contain))
    console.log(`plans carried out: ${times.join(', ')}`)
    for (const [app, action] of ended)
      expect(action, `${app}: ${JSON.stringify(action?.results)}`).toMatchObject({ status: 'done', reason: null })
    expect(await grantedObjects(root)).toEqual([])

    const gone = await until('the pods to end', async () => {
      const apps = [...(await appsOf())]
      return apps.every((app) => app === 'neighbour') ? performance.now() : `still running: ${apps.join(', ')}`
    })
    // Whatever starts within the time is seen, whether it still runs at its end or not.
    const seen = new Set<string>()
    while (performance.now() - gone < QUIET_MS) {
      for (const app of await appsOf()) seen.add(app)
      await sleep(1_000)
    }
    expect([...seen]).toEqual(['neighbour'])
    expect([...(await appsOf('respond-neighbour'))]).toEqual(['neighbour'])

    await createWatch({
      api,
      ledger,
      publish: async (action) => void published.push(action),
      now_ms: () => Date.now() + QUIET_MS
    }).turn()
    const verdicts = published.filter(({ results }) => results.some(({ outcome }) => outcome === 'held'))
    expect(new Set(verdicts.map(({ incident_id }) => incident_id))).toEqual(
      new Set(ALL.map((app) => `incident-${app}`))
    )
    expect(published.flatMap(({ results }) => results).filter(({ outcome }) => outcome === 'recreated')).toEqual([])
  })

  it('an approval that comes again does nothing', async () => {
    const { executor, published } = createResponder(api, cluster, { toAgent })
    for (const plan of plans.values()) expect(await executor.carryOut(plan, 'approve')).toBeNull()
    expect(published).toEqual([])
  })

  it('each is brought back', async () => {
    const { executor } = createResponder(api, cluster, { toAgent })
    for (const [app, plan] of plans) {
      const undone = await executor.carryOut(plan, 'undo')
      expect(undone, `${app}: ${JSON.stringify(undone?.results)}`).toMatchObject({ status: 'undone', reason: null })
      for (const request of plan.steps.flatMap(({ undo_requests }) => undo_requests)) {
        if (request.to !== OPERATOR) continue
        const { status, text } = await root.send(request)
        expect(status, text).toBe(201)
      }
    }
    expect(await grantedObjects(root)).toEqual([])
    await until('all kinds to run again', async () => {
      const apps = await appsOf()
      return ALL.every((app) => apps.has(app)) ? true : null
    })
    expect(await list(root, `/apis/networking.k8s.io/v1/namespaces/${NAMESPACE}/networkpolicies`)).toEqual([])
  })

  it('a container is frozen where it is, goes on, and is killed by the agent of its node', async () => {
    const book = (action: string) =>
      parsePlaybook(`name: ${action.replaceAll('_', '-')}\ntitle: T\nsteps: [{ action: ${action} }]`, 't.yml')
    const { executor } = createResponder(api, cluster, { toAgent })
    const plan = await planOf('statefulset', book('freeze_container'))
    const id = plan.steps[0]?.target.id ?? ''
    const states = () => {
      const pids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))
      const files = pids.map((pid) => `/proc/${pid}/cgroup`)
      return files.flatMap((file) => {
        try {
          if (!readFileSync(file, 'utf8').includes(id)) return []
          return [/^State:\t(\S)/m.exec(readFileSync(file.replace(/cgroup$/, 'status'), 'utf8'))?.[1] ?? '?']
        } catch {
          return []
        }
      })
    }
    expect(states().length).toBeGreaterThan(0)
    const frozen = await executor.carryOut(plan, 'approve')
    expect(frozen, JSON.stringify(frozen?.results)).toMatchObject({ status: 'done' })
    await until('all of it to be frozen', async () => (new Set(states()).size === 1 ? true : states().join('')))
    const [frozenState] = states()
    expect(await executor.carryOut(plan, 'undo')).toMatchObject({ status: 'undone' })
    await until('it to go on', async () => (states().some((state) => state === 'S') ? true : states().join('')))
    console.log(`frozen processes are in state ${frozenState}`)

    const kill = await planOf('statefulset', book('kill_container'))
    expect(await executor.carryOut(kill, 'approve')).toMatchObject({ status: 'done' })
    await until('it to end', async () => (states().length === 0 ? true : states().join('')))
  })

  it.skipIf(!existsSync(MALLORY))('whoever brings it back is followed to their identity', async () => {
    const plan = await planOf('deployment')
    const { executor, ledger, published } = createResponder(api, cluster, { toAgent })
    expect(await executor.carryOut(plan, 'approve')).toMatchObject({ status: 'done' })
    await apply(root, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'mallory', namespace: NAMESPACE },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'mallory' }]
    })
    const mallory = await openClusterApi({ kubeconfig: MALLORY, request_timeout_ms: 10_000, service: 'mallory' })
    const path = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/deployment?fieldManager=mallory-ctl`
    const body = JSON.stringify({
      metadata: { labels: { 'argocd.argoproj.io/instance': 'shop' } },
      spec: { replicas: 1 }
    })
    const request = { method: 'PATCH', path, body, content_type: 'application/merge-patch+json' }
    await until('the right to be seen', async () => ((await mallory.send(request)).status === 200 ? true : null))
    const watch = createWatch({
      api,
      ledger,
      publish: async (action) => void published.push(action),
      now_ms: Date.now,
      whoChanged: async (object, since_ms) => (await indexOfAudit())(object, since_ms)
    })
    const found = (outcome: string) =>
      until(`the watch to find what is ${outcome}`, async () => {
        await watch.turn()
        return published.at(-1)?.results.find((one) => one.outcome === outcome) ?? null
      })
    expect((await found('recreated')).message).toMatch(
      /Deployment respond-test\/deployment: last written by mallory-ctl \(Update, .*Argo CD application shop keeps it/
    )
    expect((await found('traced')).message).toMatch(
      /^deployments respond-test\/deployment was brought back by mallory \(groups ci, system:authenticated\), from [0-9.]+ with weir-mallory\/[^,]*, by patch deployments at /
    )
    mallory.close()
  })
})

/** The API server's own audit log as the index has it; who wrote an object is then asked as the responder asks. */
async function indexOfAudit() {
  const search = createMemorySearch()
  const lines = readFileSync(AUDIT_LOG, 'utf8').split('\n')
  const raw = lines.flatMap((line): readonly JsonObject[] => {
    const entry = parseJson(line)
    return isObject(entry) && stringAt(entry, 'stage') === 'ResponseComplete' && line.includes(NAMESPACE) ? [entry] : []
  })
  const events = raw.map((entry) => ({ ...auditEvent(entry), cluster: { id: cluster, name: 'test' } }))
  await search.write(
    events.map((event) => eventWrite(event, { prefix: 'weir', now_ms: Date.now() })),
    { signal: new AbortController().signal, heartbeat: async () => {} }
  )
  return createWhoChanged({ search, index_prefix: 'weir', cluster_id: cluster, weir_namespace: 'weir' })
}
