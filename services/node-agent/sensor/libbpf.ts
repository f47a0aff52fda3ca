import koffi from 'koffi'
import { messageOf } from '../../core/errors.ts'
import { sensorError } from './errors.ts'

const PROT_READ = 1
const PROT_WRITE = 2
const MAP_SHARED = 1
const MAP_FAILED = 0xffffffffffffffffn
const CLOCK_REALTIME = 0
const CLOCK_BOOTTIME = 7
const EPERM = 1
const EACCES = 13

/** A pointer or other handle of the C library: passed on, never looked into. */
type Handle = bigint | object

/** libbpf and the few calls of libc that go with it. */
interface Libraries {
  readonly open: (path: string) => Handle | null
  readonly load: (object: Handle) => number
  readonly close: (object: Handle) => void
  readonly find_map: (object: Handle, name: string) => Handle | null
  readonly set_max_entries: (map: Handle, entries: number) => number
  readonly map_fd: (map: Handle) => number
  readonly next_program: (object: Handle, after: Handle | null) => Handle | null
  readonly program_name: (program: Handle) => string
  readonly attach: (program: Handle) => Handle | null
  readonly destroy_link: (link: Handle) => number
  readonly update: (fd: number, key: Buffer, value: Buffer, flags: bigint) => number
  readonly lookup: (fd: number, key: Buffer, value: Buffer) => number
  readonly possible_cpus: () => number
  readonly mmap: (address: null, bytes: number, protection: number, flags: number, fd: number, at: number) => bigint
  readonly munmap: (address: bigint, bytes: number) => number
  readonly page_bytes: number
  readonly clock_gettime: (clock: number, time: Buffer) => number
}

let loaded: Libraries | null = null

/** @throws WeirError SENSOR_NO_LIBBPF */
function libraries(): Libraries {
  if (loaded !== null) return loaded
  try {
    const bpf = koffi.load('libbpf.so.1')
    const c = koffi.load('libc.so.6')
    // What libbpf prints goes to standard error, where it would look like a log of ours; errors come back as codes.
    bpf.func('void *libbpf_set_print(void *fn)')(null)
    loaded = {
      open: bpf.func('void *bpf_object__open(const char *path)'),
      load: bpf.func('int bpf_object__load(void *object)'),
      close: bpf.func('void bpf_object__close(void *object)'),
      find_map: bpf.func('void *bpf_object__find_map_by_name(void *object, const char *name)'),
      set_max_entries: bpf.func('int bpf_map__set_max_entries(void *map, uint32_t entries)'),
      map_fd: bpf.func('int bpf_map__fd(void *map)'),
      next_program: bpf.func('void *bpf_object__next_program(void *object, void *after)'),
      program_name: bpf.func('const char *bpf_program__name(void *program)'),
      attach: bpf.func('void *bpf_program__attach(void *program)'),
      destroy_link: bpf.func('int bpf_link__destroy(void *link)'),
      update: bpf.func('int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)'),
      lookup: bpf.func('int bpf_map_lookup_elem(int fd, const void *key, _Out_ void *value)'),
      possible_cpus: bpf.func('int libbpf_num_possible_cpus()'),
      mmap: c.func('uintptr_t mmap(void *address, size_t bytes, int protection, int flags, int fd, long at)'),
      munmap: c.func('int munmap(uintptr_t address, size_t bytes)'),
      page_bytes: Number(c.func('long sysconf(int name)')(30)),
      clock_gettime: c.func('int clock_gettime(int clock, _Out_ void *time)')
    }
    return loaded
  } catch (error) {
    throw sensorError(
      'SENSOR_NO_LIBBPF',
      `libbpf.so.1 cannot be loaded (${messageOf(error)}): install libbpf1 (Debian, Ubuntu) or libbpf (others)`,
      { cause: error }
    )
  }
}

/** Memory of a ring buffer that kernel and process share. */
export interface RingMemory {
  /** First page: how far the reader is, at its start. */
  readonly consumer: ArrayBuffer
  /** How far the writer is in the first page, then the data. */
  readonly producer: ArrayBuffer
  readonly page_bytes: number
  readonly data_bytes: number
}

/** A loaded BPF object whose programs are attached. */
export interface BpfObject {
  /** Writes an entry of a map. @throws SENSOR_LOAD_FAILED */
  update(map: string, key: Buffer, value: Buffer): void
  /** Sums of a map of processor-wise arrays of `words` counters, for one index. */
  sums(map: string, index: number, words: number): number[]
  ring(map: string): RingMemory
  /** Attaches all programs. @throws SENSOR_NO_RIGHTS, SENSOR_LOAD_FAILED */
  attach(): void
  close(): void
}

function failure(what: string, code: number): Error {
  const number = Math.abs(code)
  if (number === EPERM || number === EACCES) {
    return sensorError(
      'SENSOR_NO_RIGHTS',
      `${what}: not permitted; the agent needs the capabilities BPF, PERFMON and SYS_PTRACE, or root`
    )
  }
  return sensorError('SENSOR_LOAD_FAILED', `${what}: error ${number} of the kernel or libbpf`)
}

function ensure(what: string, code: number): void {
  if (code < 0) throw failure(what, code)
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function findMap(c: Libraries, object: Handle, name: string): Handle {
  const map = c.find_map(object, name)
  if (map === null) throw sensorError('SENSOR_LOAD_FAILED', `the BPF program has no map ${name}: build it anew`)
  return map
}

/** A signal interrupts the check of a program, which then may be asked for again. */
const EAGAIN = 11
const LOAD_TRIES = 5

function openLoaded(c: Libraries, path: string, ring_bytes: Readonly<Record<string, number>>): Handle {
  for (let attempt = 1; ; attempt += 1) {
    const object = c.open(path)
    if (object === null) throw failure(`cannot read ${path}`, koffi.errno())
    try {
      for (const [name, bytes] of Object.entries(ring_bytes)) {
        ensure(`cannot size ${name}`, c.set_max_entries(findMap(c, object, name), bytes))
      }
      const result = c.load(object)
      if (result !== -EAGAIN || attempt === LOAD_TRIES) ensure('the kernel does not take the BPF program', result)
      if (result === 0) return object
      c.close(object)
    } catch (error) {
      c.close(object)
      throw error
    }
  }
}

/**
 * Loads a BPF object into the kernel; its programs see nothing until they are attached.
 * @param path the object file
 * @param ring_bytes sizes of ring buffers by map name, powers of two
 * @throws WeirError SENSOR_NO_LIBBPF, SENSOR_NO_RIGHTS, SENSOR_LOAD_FAILED
 */
export function loadBpfObject(path: string, ring_bytes: Readonly<Record<string, number>>): BpfObject {
  const c = libraries()
  const object = openLoaded(c, path, ring_bytes)
  const links: Handle[] = []
  const views: Array<{ address: bigint; bytes: number }> = []

  function mapOf(name: string): Handle {
    return findMap(c, object, name)
  }

  function view(fd: number, bytes: number, protection: number, at: number): ArrayBuffer {
    const address = c.mmap(null, bytes, protection, MAP_SHARED, fd, at)
    if (BigInt(address) === MAP_FAILED) throw failure('cannot map a ring buffer', koffi.errno())
    views.push({ address, bytes })
    return koffi.view(address, bytes)
  }

  const cpus = c.possible_cpus()
  return {
    update(map, key, value) {
      ensure(`cannot write to ${map}`, c.update(c.map_fd(mapOf(map)), key, value, 0n))
    },
    sums(map, index, words) {
      const values = Buffer.alloc(cpus * words * 8)
      ensure(`cannot read ${map}`, c.lookup(c.map_fd(mapOf(map)), u32(index), values))
      return Array.from({ length: words }, (_, word) => {
        let sum = 0
        for (let cpu = 0; cpu < cpus; cpu += 1) sum += Number(values.readBigUInt64LE((cpu * words + word) * 8))
        return sum
      })
    },
    ring(map) {
      const fd = c.map_fd(mapOf(map))
      const data_bytes = ring_bytes[map] ?? 0
      return {
        consumer: view(fd, c.page_bytes, PROT_READ | PROT_WRITE, 0),
        producer: view(fd, c.page_bytes + data_bytes, PROT_READ, c.page_bytes),
        page_bytes: c.page_bytes,
        data_bytes
      }
    },
    attach() {
      for (let program = c.next_program(object, null); program !== null; program = c.next_program(object, program)) {
        const link = c.attach(program)
        if (link === null) throw failure(`cannot attach ${c.program_name(program)}`, koffi.errno())
        links.push(link)
      }
    },
    close() {
      for (const link of links.splice(0)) c.destroy_link(link)
      for (const { address, bytes } of views.splice(0)) c.munmap(address, bytes)
      c.close(object)
    }
  }
}

/** Gives memory of the C library that nobody uses back to the system, where it is one that can. */
export function trimMemory(): void {
  trim ??= findTrim()
  trim(0)
}

let trim: ((pad: number) => number) | null = null

function findTrim(): (pad: number) => number {
  try {
    return koffi.load('libc.so.6').func('int malloc_trim(size_t pad)')
  } catch {
    return () => 0
  }
}

const time = Buffer.alloc(16)

function readClock(clock: number): number {
  libraries().clock_gettime(clock, time)
  return Number(time.readBigInt64LE(0)) * 1e6 + Number(time.readBigInt64LE(8)) / 1e3
}

/** What to add to the kernel's time since boot to get time since the epoch, microseconds; changes when the clock is set. */
export function bootOffsetMicros(): number {
  return Math.round(readClock(CLOCK_REALTIME) - readClock(CLOCK_BOOTTIME))
}
