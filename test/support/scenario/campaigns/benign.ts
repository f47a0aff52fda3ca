import { activity, type Client, callApi, type World } from '../api.ts'
import { podUser } from '../audit-record.ts'
import { addPod, podsOf } from '../cluster.ts'
import type { Pod, PodTemplate, Workload } from '../cluster-model.ts'
import { bindPod, bringUpPod, controllerClient, createPod, deletePod, execIntoPod } from '../control-plane.ts'
import { aptInstall } from '../packages.ts'
import type { Random } from '../random.ts'
import { replacePods } from '../rollout.ts'
import { connect, end, read, run, start, startExeced, startFirst, tokenPath } from '../runtime.ts'
import { BUILD_TEMPLATE, REPORT_TEMPLATE } from '../scarleteel/templates.ts'
import { HOUR_US, MINUTE_US, MS_US, SECOND_US } from '../timeline.ts'
import { deploymentObject } from '../workload-objects.ts'
import { ALL_RIGHTS, bindCluster, createAccount, createClusterRole, get, list, review } from './calls.ts'
import { deployWorkload } from './deploy.ts'
import { words } from './play.ts'
import type { Person, Town } from './town.ts'

/** What people and machines do in a cluster all day, some of it near to what attackers do. */

interface Day {
  readonly world: World
  readonly town: Town
  readonly random: Random
}

type Activity = (day: Day, at_us: number) => void

/** Any workload, also those that are attacked at other times. */
function anyWorkload({ town, random }: Day): Workload {
  const attacked = Object.values(town.victims).flat()
  const workloads = random.next() < 0.7 || attacked.length === 0 ? town.quiet : attacked
  return random.pick(workloads)
}

function anyPod(day: Day): Pod | null {
  const workload = anyWorkload(day)
  const pods = podsOf(day.town.cluster, workload.namespace, workload.name)
  return pods.length === 0 ? null : day.random.pick(pods)
}

const anyPerson = ({ town, random }: Day): Person => random.pick(town.people)

function ofPod(pod: Pod, userAgent: string): Client {
  return {
    user: podUser(pod),
    sourceIP: pod.ip,
    userAgent,
    reason:
      'RBAC: allowed by ClusterRoleBinding "operators" of ClusterRole "operators" to Group "system:serviceaccounts"'
  }
}

function operatorPod(day: Day, namespace: string, name: string): Pod | null {
  return podsOf(day.town.cluster, namespace, name)[0] ?? null
}

/** kubectl looks around. */
const look: Activity = (day, at_us) => {
  const { client, namespaces } = anyPerson(day)
  const namespace = day.random.pick(namespaces)
  for (const [place, resource] of ['pods', 'services', 'configmaps', 'events'].entries())
    callApi(day.world, at_us + place * 900 * MS_US, client, list(resource, namespace))
  callApi(day.world, at_us + 6 * SECOND_US, client, list('deployments', namespace, 'apps'))
}

const DEBUGGING = [
  '/bin/ls -la',
  '/usr/bin/env',
  '/usr/bin/id',
  '/bin/ps aux',
  '/bin/cat /etc/resolv.conf',
  '/usr/bin/curl -sv localhost:8080/healthz',
  '/usr/bin/whoami',
  '/bin/df -h',
  '/usr/bin/top -b -n1',
  '/usr/bin/nslookup db'
]

/** A developer debugs in a pod with kubectl exec. */
const debug: Activity = (day, at_us) => {
  const pod = anyPod(day)
  if (pod === null) return
  const { world, random } = day
  const { client } = anyPerson(day)
  execIntoPod(world, at_us, client, pod, { command: ['bash'], interactive: true, lasts_us: 4 * MINUTE_US })
  const shell = startExeced(world, pod, at_us + 140 * MS_US, { binary: '/bin/bash' })
  const count = random.integer(2, 7)
  for (let place = 0; place < count; place += 1) {
    const [binary = '', ...args] = words(random.pick(DEBUGGING))
    run(world, shell, at_us + (place + 1) * random.integer(4, 25) * SECOND_US, { binary, args })
  }
  if (random.next() < 0.2)
    aptInstall(world, shell, at_us + 200 * SECOND_US, { packages: ['tcpdump'], download_us: 3 * SECOND_US })
  end(world, shell, at_us + 4 * MINUTE_US)
}

/** One command in a pod, as scripts do it. */
const execOnce: Activity = (day, at_us) => {
  const pod = anyPod(day)
  if (pod === null) return
  const { client } = anyPerson(day)
  execIntoPod(day.world, at_us, client, pod, {
    command: ['sh', '-c', 'date; df -h'],
    interactive: false,
    lasts_us: SECOND_US
  })
  const shell = startExeced(day.world, pod, at_us + 120 * MS_US, { binary: '/bin/sh', args: ['-c', 'date; df -h'] })
  run(day.world, shell, at_us + 150 * MS_US, { binary: '/bin/date' })
  run(day.world, shell, at_us + 180 * MS_US, { binary: '/bin/df', args: ['-h'] })
  end(day.world, shell, at_us + SECOND_US)
}

const forward: Activity = (day, at_us) => {
  const pod = anyPod(day)
  if (pod === null) return
  const { client } = anyPerson(day)
  const { namespace, name } = pod
  callApi(day.world, at_us, client, { ...get('pods', namespace, name) })
  callApi(day.world, at_us + 40 * MS_US, client, {
    verb: 'get',
    resource: 'pods',
    subresource: 'portforward',
    namespace,
    name,
    code: 101,
    streams_us: 5 * MINUTE_US
  })
}

/** Who deploys: the deployment system, or a person. */
const rollout: Activity = (day, at_us) => {
  const { world, random, town } = day
  const workload = random.pick(town.quiet)
  const { namespace, name } = workload
  const deployer = operatorPod(day, 'gitops', 'deployer')
  const client = random.next() < 0.7 && deployer !== null ? ofPod(deployer, 'deployer/v2.3.0') : anyPerson(day).client
  const [container] = workload.template.containers
  if (container === undefined) return
  const image = `${container.image.replace(/:[^:/]*$/, '')}:${random.integer(1, 9)}.${random.integer(0, 20)}.${random.integer(0, 9)}`
  const template: PodTemplate = { ...workload.template, containers: [{ ...container, image }] }
  callApi(world, at_us, client, {
    verb: 'patch',
    group: 'apps',
    resource: 'deployments',
    namespace,
    name,
    query: 'fieldManager=kubectl-set',
    requestObject: { spec: { template: { spec: { containers: [{ name: container.name, image }] } } } },
    responseObject: deploymentObject(world.cluster, workload, null, null, at_us, { template, managed: 'kubectl-set' })
  })
  for (const pod of replacePods(world, at_us + 80 * MS_US, workload, template)) startFirst(world, pod)
}

const BUILD = [
  '/usr/bin/git fetch origin',
  '/usr/local/bin/npm ci',
  '/usr/local/bin/node build.js',
  '/usr/bin/tar czf /tmp/out.tgz dist',
  '/usr/bin/curl -fsSL -o /tmp/tool.tgz https://github.com/example/tool/releases/tool.tgz',
  '/bin/chmod +x /tmp/tool',
  '/tmp/tool --version'
]

/** A build pod of the CI runner: packages, downloads, tests. */
const build: Activity = (day, at_us) => {
  const { world, random, town } = day
  const runner = operatorPod(day, 'ci', 'gitlab-runner')
  if (runner === null) return
  const node = random.pick(town.workers)
  const pod = addPod(world.cluster, {
    namespace: 'ci',
    name: `runner-${random.suffix(8)}-project-${random.integer(1, 60)}-concurrent-0`,
    generateName: null,
    node,
    template: BUILD_TEMPLATE,
    owner: null,
    top: { kind: 'Pod', name: 'runner' },
    created_us: at_us
  })
  const client = ofPod(runner, 'gitlab-runner 18.5.0')
  createPod(world, at_us, client, pod)
  bindPod(world, at_us + 20 * MS_US, pod)
  bringUpPod(world, at_us + 60 * MS_US, pod)
  const shell = startFirst(world, pod)
  execIntoPod(world, at_us + 4 * SECOND_US, client, pod, {
    command: ['sh', '-c', 'bash'],
    interactive: false,
    lasts_us: MINUTE_US
  })
  const inner = startExeced(world, pod, at_us + 4200 * MS_US, { binary: '/bin/bash' })
  if (random.next() < 0.4)
    aptInstall(world, inner, at_us + 6 * SECOND_US, { packages: ['curl', 'jq'], download_us: 4 * SECOND_US })
  for (const [place, line] of BUILD.entries()) {
    const [binary = '', ...args] = words(line)
    const process = start(world, inner, at_us + (22 + place * 8) * SECOND_US, { binary, args })
    if (/curl|git|npm/.test(binary)) connect(world, process, process.start_us + 30 * MS_US, '140.82.121.4', 443)
    end(world, process, process.start_us + 5 * SECOND_US)
  }
  end(world, inner, at_us + 90 * SECOND_US)
  end(world, shell, at_us + 91 * SECOND_US)
  deletePod(world, at_us + 92 * SECOND_US, client, pod, 900 * MS_US)
}

/** A CronJob's pod. */
const report: Activity = (day, at_us) => {
  const { world, random, town } = day
  const namespace = random.pick(town.namespaces)
  const pod = addPod(world.cluster, {
    namespace,
    name: `report-${random.integer(29_000_000, 30_000_000)}-${random.suffix(5)}`,
    generateName: null,
    node: random.pick(town.workers),
    template: REPORT_TEMPLATE,
    owner: { apiVersion: 'batch/v1', kind: 'Job', name: 'report', uid: random.uuid() },
    top: { kind: 'Job', name: 'report' },
    created_us: at_us
  })
  createPod(world, at_us, controllerClient(world.cluster, 'job-controller'), pod)
  bindPod(world, at_us + 20 * MS_US, pod)
  bringUpPod(world, at_us + 60 * MS_US, pod)
  const shell = startFirst(world, pod)
  run(world, shell, shell.start_us + 20 * MS_US, { binary: '/usr/bin/psql', args: ['-h', 'db'] })
  end(world, shell, shell.start_us + 3 * SECOND_US)
}

/** Operators read and write objects of many namespaces. */
const operate: Activity = (day, at_us) => {
  const { world, random, town } = day
  const name = random.pick(['cert-manager', 'external-secrets'])
  const pod = operatorPod(day, 'platform', name)
  if (pod === null) return
  const client = ofPod(pod, `${name}/v1.18.2 (linux/amd64) kubernetes/$Format`)
  const process = world.processes.first(pod)
  connect(world, process, at_us, '10.96.0.1', 443)
  callApi(world, at_us + 9 * MS_US, client, list('secrets'))
  for (let place = 1; place < 4; place += 1)
    callApi(
      world,
      at_us + place * 300 * MS_US,
      client,
      get('secrets', random.pick(town.namespaces), `tls-${random.integer(1, 40)}`)
    )
}

/** A backup enters pods to freeze them, and lists everything. */
const backup: Activity = (day, at_us) => {
  const { world } = day
  const velero = operatorPod(day, 'platform', 'velero')
  const pod = anyPod(day)
  if (velero === null || pod === null) return
  const client = ofPod(velero, 'velero-server/v1.18.0')
  for (const [place, resource] of [
    'pods',
    'secrets',
    'configmaps',
    'services',
    'persistentvolumeclaims',
    'serviceaccounts',
    'endpoints'
  ].entries())
    callApi(world, at_us + place * 700 * MS_US, client, list(resource))
  execIntoPod(world, at_us + 8 * SECOND_US, client, pod, {
    command: ['/sbin/fsfreeze', '-f', '/data'],
    interactive: false,
    lasts_us: SECOND_US
  })
  run(
    world,
    startExeced(world, pod, at_us + 8100 * MS_US, { binary: '/sbin/fsfreeze', args: ['-f', '/data'] }),
    at_us + 8150 * MS_US,
    { binary: '/bin/sync' }
  )
}

/** Administrators install software with roles, accounts and a DaemonSet. */
const install: Activity = (day, at_us) => {
  const { world, random, town } = day
  const { client } = anyPerson(day)
  const namespace = random.next() < 0.3 ? 'kube-system' : 'monitoring'
  const name = `${random.pick(['datadog', 'falco', 'fluent-bit', 'promtail', 'csi-driver'])}-${random.suffix(4)}`
  const image = `docker.io/vendor/${name.split('-')[0]}:${random.integer(1, 5)}.${random.integer(0, 9)}.0`
  callApi(world, at_us, client, createAccount(namespace, name))
  callApi(
    world,
    at_us + 300 * MS_US,
    client,
    createClusterRole(name, [{ apiGroups: [''], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] }])
  )
  callApi(world, at_us + 600 * MS_US, client, bindCluster(name, name, namespace, name))
  const pods = deployWorkload(
    world,
    world,
    at_us + SECOND_US,
    client,
    {
      kind: 'DaemonSet',
      namespace,
      name,
      pods: 4,
      template: {
        labels: { app: name },
        serviceAccount: 'default',
        hostPID: random.next() < 0.5,
        hostPaths: random.next() < 0.5 ? ['/var/log', '/var/run'] : ['/'],
        containers: [
          {
            name,
            image,
            process: { binary: `/usr/bin/${name.split('-')[0]}`, args: ['-c', '/etc/conf'] },
            ...(random.next() < 0.4 ? { securityContext: { privileged: true } } : {})
          }
        ]
      }
    },
    town.workers.slice(0, 4)
  )
  for (const pod of pods) startFirst(world, pod)
}

/** Someone gives a colleague's service account more rights than needed, as it happens. */
const grant: Activity = (day, at_us) => {
  const { client, namespaces } = anyPerson(day)
  const name = `tmp-${day.random.suffix(4)}`
  callApi(day.world, at_us, client, createAccount(day.random.pick(namespaces), name))
  callApi(
    day.world,
    at_us + 2 * SECOND_US,
    client,
    createClusterRole(
      name,
      day.random.next() < 0.3 ? ALL_RIGHTS : [{ apiGroups: ['apps'], resources: ['*'], verbs: ['*'] }]
    )
  )
  callApi(day.world, at_us + 4 * SECOND_US, client, bindCluster(name, name, day.random.pick(namespaces), name))
}

/** A data scientist works in a terminal of a notebook. */
const notebook: Activity = (day, at_us) => {
  const { world, random, town } = day
  const workload = town.quiet.find(({ template }) => template.containers[0]?.image.includes('jupyter') === true)
  if (workload === undefined) return
  const pod = podsOf(world.cluster, workload.namespace, workload.name)[0]
  if (pod === undefined) return
  const lab = world.processes.child(
    world.processes.first(pod),
    { binary: '/opt/conda/bin/jupyter-lab', args: ['--no-browser'] },
    at_us - HOUR_US
  )
  const shell = start(world, lab, at_us, { binary: '/bin/bash', args: ['-l'] })
  for (const [place, line] of [
    '/opt/conda/bin/pip install xgboost',
    '/usr/bin/git pull',
    '/bin/ls',
    '/opt/conda/bin/python train.py'
  ].entries()) {
    const [binary = '', ...args] = words(line)
    const process = run(world, shell, at_us + (place + 1) * random.integer(5, 30) * SECOND_US, {
      binary,
      args,
      lasts_us: 4 * SECOND_US
    })
    connect(world, process, process.start_us + 20 * MS_US, '151.101.0.223', 443)
  }
  end(world, shell, at_us + 5 * MINUTE_US)
}

/** An application with the SDK of a cloud asks for its own credentials, and reads its own token. */
const sdk: Activity = (day, at_us) => {
  const pod = anyPod(day)
  if (pod === null) return
  const { world } = day
  const process = world.processes.first(pod)
  connect(world, process, at_us, '169.254.169.254', 80)
  read(world, process, at_us + 40 * MS_US, tokenPath(pod))
  connect(world, process, at_us + 80 * MS_US, '10.96.0.1', 443)
  callApi(world, at_us + 90 * MS_US, ofPod(pod, 'okhttp/4.12.0'), list('endpoints', pod.namespace))
}

/** An application asks for what it may not have. */
const misconfigured: Activity = (day, at_us) => {
  const pod = anyPod(day)
  if (pod === null) return
  const client = ofPod(pod, 'Go-http-client/2.0')
  for (let place = 0; place < 3; place += 1)
    callApi(day.world, at_us + place * 5 * SECOND_US, client, { ...list('configmaps'), denied: true })
  callApi(day.world, at_us + 17 * SECOND_US, client, review(pod.namespace, 'list', 'pods'))
}

/** The Internet knocks at the API server. */
const knock: Activity = (day, at_us) => {
  const { world, random } = day
  const client: Client = {
    user: { username: 'system:anonymous', groups: ['system:unauthenticated'] },
    sourceIP: `198.51.100.${random.integer(40, 250)}`,
    userAgent: random.pick(['Mozilla/5.0 zgrab/0.x', 'curl/7.88.1', 'python-requests/2.31.0']),
    reason: ''
  }
  for (const [place, resource] of ['pods', 'secrets', 'nodes', 'namespaces'].slice(0, random.integer(1, 4)).entries())
    callApi(world, at_us + place * SECOND_US, client, { ...list(resource), denied: true, code: 403 })
}

/** A node is drained. */
const drain: Activity = (day, at_us) => {
  const { world, random, town } = day
  const { client } = anyPerson(day)
  const node = random.pick(town.workers)
  callApi(world, at_us, client, {
    verb: 'patch',
    resource: 'nodes',
    name: node.name,
    requestObject: { spec: { unschedulable: true } },
    responseObject: { kind: 'Node', apiVersion: 'v1', metadata: { name: node.name }, spec: { unschedulable: true } }
  })
  for (let place = 0; place < 4; place += 1) {
    const workload = random.pick(town.quiet)
    const pod = podsOf(town.cluster, workload.namespace, workload.name)[0]
    if (pod === undefined) continue
    callApi(world, at_us + (place + 1) * 800 * MS_US, client, {
      verb: 'create',
      resource: 'pods',
      subresource: 'eviction',
      namespace: pod.namespace,
      name: pod.name
    })
  }
}

const ACTIVITIES: ReadonlyArray<readonly [name: string, weight: number, Activity]> = [
  ['look', 20, look],
  ['debug', 12, debug],
  ['exec-once', 8, execOnce],
  ['port-forward', 4, forward],
  ['rollout', 8, rollout],
  ['build', 10, build],
  ['report', 8, report],
  ['operate', 12, operate],
  ['backup', 2, backup],
  ['install', 2, install],
  ['grant', 1, grant],
  ['notebook', 4, notebook],
  ['sdk', 12, sdk],
  ['misconfigured', 3, misconfigured],
  ['knock', 6, knock],
  ['drain', 1, drain]
]
const TOTAL = ACTIVITIES.reduce((sum, [, weight]) => sum + weight, 0)

/**
 * Plays one activity, drawn by how common it is.
 * @param place its number, which makes it differ from others
 */
export function playBenign(world: World, town: Town, place: number, at_us: number): void {
  let drawn = world.random.next() * TOTAL
  for (const [name, weight, play] of ACTIVITIES) {
    drawn -= weight
    if (drawn >= 0) continue
    const own = activity(world, { kind: 'benign', activity: `${name}/${place}` }, `benign/${place}`)
    play({ world: own, town, random: own.random }, at_us)
    return
  }
}
