import type { CorrelatorState, Signal } from '../../../schemas/generated/types.ts'
import { note, takeDue, wholeMinutes } from './agenda.ts'
import { noteGroup, notePart } from './changelog.ts'
import { windowId, windowSignal } from './correlation-signal.ts'
import { type Window, windowsOf } from './evaluate.ts'
import { byItemTime, type Item } from './meters.ts'
import { emptyWindowState, type Told, type WindowGroup, type WindowState } from './state.ts'
import { horizonOf, MAX_ITEMS_PER_PART, type WindowRule } from './window-rule.ts'

/** Where signals of a rule count. */
interface Use {
  readonly rule: WindowRule
  readonly part: number
}

export interface WindowIndex {
  readonly rules: readonly WindowRule[]
  /** By id of the rule or correlation that is referred to. */
  readonly uses: ReadonlyMap<string, readonly Use[]>
}

export function windowIndexOf(rules: readonly WindowRule[]): WindowIndex {
  const uses = new Map<string, Use[]>()
  for (const rule of rules) {
    for (const [part, id] of rule.parts.entries()) uses.set(id, [...(uses.get(id) ?? []), { rule, part }])
  }
  return { rules, uses }
}

/** Something that is told: a new result, one with more events, or one that late events showed not to hold. */
export interface WindowResult {
  readonly change: 'new' | 'updated' | 'withdrawn'
  readonly signal: Signal
}

export interface WindowCounts {
  /** Signals that count towards some correlation. */
  readonly taken: number
  readonly duplicates: number
  /** Too late for every window. */
  readonly late: number
  /** Events let go because a group had too many. */
  readonly dropped: number
  /** Groups let go because there were too many. */
  readonly evicted: number
}

export interface WindowOutputs {
  /** Results of correlations, at most one for each id, in the order of rules and groups. */
  readonly results: readonly WindowResult[]
  readonly counts: WindowCounts
}

export interface WindowLimits {
  readonly max_groups: number
}

export const DEFAULT_WINDOW_LIMITS: WindowLimits = { max_groups: 100_000 }

interface Run {
  readonly state: WindowState
  readonly index: WindowIndex
  /** Groups to be looked at, by key. */
  readonly touched: Map<string, WindowGroup>
  readonly results: Map<string, WindowResult>
  dropped: number
}

/** How long after its time a signal of a rule can matter, microseconds. */
function memoryOf(index: WindowIndex, rule_id: string): number {
  return Math.max(0, ...(index.uses.get(rule_id) ?? []).map(({ rule, part }) => horizonOf(rule, part) + rule.wait_us))
}

/** Whether an event of this time still matters to a rule. */
function matters({ rule, part }: Use, time: number, closed_before: number): boolean {
  return time + horizonOf(rule, part) + rule.wait_us >= closed_before
}

const groupKey = (rule: WindowRule, values: readonly (readonly string[])[]): string =>
  `${rule.id}/${JSON.stringify(values)}`

function countedValues(names: readonly string[], { correlation_fields }: Signal): readonly string[] {
  const values = names.map((name) => (Object.hasOwn(correlation_fields, name) ? (correlation_fields[name] ?? []) : []))
  const [only] = values
  if (only !== undefined && values.length === 1) return only
  return values.length === 0 || values.some((texts) => texts.length === 0) ? [] : [JSON.stringify(values)]
}

/** Puts a signal into the group it belongs to; a signal without a value for a field of group-by belongs to none. */
function place(state: WindowState, { rule, part }: Use, signal: Signal): { group: WindowGroup; item: Item } | null {
  const names = rule.fields[part]
  if (names === undefined) return null
  const fields = signal.correlation_fields
  const values = names.group.map((name) => (Object.hasOwn(fields, name) ? (fields[name] ?? []) : []))
  if (values.some((texts) => texts.length === 0)) return null
  const key = groupKey(rule, values)
  const group: WindowGroup = state.groups.get(key) ?? {
    key,
    rule,
    fields: rule.correlation.group_by.map((name, index) => [name, values[index] ?? []]),
    items: [],
    settled: Number.NEGATIVE_INFINITY,
    told: new Map()
  }
  return { group, item: { id: signal.id, time: signal.time, part, values: countedValues(names.counted, signal) } }
}

/** Where an item stands, or would stand. */
function positionOf(items: readonly Item[], item: Item): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >> 1
    const other = items[middle]
    if (other !== undefined && byItemTime(other, item) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** A full group lets go of what says least: a value that comes again later, else the oldest; never what is told of begins with. */
function shrink(run: Run, group: WindowGroup, part: number): void {
  const own = group.items.filter((item) => item.part === part)
  if (own.length <= MAX_ITEMS_PER_PART) return
  const latest = new Map(own.map((item) => [item.values.join('\0'), item]))
  const isFirst = (item: Item) =>
    group.told.has(windowId(group.rule, run.state.cluster_id, groupValues(group), item.id))
  const candidates = own.filter((item) => !isFirst(item))
  const repeated =
    group.rule.correlation.type === 'value_count'
      ? candidates.find((item) => latest.get(item.values.join('\0')) !== item)
      : undefined
  const gone = repeated ?? candidates[0]
  group.items = group.items.filter((item) => item !== gone)
  run.dropped += 1
}

const groupValues = ({ fields }: WindowGroup): readonly string[] => fields.map(([, values]) => JSON.stringify(values))

function insert(run: Run, use: Use, signal: Signal): void {
  const placed = place(run.state, use, signal)
  if (placed === null) return
  const { group, item } = placed
  const at = positionOf(group.items, item)
  if (group.items[at]?.id === item.id) return
  group.items.splice(at, 0, item)
  run.state.groups.set(group.key, group)
  shrink(run, group, use.part)
  run.touched.set(group.key, group)
}

function remove(run: Run, use: Use, signal: Signal): void {
  const placed = place(run.state, use, signal)
  if (placed === null) return
  const { group, item } = placed
  const at = positionOf(group.items, item)
  if (group.items[at]?.id !== item.id) return
  group.items.splice(at, 1)
  run.touched.set(group.key, group)
}

/** Makes a signal count everywhere it does. */
export function takePart(state: WindowState, index: WindowIndex, signal: Signal): void {
  state.parts.set(signal.id, signal)
  note(state.partAgenda, signal.time + memoryOf(index, signal.rule.id), signal.id)
}

function tell(run: Run, change: WindowResult['change'], signal: Signal, before: Signal | null): void {
  const { state, index, results } = run
  if (signal.role === 'alert' || change === 'withdrawn') results.set(signal.id, { change, signal })
  const uses = index.uses.get(signal.rule.id) ?? []
  if (uses.length === 0) return
  // Results of correlations are events of the correlations above.
  for (const use of uses) if (before !== null) remove(run, use, before)
  if (change === 'withdrawn') {
    state.parts.delete(signal.id)
    notePart(state, signal.id, null)
    return
  }
  takePart(state, index, signal)
  notePart(state, signal.id, signal)
  for (const use of uses) insert(run, use, signal)
}

function signalFor(run: Run, group: WindowGroup, id: string, window: Window): Signal {
  const parts = window.items.flatMap((item) => run.state.parts.get(item.id) ?? [])
  return windowSignal(group.rule, id, group.fields, window, parts)
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

function nextDue({ rule, items }: WindowGroup, closed_before: number): number | null {
  let due = Number.POSITIVE_INFINITY
  for (const { time, part } of items) {
    const spans = rule.mode === 'absence' ? [0, 1, 2, 3] : [1]
    for (const span of spans) {
      const at = time + span * rule.timespan_us
      if (at >= closed_before && at < due && (span <= 2 || part > 0)) due = at
    }
    if (rule.mode !== 'absence') break
  }
  return due === Number.POSITIVE_INFINITY ? null : due
}

function evaluate(run: Run, group: WindowGroup): void {
  const { state } = run
  const { rule } = group
  const closed_before = state.closed_before - rule.wait_us
  const { windows, settled } = windowsOf(rule, group.items, group.settled, closed_before)
  const told = new Map<string, Told>()
  const values = groupValues(group)
  const seen = new Set<string>()
  let isChanged = settled !== group.settled
  for (const window of windows.map(toTell)) {
    const id = windowId(rule, state.cluster_id, values, window.first.id)
    seen.add(id)
    const known = group.told.get(id)
    let now: Told | undefined = known
    if (known === undefined || isWorthTelling(known, window)) {
      const signal = signalFor(run, group, id, window)
      tell(
        run,
        known === undefined ? 'new' : 'updated',
        signal,
        known === undefined ? null : (state.parts.get(id) ?? null)
      )
      now = { id, size: window.items.length, trigger: window.trigger.id }
      isChanged = true
    }
    if (now !== undefined && !window.isClosed) told.set(id, now)
    else isChanged = true
  }
  for (const { id, size, trigger } of group.told.values()) {
    if (seen.has(id)) continue
    isChanged = true
    const first = state.parts.get(trigger)
    const before = state.parts.get(id) ?? null
    const sample = before ?? (first === undefined ? null : withdrawnSignal(group, id, trigger, size, first))
    if (sample !== null) tell(run, 'withdrawn', { ...sample, role: 'withdrawn' }, before)
  }
  group.told = told
  group.settled = settled
  group.items = group.items.filter(({ time, part }) => matters({ rule, part }, time, state.closed_before))
  state.groups.delete(group.key)
  if (group.items.length === 0) {
    if (isChanged || Number.isFinite(settled)) noteGroup(state, group, true)
    return
  }
  state.groups.set(group.key, group)
  const due = nextDue(group, closed_before)
  if (due !== null) note(state.groupAgenda, due + rule.wait_us, group.key)
  if (isChanged) noteGroup(state, group, false)
}

/** What is published of a window that is no more: enough to find and hide what was published before. */
function withdrawnSignal(group: WindowGroup, id: string, trigger: string, count: number, part: Signal): Signal {
  const item: Item = { id: trigger, time: part.time, part: 0, values: [] }
  const early = { items: [item], value: count }
  const window: Window = { first: item, trigger: item, until: part.time, ...early, early, isClosed: true }
  return windowSignal(group.rule, id, group.fields, window, [part])
}

/** Evaluates groups until nothing is left to be looked at; those of rules that others refer to come first. */
function settle(run: Run): void {
  for (const rule of run.index.rules) {
    for (const group of [...run.touched.values()]) {
      if (group.rule.id !== rule.id) continue
      run.touched.delete(group.key)
      evaluate(run, group)
    }
  }
}

function expireParts(state: WindowState, index: WindowIndex): void {
  for (const id of takeDue(state.partAgenda, state.closed_before)) {
    const signal = state.parts.get(id)
    if (signal === undefined) continue
    if (signal.time + memoryOf(index, signal.rule.id) >= state.closed_before) {
      note(state.partAgenda, signal.time + memoryOf(index, signal.rule.id), id)
      continue
    }
    state.parts.delete(id)
    notePart(state, id, null)
  }
}

function evictGroups(state: WindowState, { max_groups }: WindowLimits): number {
  let evicted = 0
  for (const group of state.groups.values()) {
    if (state.groups.size <= max_groups) break
    state.groups.delete(group.key)
    noteGroup(state, group, true)
    evicted += 1
  }
  return evicted
}

/**
 * Windowed rules over the signals of one cluster, under event time. The results that stand in the end do not depend on the order
 * or batching of the signals, nor on duplicates, as long as none comes after `closed_before` and no limit is reached.
 * @param state the cluster's state, changed in place
 * @param signals those of rules that no correlation refers to are passed over
 * @param closed_before no signal of an earlier time is expected any more, microseconds since the epoch; infinity closes all
 */
export function advanceWindows(
  state: WindowState,
  index: WindowIndex,
  signals: readonly Signal[],
  closed_before: number,
  limits: WindowLimits = DEFAULT_WINDOW_LIMITS
): WindowOutputs {
  const run: Run = { state, index, touched: new Map(), results: new Map(), dropped: 0 }
  let taken = 0
  let duplicates = 0
  let late = 0
  for (const signal of signals) {
    const uses = index.uses.get(signal.rule.id)
    if (uses === undefined || signal.role === 'withdrawn') continue
    if (state.parts.has(signal.id)) {
      duplicates += 1
      continue
    }
    if (signal.time + memoryOf(index, signal.rule.id) < state.closed_before) {
      late += 1
      continue
    }
    takePart(state, index, signal)
    notePart(state, signal.id, signal)
    for (const use of uses) insert(run, use, signal)
    taken += 1
  }
  state.closed_before = Math.max(state.closed_before, wholeMinutes(closed_before))
  do {
    for (const key of takeDue(state.groupAgenda, state.closed_before)) {
      const group = state.groups.get(key)
      if (group !== undefined) run.touched.set(key, group)
    }
    settle(run)
  } while ((state.groupAgenda.next + 1) * 60_000_000 <= state.closed_before && state.groups.size > 0)
  expireParts(state, index)
  const evicted = evictGroups(state, limits)
  return { results: [...run.results.values()], counts: { taken, duplicates, late, dropped: run.dropped, evicted } }
}

interface StoredGroup {
  readonly group: string
  readonly settled: number | null
  readonly told: readonly Told[]
}

/**
 * The state as it was when the last of the entries was written. What belongs to rules that are no more is forgotten.
 * @param entries of one cluster, of the kinds part and window; the latest of each key
 * @param closed_before as it was then, microseconds since the epoch
 */
export function restoreWindows(
  cluster_id: string,
  index: WindowIndex,
  entries: readonly CorrelatorState[],
  closed_before: number
): WindowState {
  const state = emptyWindowState(cluster_id)
  state.closed_before = wholeMinutes(closed_before)
  const run: Run = { state, index, touched: new Map(), results: new Map(), dropped: 0 }
  for (const { kind, key, signal } of entries) {
    if (kind !== 'part' || signal === null) continue
    const uses = index.uses.get(signal.rule.id)
    if (uses === undefined) {
      state.changes.set(key, null)
      continue
    }
    takePart(state, index, signal)
    // A part may be remembered for one rule and be done with in another.
    for (const use of uses) if (matters(use, signal.time, state.closed_before)) insert(run, use, signal)
  }
  for (const { kind, key, document } of entries) {
    if (kind !== 'window' || document === null) continue
    const stored = JSON.parse(document) as StoredGroup
    const group = state.groups.get(stored.group)
    if (group === undefined) {
      state.changes.set(key, null)
      continue
    }
    group.settled = stored.settled ?? Number.NEGATIVE_INFINITY
    group.told = new Map(stored.told.map((told) => [told.id, told]))
  }
  for (const group of state.groups.values()) {
    const due = nextDue(group, state.closed_before - group.rule.wait_us)
    if (due !== null) note(state.groupAgenda, due + group.rule.wait_us, group.key)
  }
  return state
}
