import { IMAGES } from './images.ts'

const meta = (name: string, namespace: string, more: object = {}) => ({ name, namespace, ...more })
const template = (app: string, container: object, more: object = {}) => ({
  metadata: { labels: { app } },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: app, ...container }], ...more }
})
const selector = (app: string) => ({ matchLabels: { app } })

function deployment(
  namespace: string,
  app: string,
  container: object,
  { replicas = 1, ...spec }: { readonly replicas?: number; readonly serviceAccountName?: string } = {}
) {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta(app, namespace, { labels: { app } }),
    spec: { replicas, selector: selector(app), template: template(app, container, spec) }
  }
}

const account = (namespace: string, name: string) => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: meta(name, namespace)
})
const secret = (namespace: string, name: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: meta(name, namespace),
  stringData: { value: 'example' }
})
const rule = (apiGroup: string, resources: readonly string[], verbs: readonly string[]) => ({
  apiGroups: [apiGroup],
  resources,
  verbs
})
const READ = ['get', 'list', 'watch']
const WRITE = [...READ, 'create', 'update', 'patch', 'delete']
const bind = (role: string, subject: { readonly name: string }, namespace?: string) => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata: { name: `${subject.name}-${role}`, ...(namespace !== undefined && { namespace }) },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
  subjects: [subject]
})
const asAccount = (namespace: string, name: string) => ({ kind: 'ServiceAccount', namespace, name })
const asGroup = (name: string) => ({ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name })

const cronJob = (namespace: string, app: string, container: object, more: object = {}) => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: meta(app, namespace),
  spec: {
    schedule: '* * * * *',
    successfulJobsHistoryLimit: 2,
    jobTemplate: { spec: { template: template(app, container, { restartPolicy: 'Never', ...more }) } }
  }
})

export const NAMESPACES = ['data-science', 'shop', 'ci', 'platform'] as const

/** What is in the cluster when the recording begins. */
export const WORKLOADS: readonly object[] = [
  account('data-science', 'notebook'),
  account('shop', 'cart'),
  account('ci', 'deployer'),
  account('platform', 'janitor'),
  ...['db-password', 'stripe-key', 'smtp'].map((name) => secret('shop', name)),
  secret('data-science', 'warehouse'),
  // The mistake that the attack lives on: a notebook that may start pods, look at secrets and enter pods, everywhere.
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'notebook-spawner' },
    rules: [
      rule('', ['namespaces', 'pods', 'secrets', 'services', 'serviceaccounts'], READ),
      rule('', ['pods/exec'], ['get', 'create']),
      rule('', ['events'], [...READ, 'delete', 'deletecollection']),
      rule('apps', ['deployments'], WRITE)
    ]
  },
  bind('notebook-spawner', asAccount('data-science', 'notebook')),
  bind('edit', asGroup('developers'), 'shop'),
  bind('edit', asAccount('ci', 'deployer'), 'shop'),
  bind('view', asAccount('shop', 'cart'), 'shop'),
  bind('view', asAccount('platform', 'janitor'), 'shop'),
  deployment(
    'data-science',
    'notebook',
    { image: IMAGES.notebook, ports: [{ containerPort: 8888 }] },
    { serviceAccountName: 'notebook' }
  ),
  deployment('data-science', 'notebook-lisa', { image: IMAGES.notebook }),
  deployment(
    'shop',
    'web',
    {
      image: IMAGES.web,
      ports: [{ containerPort: 8080 }],
      readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 5 }
    },
    { replicas: 2 }
  ),
  deployment('shop', 'cart', { image: IMAGES.web }, { serviceAccountName: 'cart' }),
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta('db', 'shop'),
    spec: {
      serviceName: 'db',
      selector: selector('db'),
      template: template('db', {
        image: IMAGES.web,
        livenessProbe: { exec: { command: ['/bin/sh', '-c', 'test -f /srv/index.html'] }, periodSeconds: 10 }
      })
    }
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta('web', 'shop'),
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] }
  },
  cronJob('shop', 'report', {
    image: IMAGES.web,
    command: ['/bin/sh', '-c', '/bin/wc -c /srv/index.html > /tmp/report; /bin/sleep 2; /bin/cat /tmp/report']
  }),
  cronJob(
    'platform',
    'janitor',
    { image: IMAGES.tools, args: ['-n', 'shop', 'get', 'pods'] },
    { serviceAccountName: 'janitor' }
  )
]

/** A job of the CI, and the version that it brings out. */
export const BUILD = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: meta('migrate', 'shop'),
  spec: {
    ttlSecondsAfterFinished: 60,
    template: template(
      'migrate',
      { image: IMAGES.web_next, command: ['/bin/sh', '-c', '/bin/sha256sum /srv/index.html; /bin/sleep 3'] },
      { restartPolicy: 'Never' }
    )
  }
}
