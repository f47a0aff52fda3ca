import { hash } from 'node:crypto'

/** Values of one scope with the unit of time in which each was last seen, in shards that are written to the changelog one by one. */
export interface KnownValues {
  /** A power of two of them; a value lies in the one that its text says. */
  shards: Map<string, number>[]
  size: number
  /** Shards that changed since they were last written. */
  readonly dirty: Set<number>
}

/** Values per shard, on average and at most before they are dealt out anew: an entry of the changelog has some 2 KB. */
const SHARD_VALUES = 32
/** Longer values are remembered by their beginning and a hash of 128 bits. */
const VALUE_CHARACTERS = 128
const SHOWN_CHARACTERS = 90

export function emptyValues(): KnownValues {
  return { shards: [new Map()], size: 0, dirty: new Set() }
}

/**
 * A value as it is remembered: the texts of each field, as JSON. Two different values are the same only if both are longer than
 * 128 characters, begin alike, and their hashes of 128 bits are the same.
 */
export function valueText(texts: readonly (readonly string[])[]): string {
  const whole = JSON.stringify(texts)
  if (whole.length <= VALUE_CHARACTERS) return whole
  return JSON.stringify([whole.slice(0, SHOWN_CHARACTERS).toWellFormed(), hash('sha256', whole, 'hex').slice(0, 32)])
}

/** FNV-1a, 32 bits. Source: draft-eastlake-fnv. */
function spread(text: string): number {
  let sum = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193)
  return sum >>> 0
}

const shardOf = ({ shards }: KnownValues, value: string): number => spread(value) & (shards.length - 1)

/** The unit in which a value was last seen. */
export function lastSeen(known: KnownValues, value: string): number | undefined {
  return known.shards[shardOf(known, value)]?.get(value)
}

function deal(known: KnownValues): void {
  const all = known.shards.flatMap((shard) => [...shard])
  known.shards = Array.from({ length: known.shards.length * 2 }, () => new Map<string, number>())
  for (const [value, unit] of all) known.shards[shardOf(known, value)]?.set(value, unit)
  for (let index = 0; index < known.shards.length; index += 1) known.dirty.add(index)
}

/** Notes that a value was seen; what is no later than known changes nothing. */
export function noteSeen(known: KnownValues, value: string, unit: number): void {
  const index = shardOf(known, value)
  const shard = known.shards[index]
  const last = shard?.get(value)
  if (shard === undefined || (last !== undefined && last >= unit)) return
  shard.set(value, unit)
  known.dirty.add(index)
  if (last !== undefined) return
  known.size += 1
  if (known.size > SHARD_VALUES * known.shards.length) deal(known)
}

/** Forgets what was last seen before a unit. */
export function forgetBefore(known: KnownValues, unit: number): void {
  for (const [index, shard] of known.shards.entries()) {
    for (const [value, last] of shard) {
      if (last >= unit) continue
      shard.delete(value)
      known.size -= 1
      known.dirty.add(index)
    }
  }
}

/** Forgets the longest unseen until no more than `most` are left. @returns how many were forgotten */
export function shrinkTo(known: KnownValues, most: number): number {
  if (known.size <= most) return 0
  const before = known.size
  const all = known.shards.flatMap((shard) => [...shard])
  const surplus = all.sort(([a, first], [b, second]) => first - second || (a < b ? -1 : 1)).slice(0, before - most)
  for (const [value] of surplus) {
    const index = shardOf(known, value)
    if (known.shards[index]?.delete(value) !== true) continue
    known.size -= 1
    known.dirty.add(index)
  }
  return before - known.size
}

/** Values as they were written. @param count of shards at that time */
export function restoreValues(count: number, pairs: Iterable<readonly [string, number]>): KnownValues {
  const shards = Array.from({ length: count }, () => new Map<string, number>())
  const known: KnownValues = { shards, size: 0, dirty: new Set() }
  for (const [value, unit] of pairs) {
    shards[shardOf(known, value)]?.set(value, unit)
    known.size += 1
  }
  return known
}
