import { hash } from 'node:crypto'
import type { JsonObject } from './json.ts'
import type { Random } from './random.ts'
import { DAY_US, MINUTE_US, rfc3339Seconds, SECOND_US } from './timeline.ts'

/** A cluster as the scenario needs it: which objects exist, with the ids by which the sources name them. */

export interface Node {
  readonly name: string
  readonly uid: string
  readonly ip: string
  /** First two and a half numbers of its pod range, such as `10.244.1.`. */
  readonly podPrefix: string
  readonly controlPlane: boolean
  readonly boot_us: number
  readonly bootId: string
  readonly machineId: string
  /** Fingerprint of the kubelet's client certificate, as in `user.extra`. */
  readonly credential: string
}

export interface Namespace {
  readonly name: string
  readonly uid: string
  readonly created_us: number
}

export interface ServiceAccount {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly created_us: number
}

export interface ContainerTemplate {
  readonly name: string
  /** As in the pod spec, such as `nginx:1.27.3`. */
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly port?: number
  readonly env?: Readonly<Record<string, string>>
  readonly securityContext?: JsonObject
  readonly readinessExec?: readonly string[]
  /** The container's first process as a sensor sees it. */
  readonly process: ProgramTemplate
}

export interface ProgramTemplate {
  readonly binary: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly uid?: number
}

export interface PodTemplate {
  readonly labels: Readonly<Record<string, string>>
  readonly serviceAccount: string
  readonly containers: readonly ContainerTemplate[]
  readonly hostNetwork?: boolean
  readonly restartPolicy?: 'Always' | 'Never'
  readonly podSecurityContext?: JsonObject
}

export type WorkloadKind = 'Deployment' | 'DaemonSet' | 'StatefulSet' | 'CronJob'

/** The object a pod's `ownerReferences` names. */
export interface Owner {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
}

export interface ReplicaSet {
  readonly name: string
  readonly uid: string
  readonly hash: string
  readonly revision: number
  readonly created_us: number
  readonly template: PodTemplate
  readonly workload: Workload
}

export interface Workload {
  readonly kind: WorkloadKind
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly created_us: number
  readonly replicas: number
  readonly template: PodTemplate
  readonly schedule?: string
}

export interface Container {
  readonly template: ContainerTemplate
  readonly id: string
  readonly imageName: string
  readonly imageId: string
  readonly start_us: number
}

export interface Pod {
  readonly namespace: string
  readonly name: string
  readonly generateName: string | null
  readonly uid: string
  readonly node: Node
  readonly ip: string
  readonly labels: Readonly<Record<string, string>>
  readonly template: PodTemplate
  readonly owner: Owner | null
  /** Kind and name of the top owner, as Tetragon's `workload` and `workload_kind` give it. */
  readonly top: { readonly kind: string; readonly name: string }
  readonly serviceAccount: ServiceAccount
  readonly created_us: number
  readonly containers: readonly Container[]
  /** Id of the bound token that is mounted now: `JTI=…`. */
  readonly credential: string
  /** The directory the kubelet's atomic writer put the token in: `..2026_11_17_06_02_11.1519281840`. */
  readonly tokenDirectory: string
  readonly tokenVolume: string
}

export interface Service {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly created_us: number
  readonly type: 'ClusterIP' | 'LoadBalancer'
  readonly clusterIP: string
  readonly selector: Readonly<Record<string, string>>
  readonly port: number
  readonly targetPort: number
  readonly ingress?: string
}

export interface Cluster {
  readonly name: string
  /** Start of the recording; pods created later are not in the inventory. */
  readonly start_us: number
  readonly random: Random
  readonly nodes: Node[]
  readonly namespaces: Namespace[]
  readonly serviceAccounts: ServiceAccount[]
  readonly workloads: Workload[]
  readonly replicaSets: ReplicaSet[]
  readonly pods: Pod[]
  readonly services: Service[]
  readonly addressesUsed: Map<string, number>
  readonly pidsUsed: Map<string, number>
}

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

export function addNode(cluster: Cluster, node: Pick<Node, 'name' | 'ip' | 'podPrefix' | 'controlPlane'>): Node {
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
  const address = last + cluster.random.integer(1, 3)
  cluster.addressesUsed.set(node.name, address)
  return `${node.podPrefix}${address}`
}

/** The image's name with registry and repository in full, as the container runtime gives it. */
export function fullImageName(image: string): string {
  const [first = ''] = image.split('/')
  if (!image.includes('/')) return `docker.io/library/${image}`
  return /[.:]/.test(first) || first === 'localhost' ? image : `docker.io/${image}`
}

/** `repository@sha256:…` of the image: the digest is made up from the name, and the same for the same name. */
export function imageDigest(image: string): string {
  const name = fullImageName(image)
  const repository = name.replace(/(@sha256:[0-9a-f]+|:[^/:]+)$/, '')
  return `${repository}@sha256:${hash('sha256', name)}`
}
