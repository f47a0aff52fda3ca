import type { Process, RuntimeCategory, RuntimeEvent } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject } from '../json.ts'
import { addValue, attributesOf, newAttributes } from './attributes.ts'
import { contentId } from './canonical.ts'
import type { DecodedEvents } from './decoded-event.ts'
import { describe, eventError } from './errors.ts'
import { type Cuts, integerOf, textOf } from './fields.ts'
import { asksForWriting, kernelActionOf } from './kernel-function.ts'
import { timeOr } from './notes.ts'
import {
  addArguments,
  argumentsOf,
  bitsAfterPath,
  connectionFrom,
  fileFrom,
  networkFrom,
  resolvePath
} from './tetragon-arguments.ts'
import { addProcessAttributes, containerFrom, podFrom, processFrom } from './tetragon-process.ts'
import { microsFrom } from './timestamp.ts'

/** What an event says it is, before the process is looked at. */
type Meaning = Pick<RuntimeEvent, 'category' | 'action' | 'network' | 'file'>

/** Types that are about Tetragon itself. */
const ABOUT_SENSOR = new Set(['rate_limit_info', 'process_throttle', 'test'])

/** The key that tells the type of an event; an export line has one of them beside node_name, time and cluster_name. */
function typeOf(json: JsonObject): string | null {
  for (const key of Object.keys(json)) {
    if ((key.startsWith('process_') || ABOUT_SENSOR.has(key)) && isObject(json[key])) return key
  }
  return null
}

/** Whether an object is an event of Tetragon's JSON export. */
export function isTetragonEvent(json: JsonObject): boolean {
  const type = typeOf(json)
  return type !== null && (type !== 'test' || json.node_name !== undefined)
}

/** Function or tracepoint of a probe event. */
function probedFunction(type: string, event: JsonObject): string | null {
  if (type === 'process_kprobe' || type === 'process_lsm') return textOf(event.function_name, 'function_name', [], 256)
  if (type === 'process_tracepoint') return textOf(event.event, 'event', [], 256)
  return null
}

function probeMeaning(name: string, event: JsonObject, directory: string | null, cuts: Cuts): Meaning {
  const kernel = kernelActionOf(name)
  const args = argumentsOf(event)
  const bits = kernel.access === null ? null : bitsAfterPath(args)
  const writing = kernel.access !== null && bits !== null && asksForWriting(kernel.access, bits)
  return {
    category: kernel.category,
    action: writing ? 'open_write' : kernel.action,
    network: kernel.category === 'network' ? networkFrom(kernel.action, args, cuts) : null,
    // Modules are named by a string that is no path, and so are capabilities; only what the kernel resolved is a file there.
    file: fileFrom(
      kernel.category === 'file' ? args : args.filter((arg) => arg.string_arg === undefined),
      directory,
      cuts
    )
  }
}

function sensorMeaning(type: string, event: JsonObject): Meaning {
  const dropping = type === 'rate_limit_info' || event.type === 'THROTTLE_START'
  return { category: 'sensor', action: dropping ? 'drop' : type.replace('process_', ''), network: null, file: null }
}

function meaningOf(type: string, event: JsonObject, process: JsonObject, cuts: Cuts): Meaning {
  if (ABOUT_SENSOR.has(type)) return sensorMeaning(type, event)
  const name = probedFunction(type, event)
  const directory = textOf(process.cwd, 'process.working_directory', cuts)
  if (name !== null) return probeMeaning(name, event, directory, cuts)
  const action = type.slice('process_'.length)
  if (type === 'process_exec') {
    // At its start Tetragon reports what runs already in the same way; nothing is executed then.
    const running = typeof process.flags === 'string' && process.flags.split(' ').includes('procFS')
    return { category: 'process', action: running ? 'running' : 'exec', network: null, file: null }
  }
  const network = connectionFrom(action, event, cuts)
  const path = textOf(event.path, 'file.path', cuts)
  const file = path === null ? null : { path: resolvePath(path, directory), target_path: null, mode: null }
  const category: RuntimeCategory = network === null ? 'process' : 'network'
  return { category, action: type === 'process_loader' ? 'library_load' : action, network, file }
}

/** The exit status; a process that a signal ended has none. Protobuf leaves out zero. */
function withExit(process: Process, event: JsonObject): Process {
  const killed = typeof event.signal === 'string' && event.signal !== ''
  return { ...process, exit_code: killed ? null : integerOf(event.status ?? 0, 0, 0x7fffffff) }
}

/** Fields of an event that have a place of their own. */
const PLACED = new Set([
  'process',
  'parent',
  'ancestors',
  'source_ip',
  'source_port',
  'destination_ip',
  'destination_port',
  'ip',
  'port',
  'protocol'
])

/**
 * Turns an event of Tetragon's JSON export (one line of the export file, also what gRPC gives as JSON) into a runtime event.
 * Probes (kprobe, LSM, tracepoint) mean what the function they sit on does; everything they say beyond that stays in
 * `attributes` by Tetragon's names, arguments as JSON text in `args`.
 * Format: https://tetragon.io/docs/reference/grpc-api/#geteventsresponse
 * @param json the event
 * @param arrival time to use when it has none, microseconds since the epoch, or null
 * @returns one event
 * @throws EVENT_FORMAT_UNKNOWN (no type), EVENT_INCOMPLETE (no process), EVENT_TIME_MISSING
 */
export function tetragonEventsFrom(json: JsonObject, arrival: number | null): RuntimeEvent[] {
  const type = typeOf(json)
  const event = type === null ? undefined : json[type]
  if (type === null || !isObject(event)) throw eventError('EVENT_FORMAT_UNKNOWN', 'the object is no event of Tetragon')
  const cuts: Cuts = []
  const node = nodeOf(json)
  const known = processFrom(event, node, cuts)
  if (known === null && !ABOUT_SENSOR.has(type)) {
    throw eventError('EVENT_INCOMPLETE', `${describe(type)} names no process`)
  }
  const process = isObject(event.process) ? event.process : {}
  const meaning = meaningOf(type, event, process, cuts)
  // Exports of old versions lack the time of some execs, which is the start of the process.
  const started = type === 'process_exec' ? microsFrom(process.start_time) : null
  const time = microsFrom(json.time) ?? microsFrom(event.time) ?? started
  const attributes = newAttributes(cuts)
  addValue(attributes, 'event_type', type)
  addProcessAttributes(attributes, process)
  addArguments(attributes, argumentsOf(event))
  for (const key of Object.keys(event)) if (!PLACED.has(key)) addValue(attributes, key, event[key])
  return [
    {
      id: `tetragon-${identityOf(type, json, event, process)}`,
      time: timeOr(time, arrival, describe(type)),
      ...meaning,
      process: known !== null && type === 'process_exit' ? withExit(known, event) : known,
      container: containerFrom(process, cuts),
      pod: podFrom(process, cuts),
      alert: null,
      attributes: attributesOf(attributes, time !== null)
    }
  ]
}

/** Everything the event itself says counts; of the process only which one it is, as what is known of it grows. */
function identityOf(type: string, json: JsonObject, event: JsonObject, process: JsonObject): string {
  const { process: _process, parent: _parent, ancestors: _ancestors, ...said } = event
  return contentId([
    json.node_name,
    type,
    json.time,
    process.exec_id ?? [process.pid, process.start_time],
    process.tid,
    said
  ])
}

function nodeOf(json: JsonObject): string | null {
  return textOf(json.node_name, 'node_name', [], 256)
}

/** As `tetragonEventsFrom`, with the node and the cluster that the record names. */
export function tetragonRecordFrom(json: JsonObject, arrival: number | null): DecodedEvents {
  const name = textOf(json.cluster_name, 'cluster_name', [], 256)
  const cluster = name === null ? null : { id: `tetragon/${name}`, name }
  const events = tetragonEventsFrom(json, arrival).map((runtime) => ({
    audit: null,
    runtime,
    provider: 'tetragon',
    cluster,
    node: nodeOf(json)
  }))
  return { events, rejected: [] }
}
