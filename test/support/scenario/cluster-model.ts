import type { JsonObject } from './json.ts'
import type { Random } from './random.ts'

/** A cluster as the scenario needs it: which objects exist, with the ids by which the sources name them. */

export interface Node {
  readonly name: string
  readonly uid: string
  readonly ip: string
  /** First two and a half numbers of its pod range, such as `10.244.1.`. */
  readonly podPrefix: string
  readonly controlPlane: boolean
  readonly boot_us: number
  /** How far its clock is ahead of the API server's, microseconds. */
  readonly skew_us?: number
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
  readonly hostPID?: boolean
  /** Folders of the node, mounted below /host in the first container. */
  readonly hostPaths?: readonly string[]
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
