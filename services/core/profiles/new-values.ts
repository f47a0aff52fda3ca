import type { Signal } from '../../../schemas/generated/types.ts'
import { boundedSignal } from '../correlate/bounded-signal.ts'
import { note } from './agenda.ts'
import { noteEvent, noteRelease } from './changelog.ts'
import { emptyValues, lastSeen, noteSeen, shrinkTo, valueText } from './known-values.ts'
import { type ProfileRule, WORKLOAD_FIELDS } from './profile-rule.ts'
import { crowdSignal, newValueSignal } from './profile-signal.ts'
import {
  bySignalOrder,
  type Crowd,
  carried,
  type NewEvent,
  type ProfileState,
  scopeKey,
  type ValueGroup
} from './state.ts'
import { retell, type Tellings } from './tellings.ts'

/** Most values remembered per scope; then a tenth, the longest unseen, is let go, and would count as new again. */
export const MAX_VALUES_PER_SCOPE = 4_096
/** What is new for a scope within an hour is told one by one up to this, and as one beyond. */
const MAX_ALONE = 5
/** Most events that one signal stands for; more within the hour are remembered and not told. */
const MAX_CROWD = 200
const MAX_RELEASES = 64
const HOUR_US = 3_600_000_000

export interface LearnCounts {
  /** Values let go because a scope had too many. */
  evicted_values: number
  /** New values that were not told because there were too many in the hour. */
  dropped_new: number
}

const unitOf = (rule: ProfileRule, time: number): number => Math.floor(time / rule.unit_us)

const learn_us = ({ profile }: ProfileRule): number => profile.learn_ms * 1000

/**
 * Moves the run of a scope on to an event. A scope that was silent for longer than the memory learns anew.
 * @returns whether the start of the run moved, on which it hangs what was learnt enough
 */
function moveRun(group: ValueGroup, time: number): boolean {
  const { rule, run, before } = group
  const unit = unitOf(rule, time)
  if (unit - run.latest > rule.memory_units) {
    group.before = run
    group.run = { first: time, latest: unit }
    return false
  }
  if (time >= run.first) {
    if (unit > run.latest) group.run = { ...run, latest: unit }
    return false
  }
  if (unitOf(rule, run.first) - unit > rule.memory_units) return false
  const joins = before !== null && unit - before.latest <= rule.memory_units
  group.run = { first: joins ? Math.min(before.first, time) : time, latest: run.latest }
  if (joins) group.before = null
  return true
}

function groupOf(
  state: ProfileState,
  rule: ProfileRule,
  scope: number,
  names: ValueGroup['names'],
  time: number
): ValueGroup {
  const key = scopeKey(rule, scope, names)
  const found = state.groups.get(key)
  if (found !== undefined) return found
  const run = { first: time, latest: unitOf(rule, time) }
  const group: ValueGroup = { key, rule, scope, names, run, before: null, known: emptyValues(), fresh: new Map() }
  group.known.dirty.add(0)
  state.groups.set(key, group)
  return group
}

function releaseKey(rule: ProfileRule, signal: Signal): string | null {
  if (rule.releases.length === 0) return null
  const names = carried(signal, WORKLOAD_FIELDS)
  return names === null ? null : `${rule.id}/${JSON.stringify(names)}`
}

function isReleased(state: ProfileState, { rule, signal }: NewEvent): boolean {
  const key = releaseKey(rule, signal)
  const within_us = (rule.profile.release?.within_ms ?? 0) * 1000
  const times = key === null ? undefined : state.releases.get(key)
  return times?.some((time) => time <= signal.time && signal.time - time <= within_us) === true
}

/** When the releases of a workload may be forgotten. */
export function releaseEnd(rule: ProfileRule, time: number): number {
  return time + (rule.profile.release?.within_ms ?? 0) * 1000 + HOUR_US
}

/** Takes note of a release. @returns the crowds that it may explain */
export function takeRelease(state: ProfileState, rule: ProfileRule, signal: Signal): readonly Crowd[] {
  const key = releaseKey(rule, signal)
  if (key === null) return []
  const known = state.releases.get(key) ?? []
  if (known.includes(signal.time)) return []
  const times = [...known, signal.time].sort((a, b) => a - b).slice(-MAX_RELEASES)
  state.releases.set(key, times)
  noteRelease(state, rule, key, times)
  note(state.agenda, releaseEnd(rule, signal.time), `release ${key}`)
  return [...state.crowds.values()].filter(
    (crowd) => crowd.rule === rule && [...crowd.members].some((member) => releaseKey(rule, member.signal) === key)
  )
}

/** Forgets releases that explain nothing any more. */
export function expireReleases(state: ProfileState, rule: ProfileRule | undefined, key: string): void {
  const times = state.releases.get(key)
  if (times === undefined || rule === undefined) return
  const left = times.filter((time) => releaseEnd(rule, time) >= state.closed_before)
  if (left.length === times.length) return
  if (left.length > 0) state.releases.set(key, left)
  else state.releases.delete(key)
  noteRelease(state, rule, key, left.length > 0 ? left : null)
}

/** What a crowd says: each alone, or one for all. What is told before its hour is over does not hang on how events came in batches. */
function wantedOf(state: ProfileState, crowd: Crowd, isOver: boolean): readonly Signal[] {
  const members = [...crowd.members].sort((a, b) => bySignalOrder(a.signal, b.signal))
  const { group, until } = crowd
  const released = members.map((member) => isReleased(state, member))
  const explained = released.includes(true)
  const alone = explained ? 1 : MAX_ALONE
  if (members.length <= alone)
    return members.map((member, index) => newValueSignal(member, group, released[index] === true))
  // Told when they become too many, at every doubling, and when the hour is over.
  let shown = alone + 1
  while (shown * 2 <= members.length) shown *= 2
  if (isOver) shown = members.length
  const last = members[alone]
  return last === undefined ? [] : [crowdSignal(members.slice(0, shown), last, group, until, explained)]
}

export function tellCrowd(state: ProfileState, tellings: Tellings, crowd: Crowd): void {
  const isOver = crowd.until < state.closed_before
  crowd.told = retell(tellings, crowd.told, wantedOf(state, crowd, isOver))
  if (crowd.members.size === 0) state.crowds.delete(crowd.key)
}

/** The widest scope in which an event is new, and which had learnt enough. */
function bestOf({ standing, rule, signal }: NewEvent): ValueGroup | null {
  let best: ValueGroup | null = null
  for (const { group, isLearnt } of standing.values()) {
    const learnt = isLearnt ?? signal.time - group.run.first >= learn_us(rule)
    if (learnt && (best === null || group.scope < best.scope)) best = group
  }
  return best
}

/** Puts an event into the crowd it belongs to. @returns the crowds that changed */
function settleIn(state: ProfileState, event: NewEvent, counts: LearnCounts): readonly Crowd[] {
  const { rule, signal } = event
  const group = bestOf(event)
  const before = event.crowd
  const until = (Math.floor(signal.time / HOUR_US) + 1) * HOUR_US
  const key = group === null ? null : `${group.key} ${until}`
  if ((before?.key ?? null) === key) return []
  before?.members.delete(event)
  event.crowd = null
  if (group === null || key === null) return before === null ? [] : [before]
  const crowd = state.crowds.get(key) ?? { key, rule, group, until, members: new Set(), told: new Map() }
  if (crowd.members.size >= MAX_CROWD) {
    counts.dropped_new += 1
    return before === null ? [] : [before]
  }
  state.crowds.set(key, crowd)
  crowd.members.add(event)
  event.crowd = crowd
  note(state.agenda, until, `crowd ${key}`)
  return before === null ? [crowd] : [before, crowd]
}

function forgetEvent(state: ProfileState, event: NewEvent): void {
  for (const { group } of event.standing.values()) {
    if (group.fresh.get(event.value) === event) group.fresh.delete(event.value)
  }
  state.events.delete(event.key)
  noteEvent(state, event, true)
}

/** Nothing earlier can come any more: what the event stands for is final. It stays while its crowd may grow. */
export function closeEvent(state: ProfileState, event: NewEvent): void {
  for (const standing of event.standing.values()) {
    standing.isLearnt ??= event.signal.time - standing.group.run.first >= learn_us(event.rule)
    if (standing.group.fresh.get(event.value) === event) standing.group.fresh.delete(event.value)
  }
  if (event.crowd === null) forgetEvent(state, event)
  else noteEvent(state, event)
}

/** An hour is over: says the last of it and forgets its events. */
export function closeCrowd(state: ProfileState, tellings: Tellings, crowd: Crowd): void {
  tellCrowd(state, tellings, crowd)
  for (const event of crowd.members) forgetEvent(state, event)
  state.crowds.delete(crowd.key)
}

interface Learning {
  readonly state: ProfileState
  readonly rule: ProfileRule
  readonly signal: Signal
  readonly value: string
  /** Events of which it changed where they are the first. */
  readonly touched: Set<NewEvent>
}

function eventOf({ state, rule, signal, value, touched }: Learning): NewEvent {
  const key = `${rule.id} ${signal.id}`
  const event = state.events.get(key) ?? {
    key,
    rule,
    signal: boundedSignal(signal),
    value,
    standing: new Map(),
    crowd: null
  }
  if (!state.events.has(key)) note(state.agenda, signal.time, `event ${key}`)
  state.events.set(key, event)
  touched.add(event)
  return event
}

/** Whether it could still turn out that the scope had learnt enough before the event: a late event may be earlier, or join two runs. */
function isLearnable({ state, rule, signal }: Learning, { run, before }: ValueGroup): boolean {
  const earliest = Math.min(run.first, state.closed_before)
  const joins = before !== null && unitOf(rule, state.closed_before) - before.latest <= rule.memory_units
  return signal.time - (joins ? Math.min(before.first, earliest) : earliest) >= learn_us(rule)
}

function learnIn(learning: Learning, group: ValueGroup): void {
  const { state, rule, signal, value, touched } = learning
  const unit = unitOf(rule, signal.time)
  const { run, before } = group
  if (moveRun(group, signal.time)) for (const event of group.fresh.values()) touched.add(event)
  if (run !== group.run || before !== group.before) group.known.dirty.add(0)
  const last = lastSeen(group.known, value)
  const fresh = group.fresh.get(value)
  let previous: number | null | undefined
  if (fresh !== undefined && bySignalOrder(signal, fresh.signal) < 0) {
    previous = fresh.standing.get(group.scope)?.previous ?? null
    fresh.standing.delete(group.scope)
    group.fresh.delete(value)
    touched.add(fresh)
    if (previous !== null && unit - previous <= rule.memory_units) previous = undefined
  } else if (last === undefined || unit - last > rule.memory_units) previous = last ?? null
  if (previous !== undefined && isLearnable(learning, group)) {
    const event = eventOf(learning)
    event.standing.set(group.scope, { group, previous, isLearnt: null })
    group.fresh.set(value, event)
  }
  const size = group.known.size
  noteSeen(group.known, value, unit)
  state.values += group.known.size - size
  if (group.known.dirty.size === 0 || state.dirty.has(group)) return
  state.dirty.add(group)
  // The least recently changed come first, to be let go first.
  state.groups.delete(group.key)
  state.groups.set(group.key, group)
}

/**
 * Learns the value that a signal has for a profile, and notes where it is the first with it.
 * @returns the crowds to be told of
 */
export function learnValue(
  state: ProfileState,
  rule: ProfileRule,
  signal: Signal,
  counts: LearnCounts
): readonly Crowd[] {
  const texts = carried(signal, rule.profile.of)
  if (texts === null) return []
  const learning: Learning = { state, rule, signal, value: valueText(texts), touched: new Set() }
  for (const [scope, { fields }] of rule.profile.scopes.entries()) {
    const names = carried(signal, fields)
    if (names === null) continue
    const group = groupOf(state, rule, scope, names, signal.time)
    learnIn(learning, group)
    if (group.known.size > MAX_VALUES_PER_SCOPE) {
      const evicted = shrinkTo(group.known, Math.floor(MAX_VALUES_PER_SCOPE * 0.9))
      counts.evicted_values += evicted
      state.values -= evicted
      state.dirty.add(group)
    }
  }
  const crowds = new Set<Crowd>()
  for (const event of learning.touched) {
    for (const crowd of settleIn(state, event, counts)) crowds.add(crowd)
    if (event.standing.size === 0) forgetEvent(state, event)
    else noteEvent(state, event)
  }
  return [...crowds]
}

/** Puts an event back as it was written. */
export function restoreEvent(state: ProfileState, event: NewEvent): void {
  state.events.set(event.key, event)
  note(state.agenda, event.signal.time, `event ${event.key}`)
  for (const { group, isLearnt } of event.standing.values()) if (isLearnt === null) group.fresh.set(event.value, event)
  settleIn(state, event, { evicted_values: 0, dropped_new: 0 })
}

/** What was told of the events that were put back: it follows from them. */
export function restoreTold(state: ProfileState): void {
  for (const crowd of state.crowds.values()) {
    crowd.told = new Map(wantedOf(state, crowd, false).map((signal) => [signal.id, signal]))
  }
}
