/** Identities that act for everybody: what two attacks have in common when both made a controller move is nothing. */
export interface StopValue {
  /** namespace/name of a service account, or a user name. */
  readonly identity: string
  readonly reason: string
}

const CONTROLLER = 'a controller of kube-controller-manager, which acts on every namespace'

/** Service accounts that kube-controller-manager runs its controllers under (`kubectl -n kube-system get sa`, Kubernetes 1.34). */
const CONTROLLERS = [
  'attachdetach-controller',
  'bootstrap-signer',
  'certificate-controller',
  'clusterrole-aggregation-controller',
  'cronjob-controller',
  'daemon-set-controller',
  'deployment-controller',
  'device-taint-eviction-controller',
  'disruption-controller',
  'endpoint-controller',
  'endpointslice-controller',
  'endpointslicemirroring-controller',
  'ephemeral-volume-controller',
  'expand-controller',
  'generic-garbage-collector',
  'horizontal-pod-autoscaler',
  'job-controller',
  'legacy-service-account-token-cleaner',
  'namespace-controller',
  'node-controller',
  'persistent-volume-binder',
  'pod-garbage-collector',
  'pv-protection-controller',
  'pvc-protection-controller',
  'replicaset-controller',
  'replication-controller',
  'resource-claim-controller',
  'resourcequota-controller',
  'root-ca-cert-publisher',
  'route-controller',
  'selinux-warning-controller',
  'service-account-controller',
  'service-cidrs-controller',
  'service-controller',
  'statefulset-controller',
  'storage-version-migrator-controller',
  'taint-eviction-controller',
  'token-cleaner',
  'ttl-after-finished-controller',
  'ttl-controller',
  'validatingadmissionpolicy-status-controller',
  'volumeattributesclass-protection-controller'
] as const

const AGENTS: readonly StopValue[] = [
  { identity: 'kube-system/coredns', reason: 'cluster DNS: reads services and endpoints of all namespaces' },
  { identity: 'kube-system/kube-dns', reason: 'cluster DNS: reads services and endpoints of all namespaces' },
  { identity: 'kube-system/kube-proxy', reason: 'one identity on every node' },
  { identity: 'kube-system/metrics-server', reason: 'scrapes every node' },
  { identity: 'kube-system/kube-state-metrics', reason: 'lists everything' },
  { identity: 'kube-system/cluster-autoscaler', reason: 'evicts pods of all workloads' },
  { identity: 'kube-system/cloud-controller-manager', reason: 'acts on nodes and services of all namespaces' },
  { identity: 'kube-system/aws-node', reason: 'network plugin: one identity on every node' },
  { identity: 'kube-system/calico-node', reason: 'network plugin: one identity on every node' },
  { identity: 'kube-system/cilium', reason: 'network plugin: one identity on every node' },
  { identity: 'kube-flannel/flannel', reason: 'network plugin: one identity on every node' },
  { identity: 'argocd/argocd-application-controller', reason: 'deploys all workloads' },
  { identity: 'flux-system/kustomize-controller', reason: 'deploys all workloads' },
  { identity: 'flux-system/helm-controller', reason: 'deploys all workloads' }
]

/** Service accounts that never tie signals together, and why. */
export const STOPPED_SERVICE_ACCOUNTS: readonly StopValue[] = [
  ...CONTROLLERS.map((name) => ({ identity: `kube-system/${name}`, reason: CONTROLLER })),
  ...AGENTS
]

/**
 * Beginnings of user names whose credential never ties signals together, and why. Service accounts' user names are not meant:
 * they are listed above.
 */
export const STOPPED_USER_PREFIXES: readonly StopValue[] = [
  { identity: 'system:node:', reason: "a kubelet's certificate stands behind all pods of its node" },
  { identity: 'system:kube-controller-manager', reason: 'acts on every namespace' },
  { identity: 'system:kube-scheduler', reason: 'places every pod' },
  { identity: 'system:apiserver', reason: 'the API server itself' },
  { identity: 'system:cloud-controller-manager', reason: 'acts on nodes and services of all namespaces' },
  { identity: 'system:anonymous', reason: 'nobody in particular' },
  { identity: 'eks:', reason: 'control plane of the cloud provider' },
  { identity: 'aksService', reason: 'control plane of the cloud provider' },
  { identity: 'system:gke-', reason: 'control plane of the cloud provider' }
]

const STOPPED_ACCOUNTS: ReadonlySet<string> = new Set(STOPPED_SERVICE_ACCOUNTS.map(({ identity }) => identity))

/** @param account namespace/name */
export function isStoppedServiceAccount(account: string): boolean {
  return STOPPED_ACCOUNTS.has(account)
}

/** @param user user name as in audit logs */
export function isStoppedUser(user: string): boolean {
  return STOPPED_USER_PREFIXES.some(({ identity }) => user.startsWith(identity))
}
