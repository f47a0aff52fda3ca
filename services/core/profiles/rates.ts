import type { Signal } from '../../../schemas/generated/types.ts'
import { boundedSignal } from '../correlate/bounded-signal.ts'
import { note } from './agenda.ts'
import { noteRateGone } from './changelog.ts'
import type { ProfileRule } from './profile-rule.ts'
import { rateSignal, sampleOf } from './profile-signal.ts'
import { afterPeriod, type Counted, type Habit, NO_HABIT, type Period, type RateGroup, tooMuch } from './rate-group.ts'
import { bySignalOrder, carried, type ProfileState, scopeKey } from './state.ts'
import { retell, type Tellings } from './tellings.ts'

/** Events of one scope remembered one by one, while they may come again; beyond, the oldest are only counted. */
const MAX_RECENT = 1_000

export interface RateCounts {
  /** Events that came too late to count. */
  late_rates: number
  /** Events that were only counted, so that they would count twice if they came again. */
  blurred_rates: number
}

const period_us = ({ profile }: ProfileRule): number => (profile.rate?.period_ms ?? 1) * 1000

const memoryPeriods = (rule: ProfileRule): number => Math.ceil((rule.profile.memory_ms * 1000) / period_us(rule))

const byCounted = (a: Counted, b: Counted): number => a.time - b.time || a.mark - b.mark

/** 48 bits of an id, which are a hash already; any other text gives some number, too. */
function markOf(id: string): number {
  const number = Number.parseInt(id.slice(0, 12), 16)
  if (Number.isFinite(number) && /^[0-9a-f]{12}/.test(id)) return number
  let sum = 0
  for (let index = 0; index < id.length; index += 1) sum = (sum * 31 + id.charCodeAt(index)) % 0xffff_ffff_ffff
  return sum
}

function periodOf(group: RateGroup, index: number, signal: Signal): Period {
  const found = group.periods.find((period) => period.index === index)
  if (found !== undefined) {
    if (bySignalOrder(signal, found.sample) < 0) found.sample = sampleOf(boundedSignal(signal))
    return found
  }
  const period: Period = { index, closed: 0, recent: [], crossed: null, sample: sampleOf(boundedSignal(signal)) }
  group.periods = [...group.periods, period].sort((a, b) => a.index - b.index)
  return period
}

function insert({ recent }: Period, item: Counted): boolean {
  let at = recent.length
  for (let other = recent[at - 1]; other !== undefined && byCounted(other, item) >= 0; other = recent[at - 1]) {
    if (byCounted(other, item) === 0) return false
    at -= 1
  }
  recent.splice(at, 0, item)
  return true
}

/** The habit after periods in which nothing happened. */
function idle(habit: Habit, periods: number, memory_periods: number): Habit {
  let now = habit
  for (let index = 0; index < periods; index += 1) now = afterPeriod(now, 0, memory_periods)
  return now
}

/** Takes what cannot come again any more out of the recent events of a period. */
function close(state: ProfileState, period: Period, need: number, counts: RateCounts): void {
  const { recent } = period
  let gone = 0
  while ((recent[gone]?.time ?? Number.POSITIVE_INFINITY) < state.closed_before) gone += 1
  if (recent.length - gone > MAX_RECENT) {
    counts.blurred_rates += recent.length - gone - MAX_RECENT
    gone = recent.length - MAX_RECENT
  }
  const crossing = recent[need - period.closed - 1]
  if (crossing !== undefined && need - period.closed <= gone) period.crossed = crossing.time
  period.closed += gone
  recent.splice(0, gone)
}

/** When the event came that was too much, null when none was. */
function crossedAt({ closed, recent, crossed }: Period, need: number): number | null {
  if (closed + recent.length < need) return null
  return crossed ?? recent[Math.max(0, need - closed - 1)]?.time ?? null
}

/** How many events are told of: those that are too many, at every doubling, and all when the period is over. */
function shownCount(total: number, need: number, isOver: boolean): number {
  if (isOver) return total
  let shown = need
  while (shown * 2 <= total) shown *= 2
  return shown
}

/**
 * Goes through the periods that are not done with. What is told follows from the habit and the events alone: what a late event changes
 * is told anew.
 * @param isRestored nothing is to be told or done with: what was told before the restart follows from what was written
 */
export function tellRate(
  state: ProfileState,
  tellings: Tellings,
  group: RateGroup,
  counts: RateCounts,
  isRestored = false
): void {
  const { rule } = group
  const { rate } = rule.profile
  if (rate === null) return
  const length_us = period_us(rule)
  const memory_periods = memoryPeriods(rule)
  const wanted: Signal[] = []
  const over = new Set<Period>()
  let { habit, next, first } = group
  for (const period of group.periods) {
    const gap = period.index - next
    if (gap > memory_periods) {
      // Silent for longer than is remembered: it learns anew.
      habit = NO_HABIT
      first = period.sample.time
    } else habit = idle(habit, gap, memory_periods)
    const need = tooMuch(habit, rate.least, rate.deviations)
    const isOver = !isRestored && (period.index + 1) * length_us <= state.closed_before
    close(state, period, need, counts)
    const total = period.closed + period.recent.length
    const time = crossedAt(period, need)
    if (time !== null && period.index * length_us - first >= rule.profile.learn_ms * 1000) {
      const count = shownCount(total, need, isOver)
      const facts = { period: period.index, time, count, need, usual: habit.mean }
      wanted.push(rateSignal(group, period.sample, facts))
    }
    // One burst is learnt no higher than the limit it crossed, so that it does not hide the next.
    habit = afterPeriod(habit, Math.min(total, need), memory_periods)
    next = period.index + 1
    if (!isOver) continue
    over.add(period)
    Object.assign(group, { habit, next, first })
  }
  group.told = retell(tellings, group.told, wanted)
  state.dirty.add(group)
  if (over.size === 0) return
  const done = new Set([...over].map(({ index }) => index))
  group.periods = group.periods.filter(({ index }) => !done.has(index))
  const open = group.periods[0]
  const kept = wanted.filter(({ time }) => open !== undefined && time >= open.index * length_us)
  group.told = new Map(kept.map((signal) => [signal.id, signal]))
}

/** Counts a signal. @returns the group to be told of, null when it changes nothing */
export function countSignal(
  state: ProfileState,
  rule: ProfileRule,
  signal: Signal,
  counts: RateCounts
): readonly RateGroup[] {
  if (signal.time < state.closed_before) {
    counts.late_rates += 1
    return []
  }
  const index = Math.floor(signal.time / period_us(rule))
  return rule.profile.scopes.flatMap(({ fields }, scope) => {
    const names = carried(signal, fields)
    if (names === null) return []
    const key = scopeKey(rule, scope, names)
    const group: RateGroup = state.rates.get(key) ?? {
      key,
      rule,
      scope,
      names,
      first: 0,
      habit: NO_HABIT,
      next: Number.NEGATIVE_INFINITY,
      periods: [],
      told: new Map()
    }
    state.rates.set(key, group)
    if (!insert(periodOf(group, index, signal), { time: signal.time, mark: markOf(signal.id) })) return []
    note(state.agenda, (index + 1) * period_us(rule), `rate ${key}`)
    return [group]
  })
}

/** Forgets whoever was silent for longer than is remembered. */
export function expireRates(state: ProfileState): void {
  for (const group of state.rates.values()) {
    const { rule, next, periods } = group
    if (periods.length > 0 || (next + memoryPeriods(rule) + 1) * period_us(rule) >= state.closed_before) continue
    state.rates.delete(group.key)
    noteRateGone(state, group)
  }
}

/** Puts a group back as it was written. */
export function restoreRate(state: ProfileState, group: RateGroup): void {
  state.rates.set(group.key, group)
  for (const { index } of group.periods) note(state.agenda, (index + 1) * period_us(group.rule), `rate ${group.key}`)
  tellRate(state, new Map(), group, { late_rates: 0, blurred_rates: 0 }, true)
}
