import { NOTE_PREFIX } from '../../core/events/notes.ts'
import { type CgroupOwner, cgroupOwner } from './cgroups.ts'
import { type EventKind, FLAGS } from './layout.ts'
import { categoryOf, isWholePath, type Meaning, meaningOf, openFlags, walkedPath } from './meaning.ts'
import { argsOf, type ProcProcess } from './proc.ts'
import { changed, createProcessTable, type Entry, type KnownProcess } from './process-table.ts'
import {
  commOf,
  hexOf,
  highOf,
  type KernelRecord,
  lowOf,
  numberOf,
  startOf,
  textLength,
  textOf,
  textStart
} from './record.ts'

/** More processes than a node runs; beyond it the oldest are forgotten. */
const PROCESSES_MAX = 65_536
const CGROUPS_MAX = 16_384
/** As many arguments as an event may carry. */
const ARGS_MAX = 1000
const US_PER_TICK = 10_000
const SAME_CHANGE_NS = 1_000_000_000

/** What the observer needs of the world. */
export interface ObserverPorts {
  /** Name of the node and identity of its boot: parts of the identity of processes. */
  readonly node: string
  readonly boot_id: string
  /** Distinguishes runs of the agent within a boot, in the identity of events. */
  readonly run: string
  /** Whether control groups of version 1 count; which line of /proc/PID/cgroup is meant depends on it. */
  readonly cgroup_version_1: boolean
  /** Reads a process from /proc, null when it is gone. */
  readonly readProcess: (pid: number) => ProcProcess | null
  /** Clock in milliseconds. */
  readonly now_ms: () => number
}

/** The file of an open, still where the kernel wrote its path. */
export interface OpenedFile {
  readonly bytes: Buffer
  readonly from: number
  readonly to: number
  readonly mode: string
}

/** One event, with what it is attributed by. Only valid until the reader goes past its record. */
export interface ObservedEvent extends Meaning {
  /** In place of `file`, for most opens: there are many, and what is not made of them need not be collected. */
  readonly opened: OpenedFile | null
  /** Id of the container; null for the host. */
  readonly container: string | null
  readonly pod_uid: string | null
  readonly process: KnownProcess
  /** Exit code, on exit events of processes that were not killed. */
  readonly exit_code: number | null
  readonly id: string
  /** Microseconds since the epoch. */
  readonly time: number
  readonly action: EventKind
  /** Number of the control group it was done in. */
  readonly cgroup: number
}

export interface Observer {
  /** Takes in the processes that run already. */
  seed(pids: readonly number[]): void
  /**
   * What to add to time since boot to get time since the epoch, microseconds: to be told again now and then, because the clock may
   * be set.
   */
  setOffset(offset_us: number): void
  /** @returns null when there is nothing to tell */
  observe(record: KernelRecord): ObservedEvent | null
  sweep(): void
  processes(): number
}

const NOBODY: CgroupOwner = { container: null, pod_uid: null }

/** Turns records of the kernel into events: keeps the processes, their ancestry and whose they are. */
export function createObserver(ports: ObserverPorts): Observer {
  const { node, boot_id, run, readProcess, now_ms } = ports
  const boot = boot_id.slice(0, 8)
  const table = createProcessTable(PROCESSES_MAX)
  const owners = new Map<number, CgroupOwner>()
  /** Containers in which something has run, the latest last. */
  const started = new Set<string>()
  const idPrefix = `bpf-${node}-${boot}-${run}-`
  let offset_us = 0
  let count = 0

  function setOwner(cgroup: number, owner: CgroupOwner): CgroupOwner {
    owners.delete(cgroup)
    owners.set(cgroup, owner)
    for (const oldest of owners.keys()) {
      if (owners.size <= CGROUPS_MAX) break
      owners.delete(oldest)
    }
    return owner
  }

  /** Path of the control group among the lines of /proc/PID/cgroup. */
  function groupPath({ cgroups }: ProcProcess): string {
    const line = cgroups.find((text) =>
      ports.cgroup_version_1 ? /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:/.test(text) : text.startsWith('0::')
    )
    return line?.replace(/^\d+:[^:]*:/, '') ?? ''
  }

  function ownerOf(cgroup: number, process: KnownProcess | undefined, pid: number): CgroupOwner {
    const known = owners.get(cgroup)
    if (known !== undefined) return known
    // A process that ran before us: its group is known by name, the number comes with its first event.
    if (process !== undefined && process.cgroup === 0) {
      return setOwner(cgroup, { container: process.container, pod_uid: process.pod_uid })
    }
    const found = readProcess(pid)
    return found === null ? NOBODY : setOwner(cgroup, cgroupOwner(groupPath(found)))
  }

  function noteStarted(container: string): void {
    started.delete(container)
    started.add(container)
    for (const oldest of started) {
      if (started.size <= CGROUPS_MAX) break
      started.delete(oldest)
    }
  }

  function newProcess(pid: number, start: number, parent: KnownProcess | null): KnownProcess {
    return {
      entity_id: `${node}/${boot}/${pid}/${start}`,
      pid,
      start,
      start_time: start * US_PER_TICK + offset_us,
      parent,
      name: null,
      executable: null,
      args: [],
      command_line: null,
      working_directory: null,
      user_id: null,
      interactive: null,
      in_image: null,
      entry: null,
      socket_stdio: null,
      cgroup: 0,
      container: null,
      pod_uid: null,
      ended_ms: null,
      bytes: null,
      ancestors: null,
      as_ancestor: null,
      depth: parent === null ? 0 : parent.depth + 1,
      last_change: null
    }
  }

  /** A process as /proc shows it, with its parents where they are not known. */
  function fromProc(found: ProcProcess, seen = 0): KnownProcess {
    const known = table.find(found.pid, found.start)
    if (known !== undefined) return known
    const above = found.parent_pid === 0 || seen > 64 ? null : readProcess(found.parent_pid)
    const parent = above === null ? null : fromProc(above, seen + 1)
    const process = newProcess(found.pid, found.start, parent)
    const owner = cgroupOwner(groupPath(found))
    Object.assign(process, {
      name: found.name,
      executable: found.executable,
      args: found.args.slice(0, ARGS_MAX),
      command_line: commandLine(found.args, found.executable),
      working_directory: found.working_directory,
      user_id: found.user_id,
      interactive: found.interactive,
      container: owner.container,
      pod_uid: owner.pod_uid
    })
    if (owner.container === null) process.entry = 'host'
    else if (parent !== null && parent.container === owner.container) process.entry = parent.entry
    else if (found.own_pid === 1) process.entry = 'entrypoint'
    if (owner.container !== null) noteStarted(owner.container)
    table.put(process)
    return process
  }

  /** The process of a record; one that is not known is looked up, or told by the little that the record says. */
  function processOf(record: KernelRecord): KnownProcess {
    const { pid, start } = record
    const known = table.find(pid, start)
    if (known !== undefined) return known
    const found = readProcess(pid)
    if (found !== null && found.start === start) return fromProc(found)
    const process = newProcess(pid, start, null)
    process.name = commOf(record)
    table.put(process)
    return process
  }

  /** The process runs in the control group of the record, which it may have been moved to, as the user it is now. */
  function refresh(process: KnownProcess, record: KernelRecord): void {
    if (process.cgroup !== record.cgroup) {
      const owner = ownerOf(record.cgroup, process, record.pid)
      if (process.container !== owner.container || process.cgroup === 0) {
        process.container = owner.container
        process.pod_uid = owner.pod_uid
        if (owner.container === null) process.entry = 'host'
        // What comes from outside is the runtime's own, until it runs what the container is to run.
        else if (process.entry === 'host') process.entry = isRuntimeInit(process.args) ? 'runtime' : null
        process.bytes = null
      }
      process.cgroup = record.cgroup
    }
    if (process.user_id !== record.uid) {
      process.user_id = record.uid
      process.bytes = null
    }
  }

  /**
   * How the tree of a process came into its container: what its parent's did, if that is in there too; else it is the container's
   * own, or was put in from outside. What the runtime itself does in there comes before both.
   */
  function entryOf(process: KnownProcess, own_pid: number, level: number, runs: boolean): Entry | null {
    const { container, parent } = process
    if (container === null) return 'host'
    if (parent !== null && parent.container === container && parent.entry !== null) {
      if (parent.entry !== 'runtime') return parent.entry
      if (!runs) return 'runtime'
    }
    if (!runs && parent?.container === null && isRuntimeInit(process.args)) return 'runtime'
    if (level > 0 && own_pid === 1) return 'entrypoint'
    if (!runs) return null
    return started.has(container) ? 'exec' : 'entrypoint'
  }

  function onFork(record: KernelRecord): KnownProcess | null {
    const forker = processOf(record)
    refresh(forker, record)
    const pid = lowOf(record, 0) & PID_BITS
    const start = startOf(record, 1)
    const known = table.find(pid, start)
    if (known !== undefined) return known
    const parent_pid = lowOf(record, 2)
    // With CLONE_PARENT the new one is a sister.
    const parent = parent_pid === record.pid ? forker : (table.find(parent_pid, startOf(record, 3)) ?? forker)
    const process = newProcess(pid, start, parent)
    const cgroup = numberOf(record, 4)
    const owner = cgroup === record.cgroup ? forker : ownerOf(cgroup, undefined, pid)
    const { name, executable, args, command_line, working_directory, interactive, in_image, socket_stdio } = forker
    Object.assign(process, {
      name,
      executable,
      args,
      command_line,
      working_directory,
      user_id: record.uid,
      interactive,
      in_image,
      socket_stdio,
      cgroup,
      container: owner.container,
      pod_uid: owner.pod_uid
    })
    process.entry = entryOf(process, lowOf(record, 5), highOf(record, 5), false)
    table.put(process)
    return process
  }

  function onExec(record: KernelRecord, attributes: Record<string, string>): KnownProcess {
    const { flags } = record
    let process = table.find(record.pid, record.start)
    if (process === undefined) {
      const parent = table.find(lowOf(record, 0), startOf(record, 1)) ?? null
      process = newProcess(record.pid, record.start, parent)
      table.put(process)
    }
    refresh(process, record)
    const executable = walkedPath(record, 0)
    const cut = (flags & FLAGS.args_cut) !== 0
    const args = argsOf(textOf(record, 3))
    const asked = textOf(record, 1)
    process.name = commOf(record)
    process.executable = executable
    process.args = args.length > ARGS_MAX ? args.slice(0, ARGS_MAX) : args
    process.command_line = commandLine(args, executable)
    process.working_directory = textOf(record, 2) || null
    process.interactive = (flags & FLAGS.terminal) !== 0
    process.socket_stdio = (flags & FLAGS.socket_stdio) !== 0
    process.in_image = process.container === null ? null : inImage(flags)
    const runs = !isRuntimeInit(args)
    process.entry = entryOf(process, lowOf(record, 2), highOf(record, 2), runs)
    if (runs && process.container !== null) noteStarted(process.container)
    changed(process)
    if (asked !== executable) attributes['filename'] = asked
    if ((flags & FLAGS.memory) !== 0) attributes['fileless'] = 'true'
    attributes['group_id'] = String(highOf(record, 0))
    attributes['cap_effective'] = hexOf(record, 3)
    if (lowOf(record, 6) !== NO_LOGIN) attributes['login_user_id'] = String(lowOf(record, 6))
    if (cut || args.length > ARGS_MAX) {
      attributes['args_bytes'] = String(numberOf(record, 4))
      attributes[`${NOTE_PREFIX}cut`] = cut ? 'process.args,process.command_line' : 'process.args'
    }
    return process
  }

  function eventOf(
    record: KernelRecord,
    action: EventKind,
    process: KnownProcess,
    { category, network, file, attributes }: Meaning,
    exit_code: number | null
  ): ObservedEvent {
    count += 1
    const { container, pod_uid } = process
    return {
      container,
      pod_uid,
      process,
      exit_code,
      id: idPrefix + count,
      time: Math.round(record.time_ns / 1000) + offset_us,
      action,
      cgroup: action === 'fork' ? process.cgroup : record.cgroup,
      category,
      network,
      file,
      opened: null,
      attributes
    }
  }

  /** What most events are: quicker than `eventOf`, and the path stays where it is. */
  function openOf(record: KernelRecord, action: EventKind, process: KnownProcess): ObservedEvent {
    count += 1
    const { bytes } = record
    const from = textStart(record)
    return {
      container: process.container,
      pod_uid: process.pod_uid,
      process,
      exit_code: null,
      id: idPrefix + count,
      time: Math.round(record.time_ns / 1000) + offset_us,
      action,
      cgroup: record.cgroup,
      category: 'file',
      network: null,
      file: null,
      opened: { bytes, from, to: from + textLength(record), mode: openFlags(record) },
      attributes: NO_ATTRIBUTES
    }
  }

  /** The C library changes users and groups of all threads one by one, as the kernel knows them for threads only: one change. */
  function isRepeated(record: KernelRecord, process: KnownProcess): boolean {
    const { kind, tid, time_ns } = record
    if (kind !== 'setuid' && kind !== 'setgid') return false
    const what = `${kind}/${lowOf(record, 0)}/${lowOf(record, 1)}/${record.uid}`
    const last = process.last_change
    process.last_change = { what, tid, time_ns }
    return last !== null && last.what === what && last.tid !== tid && time_ns - last.time_ns < SAME_CHANGE_NS
  }

  function nothingElse(kind: EventKind): Meaning {
    return { category: categoryOf(kind), network: null, file: null, attributes: {} }
  }

  return {
    seed(pids) {
      for (const pid of pids) {
        const found = readProcess(pid)
        if (found !== null) fromProc(found)
      }
    },
    setOffset(value) {
      offset_us = value
    },
    observe(record) {
      const { kind } = record
      if (kind === 'cgroup') {
        setOwner(numberOf(record, 0), cgroupOwner(textOf(record, 0)))
        return null
      }
      if (kind === 'exec') {
        const meaning = nothingElse(kind)
        return eventOf(record, kind, onExec(record, meaning.attributes), meaning, null)
      }
      if (kind === 'fork') {
        const child = onFork(record)
        return child === null ? null : eventOf(record, kind, child, nothingElse(kind), null)
      }
      const process = processOf(record)
      refresh(process, record)
      if (kind === 'exit') {
        const meaning = nothingElse(kind)
        const status = lowOf(record, 0)
        const signal = status & 0x7f
        if (signal !== 0) meaning.attributes['signal'] = String(signal)
        const event = eventOf(record, kind, process, meaning, signal === 0 ? (status >>> 8) & 0xff : null)
        table.end(process, now_ms())
        return event
      }
      if ((kind === 'open_write' || kind === 'read') && isWholePath(record)) return openOf(record, kind, process)
      const meaning = isRepeated(record, process) ? null : meaningOf(record, kind)
      if (meaning === null) return null
      return eventOf(record, kind, process, meaning, null)
    },
    sweep: () => table.sweep(now_ms()),
    processes: table.size
  }
}

const NO_ATTRIBUTES: Record<string, string> = {}
const NO_LOGIN = 0xffffffff
/** Ids of processes have at most 22 bits, and no sign in the event model. */
const PID_BITS = 0x7fffffff

function commandLine(args: readonly string[], executable: string | null): string | null {
  return args.length === 0 ? executable : args.join(' ')
}

/** The runtime's own first steps in a container, before it becomes what the container is to run. */
function isRuntimeInit(args: readonly string[]): boolean {
  return args.length === 2 && args[1] === 'init' && /(^|\/)(runc|crun|youki|exe)$/.test(args[0] ?? '')
}

/**
 * Whether the executable came with the image: it lies on the root overlay and only in its lower layers. Null when the root is no
 * overlay, so that nothing tells the image from the rest; a memory file is in no image.
 */
function inImage(flags: number): boolean | null {
  if ((flags & FLAGS.memory) !== 0) return false
  if ((flags & FLAGS.overlay_root) === 0) return null
  return (flags & FLAGS.same_fs) !== 0 && (flags & FLAGS.upper) === 0
}
