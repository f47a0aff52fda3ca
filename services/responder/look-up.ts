import type { Incident, Workload } from '../../schemas/generated/types.ts'
import { workloadKindOfKind } from '../core/enrich/workload-kinds.ts'
import { arrayAt, at, isObject, type JsonObject, stringAt, stringMapAt } from '../core/json.ts'
import { objectPath } from '../core/respond/actions/remove-objects.ts'
import { type Binding, type LiveWorkload, NO_FACTS, type PlanFacts } from '../core/respond/facts.ts'
import { apiPath, DNS_LABEL, scopedName } from '../core/respond/names.ts'
import { coreClusterPath, corePath, groupClusterPath, groupPath, uidOf } from '../core/respond/requests.ts'
import { victimsOf } from '../core/respond/victims.ts'
import type { ClusterApi } from '../platform/kubernetes/cluster-api.ts'
import { sendPatiently } from './send.ts'

const RBAC = 'rbac.authorization.k8s.io'
/** Owners above owners; nothing real has more. */
const MAX_DEPTH = 8
/** Most objects of a list. */
const LIST_LIMIT = 2_000
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
const PATIENCE = { lag_ms: 0, deadline_ms: 10_000 } as const
/** API group of the kinds that Kubernetes itself has. */
const GROUPS: Readonly<Record<string, string>> = {
  Pod: '',
  ReplicationController: '',
  Job: 'batch',
  CronJob: 'batch'
}

/** Where an object of a kind is. */
interface Address {
  readonly path: string
  readonly scale_path: string | null
}

/** The owner that an object is controlled by. */
interface Controller {
  readonly api_version: string
  readonly workload: Workload
}

function controllerOf(object: JsonObject): Controller | null {
  const owner = arrayAt(object, 'metadata', 'ownerReferences').find((one) => at(one, ['controller']) === true)
  const kind = stringAt(owner, 'kind')
  const name = stringAt(owner, 'name')
  if (kind === null || name === null) return null
  const workload = { kind, name, namespace: stringAt(object, 'metadata', 'namespace'), uid: stringAt(owner, 'uid') }
  return { api_version: stringAt(owner, 'apiVersion') ?? '', workload }
}

/** Reads of the cluster for one plan or check: each object once. */
export function createReader(api: ClusterApi) {
  const objects = new Map<string, Promise<JsonObject | null>>()

  async function fetchObject(path: string, accept?: string): Promise<JsonObject | null> {
    const request = { method: 'GET', path, ...(accept === undefined ? {} : { accept }) }
    const { status, body } = await sendPatiently(api, request, {}, PATIENCE)
    return status === 200 && isObject(body) ? body : null
  }

  /** An object; null when it is not there, or must not be looked at. */
  function read(path: string, accept?: string): Promise<JsonObject | null> {
    const known = objects.get(path) ?? fetchObject(path, accept)
    objects.set(path, known)
    return known
  }

  /** @param fields a field selector, such as spec.nodeName=n1 */
  async function list(path: string, fields?: string): Promise<readonly JsonObject[]> {
    const selector = fields === undefined ? '' : `&fieldSelector=${encodeURIComponent(fields)}`
    return arrayAt(await read(`${path}?limit=${LIST_LIMIT}${selector}`), 'items').filter(isObject)
  }

  /** Where objects of a kind are: by what Kubernetes has, else by what the API server says it has. */
  async function addressOf({ kind, namespace, name }: Workload, api_version: string): Promise<Address | null> {
    if (namespace === null || !DNS_LABEL.test(namespace)) return null
    const known = workloadKindOfKind(kind)
    const group = GROUPS[kind] ?? (known === null ? null : 'apps')
    if (
      known !== null &&
      group !== null &&
      (api_version === '' || api_version === (group === '' ? 'v1' : `${group}/v1`))
    ) {
      const path =
        group === ''
          ? corePath(namespace, known.resource, name)
          : groupPath(group, 'v1', namespace, known.resource, name)
      const scales = ['Deployment', 'StatefulSet', 'ReplicaSet', 'ReplicationController'].includes(kind)
      return { path, scale_path: scales ? `${path}/scale` : null }
    }
    const [of = '', version = ''] = api_version.split('/')
    if (of === '' || version === '') return null
    const resources = arrayAt(await read(apiPath('apis', of, version)), 'resources')
    const plural = resources
      .filter((one) => stringAt(one, 'kind') === kind)
      .map((one) => stringAt(one, 'name') ?? '')
      .find((one) => one !== '' && !one.includes('/'))
    if (plural === undefined) return null
    const path = groupPath(of, version, namespace, plural, name)
    const scales = resources.some((one) => stringAt(one, 'name') === `${plural}/scale`)
    return { path, scale_path: scales ? `${path}/scale` : null }
  }

  /** The top of an object's owners, as far as they can be read; the object itself when nothing controls it. */
  async function topOwner(object: JsonObject, self: Workload): Promise<Controller> {
    let top: Controller = { api_version: stringAt(object, 'apiVersion') ?? '', workload: self }
    let current: JsonObject | null = object
    for (let depth = 0; depth < MAX_DEPTH && current !== null; depth += 1) {
      const next = controllerOf(current)
      // What a node controls, the kubelet makes from a file.
      if (next === null || next.workload.kind === 'Node') break
      top = next
      const address = await addressOf(next.workload, next.api_version)
      current = address === null ? null : await read(address.path)
    }
    return top
  }

  return { read, list, addressOf, topOwner }
}

type Reader = ReturnType<typeof createReader>

const isRunningJob = (job: JsonObject): boolean =>
  !arrayAt(job, 'status', 'conditions').some(
    (one) => ['Complete', 'Failed'].includes(stringAt(one, 'type') ?? '') && stringAt(one, 'status') === 'True'
  )

async function liveWorkload(reader: Reader, { workload, api_version }: Controller): Promise<LiveWorkload | null> {
  const address = await reader.addressOf(workload, api_version)
  if (address === null) return null
  const scale = address.scale_path === null ? null : await reader.read(address.scale_path)
  // Objects of custom kinds are not the responder's to read; their scales are, and bear the UID of what they scale.
  const object = (await reader.read(address.path)) ?? scale
  if (object === null) return null
  // Another object has taken its name.
  if (workload.uid !== null && workload.uid !== uidOf(object) && /^[0-9a-f-]{36}$/.test(workload.uid)) return null
  const replicas = Number(at(scale, ['spec', 'replicas']) ?? 0)
  const namespace = workload.namespace ?? ''
  const jobs =
    workload.kind === 'CronJob'
      ? (await reader.list(groupPath('batch', 'v1', namespace, 'jobs'))).filter(
          (job) => controllerOf(job)?.workload.uid === uidOf(object) && isRunningJob(job)
        )
      : []
  return {
    workload,
    path: address.path,
    scale_path: scale === null ? null : address.scale_path,
    object,
    replicas: scale === null ? null : replicas,
    jobs: jobs.map((job) => ({
      path: groupPath('batch', 'v1', namespace, 'jobs', stringAt(job, 'metadata', 'name') ?? ''),
      object: job
    }))
  }
}

function bindingOf(object: JsonObject): Binding {
  const kind = stringAt(object, 'roleRef', 'kind') ?? ''
  return {
    namespace: stringAt(object, 'metadata', 'namespace'),
    name: stringAt(object, 'metadata', 'name') ?? '',
    role: `${kind} ${stringAt(object, 'roleRef', 'name') ?? ''}`.trim(),
    subjects: arrayAt(object, 'subjects').map((subject) => ({
      kind: stringAt(subject, 'kind') ?? '',
      name: stringAt(subject, 'name') ?? '',
      namespace: stringAt(subject, 'namespace')
    })),
    object
  }
}

const workloadKey = ({ kind, namespace, name }: Workload) => `${kind}/${namespace}/${name}`

/** A pod as planning wants it, with the top of its owners. */
function podFactsOf(pod: JsonObject, workload: Workload): PlanFacts['pods'][number] {
  const namespace = stringAt(pod, 'metadata', 'namespace')
  const account = stringAt(pod, 'spec', 'serviceAccountName')
  return {
    pod: {
      uid: uidOf(pod),
      name: stringAt(pod, 'metadata', 'name'),
      namespace,
      node: stringAt(pod, 'spec', 'nodeName'),
      ip: null,
      service_account: account === null ? null : `${namespace}/${account}`,
      labels: stringMapAt(pod, 'metadata', 'labels'),
      created: null,
      host_network: null,
      host_pid: null,
      host_ipc: null
    },
    workload
  }
}

/** The pod itself as a workload, for pods that nothing controls. */
export function podAsWorkload(pod: JsonObject): Workload {
  const { namespace, name } = {
    namespace: stringAt(pod, 'metadata', 'namespace'),
    name: stringAt(pod, 'metadata', 'name') ?? ''
  }
  return { kind: 'Pod', namespace, name, uid: uidOf(pod) }
}

/**
 * Looks up in the cluster what a plan for an incident is made from. It only reads, with the responder's own rights; what it may
 * not see, or what is not there, the plan is made without.
 */
export async function lookUp(api: ClusterApi, incident: Incident, weir_namespace: string): Promise<PlanFacts> {
  const reader = createReader(api)
  const victims = victimsOf(incident, { ...NO_FACTS, weir_namespace })
  const objects = new Map<string, JsonObject>()
  const tops = new Map<string, Controller>()

  for (const { namespace, name, uid } of victims.pods) {
    const path = corePath(namespace, 'pods', name)
    const pod = await reader.read(path)
    // Another pod that has the name now is not the one that was attacked; ids that are no UIDs tell nothing.
    const isIt = pod !== null && (uid === null || !/^[0-9a-f-]{36}$/.test(uid) || uid === uidOf(pod))
    if (pod === null || !isIt) continue
    objects.set(path, pod)
    const top = await reader.topOwner(pod, podAsWorkload(pod))
    if (top.workload.kind !== 'Pod') tops.set(workloadKey(top.workload), top)
  }
  for (const workload of victims.workloads) {
    // What the incident calls the owner may have one above it that it did not know of.
    const address = await reader.addressOf(workload, '')
    const object = address === null ? null : await reader.read(address.path)
    if (object === null) continue
    const top = await reader.topOwner(object, { ...workload, uid: uidOf(object) })
    tops.set(workloadKey(top.workload), top.workload.name === workload.name ? { ...top, api_version: '' } : top)
  }
  const live = await Promise.all([...tops.values()].map((top) => liveWorkload(reader, top)))

  const accounts = victims.serviceAccounts.flatMap((id) => scopedName(id) ?? [])
  const namespaces = new Set(
    [...victims.pods, ...victims.workloads, ...accounts].map(({ namespace }) => namespace ?? '')
  )
  const pods: Array<PlanFacts['pods'][number]> = []
  const budgets: JsonObject[] = []
  const node_pods = new Map<string, readonly JsonObject[]>()
  for (const namespace of namespaces) {
    for (const pod of await reader.list(corePath(namespace, 'pods'))) {
      const top = await reader.topOwner({ apiVersion: 'v1', ...pod }, podAsWorkload(pod))
      pods.push(podFactsOf(pod, top.workload))
    }
    budgets.push(...(await reader.list(groupPath('policy', 'v1', namespace, 'poddisruptionbudgets'))))
  }
  for (const node of victims.nodes) {
    const path = coreClusterPath('nodes', node)
    const object = await reader.read(path)
    if (object !== null) objects.set(path, object)
    node_pods.set(node, await reader.list(coreClusterPath('pods'), `spec.nodeName=${node}`))
  }
  for (const { namespace, name } of accounts) {
    const path = corePath(namespace, 'serviceaccounts', name)
    const object = await reader.read(path)
    if (object !== null) objects.set(path, object)
  }
  for (const victim of victims.objects) {
    const path = objectPath(victim)
    // Nobody here needs to know what is in a secret.
    const object =
      path === null ? null : await reader.read(path, victim.resource === 'secrets' ? METADATA_ONLY : undefined)
    if (path !== null && object !== null) objects.set(path, object)
  }
  const bindings =
    victims.serviceAccounts.length === 0
      ? []
      : [
          ...(await reader.list(groupClusterPath(RBAC, 'v1', 'clusterrolebindings'))),
          ...(await reader.list(groupClusterPath(RBAC, 'v1', 'rolebindings')))
        ].map(bindingOf)
  return {
    pods,
    bindings,
    weir_namespace,
    live: { workloads: live.filter((one) => one !== null), objects, node_pods, disruption_budgets: budgets }
  }
}
