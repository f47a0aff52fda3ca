import { type Client, callApi } from '../api.ts'
import { addPod } from '../cluster.ts'
import { bindPod, bringUpPod, controllerClient, createPod, deletePod, execIntoPod } from '../control-plane.ts'
import { aptInstall } from '../packages.ts'
import { connect, end, read, run, start, startExeced, startFirst, tokenPath } from '../runtime.ts'
import { BUILD_TEMPLATE, REPORT_TEMPLATE } from '../scarleteel/templates.ts'
import { MINUTE_US, MS_US, SECOND_US } from '../timeline.ts'
import { type Activity, anyPod, ofPod, operatorPod } from './benign-day.ts'
import { get, list, review } from './calls.ts'
import { words } from './play.ts'

/** What machines do in a cluster all day, and the Internet at its gates. */

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
export const build: Activity = (day, at_us) => {
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
export const report: Activity = (day, at_us) => {
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
export const operate: Activity = (day, at_us) => {
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
export const backup: Activity = (day, at_us) => {
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

/** An application with the SDK of a cloud asks for its own credentials, and reads its own token. */
export const sdk: Activity = (day, at_us) => {
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
export const misconfigured: Activity = (day, at_us) => {
  const pod = anyPod(day)
  if (pod === null) return
  const client = ofPod(pod, 'Go-http-client/2.0')
  for (let place = 0; place < 3; place += 1)
    callApi(day.world, at_us + place * 5 * SECOND_US, client, { ...list('configmaps'), denied: true })
  callApi(day.world, at_us + 17 * SECOND_US, client, review(pod.namespace, 'list', 'pods'))
}

/** The Internet knocks at the API server. */
export const knock: Activity = (day, at_us) => {
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
