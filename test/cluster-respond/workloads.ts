import type { JsonObject } from '../../services/core/json.ts'
import { IMAGE, NAMESPACE } from './real-cluster.ts'

export const podSpec = (restartPolicy = 'Always'): JsonObject => ({
  restartPolicy,
  // What does not listen to SIGTERM, as malware may not, would take the whole grace.
  terminationGracePeriodSeconds: 1,
  containers: [{ name: 'main', image: IMAGE, command: ['sh', '-c', 'trap "" TERM; while true; do sleep 1; done'] }]
})
const template = (app: string, restartPolicy?: string): JsonObject => ({
  metadata: { labels: { app } },
  spec: podSpec(restartPolicy)
})
const selecting = (app: string): JsonObject => ({ selector: { matchLabels: { app } }, template: template(app) })
const meta = (name: string, namespace = NAMESPACE): JsonObject => ({ name, namespace })

export function deployment(name: string, replicas: number, namespace = NAMESPACE): JsonObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta(name, namespace),
    spec: { replicas, ...selecting(name) }
  }
}

export function daemonSet(name: string, namespace = NAMESPACE): JsonObject {
  return { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: meta(name, namespace), spec: selecting(name) }
}

/** One of each kind of owner; their pods bear the label app with the name. */
export const KINDS: Readonly<Record<string, JsonObject>> = {
  bare: { apiVersion: 'v1', kind: 'Pod', metadata: { ...meta('bare'), labels: { app: 'bare' } }, spec: podSpec() },
  deployment: deployment('deployment', 2),
  replicaset: {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: meta('replicaset'),
    spec: { replicas: 1, ...selecting('replicaset') }
  },
  daemonset: daemonSet('daemonset'),
  ondelete: {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: meta('ondelete'),
    spec: { ...selecting('ondelete'), updateStrategy: { type: 'OnDelete' } }
  },
  statefulset: {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta('statefulset'),
    spec: { replicas: 1, serviceName: 'none', ...selecting('statefulset') }
  },
  job: { apiVersion: 'batch/v1', kind: 'Job', metadata: meta('job'), spec: { template: template('job', 'Never') } },
  cronjob: {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: meta('cronjob'),
    spec: { schedule: '* * * * *', jobTemplate: { spec: { template: template('cronjob', 'Never') } } }
  }
}

/** The job that a CronJob would have made by now: waiting for a full minute proves nothing more. */
export function jobOf(cronJob: JsonObject, uid: string): JsonObject {
  const owner = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    name: 'cronjob',
    uid,
    controller: true,
    blockOwnerDeletion: true
  }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { ...meta('cronjob-1'), ownerReferences: [owner] },
    spec: (cronJob['spec'] as { readonly jobTemplate: { readonly spec: JsonObject } }).jobTemplate.spec
  }
}

export const STATIC_POD: JsonObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...meta('static'), labels: { app: 'static' } },
  spec: podSpec()
}
