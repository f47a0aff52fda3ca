import { addNamespace, addNode, addService, addServiceAccount, addWorkload, createCluster } from '../cluster.ts'
import type { Cluster } from '../cluster-model.ts'
import type { Random } from '../random.ts'
import { kubeSystem, monitoring } from './system-workloads.ts'
import {
  CART_TEMPLATE,
  DB_TEMPLATE,
  notebookTemplate,
  REPORT_TEMPLATE,
  single,
  template,
  WEB_TEMPLATE
} from './templates.ts'
import { deployment, statefulSet } from './workloads.ts'

/** The cluster ScarletEEL is replayed in: three nodes, a shop, data scientists with notebooks, monitoring and a CI runner. */

/** When the recording begins: 2026-11-17T06:30:00Z. */
export const START_US = Date.UTC(2026, 10, 17, 6, 30) * 1000

export const NODES = { control: 'ip-10-0-1-10', first: 'ip-10-0-1-21', second: 'ip-10-0-1-22' } as const

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
