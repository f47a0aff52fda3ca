import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { stringify } from 'yaml'
import type { Action } from '../../schemas/generated/types.ts'
import { setUpKafka, setUpOpenSearch } from '../../services/cli/commands/setup.ts'
import { openWorld, type World } from '../../services/cli/serve/world.ts'
import { settingsSchema } from '../../services/cli/settings.ts'
import { type ServiceProcesses, startServiceProcesses } from '../../services/cli/up/service-processes.ts'
import { WeirError } from '../../services/core/errors.ts'
import { arrayAt, at, type JsonObject, stringAt } from '../../services/core/json.ts'
import { createHealth } from '../../services/platform/health.ts'
import { createPublisher } from '../../services/platform/kafka/publisher.ts'
import { readTopic } from '../../services/platform/kafka/read-topic.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { createOpenSearchClient } from '../../services/platform/opensearch/client.ts'
import { indexPattern } from '../../services/platform/opensearch/index-names.ts'
import { createOpenSearch } from '../../services/platform/opensearch/search.ts'
import type { SearchPort } from '../../services/platform/opensearch/search-port.ts'
import { auditEvent } from '../support/enriched-event.ts'
import { createFakeCluster } from '../support/fake-cluster.ts'
import { incidentIn } from '../support/fresh-incident.ts'
import { type ServedCluster, serveFakeCluster } from '../support/serve-fake-cluster.ts'

/** `weir respond …` as commands of people, against responder, indexer, correlator, Kafka and OpenSearch as they run. */

const MAIN = fileURLToPath(new URL('../../services/cli/main.ts', import.meta.url))
const CLUSTER = { id: 'respond-commands', name: 'respond-commands' }
const UID = '33333333-3333-4333-8333-333333333333'
const POD = '/api/v1/namespaces/shop/pods/web-1'
const DEPLOYMENT = '/apis/apps/v1/namespaces/shop/deployments/web'
const SCALE = `${DEPLOYMENT}/scale`
const PREFIX = 'respond'
const PATIENCE_MS = 60_000

const owner = (kind: string, name: string, uid: string) => [
  { apiVersion: 'apps/v1', kind, name, uid, controller: true }
]
const pod = (name: string, uid: string): JsonObject => ({
  metadata: { uid, name, namespace: 'shop', ownerReferences: owner('ReplicaSet', 'web-abc', 'rs') },
  spec: { nodeName: 'n1', serviceAccountName: 'default' },
  status: { phase: 'Running' }
})
const deployment: JsonObject = { metadata: { uid: 'dep', name: 'web', namespace: 'shop' }, spec: { replicas: 3 } }
const cluster = createFakeCluster({
  [POD]: pod('web-1', UID),
  '/apis/apps/v1/namespaces/shop/replicasets/web-abc': {
    metadata: { uid: 'rs', name: 'web-abc', namespace: 'shop', ownerReferences: owner('Deployment', 'web', 'dep') }
  },
  [DEPLOYMENT]: deployment,
  [SCALE]: deployment
})
const replicas = () => at(cluster.objects.get(SCALE), ['spec', 'replicas'])
const incident = {
  ...incidentIn(CLUSTER.id, 'respond-commands-incident', [{ uid: UID, namespace: 'shop', name: 'web-1', node: 'n1' }]),
  playbook: 'test'
}
const PLAYBOOK = 'name: test\ntitle: Test\nsteps: [{ action: contain_workload }, { action: delete_pod }]\n'

const folder = mkdtempSync(join(tmpdir(), 'weir-respond-'))
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const alice = generateKeyPairSync('ed25519')
const eve = generateKeyPairSync('ed25519')
const pem = ({ privateKey }: typeof alice) => privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

let served: ServedCluster
let services: ServiceProcesses
let world: World
let search: SearchPort
let config: string

async function weir(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, 'respond', ...args, '-c', config])
  return stdout
}

async function until<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; ) {
    // An index that has just been made does not answer at once.
    const found = await look().catch((error: unknown) => {
      if (error instanceof WeirError && error.code === 'OPENSEARCH_UNAVAILABLE') return null
      throw error
    })
    if (found !== null) return found
    if (Date.now() > end) throw new Error(`waited ${PATIENCE_MS} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** A state of an action of this incident in the index. */
const indexed = (
  what: string,
  wanted: Readonly<Record<string, string>>,
  more: (document: JsonObject) => boolean = () => true
) =>
  until(what, async () => {
    const terms = Object.fromEntries(Object.entries(wanted).map(([key, value]) => [`weir.action.${key}`, [value]]))
    const found = await search.find({ index: indexPattern(PREFIX, 'actions'), terms, size: 100 })
    return found.map(({ document }) => document).find(more) ?? null
  })

async function onTopic(): Promise<readonly Action[]> {
  const actions: Action[] = []
  for await (const { value } of readTopic(world.kafka, 'weir.actions.v1')) {
    if (value === null) continue
    const action = await world.codec.decode('action', value)
    if (action.incident_id === incident.id) actions.push(action)
  }
  return actions
}

async function publish(topic: string, key: string, value: Buffer): Promise<void> {
  const publisher = createPublisher(world.kafka)
  await publisher.publish([{ topic, key, value }])
  await publisher.close()
}

beforeAll(async () => {
  served = await serveFakeCluster(cluster.api)
  const endpoints = inject('endpoints')
  const kubeconfig = file('kubeconfig', served.kubeconfig)
  const playbooks = mkdtempSync(join(folder, 'playbooks-'))
  writeFileSync(join(playbooks, 'test.yml'), PLAYBOOK)
  const given = {
    cluster: CLUSTER,
    kafka: { brokers: [endpoints.kafka], group_prefix: PREFIX },
    registry: { url: endpoints.registry },
    redis: { url: endpoints.redis, key_prefix: `${PREFIX}:` },
    opensearch: { nodes: [endpoints.opensearch], index_prefix: PREFIX },
    responder: {
      mode: 'approve',
      cluster_access: 'kubeconfig',
      kubeconfig,
      playbooks: [playbooks],
      approval_keys: [
        {
          name: 'alice',
          public_key_file: file('alice.pub', alice.publicKey.export({ type: 'spki', format: 'pem' }).toString())
        }
      ]
    }
  }
  file('alice.pem', pem(alice))
  file('eve.pem', pem(eve))
  config = file('weir.yml', stringify(given))
  const settings = settingsSchema.parse(given)
  await setUpKafka(settings)
  await setUpOpenSearch(settings)
  world = await openWorld(settings, silentLogger, createHealth())
  search = createOpenSearch(createOpenSearchClient(settings.opensearch), settings.opensearch, silentLogger)
  services = await startServiceProcesses(['correlator', 'indexer', 'responder'], {
    settings_file: config,
    log_directory: join(folder, 'logs'),
    note: () => {}
  })
  await services.ready(120_000)
}, 180_000)

afterAll(async () => {
  await services?.stop()
  await search?.close()
  await served?.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('weir respond', () => {
  let id = ''
  const signed = (verb: 'approve' | 'undo', key = 'alice.pem') =>
    weir(verb, id, '--by', 'alice', '--key', join(folder, key))

  it('plan prints the plan that the responder makes of the incident, too, and keeps it', async () => {
    await publish('weir.incidents.v1', incident.id, world.codec.encode('incident', incident))
    await indexed('the responder’s own plan', { incident_id: incident.id, status: 'planned' })
    const plan = JSON.parse(await weir('plan', incident.id, '--json')) as Action
    id = plan.id
    expect(plan.steps.map(({ name }) => name)).toEqual(['contain_workload', 'delete_pod'])
    const kept = await onTopic()
    expect(new Set(kept.map(({ status }) => status))).toEqual(new Set(['planned']))
    expect(new Set(kept.map((one) => one.id))).toEqual(new Set([id]))
    expect(await weir('permissions')).toBe('none: nothing is being done\n')
    expect(replicas()).toBe(3)
  })

  it('approve with another’s key changes nothing, and raises a signal that reaches the index and an incident', async () => {
    await signed('approve', 'eve.pem')
    await indexed('the refusal', { incident_id: incident.id, status: 'failed' }, (document) =>
      (stringAt(document, 'weir', 'action', 'reason') ?? '').startsWith('RESPOND_APPROVAL_FORGED')
    )
    const signal = await until('the signal', async () => {
      const found = await search.find({
        index: indexPattern(PREFIX, 'signals'),
        terms: { 'orchestrator.cluster.id': [CLUSTER.id], 'weir.signal.code': ['W01'] },
        size: 10
      })
      return found[0]?.document ?? null
    })
    expect(at(signal, ['weir', 'severity'])).toBe('high')
    const raised = await until('the incident', async () => {
      const terms = { 'orchestrator.cluster.id': [CLUSTER.id], 'weir.incident.severity': ['high'] }
      return (await search.find({ index: indexPattern(PREFIX, 'incidents'), terms, size: 10 }))[0]?.document ?? null
    })
    expect(arrayAt(raised, 'weir', 'incident', 'entities').map((one) => stringAt(one, 'id'))).toContain(
      'weir.actions.v1'
    )
    expect(replicas()).toBe(3)
  })

  it('stop keeps an approved plan from being carried out, until it is lifted', async () => {
    expect(await weir('stop', '--by', 'alice')).toContain('stopped by alice')
    await signed('approve')
    await indexed('the refusal', { incident_id: incident.id, status: 'failed' }, (document) =>
      (stringAt(document, 'weir', 'action', 'reason') ?? '').startsWith('RESPOND_STOPPED')
    )
    expect(replicas()).toBe(3)
    expect(await weir('stop', '--lift')).toBe('the responder may act\n')
  })

  it('approve has it carried out, each step recorded on the topic and in the index, and no permission is left', async () => {
    await signed('approve')
    await indexed('the end', { id, status: 'done' })
    expect(replicas()).toBe(0)
    expect(cluster.objects.has(POD)).toBe(false)
    const states = (await onTopic()).filter(({ results }) => results.length > 0)
    expect(states.at(-1)?.results.map(({ outcome }) => outcome)).toEqual(['intended', 'done', 'intended', 'done'])
    expect(states.at(-1)?.approval?.by).toBe('alice')
    expect(cluster.permissions()).toEqual([])
    expect(await weir('permissions')).toBe('none: nothing is being done\n')
  })

  it('whoever brings it back is named from the audit events that the indexer has', async () => {
    const time = new Date().toISOString()
    const event = auditEvent({
      auditID: 'brought-back',
      verb: 'patch',
      objectRef: { resource: 'deployments', subresource: 'scale', namespace: 'shop', name: 'web', apiGroup: 'apps' },
      user: { username: 'mallory', groups: ['ci'] },
      sourceIPs: ['203.0.113.9'],
      requestReceivedTimestamp: time,
      stageTimestamp: time
    })
    await publish('weir.events.v1', 'mallory', world.codec.encode('enriched-event', { ...event, cluster: CLUSTER }))
    cluster.objects.set('/api/v1/namespaces/shop/pods/web-2', pod('web-2', 'another'))
    const traced = await indexed('who it was', { id, status: 'failed' }, (document) =>
      JSON.stringify(at(document, ['weir', 'action', 'results'])).includes('traced')
    )
    expect(JSON.stringify(traced)).toContain(
      'deployments shop/web was brought back by mallory (groups ci), from 203.0.113.9'
    )
    cluster.objects.delete('/api/v1/namespaces/shop/pods/web-2')
  })

  it('undo brings the workload back', async () => {
    await signed('undo')
    await indexed('the undo', { id, status: 'undone' })
    expect(replicas()).toBe(3)
    expect(cluster.permissions()).toEqual([])
  })
})
