import { callApi } from '../api.ts'
import { podsOf } from '../cluster.ts'
import type { PodTemplate } from '../cluster-model.ts'
import { execIntoPod } from '../control-plane.ts'
import { aptInstall } from '../packages.ts'
import { replacePods } from '../rollout.ts'
import { connect, end, run, start, startExeced, startFirst } from '../runtime.ts'
import { HOUR_US, MINUTE_US, MS_US, SECOND_US } from '../timeline.ts'
import { deploymentObject } from '../workload-objects.ts'
import { type Activity, anyPerson, anyPod, ofPod, operatorPod } from './benign-day.ts'
import { ALL_RIGHTS, bindCluster, createAccount, createClusterRole, get, list } from './calls.ts'
import { deployWorkload } from './deploy.ts'
import { words } from './play.ts'

/** What people do in a cluster all day, some of it near to what attackers do. */

/** kubectl looks around. */
export const look: Activity = (day, at_us) => {
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
export const debug: Activity = (day, at_us) => {
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
export const execOnce: Activity = (day, at_us) => {
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

export const forward: Activity = (day, at_us) => {
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
export const rollout: Activity = (day, at_us) => {
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

/** Administrators install software with roles, accounts and a DaemonSet. */
export const install: Activity = (day, at_us) => {
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
export const grant: Activity = (day, at_us) => {
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
export const notebook: Activity = (day, at_us) => {
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

/** A node is drained. */
export const drain: Activity = (day, at_us) => {
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
