import { resourceVersion } from './cluster.ts'
import type { Cluster, ReplicaSet, Workload } from './cluster-model.ts'
import { compact, type Json, type JsonObject } from './json.ts'
import { managedFields } from './managed-fields.ts'
import { podTemplateObject } from './pod-objects.ts'
import { DAY_US, rfc3339Seconds } from './timeline.ts'

/** Workload objects as the Kubernetes API gives them. */

const MANAGER = 'kube-controller-manager'

function selectorOf(labels: Readonly<Record<string, string>>): JsonObject {
  return { matchLabels: labels }
}

function controllerReference(owner: { kind: string; name: string; uid: string; apiVersion: string }): Json {
  const { apiVersion, kind, name, uid } = owner
  return [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }]
}

/** `spec` of a Deployment. */
export function deploymentSpec(workload: Workload, template = workload.template): JsonObject {
  return {
    replicas: workload.replicas,
    selector: selectorOf(workload.template.labels),
    template: podTemplateObject(template),
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600
  }
}

/** How many pods of a workload are where, for its status. */
export interface Counts {
  readonly replicas: number
  readonly ready: number
}

function deploymentStatus(
  workload: Workload,
  replicaSet: ReplicaSet | null,
  counts: Counts | null,
  now_us: number
): JsonObject {
  if (counts === null || replicaSet === null) return {}
  const complete = counts.ready >= workload.replicas
  return {
    observedGeneration: replicaSet.revision,
    replicas: counts.replicas,
    updatedReplicas: counts.replicas,
    ...(counts.ready > 0 ? { readyReplicas: counts.ready, availableReplicas: counts.ready } : {}),
    ...(complete ? {} : { unavailableReplicas: workload.replicas - counts.ready }),
    conditions: [
      {
        type: 'Progressing',
        status: 'True',
        lastUpdateTime: rfc3339Seconds(now_us),
        lastTransitionTime: rfc3339Seconds(replicaSet.created_us),
        reason: complete ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated',
        message: `ReplicaSet "${replicaSet.name}" ${complete ? 'has successfully progressed' : 'is progressing'}.`
      }
    ]
  }
}

/**
 * A Deployment in full.
 * @param options `template`: when it differs from the workload's first one; `managed`: with `managedFields`, as in audit bodies
 */
export function deploymentObject(
  cluster: Cluster,
  workload: Workload,
  replicaSet: ReplicaSet | null,
  counts: Counts | null,
  now_us: number,
  options: { readonly template?: Workload['template']; readonly managed?: string } = {}
): JsonObject {
  const spec = deploymentSpec(workload, options.template)
  const annotations =
    replicaSet === null ? undefined : { 'deployment.kubernetes.io/revision': String(replicaSet.revision) }
  const status = deploymentStatus(workload, replicaSet, counts, now_us)
  return {
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    metadata: compact({
      name: workload.name,
      namespace: workload.namespace,
      uid: workload.uid,
      resourceVersion: resourceVersion(cluster, now_us),
      generation: replicaSet?.revision ?? 1,
      creationTimestamp: rfc3339Seconds(workload.created_us),
      labels: workload.template.labels,
      annotations,
      managedFields:
        options.managed === undefined
          ? undefined
          : [
              managedFields(options.managed, 'apps/v1', workload.created_us, {
                metadata: { labels: workload.template.labels },
                spec
              }),
              ...(annotations === undefined
                ? []
                : [
                    {
                      ...managedFields(MANAGER, 'apps/v1', now_us, { metadata: { annotations }, status }),
                      subresource: 'status'
                    }
                  ])
            ]
    }),
    spec,
    status
  }
}

function replicaSetSpec(replicaSet: ReplicaSet, replicas: number): JsonObject {
  return {
    replicas,
    selector: selectorOf(replicaSet.template.labels),
    template: podTemplateObject(replicaSet.template)
  }
}

function replicaSetMetadata(replicaSet: ReplicaSet): JsonObject {
  const { workload } = replicaSet
  return {
    name: replicaSet.name,
    namespace: workload.namespace,
    labels: replicaSet.template.labels,
    annotations: {
      'deployment.kubernetes.io/desired-replicas': String(workload.replicas),
      'deployment.kubernetes.io/max-replicas': String(Math.ceil(workload.replicas * 1.25)),
      'deployment.kubernetes.io/revision': String(replicaSet.revision)
    },
    ownerReferences: controllerReference({ apiVersion: 'apps/v1', ...workload })
  }
}

/** Body of the deployment controller's request that creates the ReplicaSet. */
export function replicaSetCreateRequest(replicaSet: ReplicaSet, replicas: number): JsonObject {
  return {
    kind: 'ReplicaSet',
    apiVersion: 'apps/v1',
    metadata: replicaSetMetadata(replicaSet),
    spec: replicaSetSpec(replicaSet, replicas),
    status: { replicas: 0 }
  }
}

/** A ReplicaSet in full, with `managedFields` when `managed`. */
export function replicaSetObject(
  cluster: Cluster,
  replicaSet: ReplicaSet,
  wanted: number,
  counts: Counts,
  now_us: number,
  managed = false
): JsonObject {
  const request = replicaSetMetadata(replicaSet)
  const spec = replicaSetSpec(replicaSet, wanted)
  const { name = '', namespace = '', labels = {}, annotations = {}, ownerReferences = [] } = request
  return {
    kind: 'ReplicaSet',
    apiVersion: 'apps/v1',
    metadata: compact({
      name,
      namespace,
      uid: replicaSet.uid,
      resourceVersion: resourceVersion(cluster, now_us),
      generation: 1,
      creationTimestamp: rfc3339Seconds(replicaSet.created_us),
      labels,
      annotations,
      ownerReferences,
      managedFields: managed
        ? [
            managedFields(MANAGER, 'apps/v1', replicaSet.created_us, {
              metadata: { annotations, labels, ownerReferences },
              spec
            })
          ]
        : undefined
    }),
    spec,
    status: {
      replicas: counts.replicas,
      ...(counts.replicas > 0 ? { fullyLabeledReplicas: counts.replicas } : {}),
      ...(counts.ready > 0 ? { readyReplicas: counts.ready, availableReplicas: counts.ready } : {}),
      observedGeneration: 1
    }
  }
}

/** A DaemonSet, StatefulSet or CronJob in full; Deployments have `deploymentObject`. */
export function otherWorkloadObject(cluster: Cluster, workload: Workload, now_us: number): JsonObject {
  const long_ago_us = cluster.start_us - DAY_US
  const metadata = {
    name: workload.name,
    namespace: workload.namespace,
    uid: workload.uid,
    resourceVersion: resourceVersion(cluster, Math.min(now_us, long_ago_us)),
    generation: 1,
    creationTimestamp: rfc3339Seconds(workload.created_us),
    labels: workload.template.labels
  }
  const template = podTemplateObject(workload.template)
  const selector = selectorOf(workload.template.labels)
  const count = workload.replicas
  if (workload.kind === 'CronJob') {
    return {
      kind: 'CronJob',
      apiVersion: 'batch/v1',
      metadata,
      spec: {
        schedule: workload.schedule ?? '0 * * * *',
        concurrencyPolicy: 'Forbid',
        suspend: false,
        jobTemplate: { metadata: {}, spec: { template } },
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 1
      },
      status: {}
    }
  }
  if (workload.kind === 'StatefulSet') {
    return {
      kind: 'StatefulSet',
      apiVersion: 'apps/v1',
      metadata,
      spec: { replicas: count, selector, template, serviceName: workload.name, podManagementPolicy: 'OrderedReady' },
      status: {
        observedGeneration: 1,
        replicas: count,
        readyReplicas: count,
        currentReplicas: count,
        availableReplicas: count
      }
    }
  }
  return {
    kind: 'DaemonSet',
    apiVersion: 'apps/v1',
    metadata,
    spec: { selector, template, updateStrategy: { type: 'RollingUpdate' }, revisionHistoryLimit: 10 },
    status: {
      currentNumberScheduled: count,
      numberMisscheduled: 0,
      desiredNumberScheduled: count,
      numberReady: count,
      observedGeneration: 1
    }
  }
}
