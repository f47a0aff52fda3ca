import type {
  Cluster,
  Container,
  Namespace,
  Node,
  Owner,
  Pod,
  PodTemplate,
  ReplicaSet,
  Service,
  ServiceAccount,
  Workload
} from './cluster-model.ts'
import { fullImageName, imageDigest } from './images.ts'
import type { Random } from './random.ts'
import { DAY_US, MINUTE_US, rfc3339Seconds, SECOND_US } from './timeline.ts'

/** Builds the cluster of a scenario, and finds things in it. */

/** An empty cluster. */
export function createCluster(name: string, start_us: number, random: Random): Cluster {
  return {
    name,
    start_us,
    random: random.fork('cluster'),
    nodes: [],
    namespaces: [],
    serviceAccounts: [],
    workloads: [],
    replicaSets: [],
    pods: [],
    services: [],
    addressesUsed: new Map(),
    pidsUsed: new Map()
  }
}

export function addNode(
  cluster: Cluster,
  node: Pick<Node, 'name' | 'ip' | 'podPrefix' | 'controlPlane' | 'skew_us'>
): Node {
  const { random } = cluster
  const added: Node = {
    ...node,
    uid: random.uuid(),
    boot_us: cluster.start_us - 19 * DAY_US - random.integer(0, DAY_US),
    bootId: random.uuid(),
    machineId: random.hex(32),
    credential: `X509SHA256=${random.hex(64)}`
  }
  cluster.nodes.push(added)
  return added
}

export function addNamespace(cluster: Cluster, name: string): Namespace {
  const added = { name, uid: cluster.random.uuid(), created_us: longAgo(cluster) }
  cluster.namespaces.push(added)
  addServiceAccount(cluster, name, 'default')
  return added
}

export function addServiceAccount(cluster: Cluster, namespace: string, name: string): ServiceAccount {
  const added = { namespace, name, uid: cluster.random.uuid(), created_us: longAgo(cluster) }
  cluster.serviceAccounts.push(added)
  return added
}

/** @throws RangeError when there is no such service account */
export function serviceAccountOf(cluster: Cluster, namespace: string, name: string): ServiceAccount {
  const found = cluster.serviceAccounts.find((account) => account.namespace === namespace && account.name === name)
  if (found === undefined) throw new RangeError(`the scenario has no service account ${namespace}/${name}`)
  return found
}

/** @throws RangeError when there is no such node */
export function nodeOf(cluster: Cluster, name: string): Node {
  const found = cluster.nodes.find((node) => node.name === name)
  if (found === undefined) throw new RangeError(`the scenario has no node ${name}`)
  return found
}

/** The pods of a workload that exist, oldest first. */
export function podsOf(cluster: Cluster, namespace: string, workload: string): readonly Pod[] {
  return cluster.pods.filter((pod) => pod.namespace === namespace && pod.top.name === workload)
}

/** @throws RangeError when the workload has no pod at that place */
export function podOf(cluster: Cluster, namespace: string, workload: string, at = 0): Pod {
  const found = podsOf(cluster, namespace, workload)[at]
  if (found === undefined) throw new RangeError(`the scenario has no pod ${at} of ${namespace}/${workload}`)
  return found
}

/** The pod's first container. */
export function mainContainer(pod: Pod): Container {
  const [first] = pod.containers
  if (first === undefined) throw new RangeError(`pod ${pod.namespace}/${pod.name} has no container`)
  return first
}

export function addService(
  cluster: Cluster,
  service: Omit<Service, 'uid' | 'created_us' | 'clusterIP'> & { readonly clusterIP?: string }
): Service {
  const { random } = cluster
  const added: Service = {
    ...service,
    uid: random.uuid(),
    created_us: longAgo(cluster),
    clusterIP: service.clusterIP ?? `10.${random.integer(97, 110)}.${random.integer(1, 254)}.${random.integer(1, 254)}`
  }
  cluster.services.push(added)
  return added
}

/** A workload without pods; a Deployment gets its ReplicaSet with `addReplicaSet`. */
export function addWorkload(
  cluster: Cluster,
  workload: Omit<Workload, 'uid' | 'created_us'> & { readonly created_us?: number }
): Workload {
  const added: Workload = {
    ...workload,
    uid: cluster.random.uuid(),
    created_us: workload.created_us ?? longAgo(cluster)
  }
  cluster.workloads.push(added)
  return added
}

export function addReplicaSet(
  cluster: Cluster,
  workload: Workload,
  revision: number,
  template: PodTemplate,
  created_us: number
): ReplicaSet {
  const hash = cluster.random.suffix(10)
  const added: ReplicaSet = {
    name: `${workload.name}-${hash}`,
    uid: cluster.random.uuid(),
    hash,
    revision,
    created_us,
    template: { ...template, labels: { ...template.labels, 'pod-template-hash': hash } },
    workload
  }
  cluster.replicaSets.push(added)
  return added
}

/** What a new pod is made from. */
export interface NewPod {
  readonly namespace: string
  readonly name: string
  readonly generateName: string | null
  readonly node: Node
  readonly template: PodTemplate
  readonly owner: Owner | null
  readonly top: Pod['top']
  readonly created_us: number
}

/** A pod with ids, address, containers and a bound token; containers start some two seconds after it was created. */
export function addPod(cluster: Cluster, pod: NewPod): Pod {
  const { random } = cluster
  const token_us = Math.max(pod.created_us, cluster.start_us - random.integer(4, 44) * MINUTE_US)
  const added: Pod = {
    ...pod,
    uid: random.uuid(),
    ip: pod.template.hostNetwork === true ? pod.node.ip : nextAddress(cluster, pod.node),
    labels: pod.template.labels,
    serviceAccount: serviceAccountOf(cluster, pod.namespace, pod.template.serviceAccount),
    credential: `JTI=${random.uuid()}`,
    tokenDirectory: `..${rfc3339Seconds(token_us).slice(0, 19).replaceAll(/[-T:]/g, '_')}.${random.integer(100_000_000, 4_200_000_000)}`,
    tokenVolume: `kube-api-access-${random.suffix(5)}`,
    containers: pod.template.containers.map((template) => ({
      template,
      id: random.hex(64),
      imageName: fullImageName(template.image),
      imageId: imageDigest(template.image),
      start_us: pod.created_us + random.integer(1_700_000, 2_600_000)
    }))
  }
  cluster.pods.push(added)
  return added
}

/** A pod of a ReplicaSet, with the name the API server generates. */
export function addReplicaSetPod(cluster: Cluster, replicaSet: ReplicaSet, node: Node, created_us: number): Pod {
  return addPod(cluster, {
    namespace: replicaSet.workload.namespace,
    name: `${replicaSet.name}-${cluster.random.suffix(5)}`,
    generateName: `${replicaSet.name}-`,
    node,
    template: replicaSet.template,
    owner: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: replicaSet.name, uid: replicaSet.uid },
    top: { kind: 'Deployment', name: replicaSet.workload.name },
    created_us
  })
}

/** A host pid that was not used on the node before; other processes of the node take some in between. */
export function nextPid(cluster: Cluster, node: Node): number {
  const last = cluster.pidsUsed.get(node.name) ?? cluster.random.integer(900_000, 1_400_000)
  const pid = last + cluster.random.integer(1, 7)
  cluster.pidsUsed.set(node.name, pid)
  return pid
}

/** The next pid in a container's own pid namespace: 1 for its first process. */
export function nextContainerPid(cluster: Cluster, container: Container): number {
  const last = cluster.pidsUsed.get(container.id)
  const pid = last === undefined ? 1 : last + cluster.random.integer(1, 4)
  cluster.pidsUsed.set(container.id, pid)
  return pid
}

/** Resource version at a time: rises with time, as in etcd. */
export function resourceVersion(cluster: Cluster, time_us: number): string {
  return String(48_211_907 + Math.floor((time_us - cluster.start_us) / (SECOND_US / 16)))
}

/** A time some weeks before the recording. */
function longAgo(cluster: Cluster): number {
  return cluster.start_us - cluster.random.integer(15 * DAY_US, 18 * DAY_US)
}

function nextAddress(cluster: Cluster, node: Node): string {
  const last = cluster.addressesUsed.get(node.name) ?? 9
  // Addresses of pods that are gone come back.
  const address = 10 + ((last + cluster.random.integer(1, 3) - 10) % 240)
  cluster.addressesUsed.set(node.name, address)
  return `${node.podPrefix}${address}`
}
