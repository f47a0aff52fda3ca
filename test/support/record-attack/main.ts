import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { lock } from '../../../bin/lock.js'
import { weirHome } from '../../../infra/settings.ts'
import { arrayAt, isObject, stringAt } from '../../../services/core/json.ts'
import { bootId } from '../../../services/node-agent/sensor/proc.ts'
import { type Cluster, startCluster, stopCluster } from '../../cluster/cluster.ts'
import { startTestPipeline, type TestPipeline } from '../../cluster/pipeline.ts'
import { ATTACK, SERVED } from './attack.ts'
import { runnerWith, work } from './benign.ts'
import { type DoneStep, writeRecording } from './files.ts'
import { compile, importImages } from './images.ts'
import { at, makePlaces, type Place, removePlaces } from './network.ts'
import { serve, writePackage } from './served.ts'
import { NAMESPACES, WORKLOADS } from './workloads.ts'

const HELP = `Runs an attack after ScarletEEL 2.0 on the test cluster, amid benign work, and records what the API server and the
node agent's own sensor say of it: npm run record:attack

  --out FOLDER      where the recording goes (default test/fixtures/scarleteel-recorded)
  --folder FOLDER   where the cluster lives meanwhile (default .weir/recording-attack)

Needs what test/cluster/README.md names, and bash, clang, curl, dpkg-deb and script. Nothing leaves the machine.
`
const OUT = join(import.meta.dirname, '../../fixtures/scarleteel-recorded')
/** What is worth knowing of a cluster before its records are read. */
const INVENTORY =
  'namespaces,nodes,pods,replicasets,deployments,daemonsets,statefulsets,jobs,cronjobs,services,serviceaccounts'
const BEFORE_ATTACK_MS = 50_000
const AFTER_ATTACK_MS = 20_000
/** A package manager in a pod that has just started is a start script's. */
const NOTEBOOK_AGE_MS = 30_000
const READY = '--timeout=120s'
const TERMINAL_S = '90'

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: OUT },
    folder: { type: 'string', default: join(weirHome(), 'recording-attack') },
    help: { type: 'boolean', default: false }
  }
})
const say = (text: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)

/** What the attacker's server hands out. */
function serverFolder(work: string, kubemulti: string): string {
  const folder = join(work, 'www')
  for (const [path, content] of Object.entries(SERVED)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  symlinkSync(kubemulti, join(folder, 'peirates'))
  execFileSync('tar', [
    'czf',
    join(folder, 'xmrig.tar.gz'),
    '--transform',
    's/miner/xmrig/',
    '-C',
    dirname(compile('miner', work)),
    'miner'
  ])
  writePackage(join(folder, 'netcat.deb'), join(work, 'netcat'))
  return folder
}

/** Posts a script to a notebook's terminal. @returns what came of it */
function terminal(place: Place, address: string, pod_ip: string, script: string): Promise<string> {
  const url = `http://${pod_ip}:8888/api/terminals/1`
  const [program, ...args] = [
    ...at(place),
    'curl',
    '-s',
    '-m',
    TERMINAL_S,
    '--interface',
    address,
    '--data-binary',
    '@-',
    url
  ]
  return new Promise((done) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.once('close', () => done(Buffer.concat(chunks).toString('utf8')))
    child.stdin.end(script)
  })
}

function kubeconfigOf(cluster: Cluster, namespace: string, account: string): string {
  const config: unknown = JSON.parse(readFileSync(cluster.kubeconfig, 'utf8'))
  const token = cluster.kubectl('-n', namespace, 'create', 'token', account, '--duration', '1h').trim()
  const file = join(cluster.folder, `${account}.kubeconfig`)
  const users = [{ name: 'admin', user: { token } }]
  writeFileSync(file, JSON.stringify({ ...(isObject(config) ? config : {}), users }), { mode: 0o600 })
  return file
}

async function prepare(cluster: Cluster, kubemulti: string, work: string): Promise<void> {
  say('images')
  importImages(cluster, kubemulti, work)
  for (const name of NAMESPACES) cluster.kubectl('create', 'namespace', name)
  cluster.apply(...WORKLOADS)
  say('workloads')
  for (const namespace of ['data-science', 'shop'])
    await cluster.kubectlLater('-n', namespace, 'rollout', 'status', 'deployment', READY)
  await cluster.kubectlLater('-n', 'shop', 'rollout', 'status', 'statefulset', READY)
  await sleep(NOTEBOOK_AGE_MS)
}

async function record(cluster: Cluster, pipeline: TestPipeline, work_folder: string): Promise<void> {
  const ask = (...args: string[]) => cluster.kubectl(...args).trim()
  const ip = (app: string) =>
    ask('-n', 'data-science', 'get', 'pod', '-l', `app=${app}`, '-o', 'jsonpath={.items[0].status.podIP}')
  const node_ip = ask('get', 'node', cluster.node, '-o', 'jsonpath={.status.addresses[0].address}')
  const server = `https://${node_ip}:${new URL(ask('config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}')).port}`
  const [victim, lisa] = [ip('notebook'), ip('notebook-lisa')]
  const people = { alice: join(cluster.folder, 'alice.kubeconfig'), deployer: kubeconfigOf(cluster, 'ci', 'deployer') }
  const run = runnerWith(join(cluster.folder, 'bin/kubectl'), server, join(work_folder, 'home'))
  const inventory: unknown = JSON.parse(ask('get', INVENTORY, '-A', '-o', 'json'))
  const audit_from = readFileSync(cluster.audit_log).length
  const start_us = Date.now() * 1000
  const benign = work(run, people, async (script) => void (await terminal('office', '10.8.0.23', lisa, script)))
  const steps: DoneStep[] = []
  await sleep(BEFORE_ATTACK_MS)
  for (const { step, title, script, pause_s } of ATTACK) {
    const from_us = Date.now() * 1000
    const printed = await terminal('attacker', '45.9.148.221', victim, script)
    steps.push({ step, title, from_us, to_us: Date.now() * 1000 })
    say(`step ${step}: ${title}`)
    console.error(printed.replaceAll(/^/gm, '    ').slice(0, 2_000))
    await sleep(pause_s * 1000)
  }
  await Promise.all([benign, sleep(AFTER_ATTACK_MS)])
  const audit = readFileSync(cluster.audit_log).subarray(audit_from).toString('utf8').split('\n').filter(Boolean)
  const pods = arrayAt(inventory, 'items').filter((item) => stringAt(item, 'kind') === 'Pod')
  const victims = pods.filter((pod) => stringAt(pod, 'metadata', 'labels', 'app') === 'notebook')
  writeRecording(resolve(options.out), {
    machine: {
      folder: join(cluster.folder, 'containerd'),
      home: cluster.folder,
      address: node_ip,
      host_name: hostname(),
      boot_id: bootId()
    },
    node: cluster.node,
    start_us,
    steps,
    inventory,
    audit,
    runtime: await pipeline.runtime(),
    notebook: { pod: stringAt(victims[0], 'metadata', 'name') ?? '', ip: victim }
  })
  say(`written to ${options.out}`)
}

async function main(): Promise<void> {
  if (options.help) {
    process.stdout.write(HELP)
    return
  }
  const folder = resolve(options.folder)
  const release = await lock('/run/lock/weir-test-cluster', {
    onWait: ({ pid }) => say(`waiting for the test cluster of process ${pid}: there can be one on a machine`)
  })
  const work_folder = mkdtempSync(join(tmpdir(), 'weir-attack-'))
  const undo: Array<() => Promise<void> | void> = [release, () => rmSync(work_folder, { recursive: true, force: true })]
  try {
    undo.push(() => stopCluster(folder))
    const cluster = await startCluster(folder, { say })
    undo.push(removePlaces)
    makePlaces()
    const kubemulti = realpathSync(join(folder, 'bin/kubectl'))
    undo.push(serve('attacker', 'attacker', serverFolder(work_folder, kubemulti)), serve('metadata', 'metadata'))
    const pipeline = await startTestPipeline(cluster, cluster.kubeconfig)
    undo.push(() => pipeline.stop())
    if (pipeline.blind !== null) throw new Error(`the sensor sees nothing here: ${pipeline.blind}`)
    await prepare(cluster, kubemulti, work_folder)
    await record(cluster, pipeline, work_folder)
  } finally {
    for (const step of undo.toReversed()) await step()
  }
}

await main()
