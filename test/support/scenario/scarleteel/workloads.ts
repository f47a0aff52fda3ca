import { addPod, addReplicaSet, addReplicaSetPod, addWorkload } from '../cluster.ts'
import type { Cluster, Node, PodTemplate, Workload } from '../cluster-model.ts'
import { DAY_US, HOUR_US } from '../timeline.ts'
import { NODE_AGENT, single } from './templates.ts'

/** Workloads with the pods they have had for some time. */

export function deployment(
  cluster: Cluster,
  namespace: string,
  name: string,
  pods: PodTemplate,
  nodes: readonly Node[]
): Workload {
  const workload = addWorkload(cluster, { kind: 'Deployment', namespace, name, replicas: nodes.length, template: pods })
  const rolledOut_us = cluster.start_us - cluster.random.integer(2 * DAY_US, 9 * DAY_US)
  const replicaSet = addReplicaSet(cluster, workload, 1, pods, rolledOut_us)
  for (const node of nodes)
    addReplicaSetPod(cluster, replicaSet, node, cluster.start_us - cluster.random.integer(20 * HOUR_US, 2 * DAY_US))
  return workload
}

export function daemonSet(cluster: Cluster, namespace: string, name: string, pods: PodTemplate): void {
  const workload = addWorkload(cluster, {
    kind: 'DaemonSet',
    namespace,
    name,
    replicas: cluster.nodes.length,
    template: pods
  })
  for (const node of cluster.nodes) {
    addPod(cluster, {
      namespace,
      name: `${name}-${cluster.random.suffix(5)}`,
      generateName: `${name}-`,
      node,
      template: pods,
      owner: { apiVersion: 'apps/v1', kind: 'DaemonSet', name, uid: workload.uid },
      top: { kind: 'DaemonSet', name },
      created_us: cluster.start_us - cluster.random.integer(5 * DAY_US, 12 * DAY_US)
    })
  }
}

export function statefulSet(cluster: Cluster, namespace: string, name: string, pods: PodTemplate, node: Node): void {
  const workload = addWorkload(cluster, { kind: 'StatefulSet', namespace, name, replicas: 1, template: pods })
  addPod(cluster, {
    namespace,
    name: `${name}-0`,
    generateName: `${name}-`,
    node,
    template: pods,
    owner: { apiVersion: 'apps/v1', kind: 'StatefulSet', name, uid: workload.uid },
    top: { kind: 'StatefulSet', name },
    created_us: cluster.start_us - cluster.random.integer(5 * DAY_US, 12 * DAY_US)
  })
}

export function staticPods(cluster: Cluster, node: Node): void {
  for (const name of ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler']) {
    const image = name === 'etcd' ? 'registry.k8s.io/etcd:3.6.4-0' : `registry.k8s.io/${name}:v1.34.4`
    const pods: PodTemplate = {
      labels: { component: name, tier: 'control-plane' },
      serviceAccount: 'default',
      containers: [single(name, image, { binary: `/usr/local/bin/${name}`, args: [] }, { command: [name] })],
      ...NODE_AGENT
    }
    addPod(cluster, {
      namespace: 'kube-system',
      name: `${name}-${node.name}`,
      generateName: null,
      node,
      template: pods,
      owner: { apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid },
      top: { kind: 'Pod', name: `${name}-${node.name}` },
      created_us: cluster.start_us - 18 * DAY_US
    })
  }
}
