import { setTimeout as sleep } from 'node:timers/promises'
import { type OpenBatch, openBatch } from './batch.ts'
import type { KernelSide } from './kernel-side.ts'
import { AT, type Kind } from './layout.ts'
import { categoryOf } from './meaning.ts'
import type { EventBatch, FromReader, Loss, LossReason, ReaderSettings, ReaderState, ToReader } from './messages.ts'
import type { Observer } from './observer.ts'
import { createRecordSlot, type KernelRecord, readRecord } from './record.ts'
import type { Ring } from './ring.ts'
import { isShed } from './shedding.ts'

/** Records taken before messages get their turn. */
const TURN_RECORDS = 4000
/** Events are handed over when they are so many bytes, or after so long. */
const BATCH_BYTES = 256 * 1024
const BATCH_MS = 100
const HOUSEKEEPING_MS = 1000

export interface ReaderPorts {
  readonly settings: Pick<ReaderSettings, 'events' | 'pending_max_bytes' | 'poll_interval_ms'>
  readonly kernel: KernelSide
  readonly observer: Observer
  /** What to add to time since boot, microseconds. */
  readonly offset_us: () => number
  readonly now_ms: () => number
  readonly tell: (message: FromReader, transfer?: readonly ArrayBuffer[]) => void
}

export interface Reader {
  hear(message: ToReader): void
  /** Reads until it is told to stop. */
  run(): Promise<void>
}

/**
 * Takes records from both rings in the order of time, makes events of them and hands these over in batches. What is not yet stored
 * is counted: the more waits, the more kinds are shed; processes are left in their ring then, which is the last to overflow.
 */
export function createReader(ports: ReaderPorts): Reader {
  const { settings, kernel, observer, now_ms, tell } = ports
  const wanted = new Set<Kind>(settings.events)
  const lost = new Map<string, Loss>()
  const told = new Map<Kind, number>()
  const open = new Map<string | null, OpenBatch>()
  const record = createRecordSlot()
  let firstEvent_ms = 0
  let pending = 0
  let stopped = false

  function lose(kind: Kind, reason: LossReason, count: number): void {
    const key = `${kind}/${reason}`
    lost.set(key, { kind, reason, count: (lost.get(key)?.count ?? 0) + count })
  }

  function flush(): void {
    if (open.size === 0) return
    const batches: EventBatch[] = []
    let bytes = 0
    for (const [container, batch] of open) {
      const { pod_uid } = batch
      const count = batch.count()
      const packed = batch.bytes()
      bytes += packed.length
      batches.push({ container, pod_uid, bytes: packed, count })
    }
    open.clear()
    pending += bytes
    tell(
      { type: 'events', batches, bytes },
      batches.map((batch) => batch.bytes.buffer)
    )
  }

  function take(taken: KernelRecord): void {
    const { kind } = taken
    if (kind !== 'cgroup' && isShed(categoryOf(kind), kind === 'read', pending, settings.pending_max_bytes)) {
      lose(kind, 'SENSOR_SHED', 1)
      return
    }
    const event = observer.observe(taken)
    if (event === null || !wanted.has(kind)) return
    if (open.size === 0) firstEvent_ms = now_ms()
    let batch = open.get(event.container)
    if (batch !== undefined && batch.pod_uid !== event.pod_uid) {
      flush()
      batch = undefined
    }
    if (batch === undefined) {
      batch = openBatch(event.pod_uid)
      open.set(event.container, batch)
    }
    batch.add(event)
    if (batch.size() >= BATCH_BYTES) flush()
  }

  function takeFrom(ring: Ring, at: number): void {
    if (readRecord(record, ring.bytes, at, ring.length())) take(record)
    else lose('cgroup', 'SENSOR_UNREADABLE', 1)
    ring.next()
  }

  const timeAt = (ring: Ring, at: number): number =>
    ring.length() < AT.data
      ? 0
      : ring.bytes.readUInt32LE(at + AT.time) + ring.bytes.readUInt32LE(at + AT.time + 4) * 0x1_0000_0000

  /** @returns how many records were taken */
  function drain(): number {
    const { processes, others } = kernel
    // What is in this ring now comes after its processes, which then are in theirs.
    const otherLimit = others.limit()
    const processLimit = pending < settings.pending_max_bytes ? processes.limit() : 0
    let count = 0
    for (; count < TURN_RECORDS; count += 1) {
      const process = processes.peek(processLimit)
      const other = others.peek(otherLimit)
      if (process === -1 && other === -1) break
      if (other === -1 || (process !== -1 && timeAt(processes, process) <= timeAt(others, other))) {
        takeFrom(processes, process)
      } else {
        takeFrom(others, other)
      }
    }
    processes.release()
    others.release()
    return count
  }

  function keepHouse(): void {
    observer.setOffset(ports.offset_us())
    observer.sweep()
    for (const { kind, dropped } of kernel.counters()) {
      const more = dropped - (told.get(kind) ?? 0)
      if (more > 0) lose(kind, 'SENSOR_RING_FULL', more)
      told.set(kind, dropped)
    }
    if (lost.size > 0) tell({ type: 'lost', losses: [...lost.values()] })
    lost.clear()
  }

  function state(): ReaderState {
    const counters = kernel.counters()
    const of = (what: 'sent' | 'dropped') =>
      Object.fromEntries(
        counters.filter((counter) => counter[what] > 0).map((counter) => [counter.kind, counter[what]])
      )
    return {
      sent: of('sent'),
      dropped: of('dropped'),
      processes: observer.processes(),
      waiting_bytes: kernel.processes.waiting() + kernel.others.waiting(),
      pending_bytes: pending
    }
  }

  return {
    hear(message) {
      if (message.type === 'stored') pending -= message.bytes
      else if (message.type === 'tell') tell({ type: 'state', state: state() })
      else stopped = true
    },
    async run() {
      let house_ms = now_ms()
      while (!stopped) {
        const count = drain()
        const now = now_ms()
        // The clock may be set, back too: that is noticed here, at once.
        if (open.size > 0 && Math.abs(now - firstEvent_ms) >= BATCH_MS) flush()
        if (Math.abs(now - house_ms) >= HOUSEKEEPING_MS) {
          house_ms = now
          keepHouse()
        }
        await sleep(count === TURN_RECORDS ? 0 : settings.poll_interval_ms)
      }
      // What happened until now is still told, as far as there is room for it.
      while (drain() === TURN_RECORDS) await sleep(0)
      keepHouse()
      flush()
    }
  }
}
