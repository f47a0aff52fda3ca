import type { File, Network, RuntimeCategory } from '../../../schemas/generated/types.ts'
import { resolvePath } from '../../core/events/tetragon-arguments.ts'
import { questionOf } from './dns.ts'
import { type EventKind, FLAGS } from './layout.ts'
import { bytesOf, hexOf, highOf, type KernelRecord, lowOf, numberOf, signedOf, textOf, untilNul } from './record.ts'

/** What an event says beside who did it. */
export interface Meaning {
  readonly category: RuntimeCategory
  readonly network: Network | null
  readonly file: File | null
  readonly attributes: Record<string, string>
}

const CATEGORIES: Readonly<Record<EventKind, RuntimeCategory>> = {
  exec: 'process',
  exec_failed: 'process',
  fork: 'process',
  exit: 'process',
  connect: 'network',
  accept: 'network',
  listen: 'network',
  dns: 'network',
  open_write: 'file',
  read: 'file',
  rename: 'file',
  unlink: 'file',
  chmod: 'file',
  chown: 'file',
  link: 'file',
  setuid: 'privilege',
  setgid: 'privilege',
  capset: 'privilege',
  mount: 'privilege',
  setns: 'privilege',
  unshare: 'privilege',
  ptrace: 'privilege',
  module_load: 'privilege',
  bpf: 'privilege',
  memfd_create: 'privilege',
  kill: 'process'
}

export const categoryOf = (kind: EventKind): RuntimeCategory => CATEGORIES[kind]

const AF_UNIX = 1
const AF_INET = 2
const TRANSPORTS: ReadonlyMap<number, string> = new Map([
  [6, 'tcp'],
  [17, 'udp'],
  [33, 'dccp'],
  [132, 'sctp'],
  [136, 'udplite']
])

function ipv4(bytes: Buffer, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
}

/** An address as text; RFC 5952 for IPv6, and IPv4 for what is an IPv4 address in IPv6. */
export function addressOf(family: number, bytes: Buffer, at: number): string {
  if (family === AF_INET) return ipv4(bytes, at)
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(at + 2 * index))
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return ipv4(bytes, at + 12)
  let best = { from: -1, length: 1 }
  for (let from = 0; from < 8; from += 1) {
    let length = 0
    while (from + length < 8 && groups[from + length] === 0) length += 1
    if (length > best.length) best = { from, length }
  }
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  return best.from === -1 ? text(0, 8) : `${text(0, best.from)}::${text(best.from + best.length, 8)}`
}

const VALUES_AT = 64
const portOf = (port: number): number | null => (port === 0 ? null : port)

function networkOf(record: KernelRecord): Network {
  const { kind, bytes, at } = record
  const family = lowOf(record, 0) & 0xffff
  if (family === AF_UNIX) return { ...NO_NETWORK, direction: 'egress', transport: 'unix' }
  const protocol = lowOf(record, 0) >>> 16
  const local = { ip: addressOf(family, bytes, at + VALUES_AT + 16), port: portOf(highOf(record, 0) & 0xffff) }
  const remote = { ip: addressOf(family, bytes, at + VALUES_AT + 32), port: portOf(highOf(record, 0) >>> 16) }
  const transport = TRANSPORTS.get(protocol) ?? (protocol === 0 ? null : String(protocol))
  if (kind === 'listen') {
    const { ip, port } = local
    return { ...NO_NETWORK, direction: 'listen', transport, destination_ip: ip, destination_port: port }
  }
  const [source, destination] = kind === 'accept' ? [remote, local] : [local, remote]
  return {
    direction: kind === 'accept' ? 'ingress' : 'egress',
    transport,
    // A socket that is not bound has no address yet.
    source_ip: UNBOUND.has(source.ip) ? null : source.ip,
    source_port: source.port,
    destination_ip: destination.ip,
    destination_port: destination.port,
    domain: null
  }
}

const UNBOUND: ReadonlySet<string> = new Set(['0.0.0.0', '::'])
const NO_NETWORK: Network = {
  direction: null,
  transport: null,
  source_ip: null,
  source_port: null,
  destination_ip: null,
  destination_port: null,
  domain: null
}

const STREAM = 1

/** The question of a DNS query, or null for what is none. */
function dnsOf(record: KernelRecord): Meaning | null {
  const payload = bytesOf(record, 0)
  // Over TCP the length comes first.
  const question = questionOf(lowOf(record, 6) === STREAM ? payload.subarray(2) : payload)
  if (question === null) return null
  return {
    category: 'network',
    network: { ...networkOf(record), domain: question.name },
    file: null,
    attributes: { question_type: question.type }
  }
}

/** What the kernel shows behind the path of a file that has no name any more. */
const deletedMark = (record: KernelRecord): string => ((record.flags & FLAGS.deleted) === 0 ? '' : ' (deleted)')

/** A path of more parts than are walked lacks its front. */
const cutMark = (record: KernelRecord): string => ((record.flags & FLAGS.path_cut) === 0 ? '' : '…')

/** A path that the kernel walked, as text `slot`. */
export function walkedPath(record: KernelRecord, slot: number): string {
  return `${cutMark(record)}${textOf(record, slot)}${deletedMark(record)}`
}

/** Whether text `slot` is a walked path as it is, to which nothing has to be added. */
export const isWholePath = ({ flags }: KernelRecord): boolean => (flags & (FLAGS.deleted | FLAGS.path_cut)) === 0

/** A path as the process gave it, made absolute by the folder it counted from. */
function givenPath(record: KernelRecord, slot: number, base: number, isRelative: boolean): string {
  const text = textOf(record, slot)
  const folder = isRelative ? textOf(record, base) : null
  // No path at all means the folder's own, which then is the file.
  return text === '' && folder !== null ? folder : resolvePath(text, folder)
}

const ACCESS = ['O_RDONLY', 'O_WRONLY', 'O_RDWR'] as const
const OPEN_FLAGS: ReadonlyArray<readonly [bit: number, name: string]> = [
  [0o2000, 'O_APPEND'],
  [0o4000, 'O_NONBLOCK'],
  [0o200000, 'O_DIRECTORY'],
  [0o400000, 'O_NOFOLLOW'],
  [0o20000000, 'O_TMPFILE']
]

/** The few that there are, by their bits: most events tell of an open. */
const knownFlags = new Map<number, string>()
const KNOWN_FLAGS_MAX = 1000

export function openFlags(record: KernelRecord): string {
  const bits = lowOf(record, 0)
  const key = bits * 2 + ((record.flags & FLAGS.created) === 0 ? 0 : 1)
  const known = knownFlags.get(key)
  if (known !== undefined) return known
  const text = flagsText(record, bits)
  if (knownFlags.size < KNOWN_FLAGS_MAX) knownFlags.set(key, text)
  return text
}

function flagsText(record: KernelRecord, bits: number): string {
  const names = OPEN_FLAGS.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name)
  const created = (record.flags & FLAGS.created) === 0 ? [] : ['O_CREAT']
  return [ACCESS[bits & 3] ?? 'O_RDWR', ...created, ...names].join('|')
}

const SIGNALS = [
  ...['', 'HUP', 'INT', 'QUIT', 'ILL', 'TRAP', 'ABRT', 'BUS', 'FPE', 'KILL', 'USR1', 'SEGV', 'USR2', 'PIPE', 'ALRM'],
  ...['TERM', 'STKFLT', 'CHLD', 'CONT', 'STOP', 'TSTP', 'TTIN', 'TTOU', 'URG', 'XCPU', 'XFSZ', 'VTALRM', 'PROF'],
  ...['WINCH', 'IO', 'PWR', 'SYS']
]

/** CLONE_NEW*; include/uapi/linux/sched.h */
const NAMESPACES: ReadonlyArray<readonly [bit: number, name: string]> = [
  [0x00020000, 'mnt'],
  [0x02000000, 'cgroup'],
  [0x04000000, 'uts'],
  [0x08000000, 'ipc'],
  [0x10000000, 'user'],
  [0x20000000, 'pid'],
  [0x40000000, 'net'],
  [0x00000080, 'time']
]

function namespaceNames(bits: number): string {
  return NAMESPACES.filter(([bit]) => (bits & bit) !== 0)
    .map(([, name]) => name)
    .join(',')
}

const BPF_COMMANDS: ReadonlyMap<number, string> = new Map([
  [5, 'prog_load'],
  [8, 'prog_attach'],
  [17, 'raw_tracepoint_open'],
  [28, 'link_create']
])
const PTRACE_REQUESTS: ReadonlyMap<number, string> = new Map([
  [16, 'attach'],
  [0x4206, 'seize']
])

/** -1 is how system calls write "leave it". */
const idText = (value: number): string => (value === -1 ? '' : String(value >>> 0))

/** Values of the calls that have no fields of their own in the event model. */
function privilegeAttributes(record: KernelRecord): Record<string, string> {
  const first = lowOf(record, 0)
  switch (record.kind) {
    case 'setuid':
    case 'setgid':
      return { id: idText(signedOf(record, 0)), id_now: String(record.kind === 'setuid' ? record.uid : '') }
    case 'capset':
      return { cap_effective: hexOf(record, 6) }
    case 'setns':
      return { namespaces: namespaceNames(lowOf(record, 1)) }
    case 'unshare':
      return { namespaces: namespaceNames(first) }
    case 'ptrace':
      return { request: PTRACE_REQUESTS.get(first) ?? String(first), target_pid: String(lowOf(record, 1)) }
    case 'bpf': {
      const name = textOf(record, 0)
      const command = BPF_COMMANDS.get(first) ?? String(first)
      return { command, ...(first === 5 && { program_type: String(lowOf(record, 3)) }), ...(name && { program: name }) }
    }
    case 'memfd_create':
      return { name: textOf(record, 0) }
    default:
      return {}
  }
}

function file(path: string, target_path: string | null = null, mode: string | null = null): File {
  return { path, target_path, mode }
}

function pathsOf(record: KernelRecord): File {
  const { flags } = record
  const first = givenPath(record, 0, 2, (flags & FLAGS.base) !== 0)
  const isRelative = (flags & FLAGS.base2) !== 0
  // A symbolic link points to what its own folder makes of the text.
  const second = isRelative
    ? givenPath(record, 1, 3, true)
    : resolvePath(textOf(record, 1), first.slice(0, first.lastIndexOf('/')))
  return file(first, second)
}

/** A chmod or chown is by path, or of an open file, whose path the kernel walked. */
function changedPath(record: KernelRecord): string {
  const { flags } = record
  return (flags & FLAGS.by_path) !== 0 ? givenPath(record, 0, 2, (flags & FLAGS.base) !== 0) : walkedPath(record, 0)
}

/**
 * What a record means in the event model.
 * @returns null for what is no event after all
 */
export function meaningOf(record: KernelRecord, kind: EventKind): Meaning | null {
  const category = CATEGORIES[kind]
  const none = { category, network: null, file: null, attributes: {} }
  switch (kind) {
    case 'connect': {
      const path = textOf(record, 0)
      return { ...none, network: networkOf(record), file: path === '' ? null : file(walkedPath(record, 0)) }
    }
    case 'accept':
    case 'listen':
      return { ...none, network: networkOf(record) }
    case 'dns':
      return dnsOf(record)
    case 'open_write':
    case 'read':
      return { ...none, file: file(walkedPath(record, 0), null, openFlags(record)) }
    case 'rename':
    case 'link':
      return { ...none, file: pathsOf(record) }
    case 'unlink':
      return { ...none, file: file(givenPath(record, 0, 2, (record.flags & FLAGS.base) !== 0)) }
    case 'chmod':
      return {
        ...none,
        file: file(changedPath(record), null, (lowOf(record, 0) & 0o7777).toString(8).padStart(4, '0'))
      }
    case 'chown':
      return {
        ...none,
        file: file(changedPath(record)),
        attributes: { owner: idText(signedOf(record, 0)), group: idText(signedOf(record, 1)) }
      }
    case 'exec_failed':
      return {
        ...none,
        file: file(givenPath(record, 0, 2, (record.flags & FLAGS.base) !== 0)),
        attributes: { error: String(-signedOf(record, 5)) }
      }
    case 'mount':
      return mountOf(record, none)
    case 'module_load': {
      const path = textOf(record, 0)
      return { ...none, file: path === '' ? null : file(walkedPath(record, 0)) }
    }
    case 'kill': {
      const number = lowOf(record, 0)
      const { bytes } = record
      const text = bytesOf(record, 0)
      return {
        ...none,
        attributes: {
          signal: SIGNALS[number] ? `SIG${SIGNALS[number]}` : String(number),
          target_pid: String(lowOf(record, 1)),
          target_name:
            text.length === 0
              ? ''
              : untilNul(bytes, text.byteOffset - bytes.byteOffset, text.byteOffset - bytes.byteOffset + text.length)
        }
      }
    }
    default:
      return { ...none, attributes: privilegeAttributes(record) }
  }
}

/** `mount` gives source, type and flags; `move_mount`, by which new ones are put in place, two paths. */
function mountOf(record: KernelRecord, none: Meaning): Meaning {
  const { flags } = record
  if ((flags & FLAGS.by_path) !== 0) {
    const moved = pathsOf(record)
    return { ...none, file: file(moved.path), attributes: { source: textOf(record, 1) } }
  }
  const source = textOf(record, 1)
  const type = textOf(record, 2)
  return {
    ...none,
    file: file(givenPath(record, 0, 3, (flags & FLAGS.base) !== 0)),
    attributes: { ...(source && { source }), ...(type && { type }), flags: `0x${numberOf(record, 0).toString(16)}` }
  }
}
