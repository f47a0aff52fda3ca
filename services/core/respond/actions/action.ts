import type { ActionStep, ApiRequest, Entity, Incident } from '../../../../schemas/generated/types.ts'
import type { PlanFacts } from '../facts.ts'
import type { PolicyRule } from '../permissions.ts'
import type { Playbook } from '../playbook.ts'
import { requestText } from '../requests.ts'
import type { PodVictim, Victims } from '../victims.ts'

/** What an action is planned from: victims that may be acted on, within the playbook's limits. */
export interface PlanInput {
  readonly incident: Incident
  readonly victims: Victims
  readonly facts: PlanFacts
  readonly playbook: Playbook
}

/** A step as its action makes it; the planner adds its identity and what it needs permission for. */
export interface DraftStep
  extends Omit<ActionStep, 'id' | 'permissions' | 'risks' | 'undo_requests'>,
    Partial<Pick<ActionStep, 'risks' | 'undo_requests'>> {}

export interface Planned {
  readonly steps: readonly DraftStep[]
  /** What is not done, and why. */
  readonly notes: readonly string[]
}

/** Plans one action of a playbook: a step per thing to act on. */
export type PlanAction = (input: PlanInput) => Planned

/** What an action is, for people, for its documentation and for the roles that are made from it. */
export interface ActionDeclaration {
  readonly description: string
  /** What of an incident it is planned from. */
  readonly parameters: string
  /** The most it can need in the cluster. A plan needs less: these verbs on the objects it names. */
  readonly rbac: readonly PolicyRule[]
  readonly blast_radius: string
  /** What has to be so, and is checked again by the API server as part of the request. */
  readonly preconditions: string
  /** Null where it cannot be taken back. */
  readonly undo: string | null
  /** A step of a playbook. */
  readonly example: string
  readonly plan: PlanAction
}

/** How an undo that is a list of requests reads. */
export function undoText(requests: readonly ApiRequest[]): string {
  return requests.map(requestText).join('; ')
}

export function podEntity({ uid, namespace, name }: PodVictim): Entity {
  return { type: 'pod', id: uid ?? `${namespace}/${name}`, name: `${namespace}/${name}`, role: 'target' }
}

export function podText({ namespace, name }: PodVictim): string {
  return `pod ${namespace}/${name}`
}
