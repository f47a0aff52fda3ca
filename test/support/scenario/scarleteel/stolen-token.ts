import type { Client, World } from '../api.ts'
import { podUser } from '../audit-record.ts'
import type { Pod } from '../cluster-model.ts'
import type { Process } from '../processes.ts'
import { connect, run } from '../runtime.ts'
import { MS_US } from '../timeline.ts'
import { API_SERVER } from './indicators.ts'
import { at, attackStep } from './story.ts'

/** The stolen token in use: who the API server sees, and the kubectl that peirates carries in itself. */

export const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

export const EMBEDDED_KUBECTL = 'kubectl/v0.0.0 (linux/amd64) kubernetes/$Format'

/** The API client that a pod's token makes, used from the notebook pod. */
export function tokenClient(token: Pod, from: Pod, userAgent: string): Client {
  return {
    user: podUser(token),
    sourceIP: from.ip,
    userAgent,
    reason:
      'RBAC: allowed by ClusterRoleBinding "notebook-spark" of ClusterRole "spark-jobs" to ServiceAccount "notebook/data-science"'
  }
}

/** peirates runs its kubectl: it starts itself again, under the name kubectl. */
export function embeddedKubectl(
  world: World,
  peirates: Process,
  step: number,
  when: string,
  words: readonly string[],
  lasts_us = 300 * MS_US,
  failed = false
): void {
  const labelled = attackStep(world, step, `kubectl/${when}`)
  const server = `--server=https://${API_SERVER.ip}:${API_SERVER.port}`
  const args = [server, `--certificate-authority=${MOUNT}/ca.crt`, '--token=*****', ...words]
  const process = run(labelled, peirates, at(when), {
    binary: '/proc/self/exe',
    args,
    lasts_us,
    ...(failed ? { status: 1 } : {})
  })
  connect(labelled, process, at(when) + 30 * MS_US, API_SERVER.ip, API_SERVER.port)
}
