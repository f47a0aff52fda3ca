import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { EnrichedEvent } from '../../schemas/generated/types.ts'
import {
  containersIn,
  containersInDocuments,
  isListed,
  type ListedContainer
} from '../../services/core/enrich/container-list.ts'
import { factKey } from '../../services/core/enrich/pod-facts.ts'
import { arrayAt, at, stringAt } from '../../services/core/json.ts'
import { lacking } from './attribution.ts'
import { type Cluster, clusterIn, restartApiServer } from './cluster.ts'
import { inventoryKubeconfig } from './inventory-account.ts'
import { IDENTITY, startTestPipeline, type TestPipeline } from './pipeline.ts'
import { type ProcessWatch, watchProcesses } from './process-watch.ts'
import { CUSTOM_KIND, CUSTOM_OWNER, NAMESPACE, STATIC_POD, shortJob, workloads } from './workloads.ts'

const patient = { timeout: 90_000, interval: 250 }
/** Of each length; more for a measurement. */
const SHORT_CONTAINERS = Number(process.env['WEIR_TEST_SHORT_CONTAINERS'] ?? 20)
/** Five at a time: on two busy cores kubelet takes seconds for each. */
const SHORT_PATIENCE_S = 120 + 6 * SHORT_CONTAINERS
const timeout = (SHORT_PATIENCE_S + 240) * 1000

let cluster: Cluster
let pipeline: TestPipeline
let watch: Awaited<ReturnType<TestPipeline['watch']>>
let processes: ProcessWatch

/** What kubectl says of running containers: `namespace/pod/container id`. */
function fromKubectl(): string[] {
  const pods: unknown = JSON.parse(cluster.kubectl('get', 'pods', '-A', '-o', 'json'))
  return arrayAt(pods, 'items')
    .flatMap((pod) => {
      const place = `${stringAt(pod, 'metadata', 'namespace')}/${stringAt(pod, 'metadata', 'name')}`
      const statuses = [
        ...arrayAt(pod, 'status', 'containerStatuses'),
        ...arrayAt(pod, 'status', 'initContainerStatuses')
      ]
      return statuses
        .filter((status) => at(status, ['state', 'running']) !== undefined)
        .map(
          (status) =>
            `${place}/${stringAt(status, 'name')} ${stringAt(status, 'containerID')?.replace('containerd://', '')}`
        )
    })
    .toSorted()
}
const texts = (containers: readonly ListedContainer[]) =>
  containers
    .filter((container) => isListed(container, {}))
    .map(({ namespace, pod, name, id }) => `${namespace}/${pod}/${name} ${id}`)
    .toSorted()
const live = async () => containersIn(await pipeline.inventory())
async function indexed(): Promise<ListedContainer[]> {
  const found = await pipeline.search.find({
    index: 'weir-containers',
    terms: { 'weir.inventory.deleted': ['false'] },
    size: 10_000
  })
  return containersInDocuments(found.map(({ document }) => document))
}

beforeAll(async () => {
  cluster = clusterIn(inject('cluster_folder'))
  cluster.kubectl('create', 'namespace', NAMESPACE)
  cluster.apply(CUSTOM_KIND)
  cluster.apply({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'weir-inventory-applications' },
    rules: [{ apiGroups: ['example.com'], resources: ['applications'], verbs: ['list', 'watch'] }]
  })
  cluster.kubectl(
    'create',
    'clusterrolebinding',
    'weir-inventory-applications',
    '--clusterrole=weir-inventory-applications',
    '--serviceaccount=weir:weir-inventory'
  )
  cluster.kubectl('wait', '--for=condition=established', 'crd/applications.example.com', '--timeout=30s')
  pipeline = await startTestPipeline(cluster, inventoryKubeconfig(cluster), {
    events: ['exec', 'exit'],
    custom_kind: true
  })
  watch = await pipeline.watch()
  processes = watchProcesses(pipeline.sensor_file, cluster.node)
  cluster.apply(CUSTOM_OWNER)
  const uid = cluster.kubectl('-n', NAMESPACE, 'get', 'application', 'portal', '-o', 'jsonpath={.metadata.uid}')
  cluster.apply(...workloads(uid))
  cluster.kubectl('-n', NAMESPACE, 'create', 'job', 'once', '--from=cronjob/tick')
  const manifest = join(cluster.folder, 'static.json')
  writeFileSync(manifest, JSON.stringify(STATIC_POD))
  copyFileSync(manifest, join(cluster.folder, 'static-pods/static.json'))
}, 120_000)

afterAll(async () => {
  processes?.stop()
  await watch?.stop()
  await pipeline?.stop()
  if (cluster !== undefined) rmSync(join(cluster.folder, 'static-pods/static.json'), { force: true })
}, 60_000)

describe('the inventory of a real cluster', () => {
  it('can list all it watches with the rights that infra/kubernetes gives it', async () => {
    await expect.poll(() => watch.health.readiness(), patient).toEqual([{ name: 'kubernetes', error: null }])
  })

  it('lists the containers that kubectl lists, from the topic and from the index', async () => {
    // Other tests' pods may be there already.
    const own = () => fromKubectl().filter((text) => text.startsWith(`${NAMESPACE}/`))
    await expect.poll(() => own().length, patient).toBeGreaterThanOrEqual(11)
    await expect.poll(async () => texts(await live()), patient).toEqual(fromKubectl())
    await expect.poll(async () => texts(await indexed()), patient).toEqual(fromKubectl())
    const isBare = ({ namespace, pod, state }: ListedContainer) =>
      namespace === NAMESPACE && pod === 'bare' && state === 'running'
    const bare = (await live()).filter(isBare)
    expect(bare).toMatchObject([
      { node: 'node1', name: 'main', image: 'docker.io/library/busybox:test', privileged: true },
      { node: 'node1', name: 'side', privileged: false }
    ])
    expect(bare[0]?.image_id).toMatch(/^sha256:/)
    expect(bare[0]?.started).toMatch(/^\d{4}-/)
  }, 120_000)

  it.each([
    ['web', 'Deployment', 'web'],
    ['portal', 'Application', 'portal'],
    ['db', 'StatefulSet', 'db'],
    ['agent', 'DaemonSet', 'agent'],
    ['alone', 'ReplicaSet', 'alone'],
    ['batch', 'Job', 'batch'],
    ['tick', 'CronJob', 'tick']
  ])('knows that pods of %s belong to the %s %s', async (app, kind, name) => {
    const pods = (await pipeline.inventory()).filter((record) => record.kind === 'Pod' && record.labels['app'] === app)
    expect(pods.length).toBeGreaterThan(0)
    for (const pod of pods) {
      const key = factKey.podUid(IDENTITY.id, pod.uid)
      expect((await pipeline.store.fetch([key])).get(key)?.workload).toMatchObject({ kind, name })
    }
  })

  it('knows whose an address is, and a service account', async () => {
    const address = cluster.kubectl('-n', NAMESPACE, 'get', 'pod', 'db-0', '-o', 'jsonpath={.status.podIP}')
    const service = cluster.kubectl('-n', NAMESPACE, 'get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}')
    const node = cluster.kubectl('get', 'node', cluster.node, '-o', 'jsonpath={.status.addresses[0].address}')
    const keys = [
      ...[address, service, node].map((ip) => factKey.address(IDENTITY.id, ip)),
      factKey.serviceAccount(IDENTITY.id, NAMESPACE, 'default')
    ]
    await expect
      .poll(async () => {
        const found = await pipeline.store.find(keys)
        return keys.map((key) => `${found.get(key)?.kind} ${found.get(key)?.name}`)
      }, patient)
      .toEqual(['Pod db-0', 'Service web', `Node ${cluster.node}`, 'ServiceAccount default'])
  })

  it('finds out what was deleted, also while it was not there, and while the API server forgot', async () => {
    const gone = async (name: string) =>
      (await pipeline.inventory())
        .filter((record) => record.kind === 'Pod' && record.name === name)
        .every(({ deleted }) => deleted)
    const remove = (name: string) =>
      cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', name, '--grace-period=0', '--force')
    cluster.apply(
      ...['one', 'two', 'three'].map((name) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: NAMESPACE },
        spec: { containers: [{ name: 'main', image: 'docker.io/library/busybox:test', command: ['sleep', '3600'] }] }
      }))
    )
    const running = async () => texts(await live()).filter((text) => /^shop\/(one|two|three)\//.test(text)).length
    await expect.poll(running, patient).toBe(3)

    remove('one')
    await expect.poll(() => gone('one'), patient).toBe(true)

    await watch.stop()
    remove('two')
    watch = await pipeline.watch()
    await expect.poll(() => gone('two'), patient).toBe(true)

    // The new server does not have the history that the watches were in.
    await restartApiServer(cluster.folder)
    remove('three')
    await expect.poll(() => gone('three'), patient).toBe(true)
    await expect.poll(async () => texts(await indexed()), patient).toEqual(fromKubectl())
  }, 300_000)
})

describe('events of a real cluster', () => {
  const inContainers = async (provider: string) =>
    (await pipeline.events()).filter(({ container, source }) => container !== null && source.provider === provider)

  /** The looks into /proc go on meanwhile. */
  async function runAll(name: string, seconds: number): Promise<void> {
    cluster.apply(shortJob(name, SHORT_CONTAINERS, seconds))
    const until = ['--for=condition=complete', `job/${name}`, `--timeout=${SHORT_PATIENCE_S}s`]
    await cluster.kubectlLater('-n', NAMESPACE, 'wait', ...until)
  }

  it(`of ${SHORT_CONTAINERS} containers of 100 ms and all others know container, pod and owner`, {
    timeout
  }, async () => {
    await runAll('short', 0.1)
    const sensed = [...processes.seen.values()].reduce((total, count) => total + count, 0)
    await expect.poll(async () => (await inContainers('tetragon')).length, patient).toBeGreaterThanOrEqual(sensed)
    const events = await inContainers('tetragon')
    expect(lacking(events, NAMESPACE)).toEqual([])
    const short = new Set(events.filter(({ workload }) => workload?.name === 'short').map(({ pod }) => pod?.name))
    expect(short.size / SHORT_CONTAINERS).toBeGreaterThanOrEqual(0.9)
    expect(events.filter(({ workload }) => workload?.kind === 'CronJob').length).toBeGreaterThan(0)
  })

  it('of the agent’s own sensor are all there, each with container, pod and owner', { timeout }, async (test) => {
    // Without BTF, a compiler or rights there is no sensor to test; the reason is given with the skip.
    if (pipeline.blind !== null) return test.skip(pipeline.blind)
    const runs = async (name: string) =>
      (await inContainers('bpf')).filter(
        ({ runtime, workload }) =>
          runtime?.action === 'exec' && runtime.process?.name === 'sleep' && workload?.name === name
      ).length
    await runAll('fleeting', 0)
    // As many as kubectl says have run, by the test's own count.
    for (const name of ['short', 'fleeting']) {
      try {
        await expect.poll(() => runs(name), patient).toBe(SHORT_CONTAINERS)
      } finally {
        console.log(`${name} containers that have their owner: ${await runs(name)} of ${SHORT_CONTAINERS}`)
      }
    }
    const [first] = JSON.parse(cluster.kubectl('-n', NAMESPACE, 'get', 'pods', '-l', 'app=web', '-o', 'json')).items
    const name = stringAt(first, 'metadata', 'name') ?? ''
    cluster.kubectl('-n', NAMESPACE, 'exec', name, '--', 'sh', '-c', 'id; true')
    const isExec = ({ runtime, pod }: EnrichedEvent) => pod?.name === name && runtime?.process?.name === 'sh'
    await expect.poll(async () => (await inContainers('bpf')).filter(isExec).length, patient).toBeGreaterThan(0)
    expect((await inContainers('bpf')).find(isExec)).toMatchObject({
      container: { name: 'main', image_name: 'docker.io/library/busybox:test', privileged: false },
      pod: { namespace: NAMESPACE, node: 'node1', service_account: `${NAMESPACE}/default` },
      workload: { kind: 'Deployment', name: 'web' }
    })
    expect(lacking(await inContainers('bpf'), NAMESPACE)).toEqual([])
  })
})
