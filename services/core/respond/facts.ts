import type { Workload } from '../../../schemas/generated/types.ts'
import type { PodFacts } from '../enrich/pod-facts.ts'
import type { JsonObject } from '../json.ts'

/** Who a binding grants its role to. */
export interface Subject {
  readonly kind: string
  readonly name: string
  readonly namespace: string | null
}

/** A RoleBinding (with namespace) or ClusterRoleBinding (without). */
export interface Binding {
  readonly namespace: string | null
  readonly name: string
  readonly role: string
  readonly subjects: readonly Subject[]
  /** The object, where it was read from the cluster. */
  readonly object?: JsonObject
}

/** A workload as it is in the cluster. */
export interface LiveWorkload {
  readonly workload: Workload
  /** Where the API has it. */
  readonly path: string
  /** Where its number of replicas is; null for kinds that have none. */
  readonly scale_path: string | null
  readonly object: JsonObject
  /** Replicas it is to have, from its scale; null for kinds that have none. */
  readonly replicas: number | null
  /** Jobs of a CronJob that have not ended. */
  readonly jobs: ReadonlyArray<{ readonly path: string; readonly object: JsonObject }>
}

/** The cluster as it is, as far as an incident concerns it. */
export interface LiveFacts {
  readonly workloads: readonly LiveWorkload[]
  /** Objects by their path: pods, nodes, and what the incident names. What is not in here is not there. */
  readonly objects: ReadonlyMap<string, JsonObject>
  /** Pods of the nodes that the incident concerns, by node. */
  readonly node_pods?: ReadonlyMap<string, readonly JsonObject[]>
  /** PodDisruptionBudgets of the namespaces concerned. */
  readonly disruption_budgets: readonly JsonObject[]
}

/** What is known of the cluster beside the incident, looked up before planning. */
export interface PlanFacts {
  readonly pods: ReadonlyArray<Pick<PodFacts, 'pod' | 'workload'>>
  /** Bindings of the service accounts in the incident; null when nobody looked. */
  readonly bindings: readonly Binding[] | null
  /** Namespace Weir itself runs in. */
  readonly weir_namespace: string
  /** Null when the plan is made from the incident alone: it shows, and cannot be carried out. */
  readonly live?: LiveFacts | null
}

/** What a planner has that knows the incident alone. */
export const NO_FACTS: PlanFacts = { pods: [], bindings: null, weir_namespace: 'weir', live: null }
