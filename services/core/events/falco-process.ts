import type { Ancestor, Container, File, Network, PodReference, Process } from '../../../schemas/generated/types.ts'
import type { FalcoFields } from './falco-fields.ts'
import { kernelActionOf } from './kernel-function.ts'
import { microsFrom } from './timestamp.ts'

const INT32 = 0x7fffffff
const UINT32 = 0xffffffff

/** Falco knows up to seven ancestors; the first is the parent. */
const MOST_ANCESTORS = 7

/** proc.aname[2] and the like; of the parent also proc.pname and the like. */
function ancestorsOf(fields: FalcoFields): Ancestor[] {
  const ancestors: Ancestor[] = []
  for (let level = 1; level <= MOST_ANCESTORS; level++) {
    const names = (own: string, parent: string) =>
      level === 1 ? [`proc.${parent}`, `proc.${own}[1]`] : [`proc.${own}[${level}]`]
    const ancestor: Ancestor = {
      entity_id: null,
      pid: fields.integer(0, INT32, ...names('apid', 'ppid')),
      name: fields.text(...names('aname', 'pname')),
      executable: fields.text(...names('aexepath', 'pexepath')),
      command_line: fields.text(...names('acmdline', 'pcmdline'))
    }
    const known = ancestor.pid ?? ancestor.name ?? ancestor.executable ?? ancestor.command_line
    // A level that is not known still has its place when a later one is known, or the tree would be a wrong one.
    if (known !== null || hasLevelBeyond(fields, level)) ancestors.push(ancestor)
  }
  return ancestors
}

function hasLevelBeyond(fields: FalcoFields, level: number): boolean {
  for (let next = level + 1; next <= MOST_ANCESTORS; next++) {
    if (fields.text(`proc.aname[${next}]`, `proc.apid[${next}]`, `proc.aexepath[${next}]`) !== null) return true
  }
  return false
}

/**
 * The process of an alert. Falco has no key of its own for one: host, pid and start time make it; without the start time the
 * container and the name have to do, and without the pid the alert stands alone.
 * @param host host name, null when not given
 * @param alertId identity of the alert
 */
export function falcoProcessOf(fields: FalcoFields, host: string | null, alertId: string): Process | null {
  const pid = fields.integer(0, INT32, 'proc.pid')
  const commandLine = fields.text('proc.cmdline')
  // Falco's command line is name and arguments.
  const name = fields.text('proc.name') ?? commandLine?.split(' ', 1)[0] ?? null
  const executable = fields.text('proc.exepath')
  if (pid === null && name === null && executable === null && commandLine === null) return null
  const started = microsFrom(fields.raw['proc.pid.ts']) ?? microsFrom(fields.raw['proc.start_ts'])
  const tty = fields.integer(0, UINT32, 'proc.tty')
  const upper = fields.boolean('proc.is_exe_upper_layer')
  const which = started ?? `${fields.text('container.full_id', 'container.id') ?? ''}/${name ?? executable ?? ''}`
  return {
    entity_id: pid === null ? alertId : `${host ?? ''}/${pid}/${which}`,
    pid,
    name,
    executable,
    args: [],
    command_line: commandLine,
    working_directory: fields.text('proc.cwd'),
    user_id: fields.integer(0, UINT32, 'user.uid'),
    start_time: started,
    interactive: tty === null ? null : tty !== 0,
    // What is in the upper layer of the overlay came after the image.
    in_image: upper === null ? null : !upper,
    entry: null,
    socket_stdio: null,
    exit_code: null,
    ancestors: ancestorsOf(fields)
  }
}

/** The container of an alert; "host" is Falco's name for none. */
export function falcoContainerOf(fields: FalcoFields): Container | null {
  const id = fields.text('container.full_id', 'container.id')
  if (id === null || id === 'host') return null
  const repository = fields.text('container.image.repository')
  const tag = fields.text('container.image.tag')
  const full = fields.text('container.image')
  return {
    id,
    name: fields.text('container.name'),
    image_name: repository === null ? full : tag === null ? repository : `${repository}:${tag}`,
    image_id: fields.text('container.image.digest', 'container.image.id'),
    privileged: fields.boolean('container.privileged')
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export function falcoPodOf(fields: FalcoFields): PodReference | null {
  const name = fields.text('k8s.pod.name', 'k8smeta.pod.name')
  // k8s.pod.id is the uid in old versions and the sandbox's id in others.
  const id = fields.text('k8s.pod.uid', 'k8smeta.pod.uid', 'k8s.pod.id')
  const uid = id !== null && UUID.test(id) ? id : null
  if (name === null && uid === null) return null
  return { uid, name, namespace: fields.text('k8s.ns.name', 'k8smeta.ns.name') }
}

interface End {
  readonly ip: string | null
  readonly port: number | null
}

/** One end of a connection as Falco prints it: address, colon, port; IPv6 addresses have no brackets. */
function endOf(text: string): End | null {
  const colon = text.lastIndexOf(':')
  const ip = text.slice(0, colon)
  const port = text.slice(colon + 1)
  // A path may hold an arrow as well: only an address makes this a connection.
  if (colon === -1 || !/^\d{1,5}$/.test(port) || !/^[0-9a-fA-F:.]{2,45}$/.test(ip)) return null
  return { ip, port: Number(port) <= 65_535 ? Number(port) : null }
}

const INCOMING = new Set(['accept', 'accept4'])
const OUTGOING = new Set(['connect', 'sendto', 'sendmsg', 'sendmmsg'])

function directionOf(fields: FalcoFields, source: End): string | null {
  const type = fields.text('evt.type')
  if (type === 'listen') return 'listen'
  if (type !== null && INCOMING.has(type)) return 'ingress'
  if (type !== null && OUTGOING.has(type)) return 'egress'
  const server = fields.boolean('fd.is_server')
  if (server !== null) return server ? 'ingress' : 'egress'
  const local = fields.text('fd.lip')
  return local === null || source.ip === null ? null : local === source.ip ? 'egress' : 'ingress'
}

/** The connection of an alert: client to server, as fd.name (`10.0.0.1:40000->10.0.0.2:443`) or fields of their own have it. */
export function falcoNetworkOf(fields: FalcoFields): Network | null {
  const ends = fields.text('fd.name')?.split('->', 2) ?? []
  const named = ends.length === 2 ? ends.map(endOf) : []
  const port = (...names: string[]) => fields.integer(0, 65_535, ...names)
  const source: End = named[0] ?? { ip: fields.text('fd.cip'), port: port('fd.cport') }
  const destination: End = named[1] ?? { ip: fields.text('fd.sip'), port: port('fd.sport') }
  if (source.ip === null && destination.ip === null) return null
  return {
    direction: directionOf(fields, source),
    transport: fields.text('fd.l4proto')?.toLowerCase() ?? null,
    source_ip: source.ip,
    source_port: source.port,
    destination_ip: destination.ip,
    destination_port: destination.port,
    domain: fields.text('fd.sip.name')
  }
}

/** The file of an alert, of which fd.name is the path, and fs.path.* where the call takes paths. */
export function falcoFileOf(fields: FalcoFields): File | null {
  const type = fields.text('fd.type')
  const named = type === null || type === 'file' || type === 'directory' ? fields.text('fd.name') : null
  const opened = named?.startsWith('/') === true ? named : null
  const path = fields.text('fs.path.source') ?? fields.text('fs.path.name') ?? opened
  if (path === null) return null
  return {
    path,
    target_path: fields.text('fs.path.target'),
    mode: fields.text('evt.arg.mode') ?? fields.text('evt.arg.flags')
  }
}

const WRITE_FLAGS = /O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)/

/**
 * What the system call of an alert did, in the words that events of other sensors use, so that rules hold for alerts as well. Falco
 * names the call in evt.type where its output has it; without it, an alert that is about nothing but a process is about its start.
 * @returns `alert` when it cannot be told
 */
export function falcoActionOf(
  fields: FalcoFields,
  known: { readonly process: Process | null; readonly network: Network | null; readonly file: File | null }
): string {
  const type = fields.text('evt.type')
  if (type === null) {
    const direction = known.network?.direction
    if (direction != null) return direction === 'egress' ? 'connect' : direction === 'ingress' ? 'accept' : 'listen'
    return known.process !== null && known.file === null && fields.text('fd.name') === null ? 'exec' : 'alert'
  }
  const { category, action, access } = kernelActionOf(type)
  if (action === 'exec_check') return 'exec'
  // Names that mean nothing come back as they are, in this category.
  if (category === 'process') return 'alert'
  const flags = fields.text('evt.arg.flags') ?? ''
  const writes = fields.boolean('evt.is_open_write') ?? (access === 'open' && WRITE_FLAGS.test(flags))
  return writes ? 'open_write' : action
}
