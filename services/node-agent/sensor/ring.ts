import type { RingMemory } from './libbpf.ts'

/** Head of a record: length with two marks, then something of the kernel's. Records start at multiples of 8. */
const HEAD_BYTES = 8
const BUSY = 0x80000000
const DISCARDED = 0x40000000
const LENGTH = 0x3fffffff
/** The writer is told how far the reader is after so many bytes, not after each record. */
const RELEASE_BYTES = 65_536

/** A ring buffer of BPF, read without a call into the kernel or into C. */
export interface Ring {
  /** What `peek` points into: the data, or a copy of a record that goes over its end. */
  readonly bytes: Buffer
  /** How far the writer is now: records up to there can be taken. */
  limit(): number
  /**
   * The next record before a limit.
   * @returns its place in `bytes` as it is now, -1 when there is none or it is still being written
   */
  peek(limit: number): number
  /** Length of the record that `peek` gave. */
  length(): number
  /** Goes past the record that `peek` gave. */
  next(): void
  /** Gives what was passed back to the writer. */
  release(): void
  /** Bytes that wait. */
  waiting(): number
}

/**
 * Format: kernel/bpf/ringbuf.c of Linux. The kernel lets the data be mapped twice in a row, so that no record is in two pieces; that
 * would count twice as memory of the process, and few records are. The reader loads the writer's position before the records and stores its own after it is
 * done with them; Atomics give the order that this asks for.
 */
export function openRing({ consumer, producer, page_bytes, data_bytes }: RingMemory): Ring {
  const own = new BigInt64Array(consumer, 0, 1)
  const written = new BigInt64Array(producer, 0, 1)
  const heads = new Int32Array(producer, page_bytes)
  const data = Buffer.from(producer, page_bytes, data_bytes)
  let bytes = data
  let position = Number(Atomics.load(own, 0))
  let released = position
  let current = 0
  let copied = -1

  function place(at: number): number {
    const over = at + current - data_bytes
    if (over <= 0) {
      bytes = data
      return at
    }
    // Looked at more than once, copied once.
    if (copied !== position) bytes = Buffer.concat([data.subarray(at), data.subarray(0, over)])
    copied = position
    return 0
  }

  const ring: Ring = {
    get bytes() {
      return bytes
    },
    limit: () => Number(Atomics.load(written, 0)),
    peek(limit) {
      while (position < limit) {
        const at = position % data_bytes
        const head = Atomics.load(heads, at >>> 2)
        if ((head & BUSY) !== 0) return -1
        current = head & LENGTH
        if ((head & DISCARDED) === 0) return place((at + HEAD_BYTES) % data_bytes)
        ring.next()
      }
      return -1
    },
    length: () => current,
    next() {
      position += (current + HEAD_BYTES + 7) & ~7
      if (position - released >= RELEASE_BYTES) ring.release()
    },
    release() {
      if (position === released) return
      Atomics.store(own, 0, BigInt(position))
      released = position
    },
    waiting: () => ring.limit() - position
  }
  return ring
}
