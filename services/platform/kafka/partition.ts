/** Part of the murmur2 hash; the values and shifts are those of Kafka's own clients. */
const SEED = 0x9747b28c
const MULTIPLIER = 0x5bd1e995

/**
 * Hash of a key as Kafka's Java client computes it (org.apache.kafka.common.utils.Utils.murmur2), so that a key is in the
 * same partition whoever produces it. kafkajs computes the same with BigInt, which is many times slower.
 * @returns a 32-bit integer
 */
export function murmur2(key: Uint8Array): number {
  const { length } = key
  const at = (index: number) => key[index] ?? 0
  let hash = SEED ^ length
  const whole = length & ~3
  for (let index = 0; index < whole; index += 4) {
    let word = at(index) | (at(index + 1) << 8) | (at(index + 2) << 16) | (at(index + 3) << 24)
    word = Math.imul(word, MULTIPLIER)
    word ^= word >>> 24
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER)
  }
  const left = length - whole
  if (left > 0) {
    if (left === 3) hash ^= at(whole + 2) << 16
    if (left >= 2) hash ^= at(whole + 1) << 8
    hash ^= at(whole)
    hash = Math.imul(hash, MULTIPLIER)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, MULTIPLIER)
  return hash ^ (hash >>> 15)
}

/**
 * @param partitions how many the topic has
 * @returns the partition of messages with this key
 */
export function partitionOf(key: string | Uint8Array, partitions: number): number {
  const bytes = typeof key === 'string' ? Buffer.from(key) : key
  return (murmur2(bytes) & 0x7fffffff) % partitions
}
