import { type Action, madeBy } from '../action.ts'

/** What each profile allows itself: fields of the pod's spec and of its container. */
const PROFILES: Readonly<Record<string, { readonly spec: object; readonly container: object }>> = {
  'nothing-allowed': { spec: {}, container: {} },
  hostpid: { spec: { hostPID: true }, container: {} },
  hostipc: { spec: { hostIPC: true }, container: {} },
  hostnetwork: { spec: { hostNetwork: true }, container: {} },
  hostpath: {
    spec: { volumes: [{ name: 'node', hostPath: { path: '/' } }] },
    container: { volumeMounts: [{ name: 'node', mountPath: '/node' }] }
  },
  priv: { spec: {}, container: { securityContext: { privileged: true } } },
  'priv-and-hostpid': { spec: { hostPID: true }, container: { securityContext: { privileged: true } } },
  'everything-allowed': {
    spec: {
      hostPID: true,
      hostIPC: true,
      hostNetwork: true,
      volumes: [{ name: 'node', hostPath: { path: '/' } }]
    },
    container: { securityContext: { privileged: true }, volumeMounts: [{ name: 'node', mountPath: '/node' }] }
  }
}

/** Profiles whose controllers' children are recorded too. */
const WITH_CHILDREN = new Set(['nothing-allowed', 'priv', 'everything-allowed'])

const CONTROLLERS = [
  'replicaset-controller',
  'daemon-set-controller',
  'statefulset-controller',
  'replication-controller',
  'job-controller'
]

/** One object of each kind that is or makes a pod, all with the same pod spec. */
function objectsOf(profile: string): object[] {
  const { spec, container } = PROFILES[profile] ?? { spec: {}, container: {} }
  const name = `lab-${profile}`
  const command = ['sh', '-c', 'while :; do sleep 30; done']
  const podSpec = (restartPolicy: string) => ({
    restartPolicy,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: 'docker.io/library/busybox:test', command, ...container }],
    ...spec
  })
  const template = (kind: string, restartPolicy = 'Always') => ({
    metadata: { labels: { lab: `${profile}-${kind}` } },
    spec: podSpec(restartPolicy)
  })
  const selector = (kind: string) => ({ matchLabels: { lab: `${profile}-${kind}` } })
  const job = { backoffLimit: 0, template: template('job', 'Never') }
  const metadata = { name, namespace: 'lab' }
  return [
    { apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec('Always') },
    ...['Deployment', 'ReplicaSet'].map((kind) => ({
      apiVersion: 'apps/v1',
      kind,
      metadata,
      spec: { replicas: 1, selector: selector(kind), template: template(kind) }
    })),
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata,
      spec: { replicas: 1, serviceName: name, selector: selector('sts'), template: template('sts') }
    },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata,
      spec: { selector: selector('ds'), template: template('ds') }
    },
    {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata,
      spec: { replicas: 1, selector: { lab: `${profile}-rc` }, template: template('rc') }
    },
    { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: job },
    { apiVersion: 'batch/v1', kind: 'CronJob', metadata, spec: { schedule: '*/1 * * * *', jobTemplate: { spec: job } } }
  ]
}

const CREATED = [
  'pods',
  'deployments',
  'replicasets',
  'statefulsets',
  'daemonsets',
  'replicationcontrollers',
  'jobs',
  'cronjobs'
]

/** Each profile as a pod and as each kind of workload. */
export const MANIFEST_ACTIONS: readonly Action[] = Object.keys(PROFILES).map((profile) => ({
  code: 'manifests',
  name: profile,
  does: `A pod and each kind of workload with the profile ${profile}${WITH_CHILDREN.has(profile) ? ', and the pods that controllers make of them' : ''}`,
  actor: 'mallory',
  before:
    'kubectl get namespace lab || kubectl create namespace lab; until kubectl -n lab get serviceaccount default; do sleep 0.2; done',
  run: `kubectl create -f - <<'K'
${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objectsOf(profile) })}
K`,
  also: (event) =>
    WITH_CHILDREN.has(profile) && CONTROLLERS.some((controller) => madeBy(controller, 'pods', 'lab')(event)),
  settle_s: 2,
  after:
    'kubectl -n lab delete cronjobs,jobs,deployments,daemonsets,statefulsets,replicasets,replicationcontrollers,pods --all --force --grace-period=0',
  holds: CREATED.map((resource) => `create ${resource} 201`)
}))
