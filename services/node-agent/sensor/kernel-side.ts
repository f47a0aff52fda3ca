import { CONFIG, KINDS, type Kind, kindNumber, NAME_BYTES, PREFIX_BYTES, WATCH } from './layout.ts'
import { type BpfObject, loadBpfObject } from './libbpf.ts'
import type { ReaderSettings } from './messages.ts'
import { openRing, type Ring } from './ring.ts'
import { callTable } from './syscalls.ts'

/** The BPF program at work. */
export interface KernelSide {
  readonly processes: Ring
  readonly others: Ring
  /** How many records of each kind were sent and dropped since the start. */
  counters(): ReadonlyArray<{ readonly kind: Kind; readonly sent: number; readonly dropped: number }>
  close(): void
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function configOf(settings: ReaderSettings): Buffer {
  const bytes = Buffer.alloc(CONFIG.bytes)
  bytes.writeUInt32LE(settings.self_pid, CONFIG.self)
  bytes.writeUInt32LE(settings.cgroup_version_1 ? 1 : 0, CONFIG.cgroup_version_1)
  bytes.writeUInt32LE(settings.cgroup_hierarchy, CONFIG.cgroup_hierarchy)
  // Processes are needed for all else, whether their events are wanted or not.
  const kinds = new Set<Kind>(['exec', 'fork', 'exit', 'cgroup', ...settings.events])
  let bits = 0
  for (const kind of kinds) bits |= 1 << kindNumber(kind)
  bytes.writeUInt32LE(bits >>> 0, CONFIG.kinds)
  bytes.writeUInt32LE(settings.write_ignore_prefixes.length > 0 ? 1 : 0, CONFIG.ignores_writes)
  return bytes
}

/** Keys and values of the map of watched names. */
export function watchedNames(ends: readonly string[]): Map<string, number> {
  const names = new Map<string, number>()
  const add = (name: string, bits: number) => names.set(name, (names.get(name) ?? 0) | bits)
  for (const end of ends) {
    const name = end.slice(end.indexOf('/') + 1)
    add(name, name === end ? WATCH.name_enough : WATCH.name_and_folder)
    if (name !== end) add(end, WATCH.name_enough)
  }
  return names
}

/** Keys and values of the map of prefixes. */
export function watchedPrefixes(read: readonly string[], ignored: readonly string[]): Map<string, number> {
  const prefixes = new Map<string, number>()
  for (const text of read) prefixes.set(text, WATCH.read)
  for (const text of ignored) prefixes.set(text, (prefixes.get(text) ?? 0) | WATCH.ignore_write)
  // The kernel finds the longest only: what a shorter one says holds for it as well.
  for (const [text, bits] of prefixes) {
    let all = bits
    for (const [other, more] of prefixes) if (text.startsWith(other)) all |= more
    prefixes.set(text, all)
  }
  return prefixes
}

function fill(object: BpfObject, settings: ReaderSettings): void {
  object.update('config', number(0), configOf(settings))
  for (const [id, call] of callTable(settings.arch)) object.update('calls', number(id), call)
  for (const [text, bits] of watchedPrefixes(settings.read_prefixes, settings.write_ignore_prefixes)) {
    const key = Buffer.alloc(4 + PREFIX_BYTES)
    key.writeUInt32LE(Buffer.byteLength(text) * 8)
    key.write(text, 4)
    object.update('prefixes', key, Buffer.from([bits]))
  }
  for (const [text, bits] of watchedNames([...settings.read_ends, ...settings.sockets])) {
    const key = Buffer.alloc(NAME_BYTES)
    key.write(text)
    object.update('names', key, Buffer.from([bits]))
  }
}

/**
 * Loads and attaches the BPF program.
 * @throws WeirError SENSOR_…
 */
export function openKernelSide(settings: ReaderSettings): KernelSide {
  const object = loadBpfObject(settings.object, {
    processes: settings.process_ring_bytes,
    others: settings.ring_bytes
  })
  try {
    fill(object, settings)
    const processes = openRing(object.ring('processes'))
    const others = openRing(object.ring('others'))
    object.attach()
    return {
      processes,
      others,
      counters: () =>
        KINDS.flatMap((kind, index) => {
          if (kind === '') return []
          const [sent = 0, dropped = 0] = object.sums('counters', index, 2)
          return [{ kind, sent, dropped }]
        }),
      close: () => object.close()
    }
  } catch (error) {
    object.close()
    throw error
  }
}
