import type { PodFacts } from '../enrich/pod-facts.ts'

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
}

/** What is known of the cluster beside the incident, looked up before planning. */
export interface PlanFacts {
  readonly pods: ReadonlyArray<Pick<PodFacts, 'pod' | 'workload'>>
  /** Bindings of the service accounts in the incident; null when nobody looked. */
  readonly bindings: readonly Binding[] | null
  /** Namespace Weir itself runs in. */
  readonly weir_namespace: string
}

/** What a planner has that knows the incident alone. */
export const NO_FACTS: PlanFacts = { pods: [], bindings: null, weir_namespace: 'weir' }
