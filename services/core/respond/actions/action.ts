import type { ActionStep, Entity, Incident } from '../../../../schemas/generated/types.ts'
import type { PlanFacts } from '../facts.ts'
import type { Playbook } from '../playbook.ts'
import type { PodVictim, Victims } from '../victims.ts'

/** What an action is planned from: victims that may be acted on, within the playbook's limits. */
export interface PlanInput {
  readonly incident: Incident
  readonly victims: Victims
  readonly facts: PlanFacts
  readonly playbook: Playbook
}

export interface Planned {
  readonly steps: readonly ActionStep[]
  /** What is not done, and why. */
  readonly notes: readonly string[]
}

/** Plans one action of a playbook: a step per thing to act on. */
export type PlanAction = (input: PlanInput) => Planned

export function podEntity({ uid, namespace, name }: PodVictim): Entity {
  return { type: 'pod', id: uid ?? `${namespace}/${name}`, name: `${namespace}/${name}`, role: 'target' }
}

export function podText({ namespace, name }: PodVictim): string {
  return `pod ${namespace}/${name}`
}
