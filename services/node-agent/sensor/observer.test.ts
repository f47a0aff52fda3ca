import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RuntimeEvent } from '../../../schemas/generated/types.ts'
import { type RecordParts, recordBytes } from '../../../test/support/sensor/record-bytes.ts'
import { createCodec, localSchemas } from '../../core/avro/codec.ts'
import { openBatch } from './batch.ts'
import { FLAGS, KINDS } from './layout.ts'
import { createObserver, type ObservedEvent } from './observer.ts'
import type { ProcProcess } from './proc.ts'
import { recordAt } from './record.ts'
import { eventsOf } from './unpack.ts'

const ID = '0123456789abcdef'.repeat(4)
const UID = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'
const TICK = 10_000_000
const OFFSET_US = 1_700_000_000_000_000

interface Setting {
  readonly running?: readonly ProcProcess[]
}

const proc = (pid: number, parts: Partial<ProcProcess> = {}): ProcProcess => ({
  pid,
  parent_pid: 0,
  name: `p${pid}`,
  start: pid,
  user_id: 0,
  interactive: false,
  executable: `/bin/p${pid}`,
  args: [`p${pid}`],
  working_directory: '/',
  own_pid: pid,
  cgroups: ['0::/system.slice'],
  ...parts
})

/** The event as it comes out of the spool. */
function readBack(event: ObservedEvent): RuntimeEvent {
  const batch = openBatch(event.pod_uid)
  batch.add(event)
  const [found] = eventsOf(batch.bytes(), event.container, event.pod_uid)
  if (found === undefined) throw new Error('no event')
  return found
}

function observing({ running = [] }: Setting = {}) {
  const looked: number[] = []
  let now = 0
  const observer = createObserver({
    node: 'n-1',
    boot_id: 'abcdef01-2345-6789-abcd-ef0123456789',
    run: 'r',
    cgroup_version_1: false,
    readProcess: (pid) => {
      looked.push(pid)
      return running.find((process) => process.pid === pid) ?? null
    },
    now_ms: () => now
  })
  observer.setOffset(OFFSET_US)
  const tell = (parts: RecordParts): RuntimeEvent | null => {
    const bytes = recordBytes({ start_ns: (parts.pid ?? 0) * TICK, cgroup: 1, ...parts })
    const record = recordAt(bytes, 0, bytes.length)
    const event = record === null ? null : observer.observe(record)
    return event === null ? null : readBack(event)
  }
  const fork = (
    parent: number,
    child: number,
    more: RecordParts & { readonly own?: bigint; readonly group?: bigint }
  ) =>
    tell({
      pid: parent,
      values: [
        BigInt(child),
        BigInt(child * TICK),
        BigInt(parent),
        BigInt(parent * TICK),
        more.group ?? BigInt(more.cgroup ?? 1),
        more.own ?? BigInt(child)
      ],
      ...more
    })
  const exec = (pid: number, args: readonly string[], more: Partial<RecordParts> & { readonly own?: bigint } = {}) =>
    tell({
      kind: 'exec',
      pid,
      comm: args[0]?.split('/').at(-1) ?? '',
      texts: [args[0] ?? '', args[0] ?? '', '/work', args.map((text) => `${text}\0`).join('')],
      values: [1n, BigInt(TICK), more.own ?? BigInt(pid), 0xffn, 100n, 0n, 0xffffffffn],
      ...more
    })
  const group = (id: number, path: string) => tell({ kind: 'cgroup', texts: [path], values: [BigInt(id)] })
  return { observer, tell, fork, exec, group, looked, advance: (ms: number) => (now += ms) }
}

describe('the observer', () => {
  it('an event says which process did it, and where that comes from', () => {
    const { observer, fork, exec, tell } = observing({ running: [proc(1)] })
    observer.seed([1])
    fork(1, 10, { kind: 'fork' })
    exec(10, ['/bin/sh', '-c', 'x'])
    fork(10, 11, { kind: 'fork' })
    expect(tell({ kind: 'open_write', pid: 11, texts: ['/tmp/x'], time_ns: 5000, uid: 7 })).toMatchObject({
      time: OFFSET_US + 5,
      action: 'open_write',
      process: {
        entity_id: 'n-1/abcdef01/11/11',
        pid: 11,
        name: 'sh',
        executable: '/bin/sh',
        command_line: '/bin/sh -c x',
        working_directory: '/work',
        user_id: 7,
        start_time: OFFSET_US + 110_000,
        entry: 'host',
        ancestors: [
          { entity_id: 'n-1/abcdef01/10/10', command_line: '/bin/sh -c x' },
          { entity_id: 'n-1/abcdef01/1/1', name: 'p1' }
        ]
      },
      container: null,
      pod: null
    })
  })

  it('an exec changes what a process is, not which', () => {
    const { fork, exec } = observing({ running: [proc(1)] })
    const forked = fork(1, 10, { kind: 'fork' })
    const first = exec(10, ['/bin/a'])
    const second = exec(10, ['/bin/b', 'x'])
    expect(first?.process?.entity_id).toBe(forked?.process?.entity_id)
    expect(second?.process).toMatchObject({
      entity_id: first?.process?.entity_id,
      executable: '/bin/b',
      args: ['/bin/b', 'x']
    })
  })

  it('an id that is used again is another process', () => {
    const { fork, exec, tell } = observing({ running: [proc(1)] })
    fork(1, 10, { kind: 'fork' })
    exec(10, ['/bin/old'])
    tell({ kind: 'exit', pid: 10, values: [0n] })
    const later = { start_ns: 99 * TICK }
    expect(tell({ kind: 'unlink', pid: 10, texts: ['/x'], comm: 'new', ...later })?.process).toMatchObject({
      entity_id: 'n-1/abcdef01/10/99',
      name: 'new',
      executable: null
    })
  })

  it('what ended is known a while longer, and its children know it for good', () => {
    const { observer, fork, exec, tell, advance } = observing({ running: [proc(1)] })
    fork(1, 10, { kind: 'fork' })
    exec(10, ['/bin/sh'])
    fork(10, 11, { kind: 'fork' })
    tell({ kind: 'exit', pid: 10, values: [0n] })
    observer.sweep()
    expect(tell({ kind: 'unlink', pid: 10, texts: ['/x'] })?.process?.executable).toBe('/bin/sh')
    advance(10_000)
    observer.sweep()
    expect(tell({ kind: 'unlink', pid: 10, texts: ['/x'] })?.process?.executable).toBeNull()
    expect(tell({ kind: 'unlink', pid: 11, texts: ['/x'] })?.process?.ancestors[0]?.executable).toBe('/bin/sh')
  })

  it('what ended is not kept for as long as the clock was set back', () => {
    const { observer, fork, exec, tell, advance } = observing({ running: [proc(1)] })
    fork(1, 10, { kind: 'fork' })
    exec(10, ['/bin/sh'])
    const before = observer.processes()
    tell({ kind: 'exit', pid: 10, values: [0n] })
    advance(-3_600_000)
    observer.sweep()
    expect(observer.processes()).toBe(before - 1)
  })

  it.each([
    [0n, 0, undefined],
    [0x300n, 3, undefined],
    [9n, null, '9'],
    [0x8bn, null, '11']
  ])('status %i of an exit is code %s, signal %s', (status, code, signal) => {
    const { tell } = observing()
    const event = tell({ kind: 'exit', pid: 5, values: [status] })
    expect(event?.process?.exit_code).toBe(code)
    expect(event?.attributes['signal']).toBe(signal)
  })

  it('a process that nobody told of is looked up once', () => {
    const running = [proc(1), proc(20, { parent_pid: 1, args: ['server', '--x'], start: 20 })]
    const { tell, looked } = observing({ running })
    for (const path of ['/a', '/b']) {
      expect(tell({ kind: 'unlink', pid: 20, texts: [path] })?.process).toMatchObject({
        command_line: 'server --x',
        ancestors: [{ pid: 1 }]
      })
    }
    expect(looked.filter((pid) => pid === 20).length).toBeLessThanOrEqual(2)
  })

  it('setting the clock moves events, not the start of a process', () => {
    const { observer, fork, tell } = observing({ running: [proc(1)] })
    fork(1, 10, { kind: 'fork' })
    observer.setOffset(OFFSET_US + 3_600_000_000)
    const event = tell({ kind: 'unlink', pid: 10, texts: ['/x'], time_ns: 1000 })
    expect([event?.time, event?.process?.start_time]).toEqual([OFFSET_US + 3_600_000_001, OFFSET_US + 100_000])
  })

  it('ancestry stays bounded however long a chain of processes goes on', () => {
    const { observer, fork, tell, advance } = observing({ running: [proc(1)] })
    for (let pid = 1; pid < 3000; pid += 1) {
      fork(pid, pid + 1, { kind: 'fork' })
      tell({ kind: 'exit', pid, values: [0n] })
      advance(100)
      observer.sweep()
    }
    expect(observer.processes()).toBeLessThan(200)
    expect(tell({ kind: 'unlink', pid: 3000, texts: ['/x'] })?.process?.ancestors).toHaveLength(8)
  })

  it('a user changed by all threads of a process changed once', () => {
    const { tell } = observing()
    const change = (tid: number, id: bigint) => tell({ kind: 'setuid', pid: 5, tid, uid: Number(id), values: [id] })
    expect(
      [change(5, 7n), change(6, 7n), change(7, 7n), change(5, 8n), change(5, 8n)].map((event) => event !== null)
    ).toEqual([true, false, false, true, true])
  })

  it('says what was cut', () => {
    const { exec } = observing()
    expect(exec(5, ['/bin/x', 'y'], { flags: FLAGS.args_cut })?.attributes).toMatchObject({
      args_bytes: '100',
      'weir.io/cut': 'process.args,process.command_line'
    })
    const many = exec(6, ['/bin/x', ...Array.from({ length: 1500 }, () => 'a')])
    expect(many?.process?.args).toHaveLength(1000)
    expect(many?.attributes['weir.io/cut']).toBe('process.args')
  })

  it('a folder that is not known is not the folder of another', () => {
    const { exec } = observing()
    expect(exec(5, ['/bin/x'], { texts: ['/bin/x', '/bin/x', '', 'x\0'] })?.process?.working_directory).toBeNull()
  })
})

describe('containers', () => {
  const inside = (own: bigint) => ({ cgroup: 9, own: own | (1n << 32n) })

  function withContainer() {
    const watching = observing({ running: [proc(1), proc(2, { parent_pid: 1, name: 'shim' })] })
    watching.observer.seed([1, 2])
    watching.group(9, `/kubepods/burstable/pod${UID}/${ID}`)
    return watching
  }

  it('are known from the first process on', () => {
    const { fork, exec } = withContainer()
    fork(2, 10, { kind: 'fork' })
    expect(exec(10, ['/bin/app'], inside(1n))).toMatchObject({
      container: { id: ID, name: null },
      pod: { uid: UID },
      process: { entry: 'entrypoint' }
    })
  })

  it('tell their own tree from what was put in later', () => {
    const { fork, exec } = withContainer()
    fork(2, 10, { kind: 'fork' })
    exec(10, ['/bin/app'], inside(1n))
    fork(10, 11, { kind: 'fork', cgroup: 9, own: 7n | (1n << 32n) })
    expect(exec(11, ['/bin/child'], inside(7n))?.process?.entry).toBe('entrypoint')
    fork(2, 20, { kind: 'fork' })
    expect(exec(20, ['/bin/sh'], inside(12n))?.process?.entry).toBe('exec')
    fork(20, 21, { kind: 'fork', cgroup: 9, own: 13n | (1n << 32n) })
    expect(exec(21, ['/usr/bin/id'], inside(13n))?.process?.entry).toBe('exec')
  })

  it('that share the pid namespace of the host or of the pod have their own tree, too', () => {
    const { fork, exec } = withContainer()
    fork(2, 10, { kind: 'fork' })
    exec(10, ['/proc/self/exe', 'init'], inside(30n))
    expect(exec(10, ['/bin/app'], inside(30n))?.process?.entry).toBe('entrypoint')
    fork(2, 11, { kind: 'fork' })
    expect(exec(11, ['/bin/sh'], inside(31n))?.process?.entry).toBe('exec')
  })

  it('are made by the runtime, which is told from what it runs', () => {
    const { fork, exec, tell } = withContainer()
    const mount = (pid: number) => tell({ kind: 'mount', pid, cgroup: 9, texts: ['/', '', ''] })?.process?.entry
    fork(2, 10, { kind: 'fork' })
    // It is moved into the container's group after it has begun.
    exec(10, ['runc', 'init'], { own: 10n })
    expect(mount(10)).toBe('runtime')
    fork(10, 11, { kind: 'fork', cgroup: 9, own: 1n | (1n << 32n) })
    expect(mount(11)).toBe('runtime')
    expect(exec(11, ['/bin/app'], inside(1n))?.process?.entry).toBe('entrypoint')
    expect(mount(11)).toBe('entrypoint')
    fork(2, 20, { kind: 'fork' })
    expect(exec(20, ['runc', 'init'], inside(12n))?.process?.entry).toBe('runtime')
    expect(exec(20, ['/bin/sh'], inside(12n))?.process?.entry).toBe('exec')
  })

  it('do not take for the runtime what calls itself so inside', () => {
    const { fork, exec } = withContainer()
    fork(2, 10, { kind: 'fork' })
    exec(10, ['/bin/app'], inside(1n))
    fork(10, 11, { kind: 'fork', cgroup: 9, own: 7n | (1n << 32n) })
    expect(exec(11, ['runc', 'init'], inside(7n))?.process?.entry).toBe('entrypoint')
  })

  it('that ran before are known by /proc', () => {
    const running = [
      proc(1),
      proc(30, { parent_pid: 1, own_pid: 1, cgroups: [`0::/kubepods/pod${UID}/${ID}`] }),
      proc(31, { parent_pid: 30, own_pid: 5, cgroups: [`0::/kubepods/pod${UID}/${ID}`] })
    ]
    const { observer, tell, exec, fork } = observing({ running })
    observer.seed([1, 30, 31])
    expect(tell({ kind: 'unlink', pid: 31, cgroup: 77, texts: ['/x'] })).toMatchObject({
      container: { id: ID },
      process: { entry: 'entrypoint' }
    })
    fork(1, 40, { kind: 'fork', cgroup: 1 })
    expect(exec(40, ['/bin/sh'], { cgroup: 77, own: 9n | (1n << 32n) })?.process?.entry).toBe('exec')
  })

  it.each([
    ['of the image', FLAGS.overlay_root | FLAGS.same_fs, true],
    ['written later', FLAGS.overlay_root | FLAGS.same_fs | FLAGS.upper, false],
    ['on a volume', FLAGS.overlay_root, false],
    ['in memory', FLAGS.deleted | FLAGS.memory, false],
    ['on a root that is no overlay', FLAGS.same_fs, null]
  ])('have executables %s', (_, flags, in_image) => {
    const { fork, exec } = withContainer()
    fork(2, 10, { kind: 'fork' })
    expect(exec(10, ['/bin/app'], { ...inside(1n), flags })?.process?.in_image).toBe(in_image)
  })
})

describe('any record', () => {
  it('gives an event that Avro takes, or none, and never throws', () => {
    const codec = createCodec(localSchemas())
    const { observer } = observing({ running: [proc(1)] })
    fc.assert(
      fc.property(
        fc.record({
          kind: fc.constantFrom(...KINDS.slice(1)),
          flags: fc.nat(0xffff),
          uid: fc.nat(0xffffffff),
          pid: fc.nat(0x7fffffff),
          tid: fc.nat(0x7fffffff),
          time_ns: fc.nat(2 ** 52),
          start_ns: fc.nat(2 ** 52),
          cgroup: fc.nat(20),
          comm: fc.string({ maxLength: 16 }),
          texts: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 4 }),
          values: fc.array(fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }), { maxLength: 8 })
        }),
        ({ kind, ...parts }) => {
          if (kind === '') return
          const bytes = recordBytes({ kind, ...parts })
          const record = recordAt(bytes, 0, bytes.length)
          const event = record === null ? null : observer.observe(record)
          if (event === null) return
          codec.encode('runtime-batch', {
            cluster: { id: 'c', name: 'c' },
            node: 'n',
            boot_id: null,
            sensor: 'bpf',
            first_sequence: '1',
            numbering: null,
            received: 0,
            events: [readBack(event)]
          })
        }
      ),
      { numRuns: 2000 }
    )
  })
})
