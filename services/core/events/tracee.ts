import type { Ancestor, Container, EngineAlert, PodReference, Process } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject } from '../json.ts'
import { addText, addValue, attributesOf, newAttributes } from './attributes.ts'
import { contentId } from './canonical.ts'
import type { DecodedEvent } from './decoded-event.ts'
import { describe, eventError } from './errors.ts'
import { type Cuts, integerOf, intOf, textOf, textsOf } from './fields.ts'
import { timeOr } from './notes.ts'
import { commonAttributes, type TraceeMeaning, traceeMeaningOf } from './tracee-meaning.ts'
import { isFlatTracee, isNestedTracee, readFlat, readNested, type TraceeRecord } from './tracee-shape.ts'

const UINT32 = 0xffffffff
/** More ancestors than a real tree has near a process. */
const MOST_ANCESTORS = 32
/** What a socket is among the types of a file, as number (S_IFSOCK). */
const SOCKET_TYPE = 0o140000
/** Severities of signatures by their numbers. */
const SEVERITIES = ['INFO', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'] as const

/** Arguments that are no attributes: environments hold secrets, and the event behind a finding has a place of its own. */
const LEFT_OUT: ReadonlySet<string> = new Set(['env', 'triggeredBy', 'triggered_by'])

/** Whether an object is an event of Tracee, in any of its shapes. */
export function isTraceeEvent(json: JsonObject): boolean {
  return isFlatTracee(json) || isNestedTracee(json)
}

/** Tracee's own key of a process is unique on its node; without one (before 0.17) pid and start have to do. */
function entityIdOf(
  node: string | null,
  { entity_id, pid }: Pick<TraceeRecord['process'], 'entity_id' | 'pid'>,
  otherwise: number | string | null
): string | null {
  const key = integerOf(entity_id, 1, Number.MAX_SAFE_INTEGER)
  if (key !== null) return `${node ?? ''}/${key}`
  const id = integerOf(pid, 0, UINT32)
  return id === null ? null : `${node ?? ''}/${id}/${otherwise ?? ''}`
}

function ancestorsOf({ ancestors }: TraceeRecord, node: string | null, cuts: Cuts): Ancestor[] {
  if (ancestors.length > MOST_ANCESTORS) cuts.push('process.ancestors')
  return ancestors
    .slice(0, MOST_ANCESTORS)
    .map((ancestor) => ({
      entity_id:
        integerOf(ancestor.entity_id, 1, Number.MAX_SAFE_INTEGER) === null ? null : entityIdOf(node, ancestor, ''),
      pid: intOf(ancestor.pid),
      name: textOf(ancestor.name, 'process.ancestors', cuts),
      executable: textOf(ancestor.executable, 'process.ancestors', cuts),
      command_line: null
    }))
    .filter(({ entity_id, pid }) => entity_id !== null || pid !== null)
}

/** Whether standard input is a terminal or a socket, which Tracee says of the start of a program. */
function stdinOf(args: TraceeRecord['args']): { interactive: boolean | null; socket: boolean | null } {
  const type = args.get('stdin_type')
  const path = args.get('stdin_path')
  return {
    interactive: typeof path === 'string' && path !== '' ? /^\/dev\/(pts\/|tty|console)/.test(path) : null,
    socket: type === undefined || type === null ? null : type === 'S_IFSOCK' || type === SOCKET_TYPE
  }
}

function processOf(record: TraceeRecord, node: string | null, meaning: TraceeMeaning, cuts: Cuts): Process | null {
  const { process, args } = record
  const main = integerOf(process.tid, 0, UINT32) === integerOf(process.pid, 0, UINT32)
  const started = main ? process.started : null
  const entity_id = entityIdOf(node, process, started ?? textOf(record.container.id, 'container.id', [], 64))
  if (entity_id === null) return null
  const starting = meaning.action === 'exec'
  const argv = starting ? textsOf(args.get('argv'), 'process.args', cuts) : []
  const executable =
    (starting ? textOf(args.get('pathname'), 'process.executable', cuts) : null) ??
    textOf(process.executable, 'process.executable', cuts)
  const stdin = starting ? stdinOf(args) : { interactive: null, socket: null }
  return {
    entity_id,
    pid: intOf(process.pid),
    name: textOf(process.name, 'process.name', cuts, 256),
    executable,
    args: argv,
    command_line: argv.length === 0 ? null : [executable ?? argv[0], ...argv.slice(1)].join(' '),
    working_directory: null,
    user_id: integerOf(process.user_id, 0, UINT32),
    start_time: started,
    interactive: stdin.interactive,
    in_image: null,
    entry: null,
    socket_stdio: stdin.socket,
    exit_code: meaning.action === 'exit' ? exitCodeOf(args) : null,
    ancestors: ancestorsOf(record, node, cuts)
  }
}

/** The exit status; a process that a signal ended has none. */
function exitCodeOf(args: TraceeRecord['args']): number | null {
  const signal = integerOf(args.get('signal_code'), 0, 255)
  return signal !== null && signal !== 0 ? null : integerOf(args.get('exit_code'), 0, 0x7fffffff)
}

function containerOf({ container }: TraceeRecord, cuts: Cuts): Container | null {
  const id = textOf(container.id, 'container.id', cuts, 512)
  if (id === null) return null
  return {
    id,
    name: textOf(container.name, 'container.name', cuts),
    image_name: textOf(container.image_name, 'container.image_name', cuts),
    image_id: textOf(container.image_id, 'container.image_id', cuts),
    privileged: null
  }
}

function podOf({ pod }: TraceeRecord, cuts: Cuts): PodReference | null {
  const uid = textOf(pod.uid, 'pod.uid', cuts)
  const name = textOf(pod.name, 'pod.name', cuts)
  return uid === null && name === null ? null : { uid, name, namespace: textOf(pod.namespace, 'pod.namespace', cuts) }
}

function severityOf(value: unknown, cuts: Cuts): string | null {
  const number = integerOf(value, 0, SEVERITIES.length - 1)
  return number === null ? textOf(value, 'alert.priority', cuts, 64) : (SEVERITIES[number] ?? null)
}

function alertOf({ finding }: TraceeRecord, name: string, cuts: Cuts): EngineAlert | null {
  if (finding === null) return null
  return {
    engine: 'tracee',
    rule: textOf(finding.rule, 'alert.rule', cuts) ?? name,
    priority: severityOf(finding.severity, cuts),
    message: textOf(finding.message, 'alert.message', cuts),
    tags: textsOf(finding.tags, 'alert.tags', cuts)
  }
}

/** A finding is about what the event behind it did: rules for other sensors then hold for it as well. */
function meaningOf(record: TraceeRecord, name: string, cuts: Cuts): TraceeMeaning {
  if (record.finding === null) return traceeMeaningOf(name, record.args, record.return_value, cuts)
  const cause = record.cause === null ? null : textOf(record.cause.name, 'event_name', cuts, 256)
  if (record.cause === null || cause === null) {
    return { category: 'alert', action: 'alert', network: null, file: null }
  }
  const { network, file, action } = traceeMeaningOf(cause, record.cause.args, undefined, cuts)
  return { category: 'alert', action, network, file }
}

/** What the event itself says counts, and of the process only which one it is: what is known of it grows. */
function identityOf({ name, timestamp, node, process, args, finding }: TraceeRecord): string {
  return `tracee-${contentId([name, timestamp, node, process.entity_id, process.pid, process.tid, [...args], finding?.rule])}`
}

/**
 * Turns an event of Tracee into a runtime event: a system call or kernel event in the words that other sensors use, or, for the
 * finding of a signature, an alert. Arguments stay in `attributes` under `args.NAME`.
 * Formats: https://aquasecurity.github.io/tracee/v0.22/docs/outputs/output-formats/ and
 * https://aquasecurity.github.io/tracee/dev/docs/outputs/event-structure
 * @param json the event, flat or nested
 * @param arrival time to use when it has none, microseconds since the epoch, or null
 * @param here node that keys of processes are of where the event names none, as the nested shape does not: they are unique on a node
 * @throws EVENT_FORMAT_UNKNOWN (no event of Tracee), EVENT_INCOMPLETE (no name), EVENT_TIME_MISSING
 */
export function traceeEventFrom(json: JsonObject, arrival: number | null, here: string | null = null): DecodedEvent {
  if (!isObject(json) || !isTraceeEvent(json)) {
    throw eventError('EVENT_FORMAT_UNKNOWN', 'the object is no event of Tracee')
  }
  const cuts: Cuts = []
  const record = isFlatTracee(json) ? readFlat(json) : readNested(json)
  const name = textOf(record.name, 'event_name', cuts, 256)
  if (name === null) throw eventError('EVENT_INCOMPLETE', 'an event of Tracee has no name')
  const node = textOf(record.node, 'node', cuts, 256)
  const meaning = meaningOf(record, name, cuts)
  const attributes = newAttributes(cuts)
  addText(attributes, 'event_name', name)
  addValue(attributes, 'policies', record.policies)
  addValue(attributes, 'syscall', record.process.syscall === '' ? null : record.process.syscall)
  addValue(attributes, 'tid', record.process.tid)
  addValue(attributes, 'return_value', record.return_value)
  for (const [key, value] of Object.entries(record.further)) addValue(attributes, key, value)
  const told = commonAttributes(meaning.action, record.args, record.return_value)
  for (const [key, value] of Object.entries(told)) addValue(attributes, key, value)
  for (const [key, value] of record.args) {
    if (!LEFT_OUT.has(key)) addValue(attributes, `args.${key}`, value)
  }
  for (const [key, value] of record.cause?.args ?? []) addValue(attributes, `cause.${key}`, value)
  return {
    audit: null,
    runtime: {
      id: identityOf(record),
      time: timeOr(record.time, arrival, describe(name)),
      ...meaning,
      process: processOf(record, node ?? here, meaning, cuts),
      container: containerOf(record, cuts),
      pod: podOf(record, cuts),
      alert: alertOf(record, name, cuts),
      attributes: attributesOf(attributes, record.time !== null)
    },
    provider: 'tracee',
    cluster: null,
    node
  }
}
