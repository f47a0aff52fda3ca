import type { File, Network, RuntimeCategory, RuntimeEvent } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject, property } from '../json.ts'
import { type Cuts, integerOf, textOf } from './fields.ts'
import { asksForWriting, kernelActionOf } from './kernel-function.ts'
import { resolvePath, transportOf } from './tetragon-arguments.ts'
import type { TraceeRecord } from './tracee-shape.ts'

type Args = TraceeRecord['args']

/** What an event of Tracee says was done. */
export type TraceeMeaning = Pick<RuntimeEvent, 'category' | 'action' | 'network' | 'file'>

/** Events that are neither system calls nor kernel functions by name. */
const EVENTS: ReadonlyMap<string, readonly [RuntimeCategory, string]> = new Map([
  ['sched_process_exec', ['process', 'exec']],
  ['sched_process_fork', ['process', 'fork']],
  ['sched_process_exit', ['process', 'exit']],
  ['process_execute_failed', ['process', 'exec_failed']],
  ['net_tcp_connect', ['network', 'connect']],
  ['net_flow_tcp_begin', ['network', 'connect']],
  ['net_flow_tcp_end', ['network', 'close']],
  ['net_packet_dns_request', ['network', 'dns']],
  ['net_packet_dns', ['network', 'dns']],
  ['net_packet_dns_response', ['network', 'dns_response']],
  ['magic_write', ['file', 'open_write']],
  ['file_modification', ['file', 'open_write']],
  ['kernel_write', ['file', 'open_write']],
  ['switch_task_ns', ['privilege', 'setns']],
  ['module_load', ['privilege', 'module_load']],
  ['hidden_kernel_module', ['privilege', 'module_load']],
  ['module_free', ['privilege', 'module_unload']],
  ['security_bpf_prog', ['privilege', 'bpf']],
  ['bpf_attach', ['privilege', 'bpf']],
  ['shared_object_loaded', ['process', 'library_load']]
])

/** Packets of any other protocol. */
const PACKET = 'net_packet_'

/** Names of open flags that ask for writing, as Tracee prints them with parsed arguments. */
const WRITE_FLAGS = /\b(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|PROT_WRITE|MAY_WRITE|MAY_APPEND)\b/
const EINPROGRESS = 115
const MOST_ERRNO = 4095

const portOf = (value: unknown): number | null => integerOf(value, 0, 65_535)

/** A member by its name with or without underscores: sin_addr or sinAddr. */
const either = (value: unknown, snake: string, camel: string): unknown =>
  property(value, snake) ?? property(value, camel)

interface End {
  readonly ip: string | null
  readonly port: number | null
}

const NOWHERE: End = { ip: null, port: null }

/** An address of the internet; those of Unix sockets are none. */
function endOf(address: unknown, field: string, cuts: Cuts): End | null {
  if (!isObject(address)) return null
  const ip = either(address, 'sin_addr', 'sinAddr') ?? either(address, 'sin6_addr', 'sin6Addr')
  const port = either(address, 'sin_port', 'sinPort') ?? either(address, 'sin6_port', 'sin6Port')
  const text = textOf(ip, field, cuts, 64)
  return text === null ? null : { ip: text, port: portOf(port) }
}

const SOURCE = 'network.source_ip'
const DESTINATION = 'network.destination_ip'

/** Domain of a DNS packet: the question asked first. */
function domainOf(args: Args, cuts: Cuts): string | null {
  const questions = args.get('dns_questions')
  const list = Array.isArray(questions) ? questions : property(questions, 'questions')
  const [first] = Array.isArray(list) ? list : []
  const packet = property(args.get('proto_dns'), 'questions')
  const [inPacket] = Array.isArray(packet) ? packet : []
  const names = args.get('dst_dns')
  const [known] = Array.isArray(names) ? names : [property(names, 'value')].flat()
  const name = property(first, 'query') ?? property(inPacket, 'name') ?? known
  return textOf(name, 'network.domain', cuts, 1024)?.replace(/\.$/, '') ?? null
}

/** Ends of an event that has addresses as arguments: sockets by sockaddr, packets and flows by src and dst. */
function endsOf(args: Args, ingress: boolean, cuts: Cuts): { source: End; destination: End } | null {
  const metadata = args.get('metadata')
  const src = args.get('src') ?? either(metadata, 'src_ip', 'srcIp')
  const dst = args.get('dst') ?? either(metadata, 'dst_ip', 'dstIp')
  if (src !== undefined || dst !== undefined) {
    return {
      source: {
        ip: textOf(src, SOURCE, cuts, 64),
        port: portOf(args.get('src_port') ?? either(metadata, 'src_port', 'srcPort'))
      },
      destination: {
        ip: textOf(dst, DESTINATION, cuts, 64),
        port: portOf(args.get('dst_port') ?? either(metadata, 'dst_port', 'dstPort'))
      }
    }
  }
  const remote = endOf(args.get('remote_addr') ?? args.get('addr') ?? args.get('dest_addr'), DESTINATION, cuts)
  const local = endOf(args.get('local_addr'), SOURCE, cuts)
  if (remote === null && local === null) return null
  return ingress
    ? { source: remote ?? NOWHERE, destination: local ?? NOWHERE }
    : { source: remote === null ? NOWHERE : (local ?? NOWHERE), destination: remote ?? local ?? NOWHERE }
}

/** Transport of an address: what the socket is, where the event says it. */
function transportIn(name: string, args: Args, cuts: Cuts): string | null {
  if (name.includes('tcp')) return 'tcp'
  if (name.startsWith('net_packet_udp')) return 'udp'
  const type = textOf(args.get('type'), 'network.transport', cuts, 64)
  if (type === 'SOCK_STREAM') return 'tcp'
  if (type === 'SOCK_DGRAM') return 'udp'
  return transportOf(args.get('protocol'), cuts)
}

function networkOf(name: string, action: string, args: Args, cuts: Cuts): Network | null {
  const ingress = action === 'accept'
  const ends = endsOf(args, ingress, cuts)
  const domain = action === 'dns' || action === 'connect' ? domainOf(args, cuts) : null
  if (ends === null && domain === null) return null
  const listening = action === 'listen' || action === 'bind'
  const egress = action === 'connect' || action === 'send' || action === 'dns'
  return {
    direction: ingress ? 'ingress' : listening ? 'listen' : egress ? 'egress' : null,
    transport: transportIn(name, args, cuts),
    source_ip: ends?.source.ip ?? null,
    source_port: ends?.source.port ?? null,
    destination_ip: ends?.destination.ip ?? null,
    destination_port: ends?.destination.port ?? null,
    domain
  }
}

/** Arguments that are the path an event is about, and those that are its second one; of several the first that is there. */
const PATHS = ['old_path', 'oldpath', 'oldname', 'linkpath', 'pathname', 'file_path', 'path', 'filename']
const TARGETS = ['new_path', 'newpath', 'newname', 'target']

function pathIn(args: Args, names: readonly string[], cuts: Cuts): string | null {
  for (const name of names) {
    const path = textOf(args.get(name), 'file.path', cuts)
    // What a system call was given may be relative to a folder that the event does not tell.
    if (path !== null) return path.startsWith('/') ? resolvePath(path, null) : path
  }
  return null
}

function fileOf(args: Args, cuts: Cuts): File | null {
  const path = pathIn(args, PATHS, cuts)
  if (path === null) return null
  return {
    path,
    target_path: pathIn(args, TARGETS, cuts),
    mode: textOf(args.get('mode') ?? args.get('flags'), 'file.mode', cuts, 256)
  }
}

/** Whether the arguments of an open ask for writing, as number or as names. */
function writes(access: Parameters<typeof asksForWriting>[0], args: Args): boolean {
  const flags = args.get(access === 'mapping' ? 'prot' : 'flags') ?? args.get('mask')
  if (typeof flags === 'string' && WRITE_FLAGS.test(flags)) return true
  const bits = integerOf(flags, 0, 0xffffffff)
  return bits !== null && asksForWriting(access, bits)
}

/** Error number of a call that failed, or null. A connection that is on its way has not. */
function errorOf(returned: unknown): number | null {
  const code = integerOf(returned, -MOST_ERRNO, -1)
  return code === null || code === -EINPROGRESS ? null : -code
}

const SYSTEM_CALL_FAILS: ReadonlySet<RuntimeCategory> = new Set(['file', 'privilege'])

/**
 * What an event means in Weir's words.
 * @param name name of Tracee's event
 * @param returned what the system call returned, where it is one
 * @returns an event that is not known keeps its name as action, in category process; a call that failed ends in `_failed`
 */
export function traceeMeaningOf(name: string, args: Args, returned: unknown, cuts: Cuts): TraceeMeaning {
  const own = name.startsWith(PACKET) && !EVENTS.has(name) ? (['network', 'packet'] as const) : EVENTS.get(name)
  const kernel = own === undefined ? kernelActionOf(name) : { category: own[0], action: own[1], access: null }
  const error = errorOf(returned)
  let { action } = kernel
  if (kernel.access !== null && writes(kernel.access, args)) action = 'open_write'
  if (name === 'net_flow_tcp_begin' && args.get('conn_direction') === 'incoming') action = 'accept'
  if (error !== null && action === 'exec_check') action = 'exec_failed'
  else if (error !== null && SYSTEM_CALL_FAILS.has(kernel.category)) action = `${action}_failed`
  const { category } = kernel
  return {
    category,
    action,
    network: category === 'network' ? networkOf(name, action, args, cuts) : null,
    file: category === 'file' || action.startsWith('mount') ? fileOf(args, cuts) : null
  }
}

/** What else the arguments tell, under the names that other sensors use. */
export function commonAttributes(action: string, args: Args, returned: unknown): JsonObject {
  const error = errorOf(returned)
  return {
    ...(error !== null && { error: String(error) }),
    ...(action === 'kill' && { signal: args.get('sig'), target_pid: args.get('pid') }),
    ...(action === 'ptrace' && { request: args.get('request'), target_pid: args.get('pid') })
  }
}
