import type { Client } from '../api.ts'
import { humanUser } from '../audit-record.ts'
import { addNamespace, addNode, addServiceAccount, createCluster } from '../cluster.ts'
import type { Cluster, Node, PodTemplate, Workload } from '../cluster-model.ts'
import type { Random } from '../random.ts'
import { kubeSystem, monitoring } from '../scarleteel/system-workloads.ts'
import { single, template } from '../scarleteel/templates.ts'
import { daemonSet, deployment } from '../scarleteel/workloads.ts'
import { VICTIMS, type VictimKind, victimTemplate } from './victims.ts'

/** A cluster of a size at which several attacks can go on at once, with people and machines at work in it. */
export interface Town {
  readonly cluster: Cluster
  readonly workers: readonly Node[]
  /** Namespaces of applications. */
  readonly namespaces: readonly string[]
  readonly people: readonly Person[]
  /** Workloads that can be attacked, by kind, each handed out once. */
  readonly victims: Readonly<Record<VictimKind, Workload[]>>
  /** Workloads that nobody attacks. */
  readonly quiet: readonly Workload[]
}

export interface Person {
  readonly client: Client
  readonly namespaces: readonly string[]
}

const NAMESPACES = ['shop', 'payments', 'data-science', 'search', 'crm', 'geo', 'media', 'mobile', 'staging', 'tools']
const PEOPLE = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi', 'ivan', 'judy', 'mallory', 'niaj']
const CONTROLLERS = ['daemon-set-controller', 'node-controller', 'statefulset-controller']

function person(random: Random, name: string, namespaces: readonly string[]): Person {
  const own = random.fork(name)
  return {
    namespaces,
    client: {
      user: humanUser(`${name}@example.com`, ['developers'], `X509SHA256=${own.hex(64)}`),
      sourceIP: `203.0.113.${own.integer(10, 250)}`,
      userAgent: 'kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9',
      reason: 'RBAC: allowed by ClusterRoleBinding "developers" of ClusterRole "edit" to Group "developers"'
    }
  }
}

function operator(cluster: Cluster, namespace: string, name: string, node: Node): void {
  addServiceAccount(cluster, namespace, name)
  const image = `quay.io/${name}/${name}:v1.18.2`
  deployment(cluster, namespace, name, template(name, name, single(name, image, { binary: `/${name}`, args: [] })), [
    node
  ])
}

const NODE_TOOL: Omit<PodTemplate, 'serviceAccount' | 'labels'> = {
  hostPID: true,
  hostPaths: ['/', '/var/run'],
  containers: [
    single(
      'agent',
      'registry.example.com/platform/node-tool:2.3.0',
      { binary: '/usr/bin/node-tool', args: ['run'] },
      { securityContext: { privileged: true } }
    )
  ]
}

export interface TownSize {
  /** Victims needed of each kind. */
  readonly victims: Readonly<Partial<Record<VictimKind, number>>>
  /** Workloads that nobody attacks. */
  readonly quiet: number
  /** Clocks of workers differ from the API server's by up to so much, microseconds. */
  readonly skew_us: number
}

/**
 * @param name of the cluster; clusters of one recording share all names of namespaces, accounts and people, as clusters of one company do
 * @param start_us when the recording begins
 */
export function createTown(name: string, start_us: number, random: Random, size: TownSize): Town {
  const cluster = createCluster(name, start_us, random)
  const control = addNode(cluster, { name: 'cp-1', ip: '10.0.1.10', podPrefix: '10.244.0.', controlPlane: true })
  const workers = Array.from({ length: 8 }, (_, place) =>
    addNode(cluster, {
      name: `worker-${place + 1}`,
      ip: `10.0.1.${20 + place}`,
      podPrefix: `10.244.${place + 1}.`,
      controlPlane: false,
      skew_us: Math.round((random.fork(`skew/${place}`).next() * 2 - 1) * size.skew_us)
    })
  )
  const [first = control, second = control] = workers
  const system = ['default', 'kube-system', 'kube-public', 'kube-node-lease', 'monitoring', 'ci', 'gitops', 'platform']
  for (const namespace of [...system, ...NAMESPACES]) addNamespace(cluster, namespace)
  kubeSystem(cluster, control, first, second)
  for (const controller of CONTROLLERS) addServiceAccount(cluster, 'kube-system', controller)
  monitoring(cluster, first, second)
  for (const tool of ['cert-manager', 'external-secrets', 'velero']) operator(cluster, 'platform', tool, first)
  addServiceAccount(cluster, 'platform', 'node-tool')
  daemonSet(cluster, 'platform', 'node-tool', {
    ...NODE_TOOL,
    labels: { app: 'node-tool' },
    serviceAccount: 'node-tool'
  })
  operator(cluster, 'ci', 'gitlab-runner', second)
  operator(cluster, 'gitops', 'deployer', second)

  const place = random.fork('places')
  const used = new Map<string, number>()
  const add = (kind: VictimKind): Workload => {
    const namespace = place.pick(NAMESPACES)
    const base = place.pick(VICTIMS[kind].names)
    const count = (used.get(`${namespace}/${base}`) ?? 0) + 1
    used.set(`${namespace}/${base}`, count)
    const app = count === 1 ? base : `${base}-${count}`
    // Many workloads never get an account of their own; a role in the cloud is given to one of its own.
    const account = place.next() < 0.35 && kind !== 'notebook' ? 'default' : app
    if (account !== 'default') addServiceAccount(cluster, namespace, account)
    const nodes = Array.from({ length: place.integer(1, 3) }, () => place.pick(workers))
    return deployment(cluster, namespace, app, victimTemplate(kind, app, account), nodes)
  }
  const kinds = Object.keys(VICTIMS) as VictimKind[]
  const victims = Object.fromEntries(
    kinds.map((kind) => [kind, Array.from({ length: size.victims[kind] ?? 0 }, () => add(kind))])
  ) as Record<VictimKind, Workload[]>
  const quiet = Array.from({ length: size.quiet }, () => add(place.pick(kinds.filter((kind) => kind !== 'windows'))))
  const people = PEOPLE.map((who) => person(random, who, [place.pick(NAMESPACES), place.pick(NAMESPACES)]))
  return { cluster, workers, namespaces: NAMESPACES, people, victims, quiet }
}
