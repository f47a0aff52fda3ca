import { isObject, type JsonObject, property } from '../json.ts'
import { microsFrom } from './timestamp.ts'

/** Arguments beyond these are not looked at: Tracee's events have some twenty at most. */
const MOST_ARGUMENTS = 64
/** Nanoseconds since the epoch; smaller numbers are times since the boot, as versions before 0.13 have for threads. */
const LEAST_NANOSECONDS = 1e17
const MICROS_PER_SECOND = 1_000_000

/** An event of Tracee in either of its shapes, read but not yet interpreted: values are as untrusted as they were. */
export interface TraceeRecord {
  readonly name: unknown
  /** Microseconds since the epoch, or null. */
  readonly time: number | null
  /** As the record has it, for identity: to the nanosecond. */
  readonly timestamp: unknown
  readonly node: unknown
  readonly process: {
    readonly entity_id: unknown
    readonly pid: unknown
    readonly tid: unknown
    readonly name: unknown
    readonly executable: unknown
    readonly user_id: unknown
    /** Start of the thread, microseconds since the epoch, or null. */
    readonly started: number | null
    readonly syscall: unknown
  }
  /** Ancestors, the parent first. */
  readonly ancestors: ReadonlyArray<{
    readonly entity_id: unknown
    readonly pid: unknown
    readonly name: unknown
    readonly executable: unknown
  }>
  readonly container: {
    readonly id: unknown
    readonly name: unknown
    readonly image_name: unknown
    readonly image_id: unknown
  }
  readonly pod: { readonly uid: unknown; readonly name: unknown; readonly namespace: unknown }
  readonly args: ReadonlyMap<string, unknown>
  readonly return_value: unknown
  readonly policies: unknown
  /** The event behind a signature's finding. */
  readonly cause: { readonly name: unknown; readonly args: ReadonlyMap<string, unknown> } | null
  /** The verdict of a signature or detector. */
  readonly finding: {
    readonly rule: unknown
    readonly severity: unknown
    readonly message: unknown
    readonly tags: readonly unknown[]
  } | null
  /** What else is worth keeping, by name. */
  readonly further: JsonObject
}

/** A member by its protobuf name, also as protobuf's JSON mapping writes it: host_pid or hostPid. */
function member(value: unknown, name: string): unknown {
  return (
    property(value, name) ??
    property(
      value,
      name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
    )
  )
}

/** A wrapped value (`{"value": 7}`) as the value: encoders differ in whether they unwrap. */
function unwrapped(value: unknown): unknown {
  if (!isObject(value)) return value
  const keys = Object.keys(value)
  return keys.length === 1 && keys[0] === 'value' ? value.value : value
}

/** A number that may be wrapped; a wrapper with nothing in it is a zero, which protobuf leaves out. */
function scalar(value: unknown, name: string): unknown {
  const found = unwrapped(member(value, name))
  return isObject(found) && Object.keys(found).length === 0 ? 0 : found
}

/** A time as text, nanoseconds, or seconds and nanoseconds. */
function timeOf(value: unknown): number | null {
  if (isObject(value)) {
    const seconds = microsFrom(property(value, 'seconds'))
    const nanos = property(value, 'nanos')
    if (seconds === null) return null
    const micros = typeof nanos === 'number' && nanos >= 0 && nanos < 1e9 ? Math.floor(nanos / 1000) : 0
    return Math.floor(seconds / MICROS_PER_SECOND) * MICROS_PER_SECOND + micros
  }
  if (typeof value === 'number') return value >= LEAST_NANOSECONDS ? microsFrom(value) : null
  return microsFrom(value)
}

/** Arguments by name; `value` of the flat shape, the one other member of the nested. */
function argumentsOf(list: unknown): ReadonlyMap<string, unknown> {
  const args = new Map<string, unknown>()
  if (!Array.isArray(list)) return args
  for (const item of list.slice(0, MOST_ARGUMENTS)) {
    const name = property(item, 'name')
    if (!isObject(item) || typeof name !== 'string' || args.has(name)) continue
    if (Object.hasOwn(item, 'value')) {
      args.set(name, item.value)
      continue
    }
    const key = Object.keys(item).find((candidate) => candidate !== 'name' && candidate !== 'type')
    // Protobuf leaves out what is empty or zero.
    args.set(name, key === undefined ? null : unwrapped(item[key]))
  }
  return args
}

/** Whether an object is an event of Tracee in its flat shape: up to 0.23, `args` or `data`. */
export function isFlatTracee(json: JsonObject): boolean {
  return (
    typeof json.eventName === 'string' &&
    (typeof json.hostProcessId === 'number' || typeof json.processId === 'number' || Array.isArray(json.args))
  )
}

/** Whether an object is an event of Tracee in its nested shape (`tracee.v1beta1.Event`). */
export function isNestedTracee(json: JsonObject): boolean {
  if (typeof json.name !== 'string' || json.timestamp === undefined) return false
  const workload = json.workload ?? json.context
  return isObject(workload) && (isObject(workload.process) || isObject(workload.container))
}

function flatCause(args: ReadonlyMap<string, unknown>): TraceeRecord['cause'] {
  const cause = args.get('triggeredBy')
  return isObject(cause) ? { name: cause.name, args: argumentsOf(cause.args ?? cause.data) } : null
}

function flatFinding(json: JsonObject): TraceeRecord['finding'] {
  const { metadata } = json
  if (!isObject(metadata)) return null
  const properties = metadata.Properties
  return {
    rule: property(properties, 'signatureName') ?? json.eventName,
    severity: property(properties, 'Severity'),
    message: metadata.Description,
    tags: [
      property(properties, 'signatureID'),
      property(properties, 'external_id'),
      property(properties, 'Technique'),
      property(properties, 'Category'),
      ...(Array.isArray(metadata.Tags) ? metadata.Tags : [])
    ]
  }
}

/**
 * Reads the flat shape: one object of many keys, arguments in `args[]`, which some versions call `data[]`.
 * https://aquasecurity.github.io/tracee/v0.22/docs/outputs/output-formats/
 */
export function readFlat(json: JsonObject): TraceeRecord {
  const { container, kubernetes } = json
  const args = argumentsOf(json.args ?? json.data)
  return {
    name: json.eventName,
    time: timeOf(json.timestamp),
    timestamp: json.timestamp,
    node: json.hostName,
    process: {
      entity_id: json.processEntityId,
      pid: json.hostProcessId ?? json.processId,
      tid: json.hostThreadId ?? json.threadId,
      name: json.processName,
      executable: property(json.executable, 'path'),
      user_id: json.userId,
      started: timeOf(json.threadStartTime),
      syscall: json.syscall
    },
    ancestors: [
      {
        entity_id: json.parentEntityId,
        pid: json.hostParentProcessId ?? json.parentProcessId,
        name: null,
        executable: null
      }
    ],
    container: {
      // Versions before 0.16 have all of these as keys of the event.
      id: property(container, 'id') ?? json.containerId,
      name: property(container, 'name') ?? json.containerName,
      image_name: property(container, 'image') ?? json.containerImage,
      image_id: property(container, 'imageDigest')
    },
    pod: {
      uid: property(kubernetes, 'podUID') ?? json.podUID,
      name: property(kubernetes, 'podName') ?? json.podName,
      namespace: property(kubernetes, 'podNamespace') ?? json.podNamespace
    },
    args,
    return_value: json.returnValue,
    policies: json.matchedPolicies,
    cause: flatCause(args),
    finding: flatFinding(json),
    further: {
      cgroup_id: json.cgroupId,
      mount_namespace: json.mountNamespace,
      pid_namespace: json.pidNamespace,
      container_started: property(json.contextFlags, 'containerStarted')
    }
  }
}

function nestedFinding(json: JsonObject): TraceeRecord['finding'] {
  const { threat } = json
  if (!isObject(threat)) return null
  const mitre = property(threat, 'mitre')
  return {
    rule: property(threat, 'name') ?? property(property(threat, 'properties'), 'signatureName') ?? json.name,
    severity: property(threat, 'severity'),
    message: threat.description,
    tags: [
      property(property(threat, 'properties'), 'signatureID'),
      property(property(mitre, 'technique'), 'id'),
      property(property(mitre, 'technique'), 'name'),
      property(property(mitre, 'tactic'), 'name')
    ]
  }
}

function nestedProcess(process: unknown): Omit<TraceeRecord['process'], 'tid' | 'started' | 'syscall'> {
  return {
    // The same number was called entity_id before it was called unique_id.
    entity_id: scalar(process, 'unique_id') ?? scalar(process, 'entity_id'),
    pid: scalar(process, 'host_pid') ?? scalar(process, 'pid'),
    name: member(member(process, 'thread'), 'name'),
    executable: property(member(process, 'executable'), 'path'),
    user_id: scalar(member(process, 'real_user'), 'id')
  }
}

/**
 * Reads the nested shape: protobuf's `tracee.v1beta1.Event` as JSON, whatever encoder wrote it (names with underscores or without,
 * wrappers as objects or as what they wrap).
 * https://aquasecurity.github.io/tracee/dev/docs/outputs/event-structure
 */
export function readNested(json: JsonObject): TraceeRecord {
  const workload = json.workload ?? json.context
  const process = member(workload, 'process')
  const thread = member(process, 'thread')
  const container = member(workload, 'container')
  const image = member(container, 'image')
  const kubernetes = member(workload, 'k8s')
  const pod = member(kubernetes, 'pod') ?? member(workload, 'pod')
  const ancestors = member(process, 'ancestors')
  const parent = member(process, 'parent')
  const detected = member(json, 'detected_from')
  const args = argumentsOf(json.data)
  const triggered = args.get('triggeredBy') ?? args.get('triggered_by')
  const cause = isObject(detected) ? detected : triggered
  return {
    name: json.name,
    time: timeOf(json.timestamp),
    timestamp: json.timestamp,
    node: property(member(workload, 'node'), 'name'),
    process: {
      ...nestedProcess(process),
      tid: scalar(thread, 'host_tid') ?? scalar(thread, 'tid'),
      started: timeOf(member(thread, 'start_time') ?? member(thread, 'start')),
      syscall: member(thread, 'syscall')
    },
    ancestors: (Array.isArray(ancestors) ? ancestors : [parent]).filter(isObject).map(nestedProcess),
    container: {
      id: member(container, 'id'),
      name: member(container, 'name'),
      image_name: member(image, 'name'),
      image_id: member(image, 'id')
    },
    pod: {
      uid: member(pod, 'uid'),
      name: member(pod, 'name'),
      namespace: property(member(kubernetes, 'namespace'), 'name') ?? property(member(pod, 'namespace'), 'name')
    },
    args,
    return_value: args.get('returnValue'),
    policies: property(json.policies, 'matched'),
    cause: isObject(cause) ? { name: cause.name, args: argumentsOf(cause.data) } : null,
    finding: nestedFinding(json),
    further: {}
  }
}
