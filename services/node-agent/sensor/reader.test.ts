import { describe, expect, it } from 'vitest'
import { type RecordParts, recordBytes } from '../../../test/support/sensor/record-bytes.ts'
import type { KernelSide } from './kernel-side.ts'
import type { EventKind, Kind } from './layout.ts'
import type { FromReader, Loss } from './messages.ts'
import { createObserver } from './observer.ts'
import { createReader } from './reader.ts'
import type { Ring } from './ring.ts'
import { isShed } from './shedding.ts'
import { eventsOf } from './unpack.ts'

/** A ring of ready records. */
function ringOf(records: readonly Buffer[]): Ring {
  let index = 0
  let current: Buffer = Buffer.alloc(0)
  return {
    get bytes() {
      return current
    },
    limit: () => records.length,
    peek(limit) {
      const record = index < limit ? records[index] : undefined
      if (record === undefined) return -1
      current = record
      return 0
    },
    length: () => current.length,
    next() {
      index += 1
    },
    release: () => undefined,
    waiting: () => records.length - index
  }
}

const ALL: readonly EventKind[] = ['exec', 'exit', 'open_write', 'read', 'connect', 'unlink']

async function reading(setting: {
  readonly processes?: readonly RecordParts[]
  readonly others?: readonly RecordParts[]
  readonly events?: readonly EventKind[]
  readonly dropped?: ReadonlyArray<{ kind: Kind; sent: number; dropped: number }>
  readonly pending?: number
  readonly raw?: readonly Buffer[]
}) {
  const told: FromReader[] = []
  const processes = ringOf((setting.processes ?? []).map((parts) => recordBytes(parts)))
  const others = ringOf([...(setting.others ?? []).map((parts) => recordBytes(parts)), ...(setting.raw ?? [])])
  const kernel: KernelSide = { processes, others, counters: () => setting.dropped ?? [], close: () => undefined }
  const reader = createReader({
    settings: { events: setting.events ?? ALL, pending_max_bytes: 1000, poll_interval_ms: 1 },
    kernel,
    observer: createObserver({
      node: 'n',
      boot_id: 'b',
      run: 'r',
      cgroup_version_1: false,
      readProcess: () => null,
      now_ms: () => 0
    }),
    offset_us: () => 0,
    now_ms: () => 0,
    tell: (message) => told.push(message)
  })
  reader.hear({ type: 'stored', bytes: -(setting.pending ?? 0) })
  reader.hear({ type: 'stop' })
  await reader.run()
  const batches = told.flatMap((message) => (message.type === 'events' ? message.batches : []))
  const events = batches.flatMap(({ bytes, container, pod_uid }) => eventsOf(Buffer.from(bytes), container, pod_uid))
  const losses: Loss[] = told.flatMap((message) => (message.type === 'lost' ? message.losses : []))
  return { events, batches, losses, processes, others }
}

const exec = (pid: number, time_ns: number): RecordParts => ({
  kind: 'exec',
  pid,
  time_ns,
  comm: `p${pid}`,
  texts: [`/bin/p${pid}`, '', '/', `p${pid}\0`]
})

describe('the reader', () => {
  it('takes both rings in the order of time, so that a process is known before what it does', async () => {
    const { events } = await reading({
      processes: [exec(5, 10), exec(6, 30)],
      others: [
        { kind: 'unlink', pid: 5, time_ns: 20, texts: ['/a'] },
        { kind: 'unlink', pid: 6, time_ns: 40, texts: ['/b'] }
      ]
    })
    expect(events.map(({ action, process }) => [action, process?.name])).toEqual([
      ['exec', 'p5'],
      ['unlink', 'p5'],
      ['exec', 'p6'],
      ['unlink', 'p6']
    ])
  })

  it('an event before an exec is of what the process was before', async () => {
    const { events } = await reading({
      processes: [exec(5, 10), { ...exec(5, 30), texts: ['/bin/new', '', '/', 'new\0'] }],
      others: [{ kind: 'unlink', pid: 5, time_ns: 20, texts: ['/a'] }]
    })
    expect(events.map(({ process }) => process?.executable)).toEqual(['/bin/p5', '/bin/p5', '/bin/new'])
  })

  it('knows processes of kinds that are not wanted, and does not tell of them', async () => {
    const { events } = await reading({
      events: ['unlink'],
      processes: [exec(5, 10)],
      others: [{ kind: 'unlink', pid: 5, time_ns: 20, texts: ['/a'] }]
    })
    expect(events).toMatchObject([{ action: 'unlink', process: { executable: '/bin/p5' } }])
  })

  it('gives each container a batch of its own', async () => {
    const id = 'ab'.repeat(32)
    const { batches } = await reading({
      processes: [
        { kind: 'cgroup', values: [9n], texts: [`/kubepods/${id}`] },
        exec(5, 10),
        { ...exec(6, 20), cgroup: 9 }
      ]
    })
    expect(batches.map(({ container, count }) => [container, count])).toEqual([
      [null, 1],
      [id, 1]
    ])
  })

  it('tells how many the kernel dropped, by kind', async () => {
    const { losses } = await reading({ dropped: [{ kind: 'open_write', sent: 5, dropped: 3 }] })
    expect(losses).toEqual([{ kind: 'open_write', reason: 'SENSOR_RING_FULL', count: 3 }])
  })

  it('sheds what tells least when too much waits, counts it, and leaves processes in their ring', async () => {
    const { events, losses, processes } = await reading({
      pending: 1000,
      processes: [exec(5, 10)],
      others: [
        { kind: 'read', pid: 7, texts: ['/a'] },
        { kind: 'open_write', pid: 7, texts: ['/a'] },
        { kind: 'connect', pid: 7, texts: [] }
      ]
    })
    expect(events).toEqual([])
    expect(losses.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['read', 'SENSOR_SHED'],
      ['open_write', 'SENSOR_SHED'],
      ['connect', 'SENSOR_SHED']
    ])
    expect(processes.waiting()).toBe(1)
  })

  it('a record that cannot be read costs itself and is counted', async () => {
    const { events, losses } = await reading({ processes: [exec(5, 10)], raw: [Buffer.alloc(200), Buffer.alloc(3)] })
    expect(events).toHaveLength(1)
    expect(losses).toEqual([{ kind: 'cgroup', reason: 'SENSOR_UNREADABLE', count: 2 }])
  })
})

describe('the clock being set', () => {
  it.each([
    ['forwards', 3_600_000],
    ['back', -3_600_000]
  ])('%s holds up no event, moves times from then on, and neither order nor identity', async (_, by_ms) => {
    const told: FromReader[] = []
    const raw: Buffer[] = []
    const processes = ringOf(raw)
    let now_ms = 1_000_000_000
    let dropped = 0
    const offset_us = () => now_ms * 1000
    const observer = createObserver({
      ...{ node: 'n', boot_id: 'b', run: 'r', cgroup_version_1: false, readProcess: () => null },
      now_ms: () => now_ms
    })
    observer.setOffset(offset_us())
    const reader = createReader({
      settings: { events: ALL, pending_max_bytes: 1_000_000, poll_interval_ms: 1 },
      kernel: {
        processes,
        others: ringOf([]),
        counters: () => [{ kind: 'connect', sent: 0, dropped }],
        close: () => undefined
      },
      observer,
      offset_us,
      now_ms: () => now_ms,
      tell: (message) => told.push(message)
    })
    const events = () =>
      told
        .flatMap((message) => (message.type === 'events' ? message.batches : []))
        .flatMap(({ bytes, container, pod_uid }) => eventsOf(Buffer.from(bytes), container, pod_uid))
    const running = reader.run()
    raw.push(recordBytes(exec(5, 1_000)))
    await expect.poll(() => processes.waiting()).toBe(0)
    const before_us = offset_us()
    now_ms += by_ms
    dropped = 7
    // Without another second going by: what waits is handed over, and what was dropped is told.
    await expect.poll(() => told.map(({ type }) => type)).toEqual(['events', 'lost'])
    raw.push(recordBytes({ ...exec(5, 2_000), texts: ['/bin/other', '', '/', 'other\0'] }))
    await expect.poll(() => processes.waiting()).toBe(0)
    reader.hear({ type: 'stop' })
    await running
    const [first, second, ...more] = events()
    expect(more).toEqual([])
    expect([first?.time, second?.time]).toEqual([before_us + 1, before_us + by_ms * 1000 + 2])
    expect(second?.process?.executable).toBe('/bin/other')
    expect(second?.process?.entity_id).toBe(first?.process?.entity_id)
    expect(second?.process?.start_time).toBe(first?.process?.start_time)
  })
})

describe('shedding', () => {
  it.each([
    [0.2, []],
    [0.3, ['read']],
    [0.6, ['read', 'file']],
    [0.8, ['read', 'file', 'network', 'privilege']],
    [5, ['read', 'file', 'network', 'privilege']]
  ])('at a share of %d gives up %j', (share, expected) => {
    const shed = (category: 'file' | 'network' | 'privilege' | 'process', read = false) =>
      isShed(category, read, share * 100, 100)
    const found = [
      ...(shed('file', true) ? ['read'] : []),
      ...(['file', 'network', 'privilege', 'process'] as const).filter((category) => shed(category))
    ]
    expect(found).toEqual(expected)
  })
})
