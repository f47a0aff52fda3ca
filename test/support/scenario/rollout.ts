import { type Client, callApi, type World } from './api.ts'
import { addReplicaSet, addReplicaSetPod, podsOf } from './cluster.ts'
import type { Node, Pod, PodTemplate, ReplicaSet, Workload } from './cluster-model.ts'
import { bindPod, bringUpPod, controllerClient, createPod, deletePod, recordEvent, versionAt } from './control-plane.ts'
import type { Json } from './json.ts'
import { SECOND_US } from './timeline.ts'
import { deploymentObject, replicaSetCreateRequest, replicaSetObject } from './workload-objects.ts'

/** What the controllers do when a Deployment is created or changed. */

interface Clients {
  readonly deployments: Client
  readonly replicaSets: Client
}

function clientsOf(world: World): Clients {
  return {
    deployments: controllerClient(world.cluster, 'deployment-controller'),
    replicaSets: controllerClient(world.cluster, 'replicaset-controller')
  }
}

function updateStatus(
  world: World,
  at_us: number,
  clients: Clients,
  replicaSet: ReplicaSet,
  replicas: number,
  ready: number
): void {
  const { cluster } = world
  const { workload } = replicaSet
  const counts = { replicas, ready }
  const update = (client: Client, resource: string, name: string, uid: string, at: number, object: Json) =>
    callApi(world, at, client, {
      verb: 'update',
      group: 'apps',
      resource,
      subresource: 'status',
      namespace: workload.namespace,
      name,
      uid,
      resourceVersion: versionAt(world, at - SECOND_US),
      requestObject: object,
      responseObject: object
    })
  const set = replicaSetObject(cluster, replicaSet, workload.replicas, counts, at_us, true)
  update(clients.replicaSets, 'replicasets', replicaSet.name, replicaSet.uid, at_us, set)
  const options = { template: replicaSet.template, managed: 'kubectl-create' }
  const deployment = deploymentObject(cluster, workload, replicaSet, counts, at_us, options)
  update(clients.deployments, 'deployments', workload.name, workload.uid, at_us + 18_000, deployment)
}

/** The new pod is created, bound and brought up, and the endpoints follow. */
function addOnePod(world: World, at_us: number, clients: Clients, replicaSet: ReplicaSet, node: Node): Pod {
  const pod = addReplicaSetPod(world.cluster, replicaSet, node, at_us)
  createPod(world, at_us, clients.replicaSets, pod)
  recordEvent(world, at_us + 14_000, clients.replicaSets, pod.namespace, replicaSet.name)
  bindPod(world, at_us + 22_000, pod)
  bringUpPod(world, at_us + 60_000, pod)
  return pod
}

function updateEndpoints(world: World, at_us: number, workload: Workload): void {
  const { namespace, name } = workload
  callApi(world, at_us, controllerClient(world.cluster, 'endpointslice-controller'), {
    verb: 'update',
    group: 'discovery.k8s.io',
    resource: 'endpointslices',
    namespace,
    name: `${name}-${world.random.suffix(5)}`
  })
  callApi(world, at_us + 9_000, controllerClient(world.cluster, 'endpoint-controller'), {
    verb: 'update',
    resource: 'endpoints',
    namespace,
    name
  })
}

function createReplicaSet(
  world: World,
  at_us: number,
  clients: Clients,
  workload: Workload,
  revision: number,
  template: PodTemplate
) {
  const replicaSet = addReplicaSet(world.cluster, workload, revision, template, at_us)
  callApi(world, at_us, clients.deployments, {
    verb: 'create',
    group: 'apps',
    resource: 'replicasets',
    namespace: workload.namespace,
    name: replicaSet.name,
    requestObject: replicaSetCreateRequest(replicaSet, workload.replicas),
    responseObject: replicaSetObject(
      world.cluster,
      replicaSet,
      workload.replicas,
      { replicas: 0, ready: 0 },
      at_us,
      true
    )
  })
  recordEvent(world, at_us + 21_000, clients.deployments, workload.namespace, workload.name)
  return replicaSet
}

/**
 * The controllers bring up a Deployment that was just created.
 * @param nodes where the pods go, one after another
 * @returns the pods, whose containers start some two seconds after `at_us`
 */
export function bringUpDeployment(
  world: World,
  at_us: number,
  workload: Workload,
  nodes: readonly Node[]
): readonly Pod[] {
  const clients = clientsOf(world)
  const replicaSet = createReplicaSet(world, at_us, clients, workload, 1, workload.template)
  const pods = nodes
    .slice(0, workload.replicas)
    .map((node, place) => addOnePod(world, at_us + 30_000 + place * 11_000, clients, replicaSet, node))
  updateStatus(world, at_us + 90_000, clients, replicaSet, pods.length, 0)
  updateStatus(world, at_us + 3 * SECOND_US, clients, replicaSet, pods.length, pods.length)
  return pods
}

/** Everything that goes on after someone changed a Deployment's pod template: pods are replaced one by one. */
export function replacePods(world: World, at_us: number, workload: Workload, template: PodTemplate): readonly Pod[] {
  const clients = clientsOf(world)
  const old = podsOf(world.cluster, workload.namespace, workload.name)
  const replicaSet = createReplicaSet(world, at_us, clients, workload, 2, template)
  const pods: Pod[] = []
  for (const [place, replaced] of old.entries()) {
    const step_us = at_us + 40_000 + place * 6 * SECOND_US
    pods.push(addOnePod(world, step_us, clients, replicaSet, replaced.node))
    updateStatus(world, step_us + 80_000, clients, replicaSet, place + 1, place)
    updateStatus(world, step_us + 3 * SECOND_US, clients, replicaSet, place + 1, place + 1)
    updateEndpoints(world, step_us + 3 * SECOND_US + 100_000, workload)
    deletePod(world, step_us + 3 * SECOND_US + 200_000, clients.replicaSets, replaced, 1_800_000)
    recordEvent(world, step_us + 3 * SECOND_US + 230_000, clients.deployments, workload.namespace, workload.name, true)
    updateEndpoints(world, step_us + 3 * SECOND_US + 420_000, workload)
  }
  return pods
}
