import type { ByteRange } from '../avro/lazy-record.ts'

/** What was answered for some bytes: one number for each question, `UNANSWERED` where nothing was asked yet. */
export type Answers = Int32Array

export const UNANSWERED = -2

/** Different bytes that are remembered, for each field; when there are more, all are forgotten. */
const REMEMBERED = 1_024
/** Places to look for bytes, a power of two well above what is remembered; and how many are looked at before giving up. */
const PLACES = 4_096
const LOOKED_AT = 8
/** Longer values are not worth the memory. */
const LENGTH_MAX_BYTES = 320
/** Values that filled the memory so often, without most look-ups finding something, do not come again: so many are passed over. */
const FULL_TIMES = 4
const PASSED_OVER = 100_000

interface Entry {
  readonly hash: number
  readonly bytes: Uint8Array
  readonly answers: Answers
}

function isSame(ranges: readonly ByteRange[], known: Uint8Array): boolean {
  let at = 0
  for (const { bytes, from, to } of ranges) {
    for (let index = from; index < to; index += 1) {
      if (known[at] !== bytes[index]) return false
      at += 1
    }
  }
  return true
}

function copyOf(ranges: readonly ByteRange[], length: number): Uint8Array {
  const copy = new Uint8Array(length)
  let at = 0
  for (const { bytes, from, to } of ranges) {
    copy.set(bytes.subarray(from, to), at)
    at += to - from
  }
  return copy
}

/**
 * Remembers answers by bytes. What is found has exactly these bytes: nothing depends on the hash but the time it takes.
 * @param questions how many answers are remembered for the same bytes
 */
export class RememberedBytes {
  readonly #questions: number
  readonly #places = Array.from({ length: PLACES }, (): Entry | undefined => undefined)
  #used = 0
  #full = 0
  #found = 0
  #looked = 0
  #passing = 0

  constructor(questions: number) {
    this.#questions = questions
  }

  /** Whether values come again, for one more value: where they do not, looking for them costs more than it saves. */
  isWorthwhile(): boolean {
    if (this.#passing === 0) return true
    this.#passing -= 1
    return false
  }

  /**
   * @param ranges one after the other the bytes of values that tell their own length
   * @returns the answers, to be filled in by who asks; null when the bytes are not worth remembering
   */
  answersFor(ranges: readonly ByteRange[]): Answers | null {
    let length = 0
    for (const { from, to } of ranges) length += to - from
    if (length > LENGTH_MAX_BYTES) return null
    let hash = length
    for (const { bytes, from, to } of ranges)
      for (let at = from; at < to; at += 1) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0
    hash ^= hash >>> 15
    this.#looked += 1
    let place = hash & (PLACES - 1)
    for (let tried = 0; tried < LOOKED_AT; tried += 1) {
      const entry = this.#places[place]
      if (entry === undefined) return this.#remember(hash, place, ranges, length)
      if (entry.hash === hash && entry.bytes.length === length && isSame(ranges, entry.bytes)) {
        this.#found += 1
        return entry.answers
      }
      place = (place + 1) & (PLACES - 1)
    }
    return null
  }

  #remember(hash: number, place: number, ranges: readonly ByteRange[], length: number): Answers {
    if (this.#used >= REMEMBERED) {
      this.#places.fill(undefined)
      this.#used = 0
      this.#full += 1
      if (this.#full >= FULL_TIMES) {
        if (this.#found * 2 < this.#looked) this.#passing = PASSED_OVER
        this.#full = this.#found = this.#looked = 0
      }
    }
    const answers = new Int32Array(this.#questions).fill(UNANSWERED)
    this.#places[place] = { hash, bytes: copyOf(ranges, length), answers }
    this.#used += 1
    return answers
  }
}
