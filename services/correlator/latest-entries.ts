/**
 * The latest entry of each key of a changelog, as bytes, in the order in which they were last written: what compaction would leave.
 * Nothing is decoded that a later entry replaces, and what is read in one go means the same as what is read ahead bit by bit.
 */
export interface LatestEntries {
  /** How much memory they take, roughly. */
  readonly bytes: number
  /** @param value null forgets the key */
  take(key: Buffer | null, value: Buffer | null): void
  /** Takes them out, one after another. */
  drain(): Generator<readonly [name: string, value: Buffer]>
}

/** Of an entry beside its key and value: the buffer, the text and its place in the map. */
const ENTRY_BYTES = 200

export function createLatestEntries(): LatestEntries {
  const latest = new Map<string, Buffer>()
  let bytes = 0
  const sizeOf = (name: string, value: Buffer) => name.length + value.length + ENTRY_BYTES

  function forget(name: string): void {
    const known = latest.get(name)
    if (known === undefined) return
    bytes -= sizeOf(name, known)
    latest.delete(name)
  }

  return {
    get bytes() {
      return bytes
    },

    take(key, value) {
      const name = key?.toString('utf8') ?? ''
      // Forgotten first, so that it stands behind those that were written before it.
      forget(name)
      if (value === null) return
      // Copied, since it is a piece of a response that would be kept in memory with it.
      const own = Buffer.from(value)
      bytes += sizeOf(name, own)
      latest.set(name, own)
    },

    *drain() {
      for (const [name, value] of latest) {
        forget(name)
        yield [name, value]
      }
    }
  }
}
