import { resourceVersion } from './cluster.ts'
import type { Cluster, Namespace, Node, Service, ServiceAccount } from './cluster-model.ts'
import { compact, type Json, type JsonObject, withSortedKeys } from './json.ts'
import { podObject } from './pod-objects.ts'
import { DAY_US, rfc3339Seconds } from './timeline.ts'
import { deploymentObject, otherWorkloadObject, replicaSetObject } from './workload-objects.ts'

function nodeObject(cluster: Cluster, node: Node): JsonObject {
  const kinds = node.controlPlane ? { 'node-role.kubernetes.io/control-plane': '' } : {}
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      uid: node.uid,
      resourceVersion: resourceVersion(cluster, cluster.start_us),
      creationTimestamp: rfc3339Seconds(cluster.start_us - 18 * DAY_US),
      labels: {
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/hostname': node.name,
        'kubernetes.io/os': 'linux',
        'topology.kubernetes.io/zone': 'eu-central-1a',
        ...kinds
      }
    },
    spec: { podCIDR: `${node.podPrefix}0/24`, podCIDRs: [`${node.podPrefix}0/24`] },
    status: {
      addresses: [
        { type: 'InternalIP', address: node.ip },
        { type: 'Hostname', address: node.name }
      ],
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
          lastHeartbeatTime: rfc3339Seconds(cluster.start_us),
          lastTransitionTime: rfc3339Seconds(cluster.start_us - 18 * DAY_US)
        }
      ],
      nodeInfo: {
        architecture: 'amd64',
        bootID: node.bootId,
        containerRuntimeVersion: 'containerd://2.1.4',
        kernelVersion: '6.8.0-1036-aws',
        kubeletVersion: 'v1.34.4',
        kubeProxyVersion: '',
        machineID: node.machineId,
        operatingSystem: 'linux',
        osImage: 'Ubuntu 24.04.3 LTS',
        systemUUID: node.machineId
      }
    }
  }
}

function namespaceObject(cluster: Cluster, namespace: Namespace): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: namespace.name,
      uid: namespace.uid,
      resourceVersion: resourceVersion(cluster, namespace.created_us),
      creationTimestamp: rfc3339Seconds(namespace.created_us),
      labels: { 'kubernetes.io/metadata.name': namespace.name }
    },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' }
  }
}

function serviceAccountObject(cluster: Cluster, account: ServiceAccount): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {
      name: account.name,
      namespace: account.namespace,
      uid: account.uid,
      resourceVersion: resourceVersion(cluster, account.created_us),
      creationTimestamp: rfc3339Seconds(account.created_us)
    }
  }
}

function serviceObject(cluster: Cluster, service: Service): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: service.name,
      namespace: service.namespace,
      uid: service.uid,
      resourceVersion: resourceVersion(cluster, service.created_us),
      creationTimestamp: rfc3339Seconds(service.created_us)
    },
    spec: compact({
      type: service.type,
      clusterIP: service.clusterIP,
      clusterIPs: [service.clusterIP],
      selector: Object.keys(service.selector).length === 0 ? undefined : service.selector,
      ports: [{ port: service.port, targetPort: service.targetPort, protocol: 'TCP' }],
      sessionAffinity: 'None'
    }),
    status: { loadBalancer: service.ingress === undefined ? {} : { ingress: [{ ip: service.ingress }] } }
  }
}

/** Everything that existed when the recording began, as one `List`. */
function inventoryObject(cluster: Cluster): JsonObject {
  const now_us = cluster.start_us
  const existed = <T extends { readonly created_us: number }>(objects: readonly T[]) =>
    objects.filter(({ created_us }) => created_us <= now_us)
  const workloads = existed(cluster.workloads)
  const full = (replicas: number) => ({ replicas, ready: replicas })
  const items: readonly Json[] = [
    ...existed(cluster.namespaces).map((namespace) => namespaceObject(cluster, namespace)),
    ...cluster.nodes.map((node) => nodeObject(cluster, node)),
    ...existed(cluster.pods).map((pod) => podObject(cluster, pod, 'running', now_us)),
    ...existed(cluster.replicaSets).map((replicaSet) =>
      replicaSetObject(cluster, replicaSet, replicaSet.workload.replicas, full(replicaSet.workload.replicas), now_us)
    ),
    ...workloads
      .filter(({ kind }) => kind === 'Deployment')
      .map((workload) => {
        const replicaSet = existed(cluster.replicaSets).find((candidate) => candidate.workload === workload) ?? null
        return deploymentObject(cluster, workload, replicaSet, full(workload.replicas), now_us)
      }),
    ...(['DaemonSet', 'StatefulSet', 'CronJob'] as const).flatMap((kind) =>
      workloads
        .filter((workload) => workload.kind === kind)
        .map((workload) => otherWorkloadObject(cluster, workload, now_us))
    ),
    ...existed(cluster.services).map((service) => serviceObject(cluster, service)),
    ...existed(cluster.serviceAccounts).map((account) => serviceAccountObject(cluster, account))
  ]
  return { apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } }
}

/**
 * The inventory as text, the way `kubectl get namespaces,nodes,pods,replicasets,deployments,daemonsets,statefulsets,cronjobs,
 * services,serviceaccounts -A -o json` prints it: keys sorted, four spaces.
 */
export function inventoryText(cluster: Cluster): string {
  return `${JSON.stringify(withSortedKeys(inventoryObject(cluster)), null, 4)}\n`
}
