import type { Signal } from '../../schemas/generated/types.ts'
import { itemsOf } from '../../services/core/detect/rule-tree.ts'
import type { WindowRule } from '../../services/core/windows/window-rule.ts'

/** An alert as the oracle names it: group, first event, number of events. */
export type OracleAlert = string

const order = (rule: WindowRule) => (a: Signal, b: Signal) =>
  a.time - b.time ||
  rule.parts.indexOf(a.rule.id) - rule.parts.indexOf(b.rule.id) ||
  (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

function isOrdered(rule: WindowRule, signals: readonly Signal[]): boolean {
  let next = 0
  for (const { rule: matched } of signals) if (matched.id === rule.parts[next]) next += 1
  return next === rule.parts.length
}

/** Whether one of the sequences of a rule is there, by trying all events for each of its steps; steps of alternatives only. */
function hasSequence(rule: WindowRule, signals: readonly Signal[]): boolean {
  const SLACK_US = 5_000_000
  const numbers = new Map(rule.correlation.rules.map(({ text }, index) => [text, rule.parts[index]]))
  const follows = (steps: readonly (readonly (string | undefined)[])[], from: number): boolean => {
    const [step, ...rest] = steps
    if (step === undefined) return true
    return signals.some(({ rule: { id }, time }) => step.includes(id) && time >= from && follows(rest, time - SLACK_US))
  }
  return (rule.correlation.sequences ?? []).some((steps) =>
    follows(
      steps.map((node) => itemsOf(node).map(({ label }) => numbers.get(label))),
      Number.NEGATIVE_INFINITY
    )
  )
}

function holds(rule: WindowRule, signals: readonly Signal[]): boolean {
  const { type, criteria, fields } = rule.correlation
  const least = criteria.get('gte') ?? 0
  const most = criteria.get('lte') ?? Number.POSITIVE_INFINITY
  const values = signals.flatMap(({ correlation_fields }) => correlation_fields[fields[0] ?? ''] ?? [])
  if (type === 'event_count') return signals.length >= least && signals.length <= most
  if (type === 'value_count') return new Set(values).size >= least
  if (type === 'temporal') return rule.parts.every((part) => signals.some((signal) => signal.rule.id === part))
  if (rule.correlation.sequences !== null) return hasSequence(rule, signals)
  if (type === 'temporal_ordered') return isOrdered(rule, signals)
  return values.reduce((sum, value) => sum + Number(value), 0) >= least
}

/**
 * Events without an answer, each by itself, of a rule that has to hear of its answers: by the definition.
 * @param signals of one cluster, in any order, duplicates included
 */
export function oracleLonely(rule: WindowRule, signals: readonly Signal[]): readonly string[] {
  const unique = [...new Map(signals.map((signal) => [signal.id, signal])).values()]
  const field = rule.correlation.group_by[0] ?? ''
  const groupOf = ({ correlation_fields }: Signal) => correlation_fields[field]?.[0] ?? ''
  const { timespan_us: T, grain_us: G } = rule
  const grain = (time: number) => Math.floor(time / G)
  const answers = unique.filter((signal) => signal.rule.id === rule.parts[1])
  const most = Math.floor(T / G)
  return unique
    .filter((signal) => signal.rule.id === rule.parts[0])
    .filter((signal) => {
      const own = grain(signal.time)
      const grains = answers.map(({ time }) => grain(time))
      const isHeard =
        grains.some((at) => at < own && at >= own - most) && grains.some((at) => at > own && at <= own + most)
      const isAnswered = answers.some(
        (answer) =>
          groupOf(answer) === groupOf(signal) &&
          grain(answer.time) >= grain(signal.time - T) &&
          grain(answer.time) <= grain(signal.time + T)
      )
      return isHeard && !isAnswered
    })
    .map(({ id }) => id)
    .sort()
}

/**
 * The alerts of a rule over all its signals, by trying every event in turn: slow, and as plain as the definition.
 * @param signals of one cluster, in any order, duplicates included
 */
export function oracleAlerts(rule: WindowRule, signals: readonly Signal[]): readonly OracleAlert[] {
  const unique = [...new Map(signals.map((signal) => [signal.id, signal])).values()]
  const field = rule.correlation.group_by[0] ?? ''
  const alerts: OracleAlert[] = []
  for (const [group, own] of Map.groupBy(unique, ({ correlation_fields }) => correlation_fields[field]?.[0] ?? '')) {
    if (group === '') continue
    const sorted = own.toSorted(order(rule))
    const T = rule.timespan_us
    let rest = sorted
    while (rest.length > 0) {
      let first: Signal | undefined
      if (rule.mode === 'complete') {
        const window = rest.filter(({ time }) => time <= (rest[0]?.time ?? 0) + T)
        if (holds(rule, window)) alerts.push(`${group} ${rest[0]?.id} ${window.length}`)
        rest = rest.slice(window.length)
        continue
      }
      for (const [index, trigger] of rest.entries()) {
        const before = rest.slice(0, index + 1).filter(({ time }) => time >= trigger.time - T)
        if (!holds(rule, before)) continue
        // An ordered sequence begins where the shortest end of the window that still holds does.
        const starts = before.map((_, start) => start)
        const start =
          rule.correlation.type === 'temporal_ordered'
            ? starts.findLast((from) => holds(rule, before.slice(from)))
            : starts[0]
        first = before[start ?? 0]
        break
      }
      if (first === undefined) break
      const begin = first
      const from = rest.indexOf(begin)
      const members = rest.slice(from).filter(({ time }) => time <= begin.time + T)
      alerts.push(`${group} ${begin.id} ${members.length}`)
      rest = rest.filter(({ time }) => time > begin.time + T)
    }
  }
  return alerts.sort()
}
