/** A number for a text, by FNV-1a. @param seed unknown to whoever chooses the texts, so that they cannot make many fall together */
export function hashText(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash ^= hash >>> 15
  return Math.imul(hash, 0x2c1b3c6d)
}

/** A number for lists of texts. */
export function hashTexts(lists: readonly (readonly string[])[], seed: number): number {
  let hash = seed
  for (const list of lists) {
    for (const text of list) hash = hashText(text, hash)
    hash = Math.imul(hash ^ list.length, 0x01000193)
  }
  return hash
}

/** Numbers of slots by the hashes of what is in them, eight bytes an entry at a load of a half to three quarters. */
export interface SlotIndex {
  /** @returns the slot with this hash that `holds` says is the one; -1 when there is none */
  find(hash: number, holds: (slot: number) => boolean): number
  add(hash: number, slot: number): void
  /** The slot has to be there. */
  remove(hash: number, slot: number): void
}

const EMPTY = -1
const SMALLEST = 16

/** Open addressing with linear probing; what is taken out closes its gap, so there are no graves. */
export function createSlotIndex(): SlotIndex {
  let mask = SMALLEST - 1
  let slots = new Int32Array(SMALLEST).fill(EMPTY)
  let hashes = new Int32Array(SMALLEST)
  let size = 0

  function place(hash: number, slot: number): void {
    let at = hash & mask
    while (slots[at] !== EMPTY) at = (at + 1) & mask
    slots[at] = slot
    hashes[at] = hash
  }

  function resize(capacity: number): void {
    const [oldSlots, oldHashes] = [slots, hashes]
    mask = capacity - 1
    slots = new Int32Array(capacity).fill(EMPTY)
    hashes = new Int32Array(capacity)
    for (const [at, slot] of oldSlots.entries()) if (slot !== EMPTY) place(oldHashes[at] ?? 0, slot)
  }

  return {
    find(hash, holds) {
      for (let at = hash & mask; ; at = (at + 1) & mask) {
        const slot = slots[at] ?? EMPTY
        if (slot === EMPTY) return -1
        if (hashes[at] === hash && holds(slot)) return slot
      }
    },

    add(hash, slot) {
      size += 1
      if (size > (mask + 1) * 0.75) resize((mask + 1) * 2)
      place(hash, slot)
    },

    remove(hash, slot) {
      let gap = hash & mask
      while (slots[gap] !== slot) {
        if (slots[gap] === EMPTY) throw new RangeError(`slot ${slot} is not in the index`)
        gap = (gap + 1) & mask
      }
      size -= 1
      for (let at = (gap + 1) & mask; slots[at] !== EMPTY; at = (at + 1) & mask) {
        const home = (hashes[at] ?? 0) & mask
        // An entry moves up when its home does not lie between the gap and itself.
        if (((at - home) & mask) < ((at - gap) & mask)) continue
        slots[gap] = slots[at] ?? EMPTY
        hashes[gap] = hashes[at] ?? 0
        gap = at
      }
      slots[gap] = EMPTY
      if (mask >= SMALLEST && size < (mask + 1) * 0.2) resize((mask + 1) / 2)
    }
  }
}

/** A typed array as long as needed, a fifth longer when it has to grow. */
export function grown<Numbers extends Int32Array | Float64Array | Uint16Array | Uint8Array>(
  numbers: Numbers,
  length: number,
  make: (length: number) => Numbers
): Numbers {
  if (length <= numbers.length) return numbers
  const longer = make(Math.max(length, Math.ceil(numbers.length * 1.2), SMALLEST))
  longer.set(numbers)
  return longer
}
