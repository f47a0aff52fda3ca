import { arrayAt, at, parseJson, property, stringAt, stringMapAt } from '../json.ts'
import type { RuntimeContainer } from './attribution.ts'

/** Labels that kubelet gives every container, by way of the runtime. */
const POD_NAME = 'io.kubernetes.pod.name'
const POD_NAMESPACE = 'io.kubernetes.pod.namespace'
const POD_UID = 'io.kubernetes.pod.uid'
const CONTAINER_NAME = 'io.kubernetes.container.name'
/** Name of the container that holds a pod's namespaces, as the first runtimes of Kubernetes had it. */
const SANDBOX_NAME = 'POD'

/** What a pod's sandbox tells of all its containers. */
export interface SandboxFacts {
  readonly id: string
  readonly pod: RuntimeContainer['pod']
  readonly host_network: boolean
  readonly host_pid: boolean
  readonly host_ipc: boolean
  readonly addresses: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly created: number | null
}

/** Nanoseconds as text, as CRI has times, in microseconds; 0 means never. */
function micros(value: unknown): number | null {
  if (typeof value !== 'string' || !/^\d{1,19}$/.test(value)) return null
  const time = Number(BigInt(value) / 1000n)
  return time === 0 ? null : time
}

/** Labels of the pod itself, without those that kubelet adds. */
function podLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith('io.kubernetes.')))
}

/**
 * A sandbox from the answer to PodSandboxStatus, or an item of that to ListPodSandbox, which does not tell namespaces.
 * @returns null when it names no pod
 */
export function sandboxFrom(sandbox: unknown): SandboxFacts | null {
  const id = stringAt(sandbox, 'id')
  const name = stringAt(sandbox, 'metadata', 'name')
  const uid = stringAt(sandbox, 'metadata', 'uid')
  const namespace = stringAt(sandbox, 'metadata', 'namespace')
  if (id === null || name === null || uid === null || namespace === null) return null
  const modes = at(sandbox, ['linux', 'namespaces', 'options'])
  const onHost = (key: string) => property(modes, key) === 'NODE'
  const ips = [
    stringAt(sandbox, 'network', 'ip'),
    ...arrayAt(sandbox, 'network', 'additional_ips').map((ip) => stringAt(ip, 'ip'))
  ]
  return {
    id,
    pod: { uid, name, namespace },
    host_network: onHost('network'),
    host_pid: onHost('pid'),
    host_ipc: onHost('ipc'),
    addresses: onHost('network') ? [] : ips.filter((ip) => ip !== null),
    labels: podLabels(stringMapAt(sandbox, 'labels')),
    created: micros(property(sandbox, 'created_at'))
  }
}

/** The sandbox as a container of its pod: its own process is in it. */
export function sandboxContainer(sandbox: SandboxFacts): RuntimeContainer {
  return {
    ...sandbox,
    name: SANDBOX_NAME,
    image_name: null,
    image_id: null,
    privileged: false,
    state: 'running',
    started: sandbox.created,
    restarts: 0
  }
}

/** Whether it runs privileged, from the runtime's own words: containerd repeats the request, CRI-O says it. null when neither. */
function privilegedFrom(info: string | null): boolean | null {
  const detail = parseJson(info)
  const said = at(detail, ['config', 'linux', 'security_context', 'privileged']) ?? property(detail, 'privileged')
  if (typeof said === 'boolean') return said
  // JSON of protobuf leaves out what is false.
  return property(detail, 'config') === undefined ? null : false
}

const STATES: Readonly<Record<string, RuntimeContainer['state']>> = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'terminated'
}

/**
 * A container from the answer to ContainerStatus (verbose).
 * @param sandbox its pod's, null when it is not known
 * @returns null when it is no container of a pod
 */
export function containerFrom(answer: unknown, sandbox: SandboxFacts | null): RuntimeContainer | null {
  const told = property(answer, 'status')
  const id = stringAt(told, 'id')
  const labels = stringMapAt(told, 'labels')
  const name = labels[CONTAINER_NAME] ?? stringAt(told, 'metadata', 'name')
  const pod = {
    uid: labels[POD_UID] ?? sandbox?.pod.uid,
    name: labels[POD_NAME] ?? sandbox?.pod.name,
    namespace: labels[POD_NAMESPACE] ?? sandbox?.pod.namespace
  }
  const { uid, name: podName, namespace } = pod
  if (id === null || name === null || uid === undefined || podName === undefined || namespace === undefined) return null
  const attempt = property(at(told, ['metadata']), 'attempt')
  return {
    id,
    name,
    image_name: stringAt(told, 'image', 'user_specified_image') ?? stringAt(told, 'image', 'image'),
    image_id: stringAt(told, 'image_ref') ?? stringAt(told, 'image_id'),
    privileged: privilegedFrom(stringAt(answer, 'info', 'info')),
    pod: { uid, name: podName, namespace },
    host_network: sandbox?.host_network ?? false,
    host_pid: sandbox?.host_pid ?? false,
    host_ipc: sandbox?.host_ipc ?? false,
    addresses: sandbox?.addresses ?? [],
    labels: sandbox?.labels ?? {},
    state: STATES[String(property(told, 'state'))] ?? 'terminated',
    created: micros(property(told, 'created_at')),
    started: micros(property(told, 'started_at')),
    restarts: typeof attempt === 'number' ? attempt : 0
  }
}
