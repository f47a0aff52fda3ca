import type { Signal } from '../../../schemas/generated/types.ts'
import { type Block, type BlockWriter, createBlockWriter, eachRecord } from './part-block.ts'
import { templateNumberOf } from './part-record.ts'
import type { Template } from './part-template.ts'

/** What a signal is in a block with. */
export interface Place {
  /** Signals of one class are given up about the same time after theirs. */
  readonly class: number
  /** Whether the block is in memory only, since each of its signals has an entry of its own in the changelog. */
  readonly isLoose: boolean
}

interface Held extends Place {
  readonly block: Block
  /** How many of its records still count. */
  live: number
}

/** So many blocks of a level become one of the next; a signal is written anew no more than once a level. */
const MERGED = 8
/** Blocks as long as this stay as they are; smaller ones are of levels, each eight times the one before. */
const LARGE_BYTES = 64 * 1024
const LEVELS = 3

function levelOf({ bytes }: Block): number {
  let level = LEVELS
  for (let length = LARGE_BYTES; level > 0 && bytes.length < length; length /= MERGED) level -= 1
  return level
}

const keyOf = ({ class: number, isLoose }: Place): string => `${isLoose ? 'loose' : 'stored'} ${number}`

/**
 * The blocks of a cluster. A new one is written with every batch, so small ones are put together from time to time, and what is left of
 * one of which half is gone is written anew: blocks stay few and full, whatever the size of batches.
 * @param changed is given what the changelog has to hold under the number of a block; null for nothing
 * @param moved is given where a slot's record lies from now on
 */
export function createPartBlocks(
  changed: (number: number, bytes: Buffer | null) => void,
  moved: (slot: number, number: number, at: number) => void
) {
  const held = new Map<number, Held>()
  /** Numbers of small blocks, by place and level; those that are gone stand there, too. */
  const small = new Map<string, number[][]>()
  const writers = new Map<string, { readonly place: Place; readonly writer: BlockWriter; readonly begins: number[] }>()
  /** Half of these is gone. */
  const sparse = new Set<number>()
  let next = 0

  function get(number: number): Held {
    const found = held.get(number)
    if (found === undefined) throw new RangeError(`there is no block ${number}`)
    return found
  }

  function hold(number: number, one: Held): void {
    held.set(number, one)
    const level = levelOf(one.block)
    if (level === LEVELS) return
    const key = keyOf(one)
    const levels = small.get(key) ?? Array.from({ length: LEVELS }, (): number[] => [])
    small.set(key, levels)
    levels[level]?.push(number)
  }

  function drop(number: number): void {
    const { isLoose } = get(number)
    held.delete(number)
    sparse.delete(number)
    if (!isLoose) changed(number, null)
  }

  function finish(key: string): void {
    const open = writers.get(key)
    if (open === undefined || open.writer.count === 0) return
    const { place, writer, begins } = open
    const block = writer.finish()
    const number = next
    next += 1
    for (const [at, slot] of block.slots.entries()) moved(slot, number, begins[at] ?? 0)
    begins.length = 0
    hold(number, { ...place, block, live: block.slots.length })
    if (!place.isLoose) changed(number, block.bytes)
  }

  function writerOf(place: Place) {
    const key = keyOf(place)
    const known = writers.get(key)
    if (known !== undefined) {
      if (known.writer.isFull) finish(key)
      return known
    }
    const open = { place, writer: createBlockWriter(), begins: [] }
    writers.set(key, open)
    return open
  }

  /** Writes anew what is left of a block. */
  function rewrite(number: number, isThere: (number: number, at: number, slot: number) => boolean): void {
    const { block, ...place } = get(number)
    eachRecord(block, (at, position) => {
      const slot = block.slots[position] ?? -1
      const template = block.templates[templateNumberOf(block.bytes, at)]
      if (template === undefined || slot < 0 || !isThere(number, at, slot)) return
      const { writer, begins } = writerOf({ class: place.class, isLoose: place.isLoose })
      begins.push(writer.copy(block, at, template, slot))
    })
    drop(number)
  }

  return {
    get: (number: number): Block => get(number).block,
    isLoose: (number: number): boolean => get(number).isLoose,

    add(place: Place, signal: Signal, template: Template, slot: number): void {
      const { writer, begins } = writerOf(place)
      begins.push(writer.add(signal, template, slot))
    },

    /** One of its records does not count any more. */
    giveUp(number: number): void {
      const one = get(number)
      one.live -= 1
      if (one.live === 0) drop(number)
      else if (one.live * 2 < one.block.slots.length) sparse.add(number)
    },

    /** @param isThere whether the record of a slot is this one, and not another by now */
    settle(isThere: (number: number, at: number, slot: number) => boolean): void {
      for (const number of [...sparse]) rewrite(number, isThere)
      for (const key of [...writers.keys()]) finish(key)
      for (const [key, levels] of small) {
        for (const [level, numbers] of levels.entries()) {
          if (numbers.length < MERGED) continue
          const left = numbers.filter((number) => held.has(number))
          levels[level] = left.length < MERGED ? left : []
          if (left.length < MERGED) continue
          for (const number of left) rewrite(number, isThere)
          finish(key)
        }
        if (levels.every((numbers) => numbers.length === 0)) small.delete(key)
      }
      writers.clear()
    },

    /** Takes in a block of the changelog, as if all its records counted. */
    restore(number: number, block: Block, ofClass: number): void {
      next = Math.max(next, number + 1)
      hold(number, { class: ofClass, isLoose: false, block, live: block.slots.length })
    }
  }
}
