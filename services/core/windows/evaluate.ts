import { type Item, meterOf } from './meters.ts'
import type { WindowRule } from './window-rule.ts'

/** A timespan in which what a rule asks for holds. */
export interface Window {
  /** Its first event, which gives it its identity. */
  readonly first: Item
  /** The event with which it came to hold. */
  readonly trigger: Item
  /** End of the window, inclusive; microseconds since the epoch. */
  readonly until: number
  /** Its events, in order. */
  readonly items: readonly Item[]
  readonly value: number
  /** Its events up to the trigger, and what they measure: what is told until all are known, since it does not hang on batches. */
  readonly early: { readonly items: readonly Item[]; readonly value: number }
  /** Whether no event that is not too late can change it. */
  readonly isClosed: boolean
}

export interface Evaluation {
  readonly windows: readonly Window[]
  /** All up to this time is done with; microseconds since the epoch. */
  readonly settled: number
}

/** Index of the first item from `start` on that is later than a time. */
function after(items: readonly Item[], start: number, time: number): number {
  let index = start
  while ((items[index]?.time ?? Number.POSITIVE_INFINITY) <= time) index += 1
  return index
}

function measured(rule: WindowRule, items: readonly Item[], start: number, end: number): number {
  const meter = meterOf(rule)
  for (let index = start; index < end; index += 1) {
    const item = items[index]
    if (item !== undefined) meter.add(item, index)
  }
  meter.holdsFrom(start)
  return meter.value
}

function sliding(rule: WindowRule, items: readonly Item[], from: number, closed_before: number): Evaluation {
  const windows: Window[] = []
  let settled = from
  let low = after(items, 0, from)
  let meter = meterOf(rule)
  for (let high = low; high < items.length; high += 1) {
    const trigger = items[high]
    if (trigger === undefined) break
    meter.add(trigger, high)
    for (
      let oldest = items[low];
      oldest !== undefined && oldest.time < trigger.time - rule.timespan_us;
      oldest = items[low]
    ) {
      meter.remove(oldest, low)
      low += 1
    }
    const start = meter.holdsFrom(low)
    const first = start === null ? undefined : items[start]
    if (start === null || first === undefined) continue
    const until = first.time + rule.timespan_us
    const end = after(items, high, until)
    for (let index = high + 1; index < end; index += 1) {
      const item = items[index]
      if (item !== undefined) meter.add(item, index)
    }
    meter.holdsFrom(start)
    for (let index = low; index < start; index += 1) {
      const item = items[index]
      if (item !== undefined) meter.remove(item, index)
    }
    const isClosed = until < closed_before
    const early = { items: items.slice(start, high + 1), value: measured(rule, items, start, high + 1) }
    windows.push({ first, trigger, until, items: items.slice(start, end), value: meter.value, early, isClosed })
    if (isClosed) settled = Math.max(settled, until)
    low = end
    high = end - 1
    meter = meterOf(rule)
  }
  return { windows, settled }
}

function complete(rule: WindowRule, items: readonly Item[], from: number, closed_before: number): Evaluation {
  const windows: Window[] = []
  let settled = from
  for (let start = after(items, 0, from); start < items.length; ) {
    const first = items[start]
    if (first === undefined) break
    const until = first.time + rule.timespan_us
    if (until >= closed_before) break
    const end = after(items, start, until)
    const members = items.slice(start, end)
    const meter = meterOf(rule)
    members.forEach((item, index) => {
      meter.add(item, index)
    })
    const trigger = members.at(-1) ?? first
    if (meter.holdsFrom(0) !== null)
      windows.push({
        ...{ first, trigger, until, items: members, value: meter.value, isClosed: true },
        early: { items: members, value: meter.value }
      })
    settled = until
    start = end
  }
  return { windows, settled }
}

/** Index of the first answer, from one on, that is no earlier than a time. */
function answerFrom(answers: readonly Item[], start: number, time: number): number {
  let index = start
  while ((answers[index]?.time ?? Number.POSITIVE_INFINITY) < time) index += 1
  return index
}

/** The answer at an index or the next one: an event does not answer itself. */
const answerTo = (item: Item, answers: readonly Item[], index: number): Item | undefined =>
  answers[index]?.slot === item.slot ? answers[index + 1] : answers[index]

function absence(
  rule: WindowRule,
  items: readonly Item[],
  from: number,
  closed_before: number,
  hears: (time: number) => boolean
): Evaluation {
  const { direction } = rule.correlation
  const grain_us = rule.grain_us
  const back = direction === 'after' ? 0 : rule.timespan_us
  const ahead = direction === 'before' ? 0 : rule.timespan_us
  // Of the answers of one grain any one may stand for all.
  const grainOf = (time: number) => (grain_us === 0 ? time : Math.floor(time / grain_us) * grain_us)
  const answers = items.filter(({ part }) => part > 0)
  let low = 0
  const lonely = items.filter((item) => {
    if (item.part > 0 || item.time <= from || item.time + ahead >= closed_before) return false
    low = answerFrom(answers, low, grainOf(item.time - back))
    const answer = answerTo(item, answers, low)
    return (answer === undefined || grainOf(answer.time) > grainOf(item.time + ahead)) && hears(item.time)
  })
  const windows: Window[] = []
  let settled = from
  for (let start = 0; start < lonely.length; ) {
    const first = lonely[start]
    if (first === undefined) break
    const until = first.time + rule.timespan_us
    const end = after(lonely, start, until)
    const isClosed = until + rule.timespan_us < closed_before
    const members = lonely.slice(start, end)
    const early = { items: [first], value: 1 }
    windows.push({ first, trigger: first, until, items: members, value: members.length, early, isClosed })
    if (isClosed) settled = until
    start = end
  }
  return { windows, settled }
}

/**
 * The windows of one group of a rule. They follow from the events alone: the earliest event with which the rule holds gives a
 * window, which begins at its first event and lasts one timespan; the next begins after that. So there is one per timespan.
 * @param items by time, at the same time by part, then by id, so that nothing hangs on the order of arrival
 * @param from up to this time, inclusive, all is done with already
 * @param closed_before no event of an earlier time is expected any more; infinity when all have come
 * @param hears whether answers to an absence would have been heard at a time
 */
export function windowsOf(
  rule: WindowRule,
  items: readonly Item[],
  from: number,
  closed_before: number,
  hears: (time: number) => boolean
): Evaluation {
  if (rule.mode === 'sliding') return sliding(rule, items, from, closed_before)
  return rule.mode === 'complete'
    ? complete(rule, items, from, closed_before)
    : absence(rule, items, from, closed_before, hears)
}
