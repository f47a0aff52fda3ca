import type { Client, World } from '../api.ts'
import { podUser } from '../audit-record.ts'
import { podsOf } from '../cluster.ts'
import type { Pod, Workload } from '../cluster-model.ts'
import type { Random } from '../random.ts'
import type { Person, Town } from './town.ts'

/** A day in a cluster, and whom and what of it the activities of the day are about. */

export interface Day {
  readonly world: World
  readonly town: Town
  readonly random: Random
}

export type Activity = (day: Day, at_us: number) => void

/** Any workload, also those that are attacked at other times. */
function anyWorkload({ town, random }: Day): Workload {
  const attacked = Object.values(town.victims).flat()
  const workloads = random.next() < 0.7 || attacked.length === 0 ? town.quiet : attacked
  return random.pick(workloads)
}

export function anyPod(day: Day): Pod | null {
  const workload = anyWorkload(day)
  const pods = podsOf(day.town.cluster, workload.namespace, workload.name)
  return pods.length === 0 ? null : day.random.pick(pods)
}

export const anyPerson = ({ town, random }: Day): Person => random.pick(town.people)

export function ofPod(pod: Pod, userAgent: string): Client {
  return {
    user: podUser(pod),
    sourceIP: pod.ip,
    userAgent,
    reason:
      'RBAC: allowed by ClusterRoleBinding "operators" of ClusterRole "operators" to Group "system:serviceaccounts"'
  }
}

export function operatorPod(day: Day, namespace: string, name: string): Pod | null {
  return podsOf(day.town.cluster, namespace, name)[0] ?? null
}
