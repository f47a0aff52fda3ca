import { resourceVersion } from './cluster.ts'
import type { Cluster, Container, ContainerTemplate, Pod, PodTemplate } from './cluster-model.ts'
import { compact, type Json, type JsonObject } from './json.ts'
import { managedFields } from './managed-fields.ts'
import { rfc3339Seconds, SECOND_US } from './timeline.ts'

/** Pods as the Kubernetes API gives them: in workload templates, in create requests, and in full. */

const TOKEN_MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'

const DEFAULT_TOLERATIONS: Json = ['not-ready', 'unreachable'].map((taint) => ({
  key: `node.kubernetes.io/${taint}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300
}))

/** Volumes of folders of the node. */
function hostVolumes({ hostPaths = [] }: PodTemplate): readonly JsonObject[] {
  return hostPaths.map((path, place) => ({ name: `host-${place}`, hostPath: { path, type: '' } }))
}

function hostMounts({ hostPaths = [] }: PodTemplate): readonly JsonObject[] {
  return hostPaths.map((path, place) => ({ name: `host-${place}`, mountPath: path === '/' ? '/host' : `/host${path}` }))
}

function containerSpec(
  template: ContainerTemplate,
  tokenVolume: string | null,
  mounts: readonly JsonObject[]
): JsonObject {
  const env = Object.entries(template.env ?? {}).map(([name, value]) => ({ name, value }))
  return compact({
    name: template.name,
    image: template.image,
    command: template.command,
    args: template.args,
    ports: template.port === undefined ? undefined : [{ containerPort: template.port, protocol: 'TCP' }],
    env: env.length === 0 ? undefined : env,
    resources: { requests: { cpu: '100m', memory: '128Mi' } },
    volumeMounts:
      tokenVolume === null
        ? mounts.length === 0
          ? undefined
          : mounts
        : [...mounts, { name: tokenVolume, readOnly: true, mountPath: TOKEN_MOUNT_PATH }],
    readinessProbe:
      template.readinessExec === undefined
        ? undefined
        : {
            exec: { command: template.readinessExec },
            timeoutSeconds: 1,
            periodSeconds: 10,
            successThreshold: 1,
            failureThreshold: 3
          },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    securityContext: template.securityContext
  })
}

function containerSpecs(template: PodTemplate, tokenVolume: string | null): readonly JsonObject[] {
  return template.containers.map((container, place) =>
    containerSpec(container, tokenVolume, place === 0 ? hostMounts(template) : [])
  )
}

function restOfSpec(template: PodTemplate): JsonObject {
  return compact({
    restartPolicy: template.restartPolicy ?? 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: template.serviceAccount === 'default' ? undefined : template.serviceAccount,
    serviceAccount: template.serviceAccount === 'default' ? undefined : template.serviceAccount,
    hostNetwork: template.hostNetwork,
    hostPID: template.hostPID,
    securityContext: template.podSecurityContext ?? {},
    schedulerName: 'default-scheduler'
  })
}

/** `spec.template` of a workload. */
export function podTemplateObject(template: PodTemplate): JsonObject {
  return {
    metadata: { labels: template.labels },
    spec: {
      ...compact({ volumes: template.hostPaths === undefined ? undefined : hostVolumes(template) }),
      containers: containerSpecs(template, null),
      ...restOfSpec(template)
    }
  }
}

function ownerReferences(pod: Pod): Json | undefined {
  if (pod.owner === null) return undefined
  const { apiVersion, kind, name, uid } = pod.owner
  return [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }]
}

/** Body of the request that creates the pod, before admission. */
export function podCreateRequest(pod: Pod): JsonObject {
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: compact({
      name: pod.generateName === null ? pod.name : undefined,
      generateName: pod.generateName ?? undefined,
      namespace: pod.generateName === null ? pod.namespace : undefined,
      labels: pod.labels,
      ownerReferences: ownerReferences(pod)
    }),
    spec: {
      ...compact({ volumes: pod.template.hostPaths === undefined ? undefined : hostVolumes(pod.template) }),
      containers: containerSpecs(pod.template, null),
      ...restOfSpec(pod.template),
      enableServiceLinks: true
    },
    status: {}
  }
}

function admittedSpec(pod: Pod, bound: boolean): JsonObject {
  return compact({
    volumes: [
      ...hostVolumes(pod.template),
      {
        name: pod.tokenVolume,
        projected: {
          sources: [
            { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
            { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
            {
              downwardAPI: {
                items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }]
              }
            }
          ],
          defaultMode: 420
        }
      }
    ],
    containers: containerSpecs(pod.template, pod.tokenVolume),
    ...restOfSpec(pod.template),
    serviceAccountName: pod.template.serviceAccount,
    serviceAccount: pod.template.serviceAccount,
    nodeName: bound ? pod.node.name : undefined,
    tolerations: DEFAULT_TOLERATIONS,
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority'
  })
}

function containerStatus(container: Container): JsonObject {
  return {
    name: container.template.name,
    state: { running: { startedAt: rfc3339Seconds(container.start_us) } },
    lastState: {},
    ready: true,
    restartCount: 0,
    image: container.imageName,
    imageID: container.imageId,
    containerID: `containerd://${container.id}`,
    started: true
  }
}

function runningStatus(pod: Pod): JsonObject {
  const started = rfc3339Seconds(pod.created_us)
  const ready = rfc3339Seconds(Math.max(...pod.containers.map(({ start_us }) => start_us)) + SECOND_US)
  const conditions: readonly (readonly [string, string])[] = [
    ['PodReadyToStartContainers', ready],
    ['Initialized', started],
    ['Ready', ready],
    ['ContainersReady', ready],
    ['PodScheduled', started]
  ]
  return {
    observedGeneration: 1,
    phase: 'Running',
    conditions: conditions.map(([type, lastTransitionTime]) => ({
      type,
      observedGeneration: 1,
      status: 'True',
      lastProbeTime: null,
      lastTransitionTime
    })),
    hostIP: pod.node.ip,
    hostIPs: [{ ip: pod.node.ip }],
    podIP: pod.ip,
    podIPs: [{ ip: pod.ip }],
    startTime: started,
    containerStatuses: pod.containers.map(containerStatus),
    qosClass: 'Burstable'
  }
}

/**
 * The pod in full.
 * @param phase `pending`: just created, not bound, no container ids; `running`: bound and started
 * @param options `managed`: with `managedFields`, as in audit bodies (kubectl leaves them out); `deleted_us`: being deleted
 */
export function podObject(
  cluster: Cluster,
  pod: Pod,
  phase: 'pending' | 'running',
  now_us: number,
  options: { readonly managed?: boolean; readonly deleted_us?: number } = {}
): JsonObject {
  const created = podCreateRequest(pod)
  const managed = options.managed === true
  const kubelet = managedFields('kubelet', 'v1', pod.created_us + 2 * SECOND_US, { status: runningStatus(pod) })
  const creator = managedFields('kube-controller-manager', 'v1', pod.created_us, {
    metadata: compact({
      generateName: pod.generateName ?? undefined,
      labels: pod.labels,
      ownerReferences: ownerReferences(pod)
    }),
    spec: created.spec ?? {}
  })
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: compact({
      name: pod.name,
      generateName: pod.generateName ?? undefined,
      namespace: pod.namespace,
      uid: pod.uid,
      resourceVersion: resourceVersion(cluster, now_us),
      generation: options.deleted_us === undefined ? 1 : 2,
      creationTimestamp: rfc3339Seconds(pod.created_us),
      deletionTimestamp:
        options.deleted_us === undefined ? undefined : rfc3339Seconds(options.deleted_us + 30 * SECOND_US),
      deletionGracePeriodSeconds: options.deleted_us === undefined ? undefined : 30,
      labels: pod.labels,
      ownerReferences: ownerReferences(pod),
      managedFields: managed
        ? phase === 'pending'
          ? [creator]
          : [creator, { ...kubelet, subresource: 'status' }]
        : undefined
    }),
    spec: admittedSpec(pod, phase === 'running'),
    status: phase === 'pending' ? { phase: 'Pending', qosClass: 'Burstable' } : runningStatus(pod)
  }
}
