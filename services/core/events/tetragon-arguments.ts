import type { File, Network } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject } from '../json.ts'
import { type Attributes, addValue } from './attributes.ts'
import { type Cuts, integerOf, textOf } from './fields.ts'

/** Arguments beyond these are not looked at: a probe has at most five. */
const MOST_ARGUMENTS = 16

/** Arguments of a probe, each an object with one key that tells its type, with the return value as the last. */
export function argumentsOf(event: JsonObject): readonly JsonObject[] {
  const list = Array.isArray(event.args) ? event.args.slice(0, MOST_ARGUMENTS) : []
  return [...list, event.return].filter(isObject)
}

/** Arguments that say something of their own beside files and connections, and the name they get among the attributes. */
const TELLING: ReadonlyArray<readonly [argument: string, name: string]> = [
  ['module_arg', 'module'],
  ['capability_arg', 'capability'],
  ['process_credentials_arg', 'credentials'],
  ['bpf_attr_arg', 'bpf'],
  ['bpf_prog_arg', 'bpf'],
  ['bpf_map_arg', 'bpf_map']
]

/** Adds what arguments say of modules, capabilities, credentials and BPF programs, so that rules need not read JSON text. */
export function addArguments(attributes: Attributes, args: readonly JsonObject[]): void {
  for (const argument of args) {
    for (const [key, name] of TELLING) addValue(attributes, name, argument[key])
  }
}

/** A path made absolute and freed of `.` and `..`, so that /etc/../etc/shadow is /etc/shadow. */
export function resolvePath(path: string, directory: string | null): string {
  const absolute = path.startsWith('/') ? path : `${directory?.startsWith('/') === true ? directory : ''}/${path}`
  if (!absolute.includes('/.') && !absolute.includes('//')) return absolute
  const kept: string[] = []
  for (const segment of absolute.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(segment)
  }
  return `/${kept.join('/')}`
}

/** Path of an argument: what the kernel resolved is absolute even where an old version left out the slash. */
function pathOf(
  argument: JsonObject,
  directory: string | null,
  cuts: Cuts
): { path: string; mode: string | null } | null {
  const resolved = argument.file_arg ?? argument.path_arg ?? argument.linux_binprm_arg
  if (isObject(resolved)) {
    const path = textOf(resolved.path, 'file.path', cuts)
    return path === null ? null : { path: resolvePath(path, '/'), mode: textOf(resolved.permission, 'file.mode', cuts) }
  }
  const given = textOf(argument.string_arg, 'file.path', cuts)
  return given === null ? null : { path: resolvePath(given, directory), mode: null }
}

/**
 * The file a call is about: its first path, and its second one for renames and links.
 * @param directory the process's current directory, for paths as the process gave them
 */
export function fileFrom(args: readonly JsonObject[], directory: string | null, cuts: Cuts): File | null {
  const paths = args.map((argument) => pathOf(argument, directory, cuts)).filter((path) => path !== null)
  const [first, second] = paths
  return first === undefined ? null : { path: first.path, target_path: second?.path ?? null, mode: first.mode }
}

/** The first number after the path: open flags, a permission mask or a protection. */
export function bitsAfterPath(args: readonly JsonObject[]): number | null {
  const path = args.findIndex(
    ({ file_arg, path_arg, string_arg }) => isObject(file_arg) || isObject(path_arg) || typeof string_arg === 'string'
  )
  for (const argument of args.slice(path + 1)) {
    const bits = integerOf(
      argument.int_arg ?? argument.uint_arg ?? argument.long_arg ?? argument.size_arg,
      0,
      0xffffffff
    )
    if (bits !== null) return bits
  }
  return null
}

const portOf = (value: unknown) => integerOf(value, 0, 65_535)

/** IPPROTO_TCP, TCP and tcp are all tcp. */
export function transportOf(value: unknown, cuts: Cuts): string | null {
  return (
    textOf(value, 'network.transport', cuts, 64)
      ?.toLowerCase()
      .replace(/^ipproto_/, '') ?? null
  )
}

function direction(action: string): string | null {
  if (action === 'connect' || action === 'send') return 'egress'
  if (action === 'accept') return 'ingress'
  return action === 'listen' || action === 'bind' ? 'listen' : null
}

/** The connection a call is about, from a socket (with both ends) or from the address given with the call. */
export function networkFrom(action: string, args: readonly JsonObject[], cuts: Cuts): Network | null {
  for (const argument of args) {
    const both = argument.sock_arg ?? argument.skb_arg
    if (isObject(both)) {
      const local = { ip: textOf(both.saddr, 'network.source_ip', cuts, 64), port: portOf(both.sport) }
      const remote = { ip: textOf(both.daddr, 'network.destination_ip', cuts, 64), port: portOf(both.dport) }
      const [source, destination] =
        direction(action) === 'ingress'
          ? [remote, local]
          : direction(action) === 'listen'
            ? [{ ip: null, port: null }, local]
            : [local, remote]
      return {
        direction: direction(action),
        transport: transportOf(both.protocol, cuts),
        source_ip: source.ip,
        source_port: source.port,
        destination_ip: destination.ip,
        destination_port: destination.port,
        domain: null
      }
    }
    if (isObject(argument.sockaddr_arg) && argument.sockaddr_arg.addr !== undefined) {
      const { addr, port } = argument.sockaddr_arg
      return {
        direction: direction(action),
        transport: null,
        source_ip: null,
        source_port: null,
        destination_ip: textOf(addr, 'network.destination_ip', cuts, 64),
        destination_port: portOf(port),
        domain: null
      }
    }
  }
  return null
}

/** The connection of an event that has its ends as fields of its own (process_connect and the like). */
export function connectionFrom(action: string, event: JsonObject, cuts: Cuts): Network | null {
  const names = Array.isArray(event.destination_names) ? event.destination_names : []
  const dns = isObject(event.dns) ? event.dns : {}
  const asked = dns.query ?? (Array.isArray(dns.names) ? dns.names[0] : undefined)
  const listening = action === 'listen'
  const network: Network = {
    direction: action === 'dns' ? 'egress' : direction(action),
    transport: transportOf(event.protocol, cuts),
    source_ip: textOf(event.source_ip, 'network.source_ip', cuts, 64),
    source_port: portOf(event.source_port),
    destination_ip: textOf(listening ? event.ip : event.destination_ip, 'network.destination_ip', cuts, 64),
    destination_port: portOf(listening ? event.port : event.destination_port),
    // Names in DNS end in a dot, which nobody writes.
    domain: textOf(asked ?? names[0], 'network.domain', cuts, 1024)?.replace(/\.$/, '') ?? null
  }
  const known = network.source_ip ?? network.destination_ip ?? network.destination_port ?? network.domain
  return known === null ? null : network
}
