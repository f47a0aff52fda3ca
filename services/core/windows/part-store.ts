import type { Signal } from '../../../schemas/generated/types.ts'
import { minuteOf } from './agenda.ts'
import { type Block, eachRecord, readBlock } from './part-block.ts'
import { createPartBlocks } from './part-blocks.ts'
import * as record from './part-record.ts'
import { createTemplates, type Template } from './part-template.ts'
import { createSlotIndex, grown, hashId, hashTexts } from './slot-index.ts'

/**
 * Signals that count towards open windows, each in a slot. Those of the batch that is under way are kept as they are; when it is packed,
 * what windows need of them goes as bytes into blocks, which are at the same time what the changelog holds.
 */
export interface PartStore {
  readonly size: number
  /** @returns -1 when there is none with this id */
  slotOf(id: string): number
  /**
   * @param signal whose id is not in the store
   * @param minute when it is to be looked at whether it can go
   * @param isSingle whether it has an entry of its own in the changelog, since it may be replaced; others share blocks
   */
  add(signal: Signal, minute: number, isSingle: boolean): number
  /** The slot may be used again. */
  remove(slot: number): void
  has(slot: number): boolean
  isSingle(slot: number): boolean
  /** The minute that was given with it; -1 when the slot is empty. */
  minuteOf(slot: number): number
  idOf(slot: number): string
  /** Microseconds since the epoch. */
  timeOf(slot: number): number
  ruleOf(slot: number): string
  fieldsOf(slot: number): Signal['correlation_fields']
  /** Whether the values of a field are these, at least one. */
  valuesAre(slot: number, name: string, texts: readonly string[]): boolean
  /** What `hashTexts` gives of the values of a field; null when it has none. */
  hashOfValues(slot: number, name: string, seed: number): number | null
  /** Whether a field of one signal has the same values as a field of another, which has some. */
  isSameValues(slot: number, name: string, other: number, otherName: string): boolean
  /** The signal; title, evidence and deduplication key may be missing. */
  signalOf(slot: number): Signal
  /**
   * Packs what was added since it was last called, and blocks that have become small.
   * @param classOf what signals of a rule are in a block with: those that are given up at the same time after theirs
   */
  pack(classOf: (rule_id: string) => number): void
  /**
   * Takes in a block of the changelog; they have to come in the order in which they were written.
   * @param known templates of the blocks before, by their text; those of this block are added
   * @throws RangeError or SyntaxError when what was stored is no block
   */
  restore(number: number, bytes: Uint8Array, known: Map<string, Template>, how: RestoredParts): void
}

/** How parts are taken in out of the changelog. */
export interface RestoredParts {
  /** What signals of a rule are in a block with. */
  readonly classOf: (rule_id: string) => number
  /** How long after its time a signal of a rule can matter, microseconds; null leaves all of it out. */
  readonly memoryOf: (rule_id: string) => number | null
  /** What mattered until before this is left out, microseconds since the epoch. */
  readonly closed_before: number
  /** Is given each slot, with the minute when it is to be looked at. */
  readonly taken: (slot: number, rule_id: string, minute: number) => void
}

/** Per slot: hash of the id, block and place of the record in it, minute of expiry; then the time, as a double. */
const HASH = 0
const BLOCK = 1
const AT = 2
const MINUTE = 3
const STRIDE = 6
const TIME = 2
const TIME_STRIDE = 3

/** Instead of a block's number: not packed yet, with or without an entry of its own. */
const FRESH = -1
const FRESH_SINGLE = -2
const EMPTY = -3

/** @param changed is given what the changelog has to hold under the number of a block; null for nothing */
export function createPartStore(changed: (number: number, bytes: Buffer | null) => void = () => {}): PartStore {
  const index = createSlotIndex()
  const templates = createTemplates()
  /** Of signals that are not packed yet. */
  const signals: (Signal | undefined)[] = []
  /** Slots of these, in the order in which they came; some may have been given up since. */
  let fresh: number[] = []
  const free: number[] = []
  let times = new Float64Array(0)
  /** The same bytes as other numbers. */
  let numbers = new Int32Array(times.buffer)
  let length = 0
  let size = 0

  const blocks = createPartBlocks(changed, (slot, block, at) => {
    numbers[slot * STRIDE + BLOCK] = block
    numbers[slot * STRIDE + AT] = at
    signals[slot] = undefined
  })

  const blockOf = (slot: number) => numbers[slot * STRIDE + BLOCK] ?? EMPTY
  const atOf = (slot: number) => numbers[slot * STRIDE + AT] ?? 0
  const bytesOf = (slot: number) => blocks.get(blockOf(slot)).bytes

  function templateOf(slot: number): Template {
    const { bytes, templates: own } = blocks.get(blockOf(slot))
    const template = own[record.templateNumberOf(bytes, atOf(slot))]
    if (template === undefined) throw new RangeError('a packed signal names a template that its block does not have')
    return template
  }

  function isWithId(slot: number, id: string): boolean {
    const signal = signals[slot]
    if (signal !== undefined) return signal.id === id
    return record.hasId(bytesOf(slot), atOf(slot), templateOf(slot), id)
  }

  let wanted = ''
  const isWanted = (slot: number): boolean => isWithId(slot, wanted)

  function find(id: string, hash: number): number {
    wanted = id
    let slot = index.first(hash)
    while (slot >= 0 && !isWanted(slot)) slot = index.next()
    return slot
  }

  function room(): number {
    const reused = free.pop()
    if (reused !== undefined) return reused
    const slot = length
    length += 1
    if (length * TIME_STRIDE > times.length) {
      times = grown(times, length * TIME_STRIDE, (longer) => new Float64Array(longer))
      numbers = new Int32Array(times.buffer)
    }
    signals.push(undefined)
    return slot
  }

  function occupy(hash: number, time: number, minute: number, block: number, at: number): number {
    const slot = room()
    const first = slot * STRIDE
    numbers[first + HASH] = hash
    numbers[first + BLOCK] = block
    numbers[first + AT] = at
    numbers[first + MINUTE] = minute
    times[slot * TIME_STRIDE + TIME] = time
    index.add(hash, slot)
    size += 1
    return slot
  }

  /** The hash of the id that was last looked for: what is not there is added next. */
  let lastId = ''
  let lastHash = hashId(lastId)
  function hashOf(id: string): number {
    if (id === lastId) return lastHash
    lastId = id
    lastHash = hashId(id)
    return lastHash
  }

  const NOT_THERE: readonly string[] = []
  function ownValues(slot: number, name: string): readonly string[] {
    const signal = signals[slot]
    if (signal === undefined) return record.valuesOf(bytesOf(slot), atOf(slot), templateOf(slot), name)
    return Object.hasOwn(signal.correlation_fields, name) ? (signal.correlation_fields[name] ?? NOT_THERE) : NOT_THERE
  }

  const placeOf = (slot: number): record.RecordPlace => ({
    bytes: bytesOf(slot),
    at: atOf(slot),
    template: templateOf(slot)
  })

  /** What has to be known of a rule for each of its signals. */
  function ruleOfBlock({ common: { rule } }: Template, { memoryOf }: RestoredParts) {
    return { id: rule.id, memory_us: memoryOf(rule.id) }
  }

  function restoreBlock(number: number, block: Block, how: RestoredParts): void {
    let left = block.slots.length
    const { bytes } = block
    const [first] = block.templates
    blocks.restore(number, block, first === undefined ? 0 : how.classOf(first.common.rule.id))
    const rules = block.templates.map((template) => ruleOfBlock(template, how))
    let template = first
    let at = 0
    const isThis = (slot: number) => template !== undefined && isWithId(slot, record.idOf(bytes, at, template))
    eachRecord(block, (begin, place) => {
      at = begin
      const templateNumber = record.templateNumberOf(bytes, at)
      template = block.templates[templateNumber]
      const rule = rules[templateNumber]
      if (template === undefined || rule === undefined)
        throw new RangeError('a packed signal names a template that its block does not have')
      if (rule.memory_us === null) return
      const time = record.timeOf(bytes, at)
      const end = time + rule.memory_us
      if (end < how.closed_before) return
      const hash = record.hashOfId(bytes, at, template)
      let same = index.first(hash)
      while (same >= 0 && !isThis(same)) same = index.next()
      if (same >= 0) return
      const minute = minuteOf(end)
      const slot = occupy(hash, time, minute, number, at)
      block.slots[place] = slot
      left -= 1
      how.taken(slot, rule.id, minute)
    })
    for (; left > 0; left -= 1) blocks.giveUp(number)
  }

  return {
    get size() {
      return size
    },
    slotOf: (id) => find(id, hashOf(id)),

    add(signal, minute, isSingle) {
      const slot = occupy(hashOf(signal.id), signal.time, minute, isSingle ? FRESH_SINGLE : FRESH, 0)
      signals[slot] = signal
      fresh.push(slot)
      return slot
    },

    remove(slot) {
      const first = slot * STRIDE
      index.remove(numbers[first + HASH] ?? 0, slot)
      const block = numbers[first + BLOCK] ?? EMPTY
      if (block >= 0) blocks.giveUp(block)
      numbers[first + BLOCK] = EMPTY
      signals[slot] = undefined
      free.push(slot)
      size -= 1
    },

    has: (slot) => blockOf(slot) !== EMPTY,
    isSingle: (slot) => blockOf(slot) === FRESH_SINGLE || (blockOf(slot) >= 0 && blocks.isLoose(blockOf(slot))),
    minuteOf: (slot) => (blockOf(slot) === EMPTY ? -1 : (numbers[slot * STRIDE + MINUTE] ?? -1)),
    idOf: (slot) => signals[slot]?.id ?? record.idOf(bytesOf(slot), atOf(slot), templateOf(slot)),
    timeOf: (slot) => times[slot * TIME_STRIDE + TIME] ?? 0,
    ruleOf: (slot) => (signals[slot] ?? templateOf(slot).common).rule.id,

    fieldsOf(slot) {
      const signal = signals[slot]
      if (signal !== undefined) return signal.correlation_fields
      const template = templateOf(slot)
      const [bytes, at] = [bytesOf(slot), atOf(slot)]
      return Object.fromEntries(template.fields.map((name) => [name, record.valuesOf(bytes, at, template, name)]))
    },

    valuesAre(slot, name, texts) {
      const signal = signals[slot]
      if (signal === undefined) return record.valuesAre(bytesOf(slot), atOf(slot), templateOf(slot), name, texts)
      const own = signal.correlation_fields[name]
      if (own === undefined) return texts.length === 0
      if (own.length !== texts.length) return false
      for (let at = 0; at < own.length; at += 1) if (own[at] !== texts[at]) return false
      return true
    },

    signalOf: (slot) => signals[slot] ?? record.signalOf(bytesOf(slot), atOf(slot), templateOf(slot)),

    pack(classOf) {
      for (const slot of fresh) {
        const signal = signals[slot]
        // A slot that was given up and used again stands there twice.
        if (signal === undefined) continue
        const isLoose = blockOf(slot) === FRESH_SINGLE
        const place = { class: classOf(signal.rule.id), isLoose }
        blocks.add(place, signal, templates.for(signal), slot)
        signals[slot] = undefined
      }
      fresh = []
      blocks.settle((block, at, slot) => blockOf(slot) === block && atOf(slot) === at)
    },

    hashOfValues(slot, name, seed) {
      if (signals[slot] === undefined)
        return record.hashOfValues(bytesOf(slot), atOf(slot), templateOf(slot), name, seed)
      const own = ownValues(slot, name)
      return own.length === 0 ? null : hashTexts(own, seed)
    },

    isSameValues(slot, name, other, otherName) {
      if (signals[slot] === undefined && signals[other] === undefined)
        return record.isSameValues(placeOf(slot), name, placeOf(other), otherName)
      const own = ownValues(slot, name)
      const others = ownValues(other, otherName)
      return own.length === others.length && own.every((text, at) => text === others[at])
    },

    restore(number, bytes, known, how) {
      restoreBlock(number, readBlock(bytes, known), how)
    }
  }
}
