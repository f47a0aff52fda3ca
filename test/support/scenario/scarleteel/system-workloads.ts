import { addServiceAccount } from '../cluster.ts'
import type { Cluster, Node, PodTemplate } from '../cluster-model.ts'
import { NODE_AGENT, single, template } from './templates.ts'
import { daemonSet, deployment, statefulSet, staticPods } from './workloads.ts'

/** What every cluster has: the control plane, its agents, and monitoring. */

/** Controllers of kube-controller-manager that show up with their own service accounts. */
const CONTROLLERS = [
  'cronjob-controller',
  'deployment-controller',
  'disruption-controller',
  'endpoint-controller',
  'endpointslice-controller',
  'generic-garbage-collector',
  'horizontal-pod-autoscaler',
  'job-controller',
  'replicaset-controller',
  'resourcequota-controller'
]

export function kubeSystem(cluster: Cluster, control: Node, first: Node, second: Node): void {
  for (const name of [
    ...CONTROLLERS,
    'cilium',
    'cilium-operator',
    'coredns',
    'kube-proxy',
    'metrics-server',
    'tetragon'
  ])
    addServiceAccount(cluster, 'kube-system', name)
  staticPods(cluster, control)
  const agent = (name: string, image: string, binary: string, args: readonly string[]): PodTemplate =>
    template(name, name, single(name, image, { binary, args }, { securityContext: { privileged: true } }), NODE_AGENT)
  daemonSet(
    cluster,
    'kube-system',
    'kube-proxy',
    agent('kube-proxy', 'registry.k8s.io/kube-proxy:v1.34.4', '/usr/local/bin/kube-proxy', [
      '--config=/var/lib/kube-proxy/config.conf'
    ])
  )
  daemonSet(
    cluster,
    'kube-system',
    'cilium',
    agent('cilium', 'quay.io/cilium/cilium:v1.18.3', '/usr/bin/cilium-agent', ['--config-dir=/tmp/cilium/config-map'])
  )
  daemonSet(
    cluster,
    'kube-system',
    'tetragon',
    agent('tetragon', 'quay.io/cilium/tetragon:v1.7.0', '/usr/bin/tetragon', [])
  )
  deployment(
    cluster,
    'kube-system',
    'coredns',
    template(
      'coredns',
      'coredns',
      single('coredns', 'registry.k8s.io/coredns/coredns:v1.12.1', {
        binary: '/coredns',
        args: ['-conf', '/etc/coredns/Corefile']
      })
    ),
    [first, second]
  )
  deployment(
    cluster,
    'kube-system',
    'cilium-operator',
    template(
      'cilium-operator',
      'cilium-operator',
      single('cilium-operator', 'quay.io/cilium/operator-generic:v1.18.3', {
        binary: '/usr/bin/cilium-operator-generic',
        args: []
      }),
      NODE_AGENT
    ),
    [control]
  )
  deployment(
    cluster,
    'kube-system',
    'metrics-server',
    template(
      'metrics-server',
      'metrics-server',
      single('metrics-server', 'registry.k8s.io/metrics-server/metrics-server:v0.8.0', {
        binary: '/metrics-server',
        args: ['--secure-port=10250']
      })
    ),
    [second]
  )
}

export function monitoring(cluster: Cluster, first: Node, second: Node): void {
  for (const name of ['prometheus', 'kube-state-metrics', 'node-exporter'])
    addServiceAccount(cluster, 'monitoring', name)
  statefulSet(
    cluster,
    'monitoring',
    'prometheus',
    template(
      'prometheus',
      'prometheus',
      single(
        'prometheus',
        'quay.io/prometheus/prometheus:v3.5.0',
        { binary: '/bin/prometheus', args: ['--config.file=/etc/prometheus/prometheus.yml'], uid: 65534 },
        { port: 9090 }
      )
    ),
    second
  )
  deployment(
    cluster,
    'monitoring',
    'kube-state-metrics',
    template(
      'kube-state-metrics',
      'kube-state-metrics',
      single(
        'kube-state-metrics',
        'registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.17.0',
        { binary: '/kube-state-metrics', args: ['--port=8080'], uid: 65534 },
        { port: 8080 }
      )
    ),
    [first]
  )
  deployment(
    cluster,
    'monitoring',
    'grafana',
    template(
      'grafana',
      'default',
      single(
        'grafana',
        'grafana/grafana:12.2.0',
        { binary: '/usr/share/grafana/bin/grafana', args: ['server'], uid: 472 },
        { port: 3000 }
      )
    ),
    [second]
  )
  daemonSet(
    cluster,
    'monitoring',
    'node-exporter',
    template(
      'node-exporter',
      'node-exporter',
      single(
        'node-exporter',
        'quay.io/prometheus/node-exporter:v1.10.2',
        { binary: '/bin/node_exporter', args: ['--path.rootfs=/host/root'], uid: 65534 },
        { port: 9100 }
      ),
      NODE_AGENT
    )
  )
}
