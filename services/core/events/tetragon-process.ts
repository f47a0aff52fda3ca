import type { Ancestor, Container, PodReference, Process } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject } from '../json.ts'
import { type Attributes, addValue } from './attributes.ts'
import { booleanOf, type Cuts, integerOf, intOf, LIMITS, textOf } from './fields.ts'
import { microsFrom } from './timestamp.ts'

const UINT32 = 0xffffffff

/** More ancestors than a real tree has near a process. */
const MOST_ANCESTORS = 32

function commandLineOf(json: JsonObject, cuts: Cuts): string | null {
  const executable = textOf(json.binary, 'process.executable', cuts)
  const args = textOf(json.arguments, 'process.command_line', cuts, LIMITS.uri)
  if (executable === null) return args
  return args === null ? executable : `${executable} ${args}`
}

/** Last part of a path: what the process's short name most likely is, which Tetragon does not give. */
function nameOf(executable: string | null): string | null {
  return executable === null ? null : executable.slice(executable.lastIndexOf('/') + 1) || null
}

/** Tetragon's exec_id is unique over nodes and reuse of pids; without one, node, pid and start time are. */
function entityIdOf(json: JsonObject, node: string | null, cuts: Cuts): string | null {
  const execId = textOf(json.exec_id, 'process.entity_id', cuts, 512)
  if (execId !== null) return execId
  const pid = integerOf(json.pid, 0, UINT32)
  return pid === null ? null : `${node ?? ''}/${pid}/${microsFrom(json.start_time) ?? ''}`
}

function ancestorFrom(json: JsonObject, node: string | null, cuts: Cuts): Ancestor {
  const executable = textOf(json.binary, 'process.ancestors', cuts)
  return {
    entity_id: entityIdOf(json, node, cuts),
    pid: intOf(json.pid),
    name: nameOf(executable),
    executable,
    command_line: commandLineOf(json, cuts)
  }
}

/** Terminal as text or device number, in builds that report it. */
function interactiveOf(tty: unknown): boolean | null {
  if (typeof tty === 'string') return tty !== ''
  return typeof tty === 'number' ? tty !== 0 : booleanOf(tty)
}

/**
 * The process of an event with its ancestors, the parent first.
 * Fields: https://tetragon.io/docs/reference/grpc-api/#process
 * @param event the event under its process_… key
 * @param node node name, null where the record has none
 * @returns null when the event names no process
 */
export function processFrom(event: JsonObject, node: string | null, cuts: Cuts): Process | null {
  const json = event.process
  if (!isObject(json)) return null
  const entityId = entityIdOf(json, node, cuts)
  if (entityId === null) return null
  const further = Array.isArray(event.ancestors) ? event.ancestors : []
  if (further.length > MOST_ANCESTORS) cuts.push('process.ancestors')
  const ancestors = [event.parent, ...further.slice(0, MOST_ANCESTORS)].filter(isObject)
  const executable = textOf(json.binary, 'process.executable', cuts)
  return {
    entity_id: entityId,
    pid: intOf(json.pid),
    name: nameOf(executable),
    executable,
    // Tetragon joins the arguments with blanks: where one ends cannot be told.
    args: [],
    command_line: commandLineOf(json, cuts),
    working_directory: textOf(json.cwd, 'process.working_directory', cuts),
    user_id: integerOf(json.uid, 0, UINT32),
    start_time: microsFrom(json.start_time),
    interactive: interactiveOf(json.tty),
    in_image: null,
    entry: null,
    socket_stdio: null,
    exit_code: null,
    ancestors: ancestors.map((ancestor) => ancestorFrom(ancestor, node, cuts))
  }
}

const withoutScheme = (id: string | null): string | null => id?.replace(/^[a-z][a-z0-9-]*:\/\//, '') || null

/** The container: as the pod has it, else by the first characters of its id, which Tetragon gives for any container. */
export function containerFrom(process: JsonObject, cuts: Cuts): Container | null {
  const pod = isObject(process.pod) ? process.pod : {}
  const json = isObject(pod.container) ? pod.container : {}
  const image = isObject(json.image) ? json.image : {}
  const security = isObject(json.security_context) ? json.security_context : {}
  const id =
    withoutScheme(textOf(json.id, 'container.id', cuts, 512)) ??
    withoutScheme(textOf(process.docker, 'container.id', cuts, 512))
  if (id === null) return null
  return {
    id,
    name: textOf(json.name, 'container.name', cuts),
    image_name: textOf(image.name, 'container.image_name', cuts),
    image_id: withoutScheme(textOf(image.id, 'container.image_id', cuts)),
    privileged: booleanOf(security.privileged)
  }
}

export function podFrom(process: JsonObject, cuts: Cuts): PodReference | null {
  const json = process.pod
  if (!isObject(json)) return null
  const pod: PodReference = {
    uid: textOf(json.uid, 'pod.uid', cuts),
    name: textOf(json.name, 'pod.name', cuts),
    namespace: textOf(json.namespace, 'pod.namespace', cuts)
  }
  return pod.uid === null && pod.name === null ? null : pod
}

/** What else Tetragon says of a process, under its own names. */
const PROCESS_ATTRIBUTES = [
  'flags',
  'tid',
  'auid',
  'in_init_tree',
  'cap',
  'ns',
  'process_credentials',
  'binary_properties',
  'user'
] as const

export function addProcessAttributes(attributes: Attributes, process: JsonObject): void {
  for (const key of PROCESS_ATTRIBUTES) addValue(attributes, key, process[key])
  const pod = isObject(process.pod) ? process.pod : {}
  addValue(attributes, 'pod.workload', pod.workload)
  addValue(attributes, 'pod.workload_kind', pod.workload_kind)
  if (isObject(pod.container)) addValue(attributes, 'pod.container.maybe_exec_probe', pod.container.maybe_exec_probe)
}
