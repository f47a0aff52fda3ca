import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectTo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { pickFreePort } from '../../infra/native/ports.ts'
import { startNativeServers } from '../../infra/native/start.ts'
import { silentProgress } from '../../infra/progress.ts'
import { weirHome } from '../../infra/settings.ts'
import type { RuntimeEvent } from '../../schemas/generated/types.ts'
import { setUpKafka } from '../../services/cli/commands/setup.ts'
import { openWorld, type World } from '../../services/cli/serve/world.ts'
import { settingsSchema } from '../../services/cli/settings.ts'
import { arrayAt, property, stringAt } from '../../services/core/json.ts'
import { createHealth } from '../../services/platform/health.ts'
import { readTopic } from '../../services/platform/kafka/read-topic.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { blindness } from '../cluster-respond/live-responder.ts'
import { type Cluster, clusterIn, GATEWAY } from './cluster.ts'
import { BUSYBOX_IMAGE } from './images.ts'
import { WEIR_IMAGE, writeWeirImage } from './weir-image.ts'

const MANIFESTS = new URL('../../infra/kubernetes/node-agent.yaml', import.meta.url)
const NAMESPACE = 'watched'
const AGENT = 'app.kubernetes.io/name=weir-node-agent'
const patient = { timeout: 120_000, interval: 1_000 }
/** SYS_PTRACE, PERFMON and BPF, by their numbers. */
const CAPABILITIES = (1n << 19n) | (1n << 38n) | (1n << 39n)

let cluster: Cluster
let world: World
let folder: string
const relays: Server[] = []
let stopServers: (() => Promise<void>) | null = null

/** Pods reach what listens on the loopback address through the bridge that they are on, at the same port. */
async function relay(port: number): Promise<void> {
  const server = createServer((incoming) => {
    const outgoing = connectTo(port, '127.0.0.1')
    incoming.pipe(outgoing).pipe(incoming)
    incoming.on('error', () => outgoing.destroy())
    outgoing.on('error', () => incoming.destroy())
  })
  await new Promise<void>((resolve) => server.listen(port, GATEWAY, resolve))
  relays.push(server)
}

const isReady = (condition: unknown) => stringAt(condition, 'type') === 'Ready'

/** A file of /proc; nothing when its process has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

const pod = (name: string, command: readonly string[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: NAMESPACE },
  spec: {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: BUSYBOX_IMAGE, command }]
  }
})

/** infra/kubernetes/node-agent.yaml with what is to be filled in there, and with this node's places. */
function manifests(settings: object): readonly object[] {
  return parseAllDocuments(readFileSync(MANIFESTS, 'utf8')).map((document) => {
    const object = document.toJS() as Record<string, unknown>
    if (object['kind'] === 'ConfigMap') {
      const own = parse(stringAt(object, 'data', 'weir.yml') ?? '') as Record<string, unknown>
      return { ...object, data: { 'weir.yml': stringify({ ...own, ...settings }) } }
    }
    if (object['kind'] !== 'DaemonSet') return object
    document.setIn(['spec', 'template', 'spec', 'containers', 0, 'image'], WEIR_IMAGE)
    const paths: Readonly<Record<string, string>> = {
      state: join(folder, 'state'),
      containerd: dirname(cluster.containerd_socket),
      crio: join(folder, 'crio'),
      k3s: join(folder, 'k3s')
    }
    for (const [index, volume] of arrayAt(object, 'spec', 'template', 'spec', 'volumes').entries()) {
      const path = paths[String(property(volume, 'name'))]
      if (path !== undefined) document.setIn(['spec', 'template', 'spec', 'volumes', index, 'hostPath', 'path'], path)
    }
    return document.toJS() as object
  })
}

async function events(): Promise<RuntimeEvent[]> {
  const found: RuntimeEvent[] = []
  for await (const { value } of readTopic(world.kafka, 'weir.runtime.v1'))
    if (value !== null) found.push(...(await world.codec.decode('runtime-batch', value)).events)
  return found
}

/** The agent's pod, as kubectl has it. */
function agentPod(): unknown {
  const [found] = arrayAt(JSON.parse(cluster.kubectl('-n', 'weir', 'get', 'pods', '-l', AGENT, '-o', 'json')), 'items')
  return found
}

// Without BTF, a compiler or rights there is no sensor to run.
describe.skipIf(blindness() !== null)('the node agent’s DaemonSet, as infra/kubernetes has it', () => {
  beforeAll(async () => {
    cluster = clusterIn(inject('cluster_folder'))
    folder = mkdtempSync(join(tmpdir(), 'weir-daemonset-'))
    const archive = join(folder, 'weir.tar')
    writeWeirImage(archive)
    cluster.importImage(archive)
    rmSync(archive)
    cluster.kubectl('create', 'namespace', NAMESPACE)
    // The first pod of a node makes its bridge.
    cluster.apply(pod('before', ['sleep', '3600']))
    cluster.kubectl('-n', NAMESPACE, 'wait', '--for=condition=Ready', 'pod/before', '--timeout=90s')
    const taken = new Set<number>()
    const ports = { kafka: await pickFreePort(taken), registry: await pickFreePort(taken) }
    const servers = await startNativeServers({
      home: weirHome(),
      data: join(folder, 'servers'),
      ports,
      only: ['kafka', 'registry'],
      fresh: true,
      kafka_properties: { 'advertised.listeners': `PLAINTEXT://${GATEWAY}:${ports.kafka}` },
      progress: silentProgress
    })
    stopServers = () => servers.stop()
    for (const port of Object.values(ports)) await relay(port)
    const places = {
      cluster: { id: 'uid-of-kube-system', name: 'test' },
      kafka: { brokers: [`${GATEWAY}:${ports.kafka}`] },
      registry: { url: servers.endpoints.registry.replace('127.0.0.1', GATEWAY) }
    }
    const settings = settingsSchema.parse(places)
    await setUpKafka(settings)
    world = await openWorld(settings, silentLogger, createHealth())
    cluster.apply(...manifests(places))
  }, 300_000)

  afterAll(async () => {
    // With its pods: other tests look at what runs on the node.
    const gone = ['--cascade=foreground', '--ignore-not-found', '--wait', '--timeout=90s']
    cluster?.kubectl('-n', 'weir', 'delete', 'daemonset', 'weir-node-agent', ...gone)
    cluster?.kubectl('delete', 'namespace', NAMESPACE, ...gone)
    for (const server of relays) server.close()
    await stopServers?.()
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  }, 120_000)

  it('is ready, with the capabilities that it is given and no others', async () => {
    const ready = () => stringAt(arrayAt(agentPod(), 'status', 'conditions').find(isReady), 'status')
    await expect.poll(ready, patient).toBe('True')
    const [status] = arrayAt(agentPod(), 'status', 'containerStatuses')
    expect(status).toMatchObject({ restartCount: 0 })
    const id = stringAt(status, 'containerID')?.replace('containerd://', '') ?? '-'
    const own = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && read(`/proc/${pid}/cgroup`).includes(id))
    expect(own.length).toBeGreaterThan(0)
    for (const pid of own) {
      const held = /^CapEff:\s*([0-9a-f]+)$/m.exec(read(`/proc/${pid}/status`))?.[1]
      expect(BigInt(`0x${held}`)).toBe(CAPABILITIES)
    }
  }, 150_000)

  it('tells Kafka of what runs in a pod, with container and pod', async () => {
    cluster.apply(pod('after', ['sh', '-c', 'cat /etc/passwd; exit 3']))
    const ofContainer = async () =>
      (await events()).filter(({ container, pod: of }) => of?.name === 'after' && container?.name === 'main')
    const texts = async () =>
      (await ofContainer())
        .filter(({ action }) => action === 'exec' || action === 'exit')
        .map(({ action, process }) => `${action} ${process?.args.join(' ')} ${process?.exit_code ?? ''}`.trim())
    const shell = 'sh -c cat /etc/passwd; exit 3'
    await expect.poll(texts, patient).toEqual(expect.arrayContaining([`exec ${shell}`, `exit ${shell} 3`]))
    for (const { container, pod: of } of await ofContainer()) {
      expect(of?.namespace).toBe(NAMESPACE)
      expect(container).toMatchObject({ image_name: BUSYBOX_IMAGE, privileged: false })
    }
    // What else this machine does may cost it events of files, and it says so; no process may be lost.
    const drops = (await events()).filter(({ action }) => action === 'drop').map(({ attributes }) => attributes['kind'])
    expect(drops.filter((kind) => kind === undefined || ['exec', 'exit', 'fork'].includes(kind))).toEqual([])
  }, 150_000)

  it('knows what ran before it', async () => {
    cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', 'before', '--wait')
    const ended = async () =>
      (await events()).filter(({ action, pod: of }) => action === 'exit' && of?.name === 'before')
    await expect
      .poll(async () => (await ended()).map(({ process }) => process?.args), patient)
      .toContainEqual(['sleep', '3600'])
  }, 150_000)
})
