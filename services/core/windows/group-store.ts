import { createChangeOrder } from './change-order.ts'
import { createNodes, NONE } from './group-nodes.ts'
import { createGroupRules } from './group-rules.ts'
import type { PartStore } from './part-store.ts'
import { createSlotIndex, grown, hashTexts, int32 } from './slot-index.ts'
import type { WindowRule } from './window-rule.ts'

/** What has been told of an open window. */
export interface Told {
  readonly id: string
  /** Id of its first event; absent when it was told by a version that did not write it. */
  readonly first?: string
  /** Number of events when it was last told. */
  readonly size: number
  /** Id of the event with which it came to hold. */
  readonly trigger: string
}

export type GroupValues = readonly (readonly string[])[]

/** Fields of a signal, by the names that rules use. */
type Fields = Readonly<Record<string, readonly string[]>>

/**
 * The events of groups that can still matter, in arrays of numbers: some 80 bytes for a group of one event. The values a group is
 * known by are those of its events' signals, so they are not kept beside.
 */
export interface GroupStore {
  readonly size: number
  /**
   * The group of a rule in which a signal counts as a part.
   * @returns -1 when there is none yet, -2 when it belongs to none, since one of the fields of group-by is missing
   */
  find(rule: WindowRule, part: number, fields: Fields): number
  /** The same by the values of group-by. */
  findByValues(rule: WindowRule, values: GroupValues): number
  /** The same by the values that the signal in a slot has as a part: quicker where it is not in memory as it was. */
  findAs(rule: WindowRule, part: number, slot: number): number
  /** A group without events, right after it was not found: it has to get one, and be touched, at once. */
  add(): number
  remove(group: number): void
  /** Gives up what is kept only to find groups quickly; to be called when the signals are packed. */
  forgetRecent(): void
  has(group: number): boolean
  ruleOf(group: number): WindowRule
  valuesOf(group: number): GroupValues
  count(group: number): number
  /** @param slot of an event that is not in the group */
  insert(group: number, slot: number, part: number): void
  /** @returns whether it was there */
  take(group: number, slot: number, part: number): boolean
  /** In order of time, then part, then id. @param visit says with true that it has seen enough */
  each(group: number, visit: (slot: number, part: number) => boolean | undefined): void
  /** Slot of the earliest event. */
  earliest(group: number): number
  /** Its time, microseconds since the epoch. */
  earliestTime(group: number): number
  /** Lets go of events of before a time. */
  keepFrom(group: number, time: number): void
  /** Lets go of events by time and part. */
  keep(group: number, isKept: (time: number, part: number) => boolean): void
  settledOf(group: number): number
  settle(group: number, time: number): void
  /** Open windows, by id. */
  toldOf(group: number): ReadonlyMap<string, Told>
  tell(group: number, told: ReadonlyMap<string, Told>): void
  /** Whether anything was told of it or is done with. */
  isNoted(group: number): boolean
  /**
   * Whether it has too few events for anything to hold, of rules that count no results, and nothing was told of it: then nothing has to be
   * done with it when its time comes but to let go of events.
   */
  isQuiet(group: number): boolean
  /** Minute at which it is to be looked at; -1 for none. */
  dueOf(group: number): number
  setDue(group: number, minute: number): void
  /** Marks it as to be looked at. @returns whether it was not yet */
  mark(group: number): boolean
  unmark(group: number): void
  /** Puts it last in the order of change. */
  touch(group: number): void
  /** The one longest unchanged, -1 when there is none. */
  oldest(): number
  all(): Iterable<number>
}

/** Per group: number of the rule, hash, first and last event, their number, minute when it is due, marks, turn of the last change. */
const RULE = 0
const HASH = 1
const FIRST = 2
const LAST = 3
const COUNT = 4
const DUE = 5
const MARKS = 6
const TURN = 7
const STRIDE = 8

const MARKED = 1
/** It has windows that were told of, or is settled up to some time. */
const NOTED = 2

/** Instead of a group: the signal belongs to none. */
export const NO_GROUP = -2
const NOTHING_TOLD: ReadonlyMap<string, Told> = new Map()
const NO_NAMES: readonly string[] = []

function isSameValues(some: GroupValues, others: GroupValues): boolean {
  return some.every((texts, place) => {
    const other = others[place]
    return other?.length === texts.length && texts.every((text, at) => text === other[at])
  })
}

const isList = (texts: readonly string[] | undefined): texts is readonly string[] => Array.isArray(texts)

const namesOf = (rule: WindowRule, part: number): readonly string[] => rule.fields[part]?.group ?? NO_NAMES

/** @param parts where the signals of events are */
export function createGroupStore(parts: PartStore): GroupStore {
  const rules = createGroupRules()
  const index = createSlotIndex()
  const nodes = createNodes()
  const told = new Map<number, ReadonlyMap<string, Told>>()
  const settled = new Map<number, number>()
  /** Values of groups that have lost their last event and were not looked at since. */
  const ofEmpty = new Map<number, GroupValues>()
  /** Of groups with one value that were new since `forgetRecent`: their value, so that it need not be looked for in a signal. */
  const recent: (string | undefined)[] = []
  let recentGroups: number[] = []
  const free: number[] = []
  let numbers = new Int32Array(0)
  let length = 0
  let size = 0
  const changes = createChangeOrder()

  const get = (group: number, what: number) => numbers[group * STRIDE + what] ?? NONE
  function set(group: number, what: number, value: number): void {
    numbers[group * STRIDE + what] = value
  }

  const ruleOf = (group: number): WindowRule => rules.ruleOf(get(group, RULE))

  /** Values of group-by as the signal of the latest event has them. */
  function valuesOf(group: number): GroupValues {
    const node = get(group, LAST)
    if (node === NONE) return ofEmpty.get(group) ?? []
    const fields = parts.fieldsOf(nodes.slotOf(node))
    return namesOf(ruleOf(group), nodes.partOf(node)).map((name) => fields[name] ?? [])
  }

  /** What is looked for; kept here, so that looking for it makes no function and no list anew. */
  let wantedNumber = NONE
  let wantedHash = 0
  const wanted: (readonly string[])[] = []

  function isWanted(group: number): boolean {
    if (get(group, RULE) !== wantedNumber) return false
    const key = recent[group]
    if (key !== undefined) return wanted.length === 1 && wanted[0]?.length === 1 && wanted[0][0] === key
    const node = get(group, LAST)
    if (node === NONE) return isSameValues(ofEmpty.get(group) ?? [], wanted)
    const slot = nodes.slotOf(node)
    const names = namesOf(ruleOf(group), nodes.partOf(node))
    for (let place = 0; place < names.length; place += 1)
      if (!parts.valuesAre(slot, names[place] ?? '', wanted[place] ?? NO_NAMES)) return false
    return true
  }

  let wantedSlot = NONE
  let wantedNames: readonly string[] = NO_NAMES

  function isAsWanted(group: number): boolean {
    if (get(group, RULE) !== wantedNumber) return false
    const node = get(group, LAST)
    if (node === NONE) {
      const fields = parts.fieldsOf(wantedSlot)
      const values = wantedNames.map((name) => fields[name] ?? NO_NAMES)
      return isSameValues(ofEmpty.get(group) ?? [], values)
    }
    const slot = nodes.slotOf(node)
    const names = namesOf(ruleOf(group), nodes.partOf(node))
    for (let place = 0; place < names.length; place += 1)
      if (!parts.isSameValues(slot, names[place] ?? '', wantedSlot, wantedNames[place] ?? '')) return false
    return true
  }

  function findWanted(): number {
    let hash = wantedNumber
    for (let place = 0; place < wanted.length; place += 1) hash = hashTexts(wanted[place] ?? NO_NAMES, hash)
    wantedHash = hash
    let group = index.first(hash)
    while (group >= 0 && !isWanted(group)) group = index.next()
    return group
  }

  /** Whether the event of a node comes after another. */
  function isLater(node: number, slot: number, part: number, time: number): boolean {
    const its = nodes.timeOf(node)
    if (its !== time) return its > time
    const difference = nodes.partOf(node) - part
    if (difference !== 0) return difference > 0
    const other = nodes.slotOf(node)
    return other !== slot && parts.idOf(other) > parts.idOf(slot)
  }

  /** The last node that does not come after an event, or NONE. Nearly all events come in order, so it is the last as a rule. */
  function placeOf(group: number, slot: number, part: number, time: number): number {
    let node = get(group, LAST)
    while (node !== NONE && isLater(node, slot, part, time)) node = nodes.before(node)
    return node
  }

  function cut(group: number, node: number): void {
    const before = nodes.before(node)
    const after = nodes.after(node)
    if (before === NONE) set(group, FIRST, after)
    if (after === NONE) set(group, LAST, before)
    nodes.link(before, after)
    nodes.release(node)
    set(group, COUNT, get(group, COUNT) - 1)
  }

  function noteMarks(group: number): void {
    const isNoted = told.has(group) || settled.has(group)
    set(group, MARKS, isNoted ? get(group, MARKS) | NOTED : get(group, MARKS) & ~NOTED)
  }

  const isCurrent = (group: number, turn: number) => get(group, RULE) !== NONE && get(group, TURN) === turn

  const isNoted = (group: number) => (get(group, MARKS) & NOTED) !== 0

  return {
    get size() {
      return size
    },

    find(rule, part, fields) {
      wantedNumber = rules.numberOf(rule)
      const names = namesOf(rule, part)
      // Its length is not set unless it changes: that is no quick thing.
      if (wanted.length !== names.length) wanted.length = names.length
      for (let place = 0; place < names.length; place += 1) {
        const name = names[place] ?? ''
        const texts = fields[name]
        // What every object inherits under some names is no list.
        if (!isList(texts) || texts.length === 0) return NO_GROUP
        wanted[place] = texts
      }
      return findWanted()
    },

    findAs(rule, part, slot) {
      wantedNumber = rules.numberOf(rule)
      wantedNames = namesOf(rule, part)
      wantedSlot = slot
      // What is added next is known by its events alone.
      wanted.length = 0
      let hash = wantedNumber
      for (let place = 0; place < wantedNames.length; place += 1) {
        const next = parts.hashOfValues(slot, wantedNames[place] ?? '', hash)
        if (next === null) return NO_GROUP
        hash = next
      }
      wantedHash = hash
      let group = index.first(hash)
      while (group >= 0 && !isAsWanted(group)) group = index.next()
      return group
    },

    findByValues(rule, values) {
      wantedNumber = rules.numberOf(rule)
      wanted.splice(0, wanted.length, ...values)
      return findWanted()
    },

    add() {
      let group = free.pop()
      if (group === undefined) {
        group = length
        length += 1
        if (length * STRIDE > numbers.length) numbers = grown(numbers, length * STRIDE, int32)
        recent.push(undefined)
      }
      set(group, RULE, wantedNumber)
      set(group, HASH, wantedHash)
      set(group, FIRST, NONE)
      set(group, LAST, NONE)
      set(group, COUNT, 0)
      set(group, DUE, NONE)
      set(group, MARKS, 0)
      recent[group] = wanted.length === 1 && wanted[0]?.length === 1 ? wanted[0][0] : undefined
      recentGroups.push(group)
      index.add(wantedHash, group)
      set(group, TURN, 0)
      size += 1
      return group
    },

    remove(group) {
      for (let node = get(group, FIRST); node !== NONE; ) {
        const after = nodes.after(node)
        nodes.release(node)
        node = after
      }
      index.remove(get(group, HASH), group)
      if (isNoted(group)) {
        told.delete(group)
        settled.delete(group)
      }
      if (ofEmpty.size > 0) ofEmpty.delete(group)
      recent[group] = undefined
      set(group, RULE, NONE)
      set(group, FIRST, NONE)
      set(group, LAST, NONE)
      set(group, DUE, NONE)
      free.push(group)
      size -= 1
    },

    forgetRecent() {
      for (const group of recentGroups) recent[group] = undefined
      recentGroups = []
    },

    has: (group) => get(group, RULE) !== NONE,
    ruleOf,
    valuesOf,
    count: (group) => get(group, COUNT),

    insert(group, slot, part) {
      const time = parts.timeOf(slot)
      const before = placeOf(group, slot, part, time)
      const after = before === NONE ? get(group, FIRST) : nodes.after(before)
      const node = nodes.add(slot, part, time)
      nodes.link(before, node)
      nodes.link(node, after)
      if (before === NONE) set(group, FIRST, node)
      if (after === NONE) set(group, LAST, node)
      set(group, COUNT, get(group, COUNT) + 1)
      if (ofEmpty.size > 0) ofEmpty.delete(group)
    },

    take(group, slot, part) {
      const node = placeOf(group, slot, part, parts.timeOf(slot))
      if (node === NONE || nodes.slotOf(node) !== slot || nodes.partOf(node) !== part) return false
      if (get(group, COUNT) === 1) ofEmpty.set(group, valuesOf(group))
      cut(group, node)
      return true
    },

    each(group, visit) {
      for (let node = get(group, FIRST); node !== NONE; node = nodes.after(node))
        if (visit(nodes.slotOf(node), nodes.partOf(node)) === true) return
    },

    earliest: (group) => nodes.slotOf(get(group, FIRST)),
    earliestTime: (group) => nodes.timeOf(get(group, FIRST)),

    keepFrom(group, time) {
      let node = get(group, FIRST)
      let gone = 0
      while (node !== NONE && nodes.timeOf(node) < time) {
        const after = nodes.after(node)
        nodes.release(node)
        node = after
        gone += 1
      }
      if (gone === 0) return
      set(group, FIRST, node)
      set(group, COUNT, get(group, COUNT) - gone)
      if (node === NONE) set(group, LAST, NONE)
      else nodes.link(NONE, node)
    },

    keep(group, isKept) {
      for (let node = get(group, FIRST); node !== NONE; ) {
        const after = nodes.after(node)
        if (!isKept(nodes.timeOf(node), nodes.partOf(node))) cut(group, node)
        node = after
      }
    },

    settledOf: (group) =>
      isNoted(group) ? (settled.get(group) ?? Number.NEGATIVE_INFINITY) : Number.NEGATIVE_INFINITY,
    settle(group, time) {
      if (Number.isFinite(time)) settled.set(group, time)
      else settled.delete(group)
      noteMarks(group)
    },
    toldOf: (group) => (isNoted(group) ? (told.get(group) ?? NOTHING_TOLD) : NOTHING_TOLD),
    tell(group, windows) {
      if (windows.size === 0) told.delete(group)
      else told.set(group, windows)
      noteMarks(group)
    },
    isNoted,
    isQuiet: (group) => get(group, MARKS) === 0 && get(group, COUNT) < rules.quietBelow(get(group, RULE)),
    dueOf: (group) => get(group, DUE),
    setDue(group, minute) {
      set(group, DUE, minute)
    },
    mark(group) {
      const marks = get(group, MARKS)
      if ((marks & MARKED) !== 0) return false
      set(group, MARKS, marks | MARKED)
      return true
    },
    unmark(group) {
      set(group, MARKS, get(group, MARKS) & ~MARKED)
    },
    touch(group) {
      set(group, TURN, changes.add(group))
      changes.tidy(size, isCurrent)
    },
    oldest: () => changes.first(isCurrent),
    *all() {
      for (let group = 0; group < length; group += 1) if (get(group, RULE) !== NONE) yield group
    }
  }
}
