import { type Client, callApi, type World } from '../api.ts'
import { humanUser, podUser } from '../audit-record.ts'
import { addPod, type Pod, podOf, type Workload } from '../cluster.ts'
import {
  apiServerClient,
  bindPod,
  bringUpPod,
  controllerClient,
  createPod,
  deletePod,
  execIntoPod,
  kubeletClient,
  recordEvent,
  versionAt
} from '../control-plane.ts'
import type { Json } from '../json.ts'
import { replacePods } from '../rollout.ts'
import { MINUTE_US, rfc3339Seconds, SECOND_US } from '../timeline.ts'
import { deploymentObject } from '../workload-objects.ts'
import { BUILD_TEMPLATE, REPORT_TEMPLATE, START_US, WEB_TEMPLATE } from './cluster.ts'
import { at, benign } from './story.ts'

/** What goes on in the cluster's API while the attack happens: people, controllers, kubelets, monitoring, CI. */

export const LENGTH_US = 25.5 * MINUTE_US
const KUBECTL = 'kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9'

/** Calls `action` every `period_us` from the start to the end of the recording, a little off the beat. */
export function every(world: World, period_us: number, action: (at_us: number, round: number) => void): void {
  let round = 0
  for (let at_us = START_US + world.random.integer(0, period_us); at_us < START_US + LENGTH_US; at_us += period_us) {
    action(at_us + world.random.integer(0, 40_000), round++)
  }
}

/** Leases of nodes and API server, node status. */
export function heartbeats(world: World): void {
  for (const node of world.cluster.nodes) {
    const quiet = benign(world, `heartbeat/${node.name}`)
    const uid = quiet.random.uuid()
    every(quiet, 10 * SECOND_US, (at_us) =>
      callApi(quiet, at_us, kubeletClient(node), {
        verb: 'update',
        group: 'coordination.k8s.io',
        resource: 'leases',
        namespace: 'kube-node-lease',
        name: node.name,
        uid,
        resourceVersion: versionAt(quiet, at_us - 10 * SECOND_US),
        query: 'timeout=10s'
      })
    )
    every(quiet, 5 * MINUTE_US, (at_us) =>
      callApi(quiet, at_us, kubeletClient(node), {
        verb: 'patch',
        resource: 'nodes',
        subresource: 'status',
        name: node.name,
        query: 'timeout=10s'
      })
    )
  }
  const own = benign(world, 'heartbeat/apiserver')
  const name = `apiserver-${own.random.suffix(26)}`
  every(own, 10 * SECOND_US, (at_us) =>
    callApi(own, at_us, apiServerClient(own.cluster), {
      verb: 'update',
      group: 'coordination.k8s.io',
      resource: 'leases',
      namespace: 'kube-system',
      name
    })
  )
}

/** Discovery by garbage collector and quota controller, the autoscaler of the web shop, services listed by the API server. */
export function controllerLoops(world: World): void {
  for (const name of ['generic-garbage-collector', 'resourcequota-controller']) {
    const loop = benign(world, `controller/${name}`)
    every(loop, 30 * SECOND_US, (at_us) => {
      for (const [place, path] of ['/api', '/apis'].entries())
        callApi(loop, at_us + place * 4_000, controllerClient(loop.cluster, name), { verb: 'get', path })
    })
  }
  const scaling = benign(world, 'controller/autoscaler')
  const client = controllerClient(scaling.cluster, 'horizontal-pod-autoscaler')
  every(scaling, 15 * SECOND_US, (at_us) => {
    callApi(scaling, at_us, client, {
      verb: 'get',
      group: 'apps',
      resource: 'deployments',
      subresource: 'scale',
      namespace: 'shop',
      name: 'web'
    })
    callApi(scaling, at_us + 3_000, client, {
      verb: 'list',
      group: 'metrics.k8s.io',
      version: 'v1beta1',
      resource: 'pods',
      namespace: 'shop',
      query: 'labelSelector=app%3Dweb'
    })
  })
}

function workloadClient(pod: Pod, userAgent: string, role: string): Client {
  const { namespace, name } = pod.serviceAccount
  return {
    user: podUser(pod),
    sourceIP: pod.ip,
    userAgent,
    reason: `RBAC: allowed by ClusterRoleBinding "${role}" of ClusterRole "${role}" to ServiceAccount "${name}/${namespace}"`
  }
}

/** Watches of monitoring: prometheus looks for targets, kube-state-metrics for everything, secrets among it. */
export function monitoringWatches(world: World): void {
  const watching = benign(world, 'monitoring')
  const { cluster } = watching
  const prometheus = workloadClient(podOf(cluster, 'monitoring', 'prometheus'), 'Prometheus/3.5.0', 'prometheus')
  const state = workloadClient(podOf(cluster, 'monitoring', 'kube-state-metrics'), 'v2.17.0', 'kube-state-metrics')
  const watched: readonly (readonly [Client, readonly string[]])[] = [
    [prometheus, ['pods', 'endpoints', 'services']],
    [state, ['pods', 'secrets', 'configmaps', 'nodes', 'namespaces', 'services', 'persistentvolumeclaims']]
  ]
  for (const [client, resources] of watched) {
    for (const resource of resources) {
      every(watching, 7 * MINUTE_US, (at_us) => {
        const seconds = watching.random.integer(340, 410)
        const query = `allowWatchBookmarks=true&resourceVersion=${versionAt(watching, at_us)}&timeout=${Math.floor(seconds / 60)}m${seconds % 60}s&timeoutSeconds=${seconds}&watch=true`
        callApi(watching, at_us, client, { verb: 'watch', resource, query, streams_us: seconds * SECOND_US })
      })
    }
  }
  const metrics = workloadClient(
    podOf(cluster, 'kube-system', 'metrics-server'),
    'metrics-server/v0.8.0 (linux/amd64) kubernetes/8ce4a7e',
    'system:metrics-server'
  )
  every(watching, 6 * MINUTE_US, (at_us) =>
    callApi(watching, at_us, metrics, { verb: 'list', resource: 'nodes', query: 'limit=500' })
  )
}

function person(world: World, username: string, group: string, sourceIP: string, reason: string): Client {
  const credential = `X509SHA256=${world.random.fork(`credential/${username}`).hex(64)}`
  return { user: humanUser(username, [group], credential), sourceIP, userAgent: KUBECTL, reason }
}

/** Alice, developer of the shop: allowed to edit in its namespace. */
export function aliceOf(world: World): Client {
  return person(
    world,
    'alice',
    'developers',
    '203.0.113.24',
    'RBAC: allowed by RoleBinding "developers-edit/shop" of ClusterRole "edit" to Group "developers"'
  )
}

/** The cluster's administrator. */
function adminOf(world: World): Client {
  return person(
    world,
    'kubernetes-admin',
    'kubeadm:cluster-admins',
    '203.0.113.25',
    'RBAC: allowed by ClusterRoleBinding "kubeadm:cluster-admins" of ClusterRole "cluster-admin" to Group "kubeadm:cluster-admins"'
  )
}

/** Alice looks into a pod of the web shop. @returns the pod, whose processes `benign-runtime.ts` tells */
export function aliceDebugs(world: World): Pod {
  const debugging = benign(world, 'alice-debugs')
  const alice = aliceOf(world)
  const pod = podOf(debugging.cluster, 'shop', 'web')
  callApi(debugging, at('5:02'), alice, { verb: 'list', resource: 'pods', namespace: 'shop', query: 'limit=500' })
  callApi(debugging, at('5:20'), alice, { verb: 'get', resource: 'pods', namespace: 'shop', name: pod.name })
  callApi(debugging, at('5:20.030'), alice, {
    verb: 'get',
    resource: 'pods',
    subresource: 'log',
    namespace: 'shop',
    name: pod.name,
    query: 'container=web&tailLines=200',
    streams_us: 240_000
  })
  execIntoPod(debugging, at('5:45'), alice, pod, { command: ['sh'], interactive: true, lasts_us: 95 * SECOND_US })
  callApi(debugging, at('7:40'), alice, {
    verb: 'create',
    group: 'authorization.k8s.io',
    resource: 'selfsubjectaccessreviews',
    requestObject: {
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      metadata: {},
      spec: { resourceAttributes: { namespace: 'shop', verb: 'patch', group: 'apps', resource: 'deployments' } },
      status: { allowed: false }
    },
    responseObject: {
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      metadata: {},
      spec: {},
      status: { allowed: true }
    }
  })
  return pod
}

/** Alice rolls out the next version of the web shop. @returns the new pods */
export function aliceRollsOut(world: World, workload: Workload): readonly Pod[] {
  const rolling = benign(world, 'alice-rollout')
  const alice = aliceOf(world)
  const { namespace, name } = workload
  const deployments = { group: 'apps', resource: 'deployments', namespace, name }
  const next = {
    ...WEB_TEMPLATE,
    containers: WEB_TEMPLATE.containers.map((container) => ({ ...container, image: 'nginx:1.27.4' }))
  }
  callApi(rolling, at('16:05'), alice, { verb: 'get', ...deployments })
  callApi(rolling, at('16:05.090'), alice, {
    verb: 'patch',
    ...deployments,
    query: 'fieldManager=kubectl-set&fieldValidation=Strict',
    requestObject: {
      spec: {
        template: {
          spec: { $setElementOrder: [{ name: 'web' }], containers: [{ image: 'nginx:1.27.4', name: 'web' }] }
        }
      }
    },
    responseObject: deploymentObject(rolling.cluster, workload, null, null, at('16:05.090'), {
      template: next,
      managed: 'kubectl-set'
    })
  })
  callApi(rolling, at('16:06'), alice, {
    verb: 'watch',
    ...deployments,
    query: `allowWatchBookmarks=true&fieldSelector=metadata.name%3Dweb&resourceVersion=${versionAt(rolling, at('16:06'))}&timeoutSeconds=377&watch=true`,
    streams_us: 25 * SECOND_US
  })
  return replacePods(rolling, at('16:05.120'), workload, next)
}

/** The administrator looks around, and lists secrets of one namespace. */
export function adminLooks(world: World): void {
  const looking = benign(world, 'admin')
  const admin = adminOf(world)
  const kinds: readonly (readonly [string | undefined, string])[] = [
    [undefined, 'pods'],
    [undefined, 'services'],
    ['apps', 'daemonsets'],
    ['apps', 'deployments'],
    ['apps', 'replicasets'],
    ['apps', 'statefulsets'],
    ['autoscaling', 'horizontalpodautoscalers'],
    ['batch', 'cronjobs'],
    ['batch', 'jobs'],
    [undefined, 'nodes']
  ]
  for (const [place, [group, resource]] of kinds.entries()) {
    callApi(looking, at('9:30') + place * 6_000, admin, {
      verb: 'list',
      resource,
      query: 'limit=500',
      ...(group === undefined ? {} : { group })
    })
  }
  callApi(looking, at('9:58'), admin, { verb: 'list', resource: 'events', namespace: 'shop', query: 'limit=500' })
  callApi(looking, at('10:31'), admin, {
    verb: 'list',
    resource: 'secrets',
    namespace: 'monitoring',
    query: 'limit=500'
  })
}

/** One run of the report: job, pod, completion. @returns the pod */
function reportRun(world: World, at_us: number, workload: Workload): Pod {
  const running = benign(world, `report/${at_us}`)
  const { cluster, random } = running
  const { namespace } = workload
  const jobs = controllerClient(cluster, 'job-controller')
  const crons = controllerClient(cluster, 'cronjob-controller')
  const job = { name: `report-${Math.floor(at_us / MINUTE_US)}`, uid: random.uuid() }
  const object = (status: Json): Json => ({
    kind: 'Job',
    apiVersion: 'batch/v1',
    metadata: {
      name: job.name,
      namespace,
      uid: job.uid,
      creationTimestamp: rfc3339Seconds(at_us),
      ownerReferences: [
        {
          apiVersion: 'batch/v1',
          kind: 'CronJob',
          name: workload.name,
          uid: workload.uid,
          controller: true,
          blockOwnerDeletion: true
        }
      ]
    },
    spec: { parallelism: 1, completions: 1, backoffLimit: 6, suspend: false },
    status
  })
  callApi(running, at_us, crons, {
    verb: 'create',
    group: 'batch',
    resource: 'jobs',
    namespace,
    name: job.name,
    requestObject: object({}),
    responseObject: object({})
  })
  recordEvent(running, at_us + 20_000, crons, namespace, workload.name)
  const pod = addPod(cluster, {
    namespace,
    name: `${job.name}-${random.suffix(5)}`,
    generateName: `${job.name}-`,
    node: random.pick(cluster.nodes.slice(1)),
    template: REPORT_TEMPLATE,
    owner: { apiVersion: 'batch/v1', kind: 'Job', ...job },
    top: { kind: 'CronJob', name: workload.name },
    created_us: at_us + 60_000
  })
  createPod(running, pod.created_us, jobs, pod)
  recordEvent(running, pod.created_us + 15_000, jobs, namespace, job.name)
  bindPod(running, pod.created_us + 25_000, pod)
  bringUpPod(running, pod.created_us + 70_000, pod)
  for (const [after_us, status] of [
    [1_000_000, { active: 1, startTime: rfc3339Seconds(at_us) }],
    [
      8_000_000,
      { succeeded: 1, startTime: rfc3339Seconds(at_us), completionTime: rfc3339Seconds(at_us + 8 * SECOND_US) }
    ]
  ] as const) {
    const call = {
      verb: 'update',
      group: 'batch',
      resource: 'jobs',
      subresource: 'status',
      namespace,
      name: job.name,
      uid: job.uid
    }
    callApi(running, at_us + after_us, jobs, { ...call, requestObject: object(status), responseObject: object(status) })
  }
  return pod
}

/** The report, every five minutes. @returns the pods of its runs */
export function reportRuns(world: World, workload: Workload): readonly Pod[] {
  const pods: Pod[] = []
  for (let at_us = START_US; at_us < START_US + LENGTH_US; at_us += 5 * MINUTE_US)
    pods.push(reportRun(world, at_us, workload))
  return pods
}

/** The runner starts a build in a pod of its own, attaches to it, and removes it. @returns the pod */
export function ciBuild(world: World, at_us: number, lasts_us: number, job: number): Pod {
  const building = benign(world, `ci/${job}`)
  const { cluster, random } = building
  const runner = podOf(cluster, 'ci', 'gitlab-runner')
  const client = workloadClient(runner, 'gitlab-runner 18.5.0 linux/amd64', 'gitlab-runner')
  const namespace = 'ci'
  const name = `runner-t2x${random.suffix(6)}-project-12-concurrent-0-${random.suffix(8)}`
  const pod = addPod(cluster, {
    namespace,
    name,
    generateName: null,
    node: random.pick(cluster.nodes.slice(1)),
    template: { ...BUILD_TEMPLATE, labels: { ...BUILD_TEMPLATE.labels, job: String(job) } },
    owner: null,
    top: { kind: 'Pod', name },
    created_us: at_us + 200_000
  })
  callApi(building, at_us, client, { verb: 'create', resource: 'secrets', namespace, name: `runner-${job}-auth` })
  createPod(building, pod.created_us, client, pod)
  bindPod(building, pod.created_us + 20_000, pod)
  bringUpPod(building, pod.created_us + 60_000, pod)
  for (let second = 1; second <= 3; second++)
    callApi(building, pod.created_us + second * SECOND_US, client, {
      verb: 'get',
      resource: 'pods',
      namespace,
      name: pod.name
    })
  callApi(building, pod.created_us + 3_200_000, client, {
    verb: 'get',
    resource: 'pods',
    subresource: 'attach',
    namespace,
    name: pod.name,
    code: 101,
    query: 'container=build&stdin=true&stdout=true&stderr=true',
    streams_us: lasts_us - 4_000_000
  })
  deletePod(building, at_us + lasts_us, client, pod, 1_200_000)
  callApi(building, at_us + lasts_us + 30_000, client, {
    verb: 'delete',
    resource: 'secrets',
    namespace,
    name: `runner-${job}-auth`
  })
  return pod
}

/** Kubelets look at their pods now and then, and renew the tokens of some. */
export function kubeletRounds(world: World): void {
  const rounds = benign(world, 'kubelets')
  const pods = rounds.cluster.pods.filter(({ created_us }) => created_us < START_US)
  every(rounds, 9 * SECOND_US, (at_us) => {
    const pod = rounds.random.pick(pods)
    callApi(rounds, at_us, kubeletClient(pod.node), {
      verb: 'get',
      resource: 'pods',
      namespace: pod.namespace,
      name: pod.name
    })
  })
  every(rounds, 75 * SECOND_US, (at_us) => {
    const pod = rounds.random.pick(
      pods.filter(({ namespace }) => namespace === 'kube-system' || namespace === 'monitoring')
    )
    callApi(rounds, at_us, kubeletClient(pod.node), {
      verb: 'create',
      resource: 'serviceaccounts',
      subresource: 'token',
      namespace: pod.namespace,
      name: pod.serviceAccount.name,
      annotations: { 'authentication.kubernetes.io/issued-credential-id': `JTI=${rounds.random.uuid()}` }
    })
  })
}
