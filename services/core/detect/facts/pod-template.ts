import { containersOf } from '../../enrich/pod-spec.ts'
import { arrayAt, at, isObject, property, stringAt, stringMapAt } from '../../json.ts'

/**
 * Facts about a pod spec, of whichever workload kind it came from. Lists are bounded, above what fits into a request of the size that
 * API servers take: whoever puts something behind thousands of containers hides nothing.
 */
const MAX_ENTRIES = 10_000
/** One more than expressions look at, so that crossing that bound is told. */
const MAX_COMMAND_CHARACTERS = 65_537
const MAX_OPERATIONS = 1_000

const strings = (values: readonly unknown[]): readonly string[] =>
  values.filter((value): value is string => typeof value === 'string')

/** The containers of all three lists, as they are in the spec. */
export function boundedContainers(template: unknown): readonly unknown[] {
  return containersOf(template).slice(0, MAX_ENTRIES)
}

const HANDLERS = [
  ['lifecycle', 'postStart'],
  ['lifecycle', 'preStop'],
  ['livenessProbe'],
  ['readinessProbe'],
  ['startupProbe']
] as const

/** Everything that a pod spec has run: commands with their arguments, lifecycle hooks and exec probes; blanks between arguments. */
export function commandsOf(template: unknown): readonly string[] {
  const commands = boundedContainers(template).flatMap((container) => [
    [...strings(arrayAt(container, 'command')), ...strings(arrayAt(container, 'args'))].join(' '),
    ...HANDLERS.map((handler) => strings(arrayAt(at(container, handler), 'exec', 'command')).join(' '))
  ])
  return commands.filter((command) => command !== '').map((command) => command.slice(0, MAX_COMMAND_CHARACTERS))
}

/** A part of an image reference (distribution/reference grammar): registry defaults to docker.io, as the container runtimes do. */
export interface ImageFact {
  readonly reference: string
  readonly registry: string
  /** Path without registry, tag and digest; `library/` before names of Docker's own images. */
  readonly repository: string
  /** Last part of the repository. */
  readonly name: string
  readonly tag: string | null
  readonly digest: string | null
}

export function imageOf(reference: string): ImageFact {
  const [named = '', digest = null] = reference.split('@', 2)
  const slash = named.indexOf('/')
  const first = slash === -1 ? '' : named.slice(0, slash)
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost'
  const registry = isHost ? first.toLowerCase() : 'docker.io'
  const rest = isHost ? named.slice(slash + 1) : named
  const colon = rest.lastIndexOf(':')
  const tag = colon > rest.lastIndexOf('/') ? rest.slice(colon + 1) : null
  const path = tag === null ? rest : rest.slice(0, colon)
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path
  return { reference, registry, repository, name: path.slice(path.lastIndexOf('/') + 1), tag, digest }
}

/** Images of all containers, and of image volumes. */
export function imagesOf(template: unknown): readonly ImageFact[] {
  const references = [
    ...boundedContainers(template).map((container) => property(container, 'image')),
    ...arrayAt(template, 'volumes').map((volume) => at(volume, ['image', 'reference']))
  ]
  return [...new Set(strings(references))].slice(0, MAX_ENTRIES).map(imageOf)
}

/** A path of the host in a pod. */
export interface HostPathFact {
  /** Without doubled slashes, `.` and `..`, and without a slash at its end. */
  readonly path: string
  /** Whether each container that mounts it mounts it read-only. False where no container does: another may be added. */
  readonly read_only: boolean
  readonly mounted: boolean
  readonly type: string | null
}

/** Path with `.`, `..` and doubled slashes resolved: kubelet and kernel would. */
export function normalisePath(path: string): string {
  const kept: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') kept.pop()
    else kept.push(part)
  }
  return `/${kept.join('/')}`
}

/** Whether each mount of a volume is read-only, by the name of the volume. */
function readOnlyMounts(template: unknown): ReadonlyMap<unknown, boolean> {
  const found = new Map<unknown, boolean>()
  for (const mount of boundedContainers(template).flatMap((container) => arrayAt(container, 'volumeMounts'))) {
    const name = property(mount, 'name')
    found.set(name, found.get(name) !== false && property(mount, 'readOnly') === true)
  }
  return found
}

/** Volumes that are paths of the host, with how containers mount them. */
export function hostPathsOf(template: unknown): readonly HostPathFact[] {
  const mounts = readOnlyMounts(template)
  return arrayAt(template, 'volumes')
    .slice(0, MAX_ENTRIES)
    .flatMap((volume): readonly HostPathFact[] => {
      const path = at(volume, ['hostPath', 'path'])
      if (typeof path !== 'string') return []
      const readOnly = mounts.get(property(volume, 'name'))
      return [
        {
          path: normalisePath(path),
          read_only: readOnly === true,
          mounted: readOnly !== undefined,
          type: stringAt(volume, 'hostPath', 'type')
        }
      ]
    })
}

/** Sysctls that the kubelet takes for safe, so that they need no permission (Kubernetes 1.34, "Using sysctls in a cluster"). */
const SAFE_SYSCTLS: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem'
])

const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/'

/**
 * What of the isolation between containers, and between them and the host, a pod spec gives up, beside what has fields of its own:
 * seccomp_unconfined, apparmor_unconfined, unmasked_proc, shared_process_namespace, root_may_escalate, unsafe_sysctl, host_process.
 * @param annotations those of the pod or of the pod template
 */
export function weakenedIsolation(template: unknown, annotations: Readonly<Record<string, string>>): readonly string[] {
  const found = new Set<string>()
  const contexts = [
    at(template, ['securityContext']),
    ...boundedContainers(template).map((container) => property(container, 'securityContext'))
  ]
  const podUser = at(template, ['securityContext', 'runAsUser'])
  for (const context of contexts) {
    if (at(context, ['seccompProfile', 'type']) === 'Unconfined') found.add('seccomp_unconfined')
    if (at(context, ['appArmorProfile', 'type']) === 'Unconfined') found.add('apparmor_unconfined')
    if (property(context, 'procMount') === 'Unmasked') found.add('unmasked_proc')
    if (at(context, ['windowsOptions', 'hostProcess']) === true) found.add('host_process')
    if (property(context, 'allowPrivilegeEscalation') === true && (property(context, 'runAsUser') ?? podUser) === 0)
      found.add('root_may_escalate')
  }
  for (const [key, value] of Object.entries(annotations)) {
    if (key.startsWith(APPARMOR_ANNOTATION) && value === 'unconfined') found.add('apparmor_unconfined')
    if (key.includes('seccomp.security.alpha.kubernetes.io') && value === 'unconfined') found.add('seccomp_unconfined')
  }
  if (property(template, 'shareProcessNamespace') === true) found.add('shared_process_namespace')
  for (const sysctl of arrayAt(template, 'securityContext', 'sysctls')) {
    const name = property(sysctl, 'name')
    if (typeof name === 'string' && !SAFE_SYSCTLS.has(name)) found.add('unsafe_sysctl')
  }
  return [...found]
}

/** Annotations of a pod, or of the template in a workload's object. */
export function templateAnnotations(object: unknown, podSpecPath: readonly string[]): Readonly<Record<string, string>> {
  return stringMapAt(object, ...podSpecPath.slice(0, -1), 'metadata', 'annotations')
}

/** Projected service-account tokens of a pod. */
export function projectedTokens(template: unknown): readonly { audience: string | null; seconds: number | null }[] {
  return arrayAt(template, 'volumes')
    .flatMap((volume) => arrayAt(volume, 'projected', 'sources'))
    .flatMap((source) => {
      const token = property(source, 'serviceAccountToken')
      if (!isObject(token)) return []
      const seconds = property(token, 'expirationSeconds')
      return [{ audience: stringAt(token, 'audience'), seconds: typeof seconds === 'number' ? seconds : null }]
    })
    .slice(0, MAX_ENTRIES)
}

/** Beside name and image: what a patch of an existing container rarely sets and a new one has. */
const OF_NEW_CONTAINERS = ['command', 'args', 'volumeMounts', 'securityContext', 'ports', 'envFrom'] as const

/**
 * Containers and init containers that a patch of a workload puts beside those it had. In a JSON patch they are what is added to the
 * list; other patches name the containers that they change as well, so there it is one that comes with an image and with what an
 * image alone does not need. Ephemeral containers have an API of their own.
 * @param body of the patch
 * @param path of the pod spec in objects of that kind
 */
export function addedContainers(body: unknown, path: readonly string[]): readonly unknown[] {
  const added = Array.isArray(body) ? addedByJsonPatch(body, path) : addedByMerge(at(body, path))
  return added.filter((container) => isObject(container)).slice(0, MAX_ENTRIES)
}

function addedByJsonPatch(operations: readonly unknown[], path: readonly string[]): readonly unknown[] {
  const list = new RegExp(`^/${path.join('/')}/(?:containers|initContainers)(/(?:-|[0-9]{1,9}))?$`)
  return operations.slice(0, MAX_OPERATIONS).flatMap((operation): readonly unknown[] => {
    const pointer = property(operation, 'path')
    if (property(operation, 'op') !== 'add' || typeof pointer !== 'string') return []
    const found = list.exec(pointer)
    if (found === null) return []
    return found[1] === undefined ? arrayAt(operation, 'value') : [property(operation, 'value')]
  })
}

function addedByMerge(spec: unknown): readonly unknown[] {
  return [...arrayAt(spec, 'containers'), ...arrayAt(spec, 'initContainers')].filter(
    (container) =>
      stringAt(container, 'image') !== null && OF_NEW_CONTAINERS.some((key) => property(container, key) !== undefined)
  )
}

/** The folder of the host behind a PersistentVolume, normalised: of hostPath and of local volumes. Null when it has none. */
export function volumePath(volume: unknown): string | null {
  const path = stringAt(volume, 'spec', 'hostPath', 'path') ?? stringAt(volume, 'spec', 'local', 'path')
  return path === null ? null : normalisePath(path)
}
