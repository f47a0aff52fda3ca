import { type Client, callApi, type World } from '../api.ts'
import { podUser } from '../audit-record.ts'
import { podOf } from '../cluster.ts'
import type { Pod } from '../cluster-model.ts'
import { apiServerClient, controllerClient, kubeletClient, versionAt } from '../control-plane.ts'
import { MINUTE_US, SECOND_US } from '../timeline.ts'
import { START_US } from './cluster.ts'
import { every } from './every.ts'
import { benign } from './story.ts'

/** What the control plane, the kubelets and monitoring ask the API server for all day. */

export function workloadClient(pod: Pod, userAgent: string, role: string): Client {
  const { namespace, name } = pod.serviceAccount
  return {
    user: podUser(pod),
    sourceIP: pod.ip,
    userAgent,
    reason: `RBAC: allowed by ClusterRoleBinding "${role}" of ClusterRole "${role}" to ServiceAccount "${name}/${namespace}"`
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
