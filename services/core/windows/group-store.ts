import type { PartStore } from './part-store.ts'
import { createSlotIndex, grown, hashTexts } from './slot-index.ts'
import type { WindowRule } from './window-rule.ts'

/** What has been told of an open window. */
export interface Told {
  readonly id: string
  /** Number of events when it was last told. */
  readonly size: number
  /** Id of the event with which it came to hold. */
  readonly trigger: string
}

/** One event of a group: which part it is, and the slot of its signal. */
export interface Entry {
  readonly slot: number
  readonly part: number
}

export type GroupValues = readonly (readonly string[])[]

/**
 * The events of groups that can still matter, in arrays of numbers: some 50 bytes for a group of one event. The values a group is
 * known by are those of its events' signals, so they are not kept beside.
 */
export interface GroupStore {
  readonly size: number
  /** @returns -1 when there is none */
  find(rule: WindowRule, values: GroupValues): number
  /** A group without events: it has to get one at once. */
  add(rule: WindowRule, values: GroupValues): number
  remove(group: number): void
  has(group: number): boolean
  ruleOf(group: number): WindowRule
  valuesOf(group: number): GroupValues
  count(group: number): number
  /** @returns whether it was not there yet */
  insert(group: number, entry: Entry): boolean
  /** @returns whether it was there */
  take(group: number, entry: Entry): boolean
  /** In order of time, then part, then id. */
  entries(group: number): readonly Entry[]
  /** Lets go of events by time and part. */
  keep(group: number, isKept: (time: number, part: number) => boolean): void
  each(group: number, visit: (time: number, part: number) => void): void
  settledOf(group: number): number
  settle(group: number, time: number): void
  /** Open windows, by id. */
  toldOf(group: number): ReadonlyMap<string, Told>
  tell(group: number, told: ReadonlyMap<string, Told>): void
  /** Minute at which it is to be looked at; -1 for none. */
  dueOf(group: number): number
  setDue(group: number, minute: number): void
  /** Puts it last in the order of change. */
  touch(group: number): void
  /** The one longest unchanged, -1 when there is none. */
  oldest(): number
  all(): Iterable<number>
}

const NONE = -1
const NOTHING_TOLD: ReadonlyMap<string, Told> = new Map()

function isSameValues(some: GroupValues, others: GroupValues): boolean {
  return (
    some.length === others.length &&
    some.every((texts, place) => {
      const other = others[place]
      return other?.length === texts.length && texts.every((text, at) => text === other[at])
    })
  )
}

/** Events of all groups: per node its part, the slot of its signal and the node after it. */
function createNodes() {
  let slots = new Int32Array(0)
  let next = new Int32Array(0)
  let parts = new Uint16Array(0)
  let length = 0
  let free = NONE
  return {
    slotOf: (node: number) => slots[node] ?? NONE,
    partOf: (node: number) => parts[node] ?? 0,
    nextOf: (node: number) => next[node] ?? NONE,
    link(node: number, after: number): void {
      next[node] = after
    },
    add(slot: number, part: number, after: number): number {
      let node = free
      if (node === NONE) {
        node = length
        length += 1
        slots = grown(slots, length, (size) => new Int32Array(size))
        next = grown(next, length, (size) => new Int32Array(size))
        parts = grown(parts, length, (size) => new Uint16Array(size))
      } else free = next[node] ?? NONE
      slots[node] = slot
      parts[node] = part
      next[node] = after
      return node
    },
    release(node: number): void {
      next[node] = free
      free = node
    }
  }
}

/** @param parts where the signals of events are */
export function createGroupStore(parts: PartStore): GroupStore {
  const rules: WindowRule[] = []
  const numbers = new Map<WindowRule, number>()
  const index = createSlotIndex()
  const nodes = createNodes()
  const told = new Map<number, ReadonlyMap<string, Told>>()
  /** Keys of groups with several events, or none, or of which something was told. Others take theirs from their event. */
  const keys = new Map<number, GroupValues>()
  const free: number[] = []
  let ruleNumbers = new Int32Array(0)
  let hashes = new Int32Array(0)
  /** The latest event first, since nearly all events come in order. */
  let heads = new Int32Array(0)
  let counts = new Int32Array(0)
  let due = new Int32Array(0)
  let earlier = new Int32Array(0)
  let later = new Int32Array(0)
  let settled = new Float64Array(0)
  let length = 0
  let size = 0
  let first = NONE
  let last = NONE
  const int32 = (longer: number) => new Int32Array(longer)

  function room(): number {
    const reused = free.pop()
    if (reused !== undefined) return reused
    length += 1
    ruleNumbers = grown(ruleNumbers, length, int32)
    hashes = grown(hashes, length, int32)
    heads = grown(heads, length, int32)
    counts = grown(counts, length, int32)
    due = grown(due, length, int32)
    earlier = grown(earlier, length, int32)
    later = grown(later, length, int32)
    settled = grown(settled, length, (longer) => new Float64Array(longer))
    return length - 1
  }

  function numberOf(rule: WindowRule): number {
    const known = numbers.get(rule)
    if (known !== undefined) return known
    numbers.set(rule, rules.length)
    return rules.push(rule) - 1
  }

  function ruleOf(group: number): WindowRule {
    const rule = rules[ruleNumbers[group] ?? NONE]
    if (rule === undefined) throw new RangeError(`there is no group ${group}`)
    return rule
  }

  /** Values of group-by as the signal of the latest event has them. */
  function valuesOfHead(group: number): GroupValues {
    const head = heads[group] ?? NONE
    const names = ruleOf(group).fields[nodes.partOf(head)]?.group ?? []
    const fields = parts.fieldsOf(nodes.slotOf(head))
    return names.map((name) => fields[name] ?? [])
  }

  const valuesOf = (group: number) => keys.get(group) ?? valuesOfHead(group)

  function keepKey(group: number): void {
    if (!keys.has(group)) keys.set(group, valuesOfHead(group))
  }

  function unlink(group: number): void {
    const [before, after] = [earlier[group] ?? NONE, later[group] ?? NONE]
    if (before === NONE) first = after
    else later[before] = after
    if (after === NONE) last = before
    else earlier[after] = before
  }

  function append(group: number): void {
    earlier[group] = last
    later[group] = NONE
    if (last === NONE) first = group
    else later[last] = group
    last = group
  }

  /** Whether the event of a node comes after an entry. */
  function isLater(node: number, { slot, part }: Entry): boolean {
    const [other, otherPart] = [nodes.slotOf(node), nodes.partOf(node)]
    const difference = parts.timeOf(other) - parts.timeOf(slot) || otherPart - part
    return difference > 0 || (difference === 0 && other !== slot && parts.idOf(other) > parts.idOf(slot))
  }

  /** The last node that is later than the entry, or NONE, and the one after it. */
  function placeOf(group: number, entry: Entry): { before: number; at: number } {
    let before = NONE
    let at = heads[group] ?? NONE
    while (at !== NONE && isLater(at, entry)) {
      before = at
      at = nodes.nextOf(at)
    }
    return { before, at }
  }

  const isSame = (node: number, { slot, part }: Entry) =>
    node !== NONE && nodes.slotOf(node) === slot && nodes.partOf(node) === part

  return {
    get size() {
      return size
    },

    find(rule, values) {
      const number = numberOf(rule)
      return index.find(
        hashTexts(values, number),
        (group) => ruleNumbers[group] === number && isSameValues(valuesOf(group), values)
      )
    },

    add(rule, values) {
      const group = room()
      const number = numberOf(rule)
      ruleNumbers[group] = number
      heads[group] = NONE
      counts[group] = 0
      due[group] = NONE
      settled[group] = Number.NEGATIVE_INFINITY
      hashes[group] = hashTexts(values, number)
      index.add(hashes[group] ?? 0, group)
      append(group)
      size += 1
      return group
    },

    remove(group) {
      for (let node = heads[group] ?? NONE; node !== NONE; ) {
        const after = nodes.nextOf(node)
        nodes.release(node)
        node = after
      }
      index.remove(hashes[group] ?? 0, group)
      unlink(group)
      told.delete(group)
      keys.delete(group)
      ruleNumbers[group] = NONE
      heads[group] = NONE
      due[group] = NONE
      free.push(group)
      size -= 1
    },

    has: (group) => (ruleNumbers[group] ?? NONE) !== NONE,
    ruleOf,
    valuesOf,
    count: (group) => counts[group] ?? 0,

    insert(group, entry) {
      const { before, at } = placeOf(group, entry)
      if (isSame(at, entry)) return false
      const node = nodes.add(entry.slot, entry.part, at)
      if (before === NONE) heads[group] = node
      else nodes.link(before, node)
      const count = (counts[group] ?? 0) + 1
      counts[group] = count
      if (count > 1) keepKey(group)
      return true
    },

    take(group, entry) {
      const { before, at } = placeOf(group, entry)
      if (!isSame(at, entry)) return false
      keepKey(group)
      if (before === NONE) heads[group] = nodes.nextOf(at)
      else nodes.link(before, nodes.nextOf(at))
      nodes.release(at)
      counts[group] = (counts[group] ?? 0) - 1
      return true
    },

    entries(group) {
      const all: Entry[] = []
      for (let node = heads[group] ?? NONE; node !== NONE; node = nodes.nextOf(node))
        all.push({ slot: nodes.slotOf(node), part: nodes.partOf(node) })
      return all.reverse()
    },

    keep(group, isKept) {
      let before = NONE
      for (let node = heads[group] ?? NONE; node !== NONE; ) {
        const after = nodes.nextOf(node)
        if (isKept(parts.timeOf(nodes.slotOf(node)), nodes.partOf(node))) before = node
        else {
          if (before === NONE) heads[group] = after
          else nodes.link(before, after)
          nodes.release(node)
          counts[group] = (counts[group] ?? 0) - 1
        }
        node = after
      }
    },

    each(group, visit) {
      for (let node = heads[group] ?? NONE; node !== NONE; node = nodes.nextOf(node))
        visit(parts.timeOf(nodes.slotOf(node)), nodes.partOf(node))
    },

    settledOf: (group) => settled[group] ?? Number.NEGATIVE_INFINITY,
    settle(group, time) {
      settled[group] = time
    },
    toldOf: (group) => told.get(group) ?? NOTHING_TOLD,
    tell(group, windows) {
      if (windows.size === 0) told.delete(group)
      else {
        keepKey(group)
        told.set(group, windows)
      }
    },
    dueOf: (group) => due[group] ?? NONE,
    setDue(group, minute) {
      due[group] = minute
    },
    touch(group) {
      if (last === group) return
      unlink(group)
      append(group)
    },
    oldest: () => first,
    *all() {
      for (let group = first; group !== NONE; group = later[group] ?? NONE) yield group
    }
  }
}
