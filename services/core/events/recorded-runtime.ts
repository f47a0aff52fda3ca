import type {
  Ancestor,
  Container,
  File,
  Network,
  PodReference,
  Process,
  RuntimeCategory,
  RuntimeEvent
} from '../../../schemas/generated/types.ts'
import { isoTime } from '../export/iso-time.ts'
import { isObject, type JsonObject } from '../json.ts'
import { contentId } from './canonical.ts'
import type { DecodedEvent } from './decoded-event.ts'
import { describe, eventError } from './errors.ts'
import { booleanOf, type Cuts, integerOf, intOf, LIMITS, textMapOf, textOf } from './fields.ts'
import { noteInto, timeOr } from './notes.ts'
import { microsFrom } from './timestamp.ts'

/**
 * Events of the node agent's own sensor as they are recorded: the runtime event as a JSON object, with `kind: RuntimeEvent`, the node,
 * and times as text, so that a recording reads well and is moved in time like any other.
 */
const KIND = 'RuntimeEvent'
const API_VERSION = 'weir.io/v1'
/** As in `EventSource.provider`: only the agent's own sensor is recorded in this form. */
const PROVIDER = 'bpf'

const CATEGORIES: ReadonlySet<string> = new Set<RuntimeCategory>([
  'process',
  'network',
  'file',
  'privilege',
  'alert',
  'sensor'
])
const MOST_ANCESTORS = 64
const ENTITY_ID = 512

/** Whether an object is a recorded event of the agent's own sensor. */
export function isRecordedRuntime(json: JsonObject): boolean {
  return json.kind === KIND
}

/**
 * The recorded form of an event.
 * @param event its times in microseconds since the epoch
 * @param node the node it is of
 */
export function recordedRuntime(event: RuntimeEvent, node: string): JsonObject {
  const { process } = event
  return {
    kind: KIND,
    apiVersion: API_VERSION,
    node,
    ...event,
    // It is another engine's verdict, which this sensor has none of; left out of the text.
    alert: undefined,
    time: isoTime(event.time) ?? event.time,
    process: process === null ? null : { ...process, start_time: isoTime(process.start_time) ?? process.start_time }
  }
}

/** Arguments as they were: an empty one is one, too. */
function argsOf(value: unknown, cuts: Cuts): string[] {
  if (!Array.isArray(value)) return []
  const args: string[] = []
  let left: number = LIMITS.items_text
  for (const item of value) {
    if (typeof item !== 'string') continue
    if (args.length === LIMITS.items || item.length > left) {
      cuts.push('process.args')
      break
    }
    left -= item.length
    args.push(item)
  }
  return args
}

function ancestorsOf(value: unknown, cuts: Cuts): Ancestor[] {
  if (!Array.isArray(value)) return []
  if (value.length > MOST_ANCESTORS) cuts.push('process.ancestors')
  return value
    .slice(0, MOST_ANCESTORS)
    .filter(isObject)
    .map((json) => ({
      entity_id: textOf(json.entity_id, 'process.ancestors', cuts, ENTITY_ID),
      pid: intOf(json.pid),
      name: textOf(json.name, 'process.ancestors', cuts),
      executable: textOf(json.executable, 'process.ancestors', cuts),
      command_line: textOf(json.command_line, 'process.ancestors', cuts, LIMITS.uri)
    }))
}

function processOf(json: unknown, cuts: Cuts): Process | null {
  if (!isObject(json)) return null
  const entity_id = textOf(json.entity_id, 'process.entity_id', cuts, ENTITY_ID)
  if (entity_id === null) return null
  return {
    entity_id,
    pid: intOf(json.pid),
    name: textOf(json.name, 'process.name', cuts),
    executable: textOf(json.executable, 'process.executable', cuts),
    args: argsOf(json.args, cuts),
    command_line: textOf(json.command_line, 'process.command_line', cuts, LIMITS.uri),
    working_directory: textOf(json.working_directory, 'process.working_directory', cuts),
    user_id: integerOf(json.user_id, 0, 0xffffffff),
    start_time: microsFrom(json.start_time),
    interactive: booleanOf(json.interactive),
    in_image: booleanOf(json.in_image),
    entry: textOf(json.entry, 'process.entry', cuts, 64),
    socket_stdio: booleanOf(json.socket_stdio),
    exit_code: integerOf(json.exit_code, -0x80000000, 0x7fffffff),
    ancestors: ancestorsOf(json.ancestors, cuts)
  }
}

function containerOf(json: unknown, cuts: Cuts): Container | null {
  if (!isObject(json)) return null
  const id = textOf(json.id, 'container.id', cuts, 256)
  if (id === null) return null
  return {
    id,
    name: textOf(json.name, 'container.name', cuts),
    image_name: textOf(json.image_name, 'container.image_name', cuts),
    image_id: textOf(json.image_id, 'container.image_id', cuts),
    privileged: booleanOf(json.privileged)
  }
}

function podOf(json: unknown, cuts: Cuts): PodReference | null {
  if (!isObject(json)) return null
  return {
    uid: textOf(json.uid, 'pod.uid', cuts),
    name: textOf(json.name, 'pod.name', cuts),
    namespace: textOf(json.namespace, 'pod.namespace', cuts)
  }
}

function networkOf(json: unknown, cuts: Cuts): Network | null {
  if (!isObject(json)) return null
  return {
    direction: textOf(json.direction, 'network.direction', cuts, 64),
    transport: textOf(json.transport, 'network.transport', cuts, 64),
    source_ip: textOf(json.source_ip, 'network.source_ip', cuts, 64),
    source_port: integerOf(json.source_port, 0, 65_535),
    destination_ip: textOf(json.destination_ip, 'network.destination_ip', cuts, 64),
    destination_port: integerOf(json.destination_port, 0, 65_535),
    domain: textOf(json.domain, 'network.domain', cuts)
  }
}

function fileOf(json: unknown, cuts: Cuts): File | null {
  if (!isObject(json)) return null
  const path = textOf(json.path, 'file.path', cuts)
  if (path === null) return null
  return {
    path,
    target_path: textOf(json.target_path, 'file.target_path', cuts),
    mode: textOf(json.mode, 'file.mode', cuts, 256)
  }
}

/**
 * Reads a recorded event back.
 * @param json an object for which `isRecordedRuntime` holds
 * @param arrival when it arrived, microseconds since the epoch: the time of one that has none; null for no such time
 * @throws EVENT_INCOMPLETE without category or action, EVENT_TIME_MISSING
 */
export function recordedRuntimeFrom(json: JsonObject, arrival: number | null): DecodedEvent {
  const cuts: Cuts = []
  const { category } = json
  if (typeof category !== 'string' || !CATEGORIES.has(category))
    throw eventError('EVENT_INCOMPLETE', `a runtime event has the category ${describe(category)}, which is none`)
  const action = textOf(json.action, 'action', cuts, 256)
  if (action === null) throw eventError('EVENT_INCOMPLETE', 'a runtime event says nothing of what was done')
  const time = microsFrom(json.time)
  // Read before the notes are added, which say what was cut.
  const parts = {
    process: processOf(json.process, cuts),
    container: containerOf(json.container, cuts),
    pod: podOf(json.pod, cuts),
    network: networkOf(json.network, cuts),
    file: fileOf(json.file, cuts)
  }
  const attributes = textMapOf(json.attributes, 'attributes', cuts)
  const runtime: RuntimeEvent = {
    id: textOf(json.id, 'id', cuts, 512) ?? contentId(json),
    time: timeOr(time, arrival, 'a runtime event'),
    category: category as RuntimeCategory,
    action,
    ...parts,
    alert: null,
    attributes: cuts.length > 0 || time === null ? noteInto(attributes, cuts, time !== null) : attributes
  }
  return { audit: null, runtime, provider: PROVIDER, cluster: null, node: textOf(json.node, 'node', cuts, 256) }
}
