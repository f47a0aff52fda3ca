import {
  addNamespace,
  addNode,
  addPod,
  addReplicaSet,
  addReplicaSetPod,
  addService,
  addServiceAccount,
  addWorkload,
  type Cluster,
  type ContainerTemplate,
  createCluster,
  type Node,
  type PodTemplate,
  type ProgramTemplate,
  type Workload
} from '../cluster.ts'
import type { Random } from '../random.ts'
import { DAY_US, HOUR_US } from '../timeline.ts'

/** The cluster ScarletEEL is replayed in: three nodes, a shop, data scientists with notebooks, monitoring and a CI runner. */

/** When the recording begins: 2026-11-17T06:30:00Z. */
export const START_US = Date.UTC(2026, 10, 17, 6, 30) * 1000

export const NODES = { control: 'ip-10-0-1-10', first: 'ip-10-0-1-21', second: 'ip-10-0-1-22' } as const

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

function single(
  name: string,
  image: string,
  process: ProgramTemplate,
  more: Partial<ContainerTemplate> = {}
): ContainerTemplate {
  return { name, image, process, ...more }
}

function template(
  app: string,
  serviceAccount: string,
  container: ContainerTemplate,
  more: Partial<PodTemplate> = {}
): PodTemplate {
  return { labels: { app }, serviceAccount, containers: [container], ...more }
}

function notebookTemplate(app: string, serviceAccount: string): PodTemplate {
  const script = '/opt/conda/bin/jupyter-lab'
  return template(
    app,
    serviceAccount,
    single(
      'notebook',
      'quay.io/jupyter/datascience-notebook:2026-10-05',
      {
        binary: '/usr/bin/tini',
        args: ['-g', '--', 'start.sh', 'start-notebook.py', '--allow-root'],
        cwd: '/home/jovyan'
      },
      {
        port: 8888,
        env: { NB_UID: '0', NB_GID: '0', JUPYTER_TOKEN: '', JUPYTER_CMD: script },
        securityContext: { runAsUser: 0 }
      }
    )
  )
}

export const WEB_TEMPLATE = template(
  'web',
  'default',
  single('web', 'nginx:1.27.3', { binary: '/usr/sbin/nginx', args: ['-g', 'daemon off;'] }, { port: 80 })
)

const CART_TEMPLATE = template(
  'cart',
  'cart',
  single(
    'cart',
    'registry.example.com/shop/cart:3.14.0',
    { binary: '/usr/local/bin/node', args: ['/app/server.js'], cwd: '/app' },
    { port: 8080, env: { DB_HOST: 'db.shop.svc', NODE_ENV: 'production' } }
  )
)

const DB_TEMPLATE = template(
  'db',
  'default',
  single(
    'postgres',
    'postgres:17.2',
    { binary: '/usr/lib/postgresql/17/bin/postgres', args: [], uid: 999 },
    { port: 5432, readinessExec: ['pg_isready', '-U', 'shop', '-q'] }
  )
)

export const REPORT_TEMPLATE = template(
  'report',
  'default',
  single(
    'report',
    'postgres:17.2',
    {
      binary: '/bin/sh',
      args: ['-c', 'psql -h db.shop.svc -U shop -f /sql/report.sql > /tmp/report.csv && gzip /tmp/report.csv && date']
    },
    {
      command: ['sh', '-c'],
      args: ['psql -h db.shop.svc -U shop -f /sql/report.sql > /tmp/report.csv && gzip /tmp/report.csv && date']
    }
  ),
  { restartPolicy: 'Never' }
)

/** A build container of the CI runner, created for each job. */
export const BUILD_TEMPLATE = template(
  'gitlab-runner-job',
  'default',
  single(
    'build',
    'node:24-bookworm',
    { binary: '/bin/bash', args: [], cwd: '/builds' },
    { command: ['sh', '-c', 'if [ -x /bin/bash ]; then exec /bin/bash; else exec /bin/sh; fi'] }
  ),
  { restartPolicy: 'Never' }
)

const NODE_AGENT = { hostNetwork: true } as const

function deployment(
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

function daemonSet(cluster: Cluster, namespace: string, name: string, pods: PodTemplate): void {
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

function statefulSet(cluster: Cluster, namespace: string, name: string, pods: PodTemplate, node: Node): void {
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

function staticPods(cluster: Cluster, node: Node): void {
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

function kubeSystem(cluster: Cluster, control: Node, first: Node, second: Node): void {
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

function monitoring(cluster: Cluster, first: Node, second: Node): void {
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

/** The cluster as it was when the recording began. */
export function createScarleteelCluster(random: Random): Cluster {
  const cluster = createCluster('prod-eu-1', START_US, random)
  const control = addNode(cluster, { name: NODES.control, ip: '10.0.1.10', podPrefix: '10.244.0.', controlPlane: true })
  const first = addNode(cluster, { name: NODES.first, ip: '10.0.1.21', podPrefix: '10.244.1.', controlPlane: false })
  const second = addNode(cluster, { name: NODES.second, ip: '10.0.1.22', podPrefix: '10.244.2.', controlPlane: false })
  for (const name of [
    'default',
    'kube-system',
    'kube-public',
    'kube-node-lease',
    'data-science',
    'shop',
    'monitoring',
    'ci'
  ])
    addNamespace(cluster, name)

  kubeSystem(cluster, control, first, second)
  monitoring(cluster, first, second)

  for (const name of ['notebook', 'notebook-research']) addServiceAccount(cluster, 'data-science', name)
  deployment(cluster, 'data-science', 'notebook', notebookTemplate('notebook', 'notebook'), [first])
  deployment(cluster, 'data-science', 'notebook-research', notebookTemplate('notebook-research', 'notebook-research'), [
    second
  ])

  addServiceAccount(cluster, 'shop', 'cart')
  deployment(cluster, 'shop', 'web', WEB_TEMPLATE, [first, second, first])
  deployment(cluster, 'shop', 'cart', CART_TEMPLATE, [second, first])
  statefulSet(cluster, 'shop', 'db', DB_TEMPLATE, second)
  addWorkload(cluster, {
    kind: 'CronJob',
    namespace: 'shop',
    name: 'report',
    replicas: 0,
    template: REPORT_TEMPLATE,
    schedule: '*/5 * * * *'
  })

  addServiceAccount(cluster, 'ci', 'gitlab-runner')
  deployment(
    cluster,
    'ci',
    'gitlab-runner',
    template(
      'gitlab-runner',
      'gitlab-runner',
      single('gitlab-runner', 'gitlab/gitlab-runner:v18.5.0', {
        binary: '/usr/bin/gitlab-runner',
        args: ['run', '--working-directory=/home/gitlab-runner'],
        uid: 999
      })
    ),
    [first]
  )

  addService(cluster, {
    namespace: 'default',
    name: 'kubernetes',
    type: 'ClusterIP',
    selector: {},
    port: 443,
    targetPort: 6443,
    clusterIP: '10.96.0.1'
  })
  addService(cluster, {
    namespace: 'kube-system',
    name: 'kube-dns',
    type: 'ClusterIP',
    selector: { app: 'coredns' },
    port: 53,
    targetPort: 53,
    clusterIP: '10.96.0.10'
  })
  // the notebook is reachable from the internet and has no login: that is how the attacker came in
  addService(cluster, {
    namespace: 'data-science',
    name: 'notebook',
    type: 'LoadBalancer',
    selector: { app: 'notebook' },
    port: 80,
    targetPort: 8888,
    ingress: '203.0.113.80'
  })
  addService(cluster, {
    namespace: 'data-science',
    name: 'notebook-research',
    type: 'ClusterIP',
    selector: { app: 'notebook-research' },
    port: 80,
    targetPort: 8888
  })
  addService(cluster, {
    namespace: 'shop',
    name: 'web',
    type: 'LoadBalancer',
    selector: { app: 'web' },
    port: 80,
    targetPort: 80,
    ingress: '203.0.113.81'
  })
  addService(cluster, {
    namespace: 'shop',
    name: 'cart',
    type: 'ClusterIP',
    selector: { app: 'cart' },
    port: 8080,
    targetPort: 8080
  })
  addService(cluster, {
    namespace: 'shop',
    name: 'db',
    type: 'ClusterIP',
    selector: { app: 'db' },
    port: 5432,
    targetPort: 5432
  })
  addService(cluster, {
    namespace: 'monitoring',
    name: 'prometheus',
    type: 'ClusterIP',
    selector: { app: 'prometheus' },
    port: 9090,
    targetPort: 9090
  })
  addService(cluster, {
    namespace: 'monitoring',
    name: 'grafana',
    type: 'ClusterIP',
    selector: { app: 'grafana' },
    port: 3000,
    targetPort: 3000
  })
  return cluster
}
