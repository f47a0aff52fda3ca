import type { Signal } from '../../../schemas/generated/types.ts'
import { copyRecord, lengthOf, writeRecord } from './part-record.ts'
import type { Template } from './part-template.ts'
import { reserve, type Writer } from './part-text.ts'

/**
 * Many signals as one run of bytes, in memory as in the changelog: their records one after another, the templates as JSON texts, and in
 * the last 9 bytes where the templates begin (4), how many records there are (4) and how all this is written (1).
 */
export interface Block {
  readonly bytes: Buffer
  readonly templates: readonly Template[]
  /** Slots of its records, in order; of those that are not there any more, whatever. */
  readonly slots: Int32Array
}

const VERSION = 1
const TAIL_BYTES = 9
/** A block ends with the record that makes it as long as this, so that it is far from the largest message that Kafka takes. */
const FULL_BYTES = 128 * 1024
const MOST_TEMPLATES = 1_000

/** Room to write in that nobody uses at present: it is needed with every batch. */
const spare: Buffer[] = []
const MOST_SPARE = 4
const NOTHING = Buffer.alloc(0)

function leave(bytes: Buffer): void {
  if (spare.length < MOST_SPARE && bytes.length <= 4 * FULL_BYTES) spare.push(bytes)
}

/** A block that is being written. */
export interface BlockWriter {
  readonly count: number
  readonly isFull: boolean
  /** @returns where the record begins */
  add(signal: Signal, template: Template, slot: number): number
  copy(from: Block, at: number, template: Template, slot: number): number
  /** The block; the writer is empty then. */
  finish(): Block
}

export function createBlockWriter(): BlockWriter {
  const writer: Writer = { bytes: NOTHING, at: 0 }
  let numbers = new Map<Template, number>()
  let slots: number[] = []

  function begin(): number {
    if (slots.length === 0) writer.bytes = spare.pop() ?? Buffer.allocUnsafeSlow(2 * FULL_BYTES)
    return writer.at
  }

  function numberOf(template: Template): number {
    const known = numbers.get(template)
    if (known !== undefined) return known
    numbers.set(template, numbers.size)
    return numbers.size - 1
  }

  return {
    get count() {
      return slots.length
    },
    get isFull() {
      return writer.at >= FULL_BYTES || numbers.size >= MOST_TEMPLATES
    },

    add(signal, template, slot) {
      const at = begin()
      writeRecord(writer, signal, template, numberOf(template))
      slots.push(slot)
      return at
    },

    copy(from, at, template, slot) {
      const to = begin()
      copyRecord(writer, from.bytes, at, numberOf(template))
      slots.push(slot)
      return to
    },

    finish() {
      const templates = [...numbers.keys()]
      const json = Buffer.from(JSON.stringify(templates.map((template) => JSON.stringify(template))))
      const end = writer.at
      reserve(writer, json.length + TAIL_BYTES)
      json.copy(writer.bytes, end)
      const tail = end + json.length
      writer.bytes.writeUInt32LE(end, tail)
      writer.bytes.writeUInt32LE(slots.length, tail + 4)
      writer.bytes[tail + 8] = VERSION
      const bytes = Buffer.allocUnsafeSlow(tail + TAIL_BYTES)
      writer.bytes.copy(bytes, 0, 0, bytes.length)
      const block: Block = { bytes, templates, slots: Int32Array.from(slots) }
      leave(writer.bytes)
      writer.bytes = NOTHING
      writer.at = 0
      numbers = new Map()
      slots = []
      return block
    }
  }
}

/**
 * A block of the changelog; no slots are known of it yet.
 * @param known templates by their text, so that those that many blocks share are in memory once; those of this block are added
 * @throws RangeError or SyntaxError when it is none
 */
export function readBlock(stored: Uint8Array, known: Map<string, Template>): Block {
  // Copied, since what came from Kafka is a piece of a response that would be kept in memory with it.
  const bytes = Buffer.allocUnsafeSlow(stored.length)
  bytes.set(stored)
  const tail = bytes.length - TAIL_BYTES
  if (tail < 0 || bytes[tail + 8] !== VERSION) throw new RangeError('the packed signals are of another version')
  const end = bytes.readUInt32LE(tail)
  const texts = JSON.parse(bytes.toString('utf8', end, tail)) as readonly string[]
  const slots = new Int32Array(bytes.readUInt32LE(tail + 4)).fill(-1)
  const templates = texts.map((text) => {
    const template = known.get(text) ?? (JSON.parse(text) as Template)
    known.set(text, template)
    return template
  })
  return { bytes, templates, slots }
}

/** Goes through the records of a block, in order. @param visit is given where each begins and its place among the slots */
export function eachRecord({ bytes, slots }: Block, visit: (at: number, place: number) => void): void {
  let at = 0
  for (let place = 0; place < slots.length; place += 1) {
    visit(at, place)
    at += lengthOf(bytes, at)
  }
}
