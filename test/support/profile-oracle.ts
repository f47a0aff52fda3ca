import type { Signal } from '../../schemas/generated/types.ts'
import type { ProfileRule } from '../../services/core/profiles/profile-rule.ts'

/** An alert as the oracle names it: time and ids of the events it stands for, its count and severity. */
export type OracleAlert = string

const order = (a: Signal, b: Signal) => a.time - b.time || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
const HOUR_US = 3_600_000_000
const LEVELS = ['informational', 'low', 'medium', 'high', 'critical']
const lowered = (level: string) => LEVELS[Math.max(0, LEVELS.indexOf(level) - 1)] ?? level

const textOf = (signal: Signal, names: readonly string[]): string | null => {
  const values = names.map((name) => signal.correlation_fields[name] ?? [])
  return values.some((texts) => texts.length === 0) ? null : JSON.stringify(values)
}

const unique = (signals: readonly Signal[], rules: readonly string[]): readonly Signal[] =>
  [
    ...new Map(signals.filter(({ rule }) => rules.includes(rule.id)).map((signal) => [signal.id, signal])).values()
  ].sort(order)

/**
 * The alerts of a new-value profile, by looking at all earlier events of each event: slow, and as plain as the definition.
 * @param signals of one cluster, in any order, duplicates included
 */
export function oracleNewValues(rule: ProfileRule, signals: readonly Signal[]): readonly OracleAlert[] {
  const events = unique(signals, rule.parts)
  const releases = unique(signals, rule.releases)
  const unit = ({ time }: Signal) => Math.floor(time / rule.unit_us)
  const crowds = new Map<string, { readonly level: string; readonly members: Signal[] }>()
  for (const [index, event] of events.entries()) {
    const value = textOf(event, rule.profile.of)
    if (value === null) continue
    for (const { scope, fields, level } of rule.profile.scopes) {
      const name = textOf(event, fields)
      if (name === null) continue
      const earlier = events
        .slice(0, index)
        .filter((other) => textOf(other, fields) === name && textOf(other, rule.profile.of) !== null)
      const isKnown = earlier.some(
        (other) => textOf(other, rule.profile.of) === value && unit(event) - unit(other) <= rule.memory_units
      )
      let first = event
      for (const other of earlier.toReversed()) {
        if (unit(first) - unit(other) > rule.memory_units) break
        first = other
      }
      if (isKnown || event.time - first.time < rule.profile.learn_ms * 1000) continue
      const key = `${scope} ${name} ${Math.floor(event.time / HOUR_US)}`
      const crowd = crowds.get(key) ?? { level, members: [] }
      crowds.set(key, crowd)
      crowd.members.push(event)
      break
    }
  }
  const isReleased = (event: Signal) =>
    releases.some(
      (release) =>
        textOf(release, ['workload.name']) === textOf(event, ['workload.name']) &&
        release.time <= event.time &&
        event.time - release.time <= (rule.profile.release?.within_ms ?? 0) * 1000
    )
  const alerts: OracleAlert[] = []
  for (const { level, members } of crowds.values()) {
    const explained = members.some(isReleased)
    if (members.length <= (explained ? 1 : 5)) {
      for (const member of members)
        alerts.push(`${member.id} 1 ${isReleased(member) ? lowered(level) : level} ${member.time}`)
    } else {
      const ids = members.slice(0, 100).map(({ id }) => id)
      const trigger = members[explained ? 1 : 5]
      alerts.push(`${ids.join(' ')} ${members.length} ${explained ? lowered(level) : level} ${trigger?.time}`)
    }
  }
  return alerts.sort()
}

/** The alerts of a rate profile, period by period from the first event on. */
export function oracleRates(rule: ProfileRule, signals: readonly Signal[]): readonly OracleAlert[] {
  const { rate, memory_ms, learn_ms } = rule.profile
  if (rate === null) return []
  const length = rate.period_ms * 1000
  const N = Math.ceil(memory_ms / rate.period_ms)
  const alerts: OracleAlert[] = []
  for (const { fields } of rule.profile.scopes) {
    for (const own of Map.groupBy(unique(signals, rule.parts), (signal) => textOf(signal, fields)).values()) {
      const periods = Map.groupBy(own, ({ time }) => Math.floor(time / length))
      const indexes = [...periods.keys()].sort((a, b) => a - b)
      let first = 0
      let counts: number[] = []
      let last = Number.NEGATIVE_INFINITY
      for (const index of indexes) {
        const members = periods.get(index) ?? []
        if (index - last - 1 > N) {
          counts = []
          first = members[0]?.time ?? 0
        } else for (let empty = last + 1; empty < index; empty += 1) counts.push(0)
        last = index
        let mean = 0
        let variance = 0
        for (const [place, count] of counts.entries()) {
          const weight = Math.max(1 / (place + 1), 2 / (N + 1))
          const difference = count - mean
          mean += weight * difference
          variance = (1 - weight) * (variance + weight * difference * difference)
        }
        const need = Math.max(
          rate.least,
          Math.floor(mean + rate.deviations * Math.sqrt(Math.max(variance, mean, 1))) + 1
        )
        counts.push(Math.min(need, members.length))
        const trigger = members[need - 1]
        if (trigger !== undefined && index * length - first >= learn_ms * 1000)
          alerts.push(`${members[0]?.id} ${members.length} ${rule.level} ${trigger.time}`)
      }
    }
  }
  return alerts.sort()
}
