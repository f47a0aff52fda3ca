import type { Signal } from '../../../schemas/generated/types.ts'
import { minuteOf, note } from './agenda.ts'
import { noteGroup, notePart } from './changelog.ts'
import { windowId, windowSignal } from './correlation-signal.ts'
import { type Window, windowsOf } from './evaluate.ts'
import { type GroupValues, NO_GROUP, type Told } from './group-store.ts'
import { noteHeard, wasHeard } from './hearing.ts'
import { type Item, leastItems } from './meters.ts'
import type { WindowIndex, WindowResult } from './reducer.ts'
import type { WindowState } from './state.ts'
import { horizonOf, MAX_ITEMS_PER_PART, matters, type WindowRule } from './window-rule.ts'

/** Where signals of a rule count. */
export interface Use {
  readonly rule: WindowRule
  readonly part: number
  /** With fewer events than this nothing holds in a group, and none has to be looked at; 0 where that cannot be said. */
  readonly least: number
}

/** Where signals of a rule count, all of it. */
export interface RuleUses {
  readonly uses: readonly Use[]
  /** How long after its time a signal of the rule can matter, microseconds. */
  readonly memory_us: number
}

/** What goes on within one batch. */
export interface Run {
  readonly state: WindowState
  readonly index: WindowIndex
  /** Groups to be looked at, by rule. */
  readonly touched: Map<WindowRule, number[]>
  readonly results: Map<string, WindowResult>
  /** Events that were taken back, by id: what was told of them is taken back with what they were. */
  readonly withdrawn: Map<string, Signal>
  /** Events let go because a group had too many. */
  dropped: number
}

export function newRun(state: WindowState, index: WindowIndex): Run {
  return { state, index, touched: new Map(), results: new Map(), withdrawn: new Map(), dropped: 0 }
}

export function touch({ state, touched }: Run, group: number): void {
  const { groups } = state
  if (!groups.mark(group)) return
  const rule = groups.ruleOf(group)
  const marked = touched.get(rule)
  if (marked === undefined) touched.set(rule, [group])
  else marked.push(group)
}

/** How long after its time a signal of a rule can matter, microseconds. */
export function memoryOf({ uses }: WindowIndex, rule_id: string): number {
  return uses.get(rule_id)?.memory_us ?? 0
}

function countedValues(names: readonly string[], fields: Signal['correlation_fields']): readonly string[] {
  const values = names.map((name) => (Object.hasOwn(fields, name) ? (fields[name] ?? []) : []))
  const [only] = values
  if (only !== undefined && values.length === 1) return only
  return values.length === 0 || values.some((texts) => texts.length === 0) ? [] : [JSON.stringify(values)]
}

const NO_VALUES: readonly string[] = []

/** The events of a group as windows see them. */
function itemsOf({ parts, groups }: WindowState, group: number): readonly Item[] {
  const { fields } = groups.ruleOf(group)
  const items: Item[] = []
  groups.each(group, (slot, part) => {
    const names = fields[part]?.counted ?? NO_VALUES
    const values = names.length === 0 ? NO_VALUES : countedValues(names, parts.fieldsOf(slot))
    items.push({ slot, time: parts.timeOf(slot), part, values })
    return false
  })
  return items
}

const textsOf = (values: GroupValues): readonly string[] => values.map((texts) => JSON.stringify(texts))
const namedValues = ({ correlation }: WindowRule, values: GroupValues) =>
  correlation.group_by.map((name, place) => [name, values[place] ?? []] as const)

/** Whether what is told of a group begins with this event. */
function isFirstOfTold({ groups, parts, cluster_id }: WindowState, group: number, slot: number): boolean {
  const told = groups.toldOf(group)
  if (told.size === 0) return false
  const texts = textsOf(groups.valuesOf(group))
  return told.has(windowId(groups.ruleOf(group), cluster_id, texts, parts.idOf(slot)))
}

/** The first of a group's events whose value comes again later; -1 when there is none. */
function firstRepeated(state: WindowState, group: number, part: number): number {
  const own = itemsOf(state, group).filter((item) => item.part === part)
  const latest = new Map(own.map((item) => [item.values.join('\0'), item]))
  const isRepeated = (item: Item) => latest.get(item.values.join('\0')) !== item
  return own.find((item) => isRepeated(item) && !isFirstOfTold(state, group, item.slot))?.slot ?? -1
}

/**
 * A group of many events, when they are too many of one part, lets go of what says least: a value that comes again later, else the
 * oldest; never what is told of begins with.
 */
export function shrink(run: Run, group: number, part: number): void {
  const { state } = run
  const { groups } = state
  let count = 0
  let oldest = -1
  groups.each(group, (slot, its) => {
    if (its !== part) return false
    count += 1
    if (oldest < 0 && !isFirstOfTold(state, group, slot)) oldest = slot
    return false
  })
  if (count <= MAX_ITEMS_PER_PART) return
  const repeated = groups.ruleOf(group).correlation.type === 'value_count' ? firstRepeated(state, group, part) : -1
  const gone = repeated >= 0 ? repeated : oldest
  if (gone >= 0) groups.take(group, gone, part)
  run.dropped += 1
}

/** Puts a part into the group it belongs to. @param slot of the part */
export function insert(run: Run, { rule, part, least }: Use, slot: number, fields: Signal['correlation_fields']): void {
  const { state } = run
  const { groups } = state
  const known = groups.find(rule, part, fields)
  if (known === NO_GROUP) return
  const group = known < 0 ? groups.add() : known
  groups.insert(group, slot, part)
  if (rule.grain_us > 0 && part > 0) noteHeard(run.state, rule, run.state.parts.timeOf(slot))
  if (groups.count(group) > MAX_ITEMS_PER_PART) shrink(run, group, part)
  groups.touch(group)
  // Most groups have too few events for anything to hold: then it is enough to know when the earliest is done with.
  if (groups.count(group) >= least || groups.isNoted(group)) touch(run, group)
  else if (groups.earliest(group) === slot) schedule(state, group)
}

function remove(run: Run, { rule, part }: Use, slot: number): void {
  const { groups, parts } = run.state
  const group = groups.find(rule, part, parts.fieldsOf(slot))
  if (group >= 0 && groups.take(group, slot, part)) touch(run, group)
}

/**
 * Remembers a signal.
 * @param memory_us how long after its time it can matter
 * @param isSingle whether it has an entry of its own in the changelog
 * @returns its slot
 */
export function takePart(
  { parts, partAgenda }: WindowState,
  signal: Signal,
  memory_us: number,
  isSingle: boolean
): number {
  const minute = minuteOf(signal.time + memory_us)
  const slot = parts.add(signal, minute, isSingle)
  note(partAgenda, minute, slot)
  return slot
}

/** Takes a part out of its groups and forgets it. */
export function dropPart(run: Run, slot: number): void {
  const { parts } = run.state
  for (const use of run.index.uses.get(parts.ruleOf(slot))?.uses ?? []) remove(run, use, slot)
  parts.remove(slot)
}

/** Results of correlations and profiles are events of the correlations that refer to them, until they are told otherwise. */
export function feed(run: Run, { change, signal }: WindowResult): void {
  const { state, index } = run
  const known = index.uses.get(signal.rule.id)
  if (known === undefined) return
  const before = state.parts.slotOf(signal.id)
  if (before >= 0) {
    if (change === 'withdrawn') run.withdrawn.set(signal.id, state.parts.signalOf(before))
    dropPart(run, before)
  }
  if (change === 'withdrawn') {
    notePart(state, signal.id, null)
    return
  }
  const slot = takePart(state, signal, known.memory_us, true)
  notePart(state, signal.id, signal)
  for (const use of known.uses) insert(run, use, slot, signal.correlation_fields)
}

function tell(run: Run, change: WindowResult['change'], signal: Signal): void {
  if (signal.role === 'alert' || change === 'withdrawn') run.results.set(signal.id, { change, signal })
  feed(run, { change, signal })
}

function signalFor({ state }: Run, rule: WindowRule, values: GroupValues, id: string, window: Window): Signal {
  const parts = window.items.map(({ slot }) => state.parts.signalOf(slot))
  return windowSignal(rule, id, namedValues(rule, values), window, parts)
}

/**
 * What is told of a window: its events up to the one that completed it, and all of them when it is over. What stands in the end must
 * not hang on how the events came in batches, and however many come, it is told a few times.
 */
function toTell(window: Window): Window {
  return window.isClosed ? window : { ...window, ...window.early }
}

function isWorthTelling({ parts }: WindowState, told: Told, { trigger, items }: Window): boolean {
  return items.length !== told.size || told.trigger !== parts.idOf(trigger.slot)
}

/** What is published of a window that is no more: enough to find and hide what was published before. */
function withdrawnSignal(run: Run, rule: WindowRule, values: GroupValues, told: Told): Signal | null {
  const slot = run.state.parts.slotOf(told.trigger)
  const part = slot < 0 ? run.withdrawn.get(told.trigger) : run.state.parts.signalOf(slot)
  if (part === undefined) return null
  const item: Item = { slot, time: part.time, part: 0, values: [] }
  const early = { items: [item], value: told.size }
  const window: Window = { first: item, trigger: item, until: part.time, ...early, early, isClosed: true }
  return { ...windowSignal(rule, told.id, namedValues(rule, values), window, [part]), role: 'withdrawn' }
}

/** The id of a window that was told of, by its first event: quicker than working it out. */
function idOfTold(told: ReadonlyMap<string, Told>, first: string): string | null {
  for (const one of told.values()) if (one.first === first) return one.id
  return null
}

/** Tells what is new of a group's windows. @returns whether anything is to be noted of it */
function tellWindows(run: Run, group: number, values: GroupValues, windows: readonly Window[]): boolean {
  const { groups, parts, cluster_id } = run.state
  const rule = groups.ruleOf(group)
  const before = groups.toldOf(group)
  const told = new Map<string, Told>()
  const seen = new Set<string>()
  let isChanged = false
  for (const window of windows.map(toTell)) {
    const first = parts.idOf(window.first.slot)
    const id = idOfTold(before, first) ?? windowId(rule, cluster_id, textsOf(values), first)
    seen.add(id)
    let now = before.get(id)
    if (now === undefined || isWorthTelling(run.state, now, window)) {
      tell(run, now === undefined ? 'new' : 'updated', signalFor(run, rule, values, id, window))
      now = { id, first, size: window.items.length, trigger: parts.idOf(window.trigger.slot) }
      isChanged = true
    }
    if (window.isClosed) isChanged = true
    else told.set(id, now)
  }
  for (const gone of before.values()) {
    if (seen.has(gone.id)) continue
    isChanged = true
    const signal = withdrawnSignal(run, rule, values, gone)
    if (signal !== null) tell(run, 'withdrawn', signal)
  }
  groups.tell(group, told)
  return isChanged
}

/** When a group of an absence is to be looked at next if nothing comes: when an event of it may change what it says. */
function nextAnswered({ groups, parts }: WindowState, group: number, closed_before: number): number {
  const rule = groups.ruleOf(group)
  let due = Number.POSITIVE_INFINITY
  const earliest = (at: number) => {
    if (at >= closed_before && at < due) due = at
  }
  groups.each(group, (slot, part) => {
    const time = parts.timeOf(slot)
    for (let span = 0; span <= 2; span += 1) earliest(time + span * rule.timespan_us)
    earliest(time + horizonOf(rule, part))
    return false
  })
  return due
}

/** @param group with at least one event, of which none is done with */
export function schedule(state: WindowState, group: number): void {
  const { groups, groupAgenda } = state
  const { mode, timespan_us, wait_us } = groups.ruleOf(group)
  // At the end of its earliest window: earlier events have been let go of.
  const due =
    mode === 'absence'
      ? nextAnswered(state, group, state.closed_before - wait_us)
      : groups.earliestTime(group) + timespan_us
  const minute = due === Number.POSITIVE_INFINITY ? -1 : minuteOf(due + wait_us)
  if (minute === groups.dueOf(group)) return
  groups.setDue(group, minute)
  if (minute >= 0) note(groupAgenda, minute, group)
}

/** Lets go of what does not matter any more. */
export function letGo({ groups, closed_before }: WindowState, group: number): void {
  const rule = groups.ruleOf(group)
  if (rule.mode === 'absence') groups.keep(group, (time, part) => matters(rule, part, time, closed_before))
  else groups.keepFrom(group, closed_before - horizonOf(rule, 0) - rule.wait_us)
}

/** The same of a group of which nothing is told and nothing can hold, see `GroupStore.isQuiet`. */
export function forgetQuietly(state: WindowState, group: number): void {
  letGo(state, group)
  if (state.groups.count(group) === 0) state.groups.remove(group)
  else schedule(state, group)
}

/** Looks at a group: tells of its windows, and lets go of what does not matter any more. @param least see `leastItems` */
function evaluate(run: Run, group: number, rule: WindowRule, least: number): void {
  const { state } = run
  const { groups } = state
  groups.unmark(group)
  let isChanged = false
  let values: GroupValues | null = null
  // Most groups have too few events for anything to hold.
  const mayHold = rule.mode !== 'sliding' || groups.count(group) >= least || groups.toldOf(group).size > 0
  if (mayHold) {
    const before = groups.settledOf(group)
    values = groups.valuesOf(group)
    const hears = (time: number) => rule.grain_us === 0 || wasHeard(state, rule, time)
    const closed = state.closed_before - rule.wait_us
    const { windows, settled } = windowsOf(rule, itemsOf(state, group), before, closed, hears)
    isChanged = settled !== before
    if (windows.length > 0 || groups.toldOf(group).size > 0)
      isChanged = tellWindows(run, group, values, windows) || isChanged
    if (isChanged) groups.settle(group, settled)
  }
  const hadEntry = Number.isFinite(groups.settledOf(group))
  if (isChanged || hadEntry) values ??= groups.valuesOf(group)
  letGo(state, group)
  if (groups.count(group) === 0) {
    if (values !== null && (isChanged || hadEntry)) noteGroup(state, rule, values, null)
    groups.remove(group)
    return
  }
  schedule(state, group)
  if (isChanged && values !== null)
    noteGroup(state, rule, values, { settled: groups.settledOf(group), told: groups.toldOf(group) })
}

/** Evaluates groups until nothing is left to be looked at; those of rules that others refer to come first. */
export function settle(run: Run): void {
  for (const rule of run.index.rules) {
    const marked = run.touched.get(rule)
    if (marked === undefined) continue
    run.touched.delete(rule)
    const least = leastItems(rule)
    for (const group of marked) if (run.state.groups.has(group)) evaluate(run, group, rule, least)
  }
}
