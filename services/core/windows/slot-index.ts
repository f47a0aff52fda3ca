/**
 * A number for a text, by FNV-1a, of every second character each, since one multiplication has to wait for the other.
 * @param seed unknown to whoever chooses the texts, so that they cannot make many fall together
 */
export function hashText(text: string, seed: number): number {
  const { length } = text
  let even = 0x811c9dc5 ^ seed
  let odd = Math.imul(seed ^ length, 0x2c1b3c6d)
  let at = 1
  for (; at < length; at += 2) {
    even = Math.imul(even ^ text.charCodeAt(at - 1), 0x01000193)
    odd = Math.imul(odd ^ text.charCodeAt(at), 0x01000193)
  }
  if (at === length) even = Math.imul(even ^ text.charCodeAt(at - 1), 0x01000193)
  let hash = even ^ Math.imul(odd ^ (odd >>> 15), 0x2c1b3c6d)
  hash ^= hash >>> 15
  return Math.imul(hash, 0x2c1b3c6d)
}

/** Of ids that are digests or UUIDs these alone are as good as all. */
const ID_CHARACTERS = 12

/** A number for an id, by its length and end. */
export function hashId(id: string): number {
  let hash = 0x811c9dc5 ^ id.length
  for (let at = Math.max(0, id.length - ID_CHARACTERS); at < id.length; at += 1)
    hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193)
  hash ^= hash >>> 15
  return Math.imul(hash, 0x2c1b3c6d)
}

/** A number for a list of texts. */
export function hashTexts(texts: readonly string[], seed: number): number {
  let hash = seed
  for (const text of texts) hash = hashText(text, hash)
  return Math.imul(hash ^ texts.length, 0x01000193)
}

/** What `hashText` gives of the text with these characters. @param length how many of them count */
export function hashCodes(codes: Uint16Array, length: number, seed: number): number {
  let even = 0x811c9dc5 ^ seed
  let odd = Math.imul(seed ^ length, 0x2c1b3c6d)
  let at = 1
  for (; at < length; at += 2) {
    even = Math.imul(even ^ (codes[at - 1] ?? 0), 0x01000193)
    odd = Math.imul(odd ^ (codes[at] ?? 0), 0x01000193)
  }
  if (at === length) even = Math.imul(even ^ (codes[at - 1] ?? 0), 0x01000193)
  let hash = even ^ Math.imul(odd ^ (odd >>> 15), 0x2c1b3c6d)
  hash ^= hash >>> 15
  return Math.imul(hash, 0x2c1b3c6d)
}

/** What `hashId` gives of the id with these characters. @param length how many of them count */
export function hashIdCodes(codes: Uint16Array, length: number): number {
  let hash = 0x811c9dc5 ^ length
  for (let at = Math.max(0, length - ID_CHARACTERS); at < length; at += 1)
    hash = Math.imul(hash ^ (codes[at] ?? 0), 0x01000193)
  hash ^= hash >>> 15
  return Math.imul(hash, 0x2c1b3c6d)
}

/** What `hashTexts` makes of the hash of the last of its texts. */
export function hashOfList(last: number, count: number): number {
  return Math.imul(last ^ count, 0x01000193)
}

/** Numbers of slots by the hashes of what is in them, eight bytes an entry at a load of a half to three quarters. */
export interface SlotIndex {
  /**
   * A slot with this hash; -1 when there is none. With `next` the others: so what a slot is compared with needs no function, which would
   * be one of several here, and slow.
   */
  first(hash: number): number
  /** The next with the hash that was given to `first`, as long as nothing is added or removed; -1 when there is none. */
  next(): number
  add(hash: number, slot: number): void
  /** The slot has to be there. */
  remove(hash: number, slot: number): void
}

const EMPTY = -1
const SMALLEST = 16

/**
 * Open addressing with linear probing; what is taken out closes its gap, so there are no graves. Slot and hash of an entry lie side by
 * side, so that looking at an entry is one access to memory.
 */
export function createSlotIndex(): SlotIndex {
  let mask = SMALLEST - 1
  let entries = new Int32Array(2 * SMALLEST).fill(EMPTY)
  let size = 0

  function place(hash: number, slot: number): void {
    let at = hash & mask
    while (entries[2 * at] !== EMPTY) at = (at + 1) & mask
    entries[2 * at] = slot
    entries[2 * at + 1] = hash
  }

  function resize(capacity: number): void {
    const old = entries
    mask = capacity - 1
    entries = new Int32Array(2 * capacity).fill(EMPTY)
    for (let at = 0; at < old.length; at += 2) {
      const slot = old[at] ?? EMPTY
      if (slot !== EMPTY) place(old[at + 1] ?? 0, slot)
    }
  }

  /** What `first` was given, and where to go on. */
  let sought = 0
  let nextAt = 0

  function next(): number {
    for (;;) {
      const slot = entries[2 * nextAt] ?? EMPTY
      if (slot === EMPTY) return -1
      const its = entries[2 * nextAt + 1]
      nextAt = (nextAt + 1) & mask
      if (its === sought) return slot
    }
  }

  return {
    first(hash) {
      sought = hash
      nextAt = hash & mask
      return next()
    },
    next,

    add(hash, slot) {
      size += 1
      if (size > (mask + 1) * 0.75) resize((mask + 1) * 2)
      place(hash, slot)
    },

    remove(hash, slot) {
      let gap = hash & mask
      while (entries[2 * gap] !== slot) {
        if (entries[2 * gap] === EMPTY) throw new RangeError(`slot ${slot} is not in the index`)
        gap = (gap + 1) & mask
      }
      size -= 1
      for (let at = (gap + 1) & mask; entries[2 * at] !== EMPTY; at = (at + 1) & mask) {
        const home = (entries[2 * at + 1] ?? 0) & mask
        // An entry moves up when its home does not lie between the gap and itself.
        if (((at - home) & mask) < ((at - gap) & mask)) continue
        entries[2 * gap] = entries[2 * at] ?? EMPTY
        entries[2 * gap + 1] = entries[2 * at + 1] ?? 0
        gap = at
      }
      entries[2 * gap] = EMPTY
      if (mask >= SMALLEST && size < (mask + 1) * 0.2) resize((mask + 1) / 2)
    }
  }
}

export const int32 = (length: number): Int32Array<ArrayBuffer> => new Int32Array(length)

/** An array of numbers as long as needed, a fifth longer when it has to grow. */
export function grown<Numbers extends Int32Array | Float64Array>(
  numbers: Numbers,
  length: number,
  make: (length: number) => Numbers
): Numbers {
  if (length <= numbers.length) return numbers
  const longer = make(Math.max(length, Math.ceil(numbers.length * 1.2), SMALLEST))
  longer.set(numbers)
  return longer
}
