import type { Signal } from '../../../schemas/generated/types.ts'
import { isDue, takeDue, wholeMinutes } from './agenda.ts'
import { noteGroup, notePart, writeGroups } from './changelog.ts'
import {
  feed,
  forgetQuietly,
  insert,
  memoryOf,
  newRun,
  type RuleUses,
  type Run,
  settle,
  takePart,
  touch
} from './group-run.ts'
import { forgetHeard } from './hearing.ts'
import { leastItems } from './meters.ts'
import type { WindowState } from './state.ts'
import { horizonOf, type WindowRule } from './window-rule.ts'

export interface WindowIndex {
  readonly rules: readonly WindowRule[]
  /** By id of the rule or correlation that is referred to. */
  readonly uses: ReadonlyMap<string, RuleUses>
}

export function windowIndexOf(rules: readonly WindowRule[]): WindowIndex {
  const uses = new Map<string, RuleUses>()
  for (const rule of rules) {
    // Those over sessions are evaluated by what knows sessions.
    if (rule.mode === 'session') continue
    const least = rule.mode === 'sliding' ? leastItems(rule) : 0
    for (const [part, id] of rule.parts.entries()) {
      const known = uses.get(id) ?? { uses: [], memory_us: 0 }
      const memory_us = Math.max(known.memory_us, horizonOf(rule, part) + rule.wait_us)
      uses.set(id, { uses: [...known.uses, { rule, part, least }], memory_us })
    }
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

/** Groups whose time has come; a group may have been put off, or be another one by now. */
function touchDue(run: Run): void {
  const { groups, groupAgenda, closed_before } = run.state
  for (const [minute, due] of takeDue(groupAgenda, closed_before)) {
    for (const group of due) {
      if (groups.dueOf(group) !== minute) continue
      groups.setDue(group, -1)
      if (groups.isQuiet(group)) forgetQuietly(run.state, group)
      else touch(run, group)
    }
  }
}

function expireParts(state: WindowState): void {
  const { parts, partAgenda, closed_before } = state
  for (const [minute, slots] of takeDue(partAgenda, closed_before)) {
    for (const slot of slots) {
      // The slot may have been given up, or be another part's by now.
      if (parts.minuteOf(slot) !== minute) continue
      if (parts.isSingle(slot)) notePart(state, parts.idOf(slot), null)
      parts.remove(slot)
    }
  }
}

function evictGroups(state: WindowState, { max_groups }: WindowLimits): number {
  const { groups } = state
  let evicted = 0
  for (let group = groups.oldest(); groups.size > max_groups; group = groups.oldest()) {
    if (groups.isNoted(group)) noteGroup(state, groups.ruleOf(group), groups.valuesOf(group), null)
    groups.remove(group)
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
 * @param told what profiles told of the same signals, at most one for each id
 */
export function advanceWindows(
  state: WindowState,
  index: WindowIndex,
  signals: readonly Signal[],
  closed_before: number,
  limits: WindowLimits = DEFAULT_WINDOW_LIMITS,
  told: readonly WindowResult[] = []
): WindowOutputs {
  const run = newRun(state, index)
  let taken = 0
  let duplicates = 0
  let late = 0
  let rule_id = ''
  let known: RuleUses | undefined
  for (const signal of signals) {
    // Many in a row are of one rule.
    if (signal.rule.id !== rule_id) {
      rule_id = signal.rule.id
      known = index.uses.get(rule_id)
    }
    if (known === undefined || signal.role === 'withdrawn') continue
    if (state.parts.slotOf(signal.id) >= 0) {
      duplicates += 1
      continue
    }
    const { uses, memory_us } = known
    if (signal.time + memory_us < state.closed_before) {
      late += 1
      continue
    }
    const slot = takePart(state, signal, memory_us, false)
    for (const use of uses) insert(run, use, slot, signal.correlation_fields)
    taken += 1
  }
  for (const result of told) {
    const { id, rule, time } = result.signal
    const isLate = time + memoryOf(index, rule.id) < state.closed_before && state.parts.slotOf(id) < 0
    if (!isLate) feed(run, result)
    else if (index.uses.has(rule.id) && result.change !== 'withdrawn') late += 1
  }
  state.closed_before = Math.max(state.closed_before, wholeMinutes(closed_before))
  do {
    touchDue(run)
    settle(run)
  } while (isDue(state.groupAgenda, state.closed_before) && state.groups.size > 0)
  expireParts(state)
  forgetHeard(state)
  const evicted = evictGroups(state, limits)
  return { results: [...run.results.values()], counts: { taken, duplicates, late, dropped: run.dropped, evicted } }
}

/**
 * Completes `state.changes` with what was added and told since the last call, and packs the signals, which makes them small. To be called
 * before the changes are written; who writes none calls it to save memory.
 */
export function completeChanges(state: WindowState, index: WindowIndex): void {
  state.parts.pack((rule_id) => memoryOf(index, rule_id))
  state.groups.forgetRecent()
  writeGroups(state)
}
