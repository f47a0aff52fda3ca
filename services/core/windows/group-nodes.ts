import { grown } from './slot-index.ts'

export const NONE = -1

/**
 * Per event of a group: the slot of its signal, which part it is, the events before and after it; then its time, as a double, which stands
 * here as well as with the signal, since whoever goes through a group looks at it first.
 */
const SLOT = 0
const PART = 1
const BEFORE = 2
const AFTER = 3
const STRIDE = 6
const TIME = 2
const TIME_STRIDE = 3

/** Events of all groups, 24 bytes each, side by side so that looking at one is one access to memory. */
export interface Nodes {
  slotOf(node: number): number
  partOf(node: number): number
  /** Microseconds since the epoch. */
  timeOf(node: number): number
  before(node: number): number
  after(node: number): number
  /** Says that two come after each other; either may be NONE. */
  link(before: number, after: number): void
  add(slot: number, part: number, time: number): number
  release(node: number): void
}

export function createNodes(): Nodes {
  let times = new Float64Array(0)
  /** The same bytes as other numbers. */
  let numbers = new Int32Array(times.buffer)
  let length = 0
  let free = NONE

  function room(): number {
    if (free !== NONE) {
      const node = free
      free = numbers[node * STRIDE + AFTER] ?? NONE
      return node
    }
    const node = length
    length += 1
    if (length * TIME_STRIDE > times.length) {
      times = grown(times, length * TIME_STRIDE, (longer) => new Float64Array(longer))
      numbers = new Int32Array(times.buffer)
    }
    return node
  }

  return {
    slotOf: (node) => numbers[node * STRIDE + SLOT] ?? NONE,
    partOf: (node) => numbers[node * STRIDE + PART] ?? 0,
    timeOf: (node) => times[node * TIME_STRIDE + TIME] ?? 0,
    before: (node) => numbers[node * STRIDE + BEFORE] ?? NONE,
    after: (node) => numbers[node * STRIDE + AFTER] ?? NONE,

    link(before, after) {
      if (before !== NONE) numbers[before * STRIDE + AFTER] = after
      if (after !== NONE) numbers[after * STRIDE + BEFORE] = before
    },

    add(slot, part, time) {
      const node = room()
      const first = node * STRIDE
      numbers[first + SLOT] = slot
      numbers[first + PART] = part
      numbers[first + BEFORE] = NONE
      numbers[first + AFTER] = NONE
      times[node * TIME_STRIDE + TIME] = time
      return node
    },

    release(node) {
      numbers[node * STRIDE + AFTER] = free
      free = node
    }
  }
}
