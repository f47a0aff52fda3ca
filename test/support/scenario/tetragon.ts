import { compact, type Json, type JsonObject } from './json.ts'
import type { Process } from './processes.ts'
import { rfc3339Nanos, rfc3339Seconds } from './timeline.ts'

/**
 * Records of Tetragon's JSON export (version 1.7, `--enable-ancestors=base`, process credentials and namespaces off): member
 * names and order as protojson writes tetragon.GetEventsResponse, see github.com/cilium/tetragon api/v1/tetragon/tetragon.proto.
 */

const NO_AUDIT_USER = 4294967295

/** A time by the clock of the process's node. */
function clockOf({ node }: Process, time_us: number, nanos: number): string {
  return rfc3339Nanos(time_us + (node.skew_us ?? 0), nanos)
}

/** Tetragon's key of a process over the cluster: base64 of node, start on the boot clock in nanoseconds, and pid. */
function execId(process: Process): string {
  // kept in two parts: nanoseconds of an uptime of months do not fit a double together with their last digits
  const uptime_us = process.start_us - process.node.boot_us
  const text = `${process.node.name}:${uptime_us}${String(process.nanos).padStart(3, '0')}:${process.pid}`
  return Buffer.from(text).toString('base64')
}

/** The argument vector as one string: arguments with blanks in quotes, as Tetragon joins them. */
function joinedArguments(args: readonly string[]): string {
  return args.map((arg) => (arg === '' || arg.includes(' ') ? `"${arg.replaceAll('"', '\\"')}"` : arg)).join(' ')
}

function podMember(process: Process, maybeProbe: boolean): JsonObject | undefined {
  const { pod, container } = process
  if (pod === null || container === null) return undefined
  const privileged = container.template.securityContext?.privileged === true
  return {
    namespace: pod.namespace,
    name: pod.name,
    uid: pod.uid,
    container: compact({
      id: `containerd://${container.id}`,
      name: container.template.name,
      image: { id: container.imageId, name: container.imageName },
      start_time: rfc3339Seconds(container.start_us),
      pid: process.containerPid,
      maybe_exec_probe: maybeProbe ? true : undefined,
      security_context: privileged ? { privileged: true } : {}
    }),
    pod_labels: pod.labels,
    workload: pod.top.name,
    workload_kind: pod.top.kind
  }
}

function isProbe(process: Process): boolean {
  const probe = process.container?.template.readinessExec
  if (probe === undefined || process.inInitTree) return false
  const [command = '', ...args] = probe
  return process.binary.endsWith(`/${command}`) && joinedArguments(process.args) === joinedArguments(args)
}

function processMember(process: Process, refcnt?: number): JsonObject {
  const flags = ['execve']
  if (process.cwd === '/') flags.push('rootcwd')
  if (!process.replaced) flags.push('clone')
  if (process.inInitTree) flags.push('inInitTree')
  return compact({
    exec_id: execId(process),
    pid: process.pid,
    uid: process.uid,
    cwd: process.cwd,
    binary: process.binary,
    arguments: process.args.length === 0 ? undefined : joinedArguments(process.args),
    flags: flags.join(' '),
    start_time: clockOf(process, process.start_us, process.nanos),
    auid: NO_AUDIT_USER,
    pod: podMember(process, isProbe(process)),
    docker: process.container?.id.slice(0, 31),
    parent_exec_id: process.parent === null ? undefined : execId(process.parent),
    refcnt,
    tid: process.pid,
    in_init_tree: process.inInitTree
  })
}

/** Ancestors beyond the parent, nearest first, up to the host's init. */
function ancestorMembers(process: Process): Json | undefined {
  const ancestors: JsonObject[] = []
  for (let at = process.parent?.parent ?? null; at !== null; at = at.parent) ancestors.push(processMember(at))
  return ancestors.length === 0 ? undefined : ancestors
}

function parentMember(process: Process): JsonObject | undefined {
  return process.parent === null ? undefined : processMember(process.parent)
}

function envelope(kind: string, event: JsonObject, process: Process, time: string): JsonObject {
  return { [kind]: event, node_name: process.node.name, time }
}

/** `process_exec`, at the start of the process. */
export function tetragonExec(process: Process): JsonObject {
  const event = compact({
    process: processMember(process, 1),
    parent: parentMember(process),
    ancestors: ancestorMembers(process)
  })
  return envelope('process_exec', event, process, clockOf(process, process.start_us, process.nanos))
}

/** How a process ended: exit status, or the signal that killed it. */
export interface Ending {
  readonly status?: number
  readonly signal?: string
}

/** `process_exit`. */
export function tetragonExit(process: Process, time_us: number, nanos: number, end: Ending): JsonObject {
  const time = clockOf(process, time_us, nanos)
  const event = compact({
    process: processMember(process),
    parent: parentMember(process),
    signal: end.signal,
    status: end.status === 0 ? undefined : end.status,
    time,
    ancestors: ancestorMembers(process)
  })
  return envelope('process_exit', event, process, time)
}

interface Kprobe {
  readonly function_name: string
  readonly args: Json
  readonly policy_name: string
  readonly returns?: number
}

function tetragonKprobe(process: Process, time_us: number, nanos: number, kprobe: Kprobe): JsonObject {
  const event = compact({
    process: processMember(process, 1),
    parent: parentMember(process),
    function_name: kprobe.function_name,
    args: kprobe.args,
    return: kprobe.returns === undefined ? undefined : { int_arg: kprobe.returns },
    action: 'KPROBE_ACTION_POST',
    policy_name: kprobe.policy_name,
    return_action: 'KPROBE_ACTION_POST'
  })
  return envelope('process_kprobe', event, process, clockOf(process, time_us, nanos))
}

export interface Connection {
  readonly source_ip: string
  readonly source_port: number
  readonly destination_ip: string
  readonly destination_port: number
  readonly cookie: string
}

/** `process_kprobe` of `tcp_connect`: a process opens a TCP connection. */
export function tetragonConnect(process: Process, time_us: number, nanos: number, connection: Connection): JsonObject {
  const sock = {
    family: 'AF_INET',
    type: 'SOCK_STREAM',
    protocol: 'IPPROTO_TCP',
    saddr: connection.source_ip,
    daddr: connection.destination_ip,
    sport: connection.source_port,
    dport: connection.destination_port,
    cookie: connection.cookie,
    state: 'TCP_SYN_SENT'
  }
  return tetragonKprobe(process, time_us, nanos, {
    function_name: 'tcp_connect',
    args: [{ sock_arg: sock }],
    policy_name: 'tcp-connect'
  })
}

/** `MAY_WRITE` and `MAY_READ` of the kernel's file permission mask. */
const ACCESS_MASK = { write: 2, read: 4 } as const

/** `process_kprobe` of `security_file_permission`: a process reads or writes a file one of the policies watches. */
export function tetragonFile(
  process: Process,
  time_us: number,
  nanos: number,
  file: { readonly path: string; readonly permission: string; readonly access: keyof typeof ACCESS_MASK }
): JsonObject {
  return tetragonKprobe(process, time_us, nanos, {
    function_name: 'security_file_permission',
    args: [{ file_arg: { path: file.path, permission: file.permission } }, { int_arg: ACCESS_MASK[file.access] }],
    policy_name: file.access === 'read' ? 'sensitive-file-read' : 'sensitive-file-write',
    returns: 0
  })
}
