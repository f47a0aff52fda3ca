/** Seeded randomness: the same seed gives the same scenario, byte for byte. */
export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** An integer in [low, high], both included. */
  integer(low: number, high: number): number
  /** A member of a list that is not empty. */
  pick<T>(list: readonly T[]): T
  /** `length` lower-case hexadecimal digits. */
  hex(length: number): string
  /** A version 4 UUID. */
  uuid(): string
  /** `length` characters of the alphabet Kubernetes generates names from (no vowels, no look-alikes). */
  suffix(length: number): string
  /** An independent generator: using it does not change what this one gives, so activities do not disturb each other. */
  fork(name: string): Random
}

const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/** FNV-1a, 32 bits: turns a seed's text into the generator's state. */
function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/**
 * @param seed any text
 * @returns a generator (mulberry32 over the seed's hash); good enough for ids and jitter, not for secrets
 */
export function createRandom(seed: string): Random {
  let state = hash32(seed)

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  function integer(low: number, high: number): number {
    return low + Math.floor(next() * (high - low + 1))
  }
  function pick<T>(list: readonly T[]): T {
    const chosen = list[integer(0, list.length - 1)]
    if (chosen === undefined) throw new RangeError('cannot pick from an empty list')
    return chosen
  }
  function hex(length: number): string {
    let digits = ''
    for (let at = 0; at < length; at++) digits += integer(0, 15).toString(16)
    return digits
  }
  function suffix(length: number): string {
    let text = ''
    for (let at = 0; at < length; at++) text += SUFFIX_ALPHABET.charAt(integer(0, SUFFIX_ALPHABET.length - 1))
    return text
  }
  function uuid(): string {
    return `${hex(8)}-${hex(4)}-4${hex(3)}-${pick(['8', '9', 'a', 'b'])}${hex(3)}-${hex(12)}`
  }
  return { next, integer, pick, hex, uuid, suffix, fork: (name) => createRandom(`${seed}/${name}`) }
}
