import { grown } from './slot-index.ts'

export const NONE = -1

/** Per event of a group: the slot of its signal, which part it is, and the events before and after it. */
const SLOT = 0
const PART = 1
const BEFORE = 2
const AFTER = 3
const STRIDE = 4

/** Events of all groups, 16 bytes each, side by side so that looking at one is one access to memory. */
export interface Nodes {
  slotOf(node: number): number
  partOf(node: number): number
  before(node: number): number
  after(node: number): number
  /** Says that two come after each other; either may be NONE. */
  link(before: number, after: number): void
  add(slot: number, part: number): number
  release(node: number): void
}

export function createNodes(): Nodes {
  let numbers = new Int32Array(0)
  let length = 0
  let free = NONE
  return {
    slotOf: (node) => numbers[node * STRIDE + SLOT] ?? NONE,
    partOf: (node) => numbers[node * STRIDE + PART] ?? 0,
    before: (node) => numbers[node * STRIDE + BEFORE] ?? NONE,
    after: (node) => numbers[node * STRIDE + AFTER] ?? NONE,

    link(before, after) {
      if (before !== NONE) numbers[before * STRIDE + AFTER] = after
      if (after !== NONE) numbers[after * STRIDE + BEFORE] = before
    },

    add(slot, part) {
      let node = free
      if (node === NONE) {
        node = length
        length += 1
        numbers = grown(numbers, length * STRIDE, (longer) => new Int32Array(longer))
      } else free = numbers[node * STRIDE + AFTER] ?? NONE
      const first = node * STRIDE
      numbers[first + SLOT] = slot
      numbers[first + PART] = part
      numbers[first + BEFORE] = NONE
      numbers[first + AFTER] = NONE
      return node
    },

    release(node) {
      numbers[node * STRIDE + AFTER] = free
      free = node
    }
  }
}
