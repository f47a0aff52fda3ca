/** The kinds that carry a pod spec, and where in the object it lies. `resource` is the plural of the API. */
export interface WorkloadKind {
  readonly kind: string
  readonly resource: string
  readonly podSpec: readonly string[]
}

const TEMPLATE = ['spec', 'template', 'spec'] as const

export const WORKLOAD_KINDS: readonly WorkloadKind[] = [
  { kind: 'Pod', resource: 'pods', podSpec: ['spec'] },
  { kind: 'Deployment', resource: 'deployments', podSpec: TEMPLATE },
  { kind: 'DaemonSet', resource: 'daemonsets', podSpec: TEMPLATE },
  { kind: 'StatefulSet', resource: 'statefulsets', podSpec: TEMPLATE },
  { kind: 'ReplicaSet', resource: 'replicasets', podSpec: TEMPLATE },
  { kind: 'ReplicationController', resource: 'replicationcontrollers', podSpec: TEMPLATE },
  { kind: 'Job', resource: 'jobs', podSpec: TEMPLATE },
  { kind: 'CronJob', resource: 'cronjobs', podSpec: ['spec', 'jobTemplate', 'spec', 'template', 'spec'] }
]

const BY_RESOURCE = new Map(WORKLOAD_KINDS.map((kind) => [kind.resource, kind]))
const BY_KIND = new Map(WORKLOAD_KINDS.map((kind) => [kind.kind, kind]))

export function workloadKindOfResource(resource: string | null | undefined): WorkloadKind | null {
  return BY_RESOURCE.get(resource ?? '') ?? null
}

export function workloadKindOfKind(kind: string | null | undefined): WorkloadKind | null {
  return BY_KIND.get(kind ?? '') ?? null
}
