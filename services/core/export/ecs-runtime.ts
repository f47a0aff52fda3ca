import type { Ancestor, Process, RuntimeEvent } from '../../../schemas/generated/types.ts'
import { compact, type Draft, freeForm, integer, type Tally, take, text, texts } from './bounds.ts'
import { isoTime } from './iso-time.ts'

interface Classification {
  readonly category: readonly string[]
  readonly type: readonly string[]
}

const PROCESS_CHANGE: Classification = { category: ['process'], type: ['change'] }

/** ECS 9.0 `event.category` and `event.type` by action; closed lists of ECS. */
const CLASSIFICATION: Readonly<Record<string, Classification>> = {
  exec: { category: ['process'], type: ['start'] },
  exec_failed: { category: ['process'], type: ['start', 'error'] },
  fork: { category: ['process'], type: ['start'] },
  exit: { category: ['process'], type: ['end'] },
  connect: { category: ['network'], type: ['connection', 'start'] },
  accept: { category: ['network'], type: ['connection', 'start'] },
  listen: { category: ['network'], type: ['start'] },
  close: { category: ['network'], type: ['connection', 'end'] },
  dns: { category: ['network'], type: ['protocol', 'info'] },
  open_write: { category: ['file'], type: ['change'] },
  read: { category: ['file'], type: ['access'] },
  rename: { category: ['file'], type: ['change'] },
  unlink: { category: ['file'], type: ['deletion'] },
  chmod: { category: ['file'], type: ['change'] },
  link: { category: ['file'], type: ['creation'] },
  memfd_create: { category: ['file', 'process'], type: ['creation'] },
  mount: { category: ['host'], type: ['change'] },
  module_load: { category: ['driver'], type: ['start'] },
  bpf: { category: ['driver'], type: ['start'] },
  ptrace: { category: ['process'], type: ['access'] },
  kill: PROCESS_CHANGE,
  alert: { category: ['intrusion_detection'], type: ['info'] },
  drop: { category: ['host'], type: ['error'] }
}

/** By category, for actions that are not in the table. */
const FALLBACK: Readonly<Record<RuntimeEvent['category'], Classification>> = {
  process: { category: ['process'], type: ['info'] },
  network: { category: ['network'], type: ['info'] },
  file: { category: ['file'], type: ['info'] },
  privilege: PROCESS_CHANGE,
  alert: { category: ['intrusion_detection'], type: ['info'] },
  sensor: { category: ['host'], type: ['info'] }
}

export function runtimeCategory(event: RuntimeEvent): Classification {
  return (Object.hasOwn(CLASSIFICATION, event.action) && CLASSIFICATION[event.action]) || FALLBACK[event.category]
}

function parent(ancestor: Ancestor | undefined, tally: Tally): Draft | undefined {
  if (ancestor === undefined) return undefined
  return compact({
    entity_id: text(ancestor.entity_id, tally),
    pid: integer(ancestor.pid),
    name: text(ancestor.name, tally),
    executable: text(ancestor.executable, tally),
    command_line: text(ancestor.command_line, tally)
  })
}

function processFields(process: Process | null, tally: Tally): Draft | undefined {
  if (process === null) return undefined
  return compact({
    entity_id: text(process.entity_id, tally),
    pid: integer(process.pid),
    name: text(process.name, tally),
    executable: text(process.executable, tally),
    args: texts(process.args, tally),
    args_count: process.args.length === 0 ? undefined : process.args.length,
    command_line: text(process.command_line, tally),
    working_directory: text(process.working_directory, tally),
    user: process.user_id === null ? undefined : compact({ id: String(process.user_id) }),
    start: isoTime(process.start_time),
    interactive: process.interactive ?? undefined,
    exit_code: integer(process.exit_code),
    parent: parent(process.ancestors[0], tally)
  })
}

/** The ECS fields that only runtime events fill, and `weir.process` for what ECS has no field for. */
export function runtimeFields(event: RuntimeEvent, tally: Tally): Draft {
  const { process, network, file, alert } = event
  const dns = event.action === 'dns'
  return {
    process: processFields(process, tally),
    user: process?.user_id == null ? undefined : { id: String(process.user_id) },
    network:
      network === null
        ? undefined
        : compact({ direction: text(network.direction, tally), transport: text(network.transport, tally) }),
    source:
      network === null
        ? undefined
        : compact({
            address: text(network.source_ip, tally),
            ip: text(network.source_ip, tally),
            port: integer(network.source_port)
          }),
    destination:
      network === null
        ? undefined
        : compact({
            address: text(network.destination_ip, tally),
            ip: text(network.destination_ip, tally),
            port: integer(network.destination_port),
            domain: dns ? undefined : text(network.domain, tally)
          }),
    dns: dns && network !== null ? compact({ question: compact({ name: text(network.domain, tally) }) }) : undefined,
    file:
      file === null
        ? undefined
        : compact({
            path: text(file.path, tally),
            target_path: text(file.target_path, tally),
            mode: text(file.mode, tally)
          }),
    rule: alert === null ? undefined : compact({ name: text(alert.rule, tally), ruleset: text(alert.engine, tally) }),
    message: text(alert?.message, tally),
    weir: {
      process:
        process === null
          ? undefined
          : compact({
              in_image: process.in_image ?? undefined,
              entry: text(process.entry, tally),
              socket_stdio: process.socket_stdio ?? undefined,
              ancestors: texts(
                take(process.ancestors, tally).map(
                  ({ command_line, executable, name }) => command_line ?? executable ?? name
                ),
                tally
              )
            }),
      alert:
        alert === null ? undefined : compact({ priority: text(alert.priority, tally), tags: texts(alert.tags, tally) }),
      attributes: freeForm(event.attributes, tally)
    }
  }
}
