import { LRUCache } from 'lru-cache'
import type { Ancestor, Process, RuntimeEvent } from '../../../schemas/generated/types.ts'
import { type CgroupOwner, cgroupOwner } from '../sensor/cgroups.ts'
import type { ProcProcess } from '../sensor/proc.ts'
import type { Said } from './lines.ts'

const PROCESSES_MAX = 16_384
const ATTEMPTS_MAX = 4096
const ANCESTORS_MAX = 8
/** bpftrace reads its processors' buffers one after the other: of a program that moved to another, the lines come in any order. */
const WAIT_MS = 1000
const NS_PER_TICK = 10_000_000
const NOBODY: CgroupOwner = { container: null, pod_uid: null }

export interface BpftraceObserverPorts {
  readonly node: string
  readonly boot_id: string
  /** What /proc says of a process, null when it is gone. */
  readonly read: (pid: number) => ProcProcess | null
  /** Microseconds since the epoch at the boot, by the clock that does not count sleep, which the kernel's events have. */
  readonly monotonic_us: () => number
  /** The same by the clock that does, which the starts of processes have. */
  readonly boottime_us: () => number
  readonly now_ms: () => number
  readonly emit: (event: RuntimeEvent) => void
}

/** What is known of a process. */
interface Known extends CgroupOwner {
  readonly entity_id: string
  readonly pid: number
  readonly start_time: number
  readonly parent_pid: number
  name: string | null
  executable: string | null
  args: readonly string[]
}

/** An exec that was asked for. */
interface Attempt {
  readonly filename: string
  readonly pid: number
  readonly user_id: number
  readonly parent_pid: number
  readonly start_ns: number
  readonly args: string[]
}

interface Waiting {
  readonly event: Omit<RuntimeEvent, 'process'>
  readonly known: Known
  readonly filename: string
  readonly user_id: number
  readonly since_ms: number
}

const absolute = (path: string): string | null => (path.startsWith('/') ? path : null)

/** The ports of a sockaddr are in the order of the network. */
const portOf = (network: number): number => ((network & 0xff) << 8) | ((network >> 8) & 0xff)

/** Makes events of the lines of our program: joins an exec with its arguments, and names containers by control group. */
export function createBpftraceObserver(ports: BpftraceObserverPorts) {
  const { node, boot_id, read, emit, now_ms } = ports
  const boot = boot_id.slice(0, 8)
  const processes = new LRUCache<number, Known>({ max: PROCESSES_MAX })
  const attempts = new LRUCache<number, Attempt>({ max: ATTEMPTS_MAX })
  const waiting = new Map<number, Waiting>()
  /** The event whose thread's name comes with the next line, by thread. */
  const unnamed = new Map<number, { event: Omit<RuntimeEvent, 'process'>; known: Known; user_id: number }>()

  function ownerIn(cgroups: readonly string[]): CgroupOwner {
    for (const line of cgroups) {
      const owner = cgroupOwner(line.replace(/^\d+:[^:]*:/, ''))
      if (owner.container !== null) return owner
    }
    return NOBODY
  }

  /** A process; one that is seen first is looked up in /proc, or, when it has ended, is what it was made as: its parent's likeness. */
  function processOf(pid: number, start_ns: number, parent_pid: number): Known {
    const start = Math.floor(start_ns / NS_PER_TICK)
    const entity_id = `${node}/${boot}/${pid}/${start}`
    const known = processes.get(pid)
    if (known?.entity_id === entity_id) return known
    const found = read(pid)
    const same = found !== null && found.start === start ? found : null
    const parent = same === null ? (processes.get(parent_pid) ?? processIn(parent_pid)) : undefined
    const owner = same === null ? (parent ?? NOBODY) : ownerIn(same.cgroups)
    const fresh: Known = {
      entity_id,
      pid,
      start_time: Math.floor(ports.boottime_us() + start_ns / 1000),
      parent_pid,
      name: same?.name ?? parent?.name ?? null,
      executable: same?.executable ?? parent?.executable ?? null,
      args: same?.args ?? parent?.args ?? [],
      container: owner.container,
      pod_uid: owner.pod_uid
    }
    processes.set(pid, fresh)
    return fresh
  }

  function processIn(pid: number): Known | undefined {
    const found = read(pid)
    return found === null ? undefined : processOf(pid, found.start * NS_PER_TICK, found.parent_pid)
  }

  function ancestorsOf(known: Known): Ancestor[] {
    const ancestors: Ancestor[] = []
    let pid = known.parent_pid
    while (ancestors.length < ANCESTORS_MAX && pid > 0) {
      const above = processes.get(pid) ?? processIn(pid)
      if (above === undefined) {
        ancestors.push({ entity_id: null, pid, name: null, executable: null, command_line: null })
        break
      }
      const { entity_id, name, executable, args } = above
      ancestors.push({ entity_id, pid, name, executable, command_line: args.length === 0 ? null : args.join(' ') })
      pid = above.parent_pid
    }
    return ancestors
  }

  function tell(event: Omit<RuntimeEvent, 'process'>, known: Known, user_id: number, exit_code: number | null = null) {
    const process: Process = {
      entity_id: known.entity_id,
      pid: known.pid,
      name: known.name,
      executable: known.executable,
      args: known.args,
      command_line: known.args.length === 0 ? null : known.args.join(' '),
      working_directory: null,
      user_id,
      start_time: known.start_time,
      interactive: null,
      in_image: null,
      entry: null,
      socket_stdio: null,
      exit_code,
      ancestors: ancestorsOf(known)
    }
    emit({ ...event, process })
  }

  function finishExec({ event, known, filename, user_id }: Waiting, attempt: Attempt | undefined): void {
    known.executable = absolute(filename) ?? read(known.pid)?.executable ?? filename
    known.args = attempt?.args ?? []
    tell(event, known, user_id)
  }

  /** Execs whose arguments have not come, and will not. */
  function tick(): void {
    for (const [tid, exec] of waiting) {
      if (Math.abs(now_ms() - exec.since_ms) < WAIT_MS) continue
      waiting.delete(tid)
      finishExec(exec, undefined)
    }
  }

  function take({ letter, numbers, text }: Said): void {
    if (letter === 'A') {
      attempts.get(numbers[0] ?? -1)?.args.push(text)
      return
    }
    if (letter === 'N') {
      takeName(numbers[0] ?? -1, text)
      return
    }
    if (letter === 'F') {
      takeFailure(numbers)
      return
    }
    const [nsecs = 0, pid = 0, tid = 0, user_id = 0, parent_pid = 0, start_ns = 0, number = 0] = numbers
    if (letter === 'E') {
      attempts.set(tid, { filename: text, pid, user_id, parent_pid, start_ns, args: [] })
      return
    }
    if (letter === 'R') return
    const known = processOf(pid, start_ns, parent_pid)
    const event = eventOf(letter, nsecs, tid, known, number, text)
    if (letter === 'Q') {
      known.name ??= text
      tell(event, known, user_id, (number & 0x7f) === 0 ? (number >> 8) & 0xff : null)
    } else if (letter === 'X') {
      // A thread that executes takes the place of its process; the attempt was made under its own number.
      waiting.set(number, { event, known, filename: text, user_id, since_ms: now_ms() })
    } else {
      unnamed.set(tid, { event, known, user_id })
    }
  }

  function takeName(tid: number, name: string): void {
    const plain = unnamed.get(tid)
    if (plain !== undefined) {
      unnamed.delete(tid)
      plain.known.name ??= name
      tell(plain.event, plain.known, plain.user_id)
      return
    }
    for (const [old_tid, exec] of waiting) {
      if (exec.known.pid !== tid) continue
      exec.known.name = name
      const attempt = attempts.get(old_tid)
      if (attempt === undefined) return
      attempts.delete(old_tid)
      waiting.delete(old_tid)
      finishExec(exec, attempt)
    }
  }

  function takeFailure([nsecs = 0, tid = 0, returned = 0]: readonly number[]): void {
    const attempt = attempts.get(tid)
    if (attempt === undefined) return
    attempts.delete(tid)
    const known = processOf(attempt.pid, attempt.start_ns, attempt.parent_pid)
    tell(eventOf('F', nsecs, tid, known, -returned, attempt.filename), known, attempt.user_id)
  }

  function eventOf(
    letter: string,
    nsecs: number,
    tid: number,
    known: Known,
    number: number,
    text: string
  ): Omit<RuntimeEvent, 'process'> {
    const { category, action } = MEANING[letter] ?? { category: 'process', action: 'unknown' }
    const connects = letter === 'C'
    return {
      id: `bpftrace-${node}-${boot}-${nsecs}-${tid}-${letter}`,
      time: Math.floor(ports.monotonic_us() + nsecs / 1000),
      category,
      action,
      network: connects
        ? {
            direction: 'egress',
            transport: null,
            source_ip: null,
            source_port: null,
            destination_ip: text,
            destination_port: portOf(number),
            domain: null
          }
        : null,
      file: letter === 'O' ? { path: text, target_path: null, mode: `0${number.toString(8)}` } : null,
      container:
        known.container === null
          ? null
          : { id: known.container, name: null, image_name: null, image_id: null, privileged: null },
      pod: known.pod_uid === null ? null : { uid: known.pod_uid, name: null, namespace: null },
      alert: null,
      attributes: {
        tid: String(tid),
        ...(letter === 'F' && { filename: text, error: String(number) }),
        ...(letter === 'X' && { filename: text })
      }
    }
  }

  return { take, tick }
}

const MEANING: Readonly<Record<string, Pick<RuntimeEvent, 'category' | 'action'>>> = {
  X: { category: 'process', action: 'exec' },
  F: { category: 'process', action: 'exec_failed' },
  Q: { category: 'process', action: 'exit' },
  C: { category: 'network', action: 'connect' },
  O: { category: 'file', action: 'open_write' }
}
