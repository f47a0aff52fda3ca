import type { Signal } from '../../../schemas/generated/types.ts'
import { minuteOf, note } from './agenda.ts'
import { noteGroup, notePart } from './changelog.ts'
import { windowId, windowSignal } from './correlation-signal.ts'
import { type Window, windowsOf } from './evaluate.ts'
import type { GroupValues, Told } from './group-store.ts'
import { noteHeard, wasHeard } from './hearing.ts'
import { type Item, leastItems } from './meters.ts'
import type { WindowIndex, WindowResult } from './reducer.ts'
import type { WindowState } from './state.ts'
import { horizonOf, MAX_ITEMS_PER_PART, matters, type WindowRule } from './window-rule.ts'

/** Where signals of a rule count. */
export interface Use {
  readonly rule: WindowRule
  readonly part: number
}

/** What goes on within one batch. */
export interface Run {
  readonly state: WindowState
  readonly index: WindowIndex
  /** Groups to be looked at, by rule. */
  readonly touched: Map<WindowRule, Set<number>>
  readonly results: Map<string, WindowResult>
  /** Events let go because a group had too many. */
  dropped: number
}

export function newRun(state: WindowState, index: WindowIndex): Run {
  return { state, index, touched: new Map(), results: new Map(), dropped: 0 }
}

export function touch({ state, touched }: Run, group: number): void {
  const rule = state.groups.ruleOf(group)
  const groups = touched.get(rule)
  if (groups === undefined) touched.set(rule, new Set([group]))
  else groups.add(group)
}

/** How long after its time a signal of a rule can matter, microseconds. */
export function memoryOf(index: WindowIndex, rule_id: string): number {
  let longest = 0
  for (const { rule, part } of index.uses.get(rule_id) ?? [])
    longest = Math.max(longest, horizonOf(rule, part) + rule.wait_us)
  return longest
}

function countedValues(names: readonly string[], fields: Signal['correlation_fields']): readonly string[] {
  const values = names.map((name) => (Object.hasOwn(fields, name) ? (fields[name] ?? []) : []))
  const [only] = values
  if (only !== undefined && values.length === 1) return only
  return values.length === 0 || values.some((texts) => texts.length === 0) ? [] : [JSON.stringify(values)]
}

/** The values of group-by of a signal; one without a value for one of the fields belongs to no group. */
function valuesOf({ rule, part }: Use, fields: Signal['correlation_fields']): GroupValues | null {
  const values: (readonly string[])[] = []
  for (const name of rule.fields[part]?.group ?? []) {
    const texts = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (texts === undefined || texts.length === 0) return null
    values.push(texts)
  }
  return values
}

/** The events of a group as windows see them. */
function itemsOf({ parts, groups }: WindowState, group: number): readonly Item[] {
  const rule = groups.ruleOf(group)
  return groups.entries(group).map(({ slot, part }) => {
    const names = rule.fields[part]?.counted ?? []
    return {
      id: parts.idOf(slot),
      time: parts.timeOf(slot),
      part,
      values: names.length === 0 ? [] : countedValues(names, parts.fieldsOf(slot))
    }
  })
}

const textsOf = (values: GroupValues): readonly string[] => values.map((texts) => JSON.stringify(texts))
const namedValues = ({ correlation }: WindowRule, values: GroupValues) =>
  correlation.group_by.map((name, place) => [name, values[place] ?? []] as const)

/** A full group lets go of what says least: a value that comes again later, else the oldest; never what is told of begins with. */
function shrink(run: Run, group: number, part: number): void {
  const { groups, parts, cluster_id } = run.state
  if (groups.count(group) <= MAX_ITEMS_PER_PART) return
  const own = itemsOf(run.state, group).filter((item) => item.part === part)
  if (own.length <= MAX_ITEMS_PER_PART) return
  const rule = groups.ruleOf(group)
  const told = groups.toldOf(group)
  const texts = textsOf(groups.valuesOf(group))
  const latest = new Map(own.map((item) => [item.values.join('\0'), item]))
  const candidates = own.filter((item) => !told.has(windowId(rule, cluster_id, texts, item.id)))
  const repeated =
    rule.correlation.type === 'value_count'
      ? candidates.find((item) => latest.get(item.values.join('\0')) !== item)
      : undefined
  const gone = repeated ?? candidates[0]
  if (gone !== undefined) groups.take(group, { slot: parts.slotOf(gone.id), part })
  run.dropped += 1
}

/** Puts a part into the group it belongs to. @param slot of the part */
export function insert(run: Run, use: Use, slot: number, fields: Signal['correlation_fields']): void {
  const { groups } = run.state
  const values = valuesOf(use, fields)
  if (values === null) return
  const known = groups.find(use.rule, values)
  const group = known < 0 ? groups.add(use.rule, values) : known
  if (!groups.insert(group, { slot, part: use.part })) return
  if (use.rule.grain_us > 0 && use.part > 0) noteHeard(run.state, use.rule, run.state.parts.timeOf(slot))
  shrink(run, group, use.part)
  touch(run, group)
}

function remove(run: Run, use: Use, slot: number): void {
  const { groups, parts } = run.state
  const values = valuesOf(use, parts.fieldsOf(slot))
  const group = values === null ? -1 : groups.find(use.rule, values)
  if (group >= 0 && groups.take(group, { slot, part: use.part })) touch(run, group)
}

/** Remembers a signal. @param memory_us how long after its time it can matter @returns its slot */
export function takePart({ parts, partAgenda }: WindowState, signal: Signal, memory_us: number): number {
  const slot = parts.add(signal)
  note(partAgenda, minuteOf(signal.time + memory_us), slot)
  return slot
}

/** Takes a part out of its groups and forgets it. */
export function dropPart(run: Run, slot: number): void {
  const { parts } = run.state
  for (const use of run.index.uses.get(parts.ruleOf(slot)) ?? []) remove(run, use, slot)
  parts.remove(slot)
}

/** Results of correlations and profiles are events of the correlations that refer to them, until they are told otherwise. */
export function feed(run: Run, { change, signal }: WindowResult): void {
  const { state, index } = run
  const uses = index.uses.get(signal.rule.id) ?? []
  if (uses.length === 0) return
  const before = state.parts.slotOf(signal.id)
  if (before >= 0) dropPart(run, before)
  if (change === 'withdrawn') {
    notePart(state, signal.id, null)
    return
  }
  const slot = takePart(state, signal, memoryOf(index, signal.rule.id))
  notePart(state, signal.id, signal)
  for (const use of uses) insert(run, use, slot, signal.correlation_fields)
}

function tell(run: Run, change: WindowResult['change'], signal: Signal): void {
  if (signal.role === 'alert' || change === 'withdrawn') run.results.set(signal.id, { change, signal })
  feed(run, { change, signal })
}

function signalFor({ state }: Run, rule: WindowRule, values: GroupValues, id: string, window: Window): Signal {
  const parts = window.items.flatMap((item) => {
    const slot = state.parts.slotOf(item.id)
    return slot < 0 ? [] : [state.parts.signalOf(slot)]
  })
  return windowSignal(rule, id, namedValues(rule, values), window, parts)
}

/**
 * What is told of a window: its events up to the one that completed it, and all of them when it is over. What stands in the end must
 * not hang on how the events came in batches, and however many come, it is told a few times.
 */
function toTell(window: Window): Window {
  return window.isClosed ? window : { ...window, ...window.early }
}

function isWorthTelling(told: Told, { trigger, items }: Window): boolean {
  return told.trigger !== trigger.id || items.length !== told.size
}

/** What is published of a window that is no more: enough to find and hide what was published before. */
function withdrawnSignal(run: Run, rule: WindowRule, values: GroupValues, told: Told): Signal | null {
  const slot = run.state.parts.slotOf(told.trigger)
  if (slot < 0) return null
  const part = run.state.parts.signalOf(slot)
  const item: Item = { id: told.trigger, time: part.time, part: 0, values: [] }
  const early = { items: [item], value: told.size }
  const window: Window = { first: item, trigger: item, until: part.time, ...early, early, isClosed: true }
  return { ...windowSignal(rule, told.id, namedValues(rule, values), window, [part]), role: 'withdrawn' }
}

/** Tells what is new of a group's windows. @returns whether anything is to be noted of it */
function tellWindows(run: Run, group: number, values: GroupValues, windows: readonly Window[]): boolean {
  const { groups, cluster_id } = run.state
  const rule = groups.ruleOf(group)
  const texts = textsOf(values)
  const before = groups.toldOf(group)
  const told = new Map<string, Told>()
  const seen = new Set<string>()
  let isChanged = false
  for (const window of windows.map(toTell)) {
    const id = windowId(rule, cluster_id, texts, window.first.id)
    seen.add(id)
    let now = before.get(id)
    if (now === undefined || isWorthTelling(now, window)) {
      tell(run, now === undefined ? 'new' : 'updated', signalFor(run, rule, values, id, window))
      now = { id, size: window.items.length, trigger: window.trigger.id }
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

/** When a group is to be looked at next if nothing comes: at the end of its earliest window. */
function nextDue({ groups }: WindowState, group: number, closed_before: number): number | null {
  const rule = groups.ruleOf(group)
  let due = Number.POSITIVE_INFINITY
  const spans = rule.mode === 'absence' ? [0, 1, 2] : []
  const earliest = (at: number) => {
    if (at >= closed_before && at < due) due = at
  }
  groups.each(group, (time, part) => {
    for (const span of spans) earliest(time + span * rule.timespan_us)
    earliest(time + horizonOf(rule, part))
  })
  return due === Number.POSITIVE_INFINITY ? null : due
}

export function schedule(state: WindowState, group: number): void {
  const { groups, groupAgenda } = state
  const { wait_us } = groups.ruleOf(group)
  const due = nextDue(state, group, state.closed_before - wait_us)
  const minute = due === null ? -1 : minuteOf(due + wait_us)
  if (minute === groups.dueOf(group)) return
  groups.setDue(group, minute)
  if (minute >= 0) note(groupAgenda, minute, group)
}

/** Looks at a group: tells of its windows, and lets go of what does not matter any more. */
function evaluate(run: Run, group: number): void {
  const { state } = run
  const { groups } = state
  const rule = groups.ruleOf(group)
  let isChanged = false
  let values: GroupValues | null = null
  // Most groups have too few events for anything to hold.
  const mayHold = rule.mode !== 'sliding' || groups.count(group) >= leastItems(rule) || groups.toldOf(group).size > 0
  if (mayHold) {
    const before = groups.settledOf(group)
    values = groups.valuesOf(group)
    const hears = (time: number) => rule.grain_us === 0 || wasHeard(state, rule, time)
    const closed = state.closed_before - rule.wait_us
    const { windows, settled } = windowsOf(rule, itemsOf(state, group), before, closed, hears)
    isChanged = settled !== before
    if (windows.length > 0 || groups.toldOf(group).size > 0)
      isChanged = tellWindows(run, group, values, windows) || isChanged
    groups.settle(group, settled)
  }
  const hadEntry = Number.isFinite(groups.settledOf(group))
  if (isChanged || hadEntry) values ??= groups.valuesOf(group)
  groups.keep(group, (time, part) => matters(rule, part, time, state.closed_before))
  if (groups.count(group) === 0) {
    if (values !== null && (isChanged || hadEntry)) noteGroup(state, rule, values, null)
    groups.remove(group)
    return
  }
  groups.touch(group)
  schedule(state, group)
  if (isChanged && values !== null)
    noteGroup(state, rule, values, { settled: groups.settledOf(group), told: groups.toldOf(group) })
}

/** Evaluates groups until nothing is left to be looked at; those of rules that others refer to come first. */
export function settle(run: Run): void {
  for (const rule of run.index.rules) {
    const groups = run.touched.get(rule)
    if (groups === undefined) continue
    run.touched.delete(rule)
    for (const group of groups) if (run.state.groups.has(group)) evaluate(run, group)
  }
}
