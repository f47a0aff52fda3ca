import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createCriClient } from '../../services/platform/cri/client.ts'
import { clusterBinary, isBinaryReady } from './binary.ts'
import { makeCertificates } from './certificates.ts'
import { writeBaseImages } from './images.ts'
import { startPart, stopPart, untilReady } from './parts.ts'
import { missingForCluster } from './requirements.ts'

const execute = promisify(execFile)

const API_PORT = 16_443
const KUBELET_PORT = 16_250
const ETCD = 'http://127.0.0.1:12379'
const ETCD_PEER = 'http://127.0.0.1:12380'
/** The bridge that all pods are on. */
export const BRIDGE = 'cni-weir'
export const POD_NETWORK = '10.244.0.0/24'
/** This machine, as pods see it: the bridge's own address. */
export const GATEWAY = '10.244.0.1'
const SERVICE_NETWORK = '10.96.0.0/16'
/** The API server's address in the service network. */
const API_SERVICE = '10.96.0.1'
const POLICY = fileURLToPath(new URL('../../infra/audit/policy.yaml', import.meta.url))
/** Settings of the host that kubelet changes. */
const SYSCTLS = ['kernel.panic', 'kernel.panic_on_oops', 'vm.overcommit_memory', 'net.ipv4.ip_forward']

/** A Kubernetes of one node on this machine: etcd, control plane, kubelet, containerd, real containers. */
export interface Cluster {
  readonly folder: string
  /** Of the cluster's admin; beside it `alice` (group developers) and `mallory` (group ci). */
  readonly kubeconfig: string
  readonly containerd_socket: string
  readonly audit_log: string
  /** Name of its node. */
  readonly node: string
  /** Runs kubectl as admin. @returns what it printed @throws when it fails */
  kubectl(...args: string[]): string
  /** The same, while this process goes on with other things. */
  kubectlLater(...args: string[]): Promise<string>
  /** The same, with objects on standard input. */
  apply(...objects: readonly object[]): void
  /** Imports an image archive. */
  importImage(archive: string): void
}

export interface ClusterOptions {
  /** Where the API server sends its audit events too; it tries again, so that nobody has to be there yet. */
  readonly audit_webhook?: { readonly url: string; readonly ca_file?: string } | undefined
  readonly say?: (text: string) => void
}

const containerd = (folder: string) => join(folder, 'containerd')
const socketOf = (folder: string) => join(containerd(folder), 'containerd.sock')
const ctr = (folder: string, ...args: string[]) =>
  spawnSync('ctr', ['-a', socketOf(folder), '-n', 'k8s.io', ...args], { encoding: 'utf8' })

function nodeAddress(): string {
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)
  if (found === undefined) throw new Error('this machine has no IPv4 address beside the loopback; the node needs one')
  return found.address
}

async function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const answer = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}

/** A cluster that runs, in its folder. */
export function clusterIn(folder: string): Cluster {
  const program = join(folder, 'bin/kubectl')
  const kubeconfig = join(folder, 'admin.kubeconfig')
  const run = (args: readonly string[], input?: string) =>
    execFileSync(program, ['--kubeconfig', kubeconfig, ...args], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(input !== undefined && { input })
    })
  return {
    folder,
    kubeconfig,
    containerd_socket: socketOf(folder),
    audit_log: join(folder, 'log/audit.jsonl'),
    node: 'node1',
    kubectl: (...args) => run(args),
    kubectlLater: async (...args) => (await execute(program, ['--kubeconfig', kubeconfig, ...args])).stdout,
    apply: (...objects) => {
      run(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
    },
    importImage: (archive) => {
      const { status, stderr } = ctr(folder, 'images', 'import', archive)
      if (status !== 0) throw new Error(`${archive} cannot be imported: ${stderr}`)
    }
  }
}

/** Brings a cluster up in a folder, which takes some 20 s. @throws when the machine lacks something, or a part does not start */
export async function startCluster(folder: string, options: ClusterOptions = {}): Promise<Cluster> {
  const say = options.say ?? (() => undefined)
  const problems = missingForCluster(isBinaryReady())
  if (problems.length > 0) throw new Error(`the cluster cannot run here:\n- ${problems.join('\n- ')}`)
  if (await isOpen(API_PORT))
    throw new Error(
      `another test cluster runs on this machine: something listens on port ${API_PORT}; take it down first`
    )
  const binary = clusterBinary(say)
  for (const part of ['bin', 'run', 'log', 'images', 'static-pods']) mkdirSync(join(folder, part), { recursive: true })
  for (const name of ['kubemulti', 'kubectl']) {
    rmSync(join(folder, 'bin', name), { force: true })
    symlinkSync(binary, join(folder, 'bin', name))
  }
  const address = nodeAddress()
  makeCertificates(folder, address, API_PORT)
  const start = (name: string, args: readonly string[]) =>
    startPart(folder, name, join(folder, 'bin/kubemulti'), [name, ...args])
  try {
    await startControlPlane(folder, address, options, start)
    await startContainerd(folder)
    await startKubelet(folder, address, start)
  } catch (error) {
    await stopCluster(folder)
    throw error
  }
  say('the cluster is ready')
  return clusterIn(folder)
}

/** Ends the API server and starts it again: it then has no history of changes. */
export async function restartApiServer(folder: string): Promise<void> {
  const args = JSON.parse(readFileSync(join(folder, 'run/kube-apiserver.json'), 'utf8')) as string[]
  await stopPart(folder, 'kube-apiserver')
  startPart(folder, 'kube-apiserver', join(folder, 'bin/kubemulti'), ['kube-apiserver', ...args])
  await untilApiAnswers(folder)
}

async function untilApiAnswers(folder: string): Promise<void> {
  const ask = ['--kubeconfig', join(folder, 'admin.kubeconfig'), 'get', '--raw', '/readyz']
  const answers = () => spawnSync(join(folder, 'bin/kubectl'), ask).status === 0
  await untilReady('the API server is not ready', answers, { folder, part: 'kube-apiserver' })
}

type StartPart = (name: string, args: readonly string[]) => void

async function startControlPlane(
  folder: string,
  address: string,
  options: ClusterOptions,
  start: StartPart
): Promise<void> {
  const pki = (name: string) => join(folder, 'pki', name)
  start('etcd', [
    ...['--name', 'test', '--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync'],
    ...['--listen-client-urls', ETCD, '--advertise-client-urls', ETCD, '--listen-peer-urls', ETCD_PEER],
    ...['--initial-advertise-peer-urls', ETCD_PEER, '--initial-cluster', `test=${ETCD_PEER}`]
  ])
  const ok = (url: string) => async () => {
    try {
      return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok
    } catch {
      return false
    }
  }
  await untilReady('etcd is not healthy', ok(`${ETCD}/health`), { folder, part: 'etcd' })

  const policy = join(folder, 'audit-policy.yaml')
  if (!existsSync(policy)) copyFileSync(POLICY, policy)
  const { audit_webhook } = options
  const webhook = join(folder, 'audit-webhook.kubeconfig')
  if (audit_webhook !== undefined) {
    const cluster = {
      server: audit_webhook.url,
      ...(audit_webhook.ca_file !== undefined && { 'certificate-authority': audit_webhook.ca_file })
    }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'audit', cluster }],
      users: [{ name: 'audit', user: {} }],
      contexts: [{ name: 'audit', context: { cluster: 'audit', user: 'audit' } }],
      'current-context': 'audit'
    }
    writeFileSync(webhook, JSON.stringify(config))
  }
  const serverArgs = [
    `--etcd-servers=${ETCD}`,
    '--bind-address=0.0.0.0',
    `--advertise-address=${address}`,
    `--secure-port=${API_PORT}`,
    `--tls-cert-file=${pki('apiserver.crt')}`,
    `--tls-private-key-file=${pki('apiserver.key')}`,
    `--client-ca-file=${pki('ca.crt')}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${pki('sa.pub')}`,
    `--service-account-signing-key-file=${pki('sa.key')}`,
    `--service-cluster-ip-range=${SERVICE_NETWORK}`,
    '--endpoint-reconciler-type=none',
    `--kubelet-client-certificate=${pki('apiserver-kubelet.crt')}`,
    `--kubelet-client-key=${pki('apiserver-kubelet.key')}`,
    `--kubelet-certificate-authority=${pki('ca.crt')}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--requestheader-client-ca-file=${pki('ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${pki('front-proxy.crt')}`,
    `--proxy-client-key-file=${pki('front-proxy.key')}`,
    `--audit-policy-file=${policy}`,
    `--audit-log-path=${join(folder, 'log/audit.jsonl')}`,
    '--audit-log-mode=blocking',
    '--audit-log-maxsize=100',
    ...(audit_webhook === undefined
      ? []
      : [
          `--audit-webhook-config-file=${webhook}`,
          '--audit-webhook-batch-max-wait=1s',
          '--audit-webhook-batch-max-size=100',
          '--audit-webhook-initial-backoff=1s'
        ]),
    '--profiling=false'
  ]
  writeFileSync(join(folder, 'run/kube-apiserver.json'), JSON.stringify(serverArgs))
  start('kube-apiserver', serverArgs)
  await untilApiAnswers(folder)

  const identity = (name: string) => join(folder, `${name}.kubeconfig`)
  const local = ['--bind-address=127.0.0.1', '--leader-elect=false']
  start('kube-controller-manager', [
    `--kubeconfig=${identity('controllers')}`,
    `--authentication-kubeconfig=${identity('controllers')}`,
    `--authorization-kubeconfig=${identity('controllers')}`,
    '--secure-port=16257',
    ...local,
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${pki('sa.key')}`,
    `--root-ca-file=${pki('ca.crt')}`,
    `--cluster-signing-cert-file=${pki('ca.crt')}`,
    `--cluster-signing-key-file=${pki('ca.key')}`,
    '--allocate-node-cidrs=false'
  ])
  start('kube-scheduler', [
    `--kubeconfig=${identity('scheduler')}`,
    `--authentication-kubeconfig=${identity('scheduler')}`,
    `--authorization-kubeconfig=${identity('scheduler')}`,
    '--secure-port=16259',
    ...local
  ])
}

async function startContainerd(folder: string): Promise<void> {
  const root = containerd(folder)
  const images = join(folder, 'images')
  if (!existsSync(join(images, 'busybox.tar'))) writeBaseImages(images)
  mkdirSync(join(root, 'cni'), { recursive: true })
  mkdirSync(join(root, 'registries/_default'), { recursive: true })
  // Images come from archives only: every pull goes to a port where nobody listens.
  writeFileSync(join(root, 'registries/_default/hosts.toml'), 'server = "http://127.0.0.1:9"\n')
  const bridge = {
    type: 'bridge',
    bridge: BRIDGE,
    isGateway: true,
    ipMasq: false,
    hairpinMode: true,
    ipam: { type: 'host-local', ranges: [[{ subnet: POD_NETWORK }]], routes: [{ dst: '0.0.0.0/0' }] }
  }
  const plugins = [bridge, { type: 'portmap', capabilities: { portMappings: true } }, { type: 'loopback' }]
  writeFileSync(join(root, 'cni/10-weir.conflist'), JSON.stringify({ cniVersion: '0.4.0', name: 'weir', plugins }))
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  writeFileSync(
    join(root, 'config.toml'),
    `version = 2
root = "${root}/root"
state = "${root}/state"
[grpc]
  address = "${socketOf(folder)}"
[${cri}]
  sandbox_image = "registry.local/pause:test"
  restrict_oom_score_adj = true
  disable_apparmor = true
[${cri}.registry]
  config_path = "${root}/registries"
[${cri}.containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
[${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${root}/cni"
`
  )
  startPart(folder, 'containerd', 'containerd', ['-c', join(root, 'config.toml')])
  await untilReady('containerd does not answer', () => answersKubelet(folder), { folder, part: 'containerd' })
  const cluster = clusterIn(folder)
  for (const name of ['busybox', 'pause']) cluster.importImage(join(images, `${name}.tar`))
}

/** What kubelet asks at its start, and ends without: containerd serves other things before. */
async function answersKubelet(folder: string): Promise<boolean> {
  const runtime = createCriClient(socketOf(folder))
  try {
    await runtime.call('Version')
    return true
  } catch {
    return false
  } finally {
    runtime.close()
  }
}

function apiRoute(action: '-A' | '-C' | '-D', address: string): boolean {
  const rule = [
    '-d',
    `${API_SERVICE}/32`,
    '-p',
    'tcp',
    '--dport',
    '443',
    '-j',
    'DNAT',
    '--to-destination',
    `${address}:${API_PORT}`
  ]
  return spawnSync('iptables', ['-t', 'nat', action, 'PREROUTING', ...rule]).status === 0
}

async function startKubelet(folder: string, address: string, start: StartPart): Promise<void> {
  const pki = (name: string) => join(folder, 'pki', name)
  const before = SYSCTLS.map((name) => {
    const { stdout } = spawnSync('sysctl', ['-n', name], { encoding: 'utf8' })
    return `${name}=${stdout.trim()}`
  })
  if (!existsSync(join(folder, 'run/sysctl'))) writeFileSync(join(folder, 'run/sysctl'), before.join('\n'))
  const network = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout
  if (!existsSync(join(folder, 'run/netns'))) writeFileSync(join(folder, 'run/netns'), network)
  spawnSync('sysctl', ['-qw', 'net.ipv4.ip_forward=1'])
  const config = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address,
    port: KUBELET_PORT,
    healthzPort: 0,
    readOnlyPort: 0,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pki('ca.crt') }
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: pki('kubelet-server.crt'),
    tlsPrivateKeyFile: pki('kubelet-server.key'),
    cgroupDriver: 'cgroupfs',
    enforceNodeAllocatable: [],
    failSwapOn: false,
    failCgroupV1: false,
    containerRuntimeEndpoint: `unix://${socketOf(folder)}`,
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    resolvConf: '',
    clusterDomain: 'cluster.local',
    staticPodPath: join(folder, 'static-pods'),
    podLogsDir: join(folder, 'pod-logs'),
    oomScoreAdj: 0,
    makeIPTablesUtilChains: false
  }
  writeFileSync(join(folder, 'kubelet.yaml'), JSON.stringify(config, null, 2))
  start('kubelet', [
    `--config=${join(folder, 'kubelet.yaml')}`,
    `--kubeconfig=${join(folder, 'kubelet.kubeconfig')}`,
    '--hostname-override=node1',
    `--node-ip=${address}`,
    `--root-dir=${join(folder, 'kubelet')}`,
    `--cert-dir=${join(folder, 'kubelet-pki')}`
  ])
  if (!apiRoute('-C', address)) apiRoute('-A', address)
  const kubectl = (...args: string[]) =>
    spawnSync(join(folder, 'bin/kubectl'), ['--kubeconfig', join(folder, 'admin.kubeconfig'), ...args], {
      encoding: 'utf8'
    })
  const ready = () => {
    const { stdout } = kubectl('get', 'node', 'node1', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')
    return stdout === 'True' && kubectl('get', 'serviceaccount', 'default').status === 0
  }
  await untilReady('the node is not ready', ready, { folder, part: 'kubelet' })
}

/** Runs a program; a failure is no output. This process goes on meanwhile: vitest ends its workers while a cluster is taken down. */
async function attempt(program: string, args: readonly string[], timeout_ms = 0): Promise<string> {
  try {
    return (await execute(program, [...args], { timeout: timeout_ms })).stdout
  } catch {
    return ''
  }
}

/** Takes a cluster down: pods first, then its processes, then what they left on the host. Images and the program stay. */
export async function stopCluster(folder: string): Promise<void> {
  const containers = (...args: string[]) =>
    attempt('ctr', ['-a', socketOf(folder), '-n', 'k8s.io', ...args]).then((text) => text.split('\n').filter(Boolean))
  const tasks = () => containers('tasks', 'ls', '-q')
  const kinds = 'cronjobs,deployments,daemonsets,statefulsets,replicasets,jobs,pods'
  await attempt(
    join(folder, 'bin/kubectl'),
    [
      '--kubeconfig',
      join(folder, 'admin.kubeconfig'),
      '--request-timeout=5s',
      'delete',
      kinds,
      '--all',
      '-A',
      '--force',
      '--grace-period=0'
    ],
    20_000
  )
  for (let waited = 0; (await tasks()).length > 0 && waited < 40; waited += 1) await sleep(250)
  await stopPart(folder, 'kubelet')
  for (const task of await tasks()) await containers('tasks', 'rm', '-f', task)
  for (const container of await containers('containers', 'ls', '-q')) await containers('containers', 'rm', container)
  for (const name of ['kube-scheduler', 'kube-controller-manager', 'kube-apiserver', 'etcd', 'containerd'])
    await stopPart(folder, name)
  const address = nodeAddress()
  while (apiRoute('-C', address)) apiRoute('-D', address)
  spawnSync('ip', ['link', 'del', BRIDGE])
  cleanNetworkNamespaces(join(folder, 'run/netns'))
  restoreSysctls(join(folder, 'run/sysctl'))
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
  const own = mounts.filter((mount) => mount.startsWith(`${folder}/`)).toSorted((a, b) => b.length - a.length)
  for (const mount of own) spawnSync('umount', [mount])
  for (const part of ['etcd', 'kubelet', 'pki', 'run']) rmSync(join(folder, part), { recursive: true, force: true })
}

/** Removes the network namespaces of pods that were not there before. */
function cleanNetworkNamespaces(before: string): void {
  if (!existsSync(before)) return
  const known = new Set(
    readFileSync(before, 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[0])
  )
  const now = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout.split('\n')
  for (const line of now) {
    const name = line.split(' ')[0] ?? ''
    if (name.startsWith('cni-') && !known.has(name)) spawnSync('ip', ['netns', 'del', name])
  }
}

function restoreSysctls(file: string): void {
  if (!existsSync(file)) return
  for (const setting of readFileSync(file, 'utf8').split('\n')) spawnSync('sysctl', ['-qw', setting])
}
