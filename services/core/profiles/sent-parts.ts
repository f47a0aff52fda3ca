import type { Signal } from '../../../schemas/generated/types.ts'
import type { WindowRule } from '../windows/window-rule.ts'
import type { ProfileRule } from './profile-rule.ts'

/** Which signals of parts the correlator needs. */
export interface NeededParts {
  /** Ids of the rules all of whose parts are needed: they are counted. */
  readonly all: ReadonlySet<string>
  /** Of other rules, the first of the same values in each unit of time is needed: microseconds by id of the rule. */
  readonly firsts: ReadonlyMap<string, number>
}

const common = (a: number, b: number): number => (b === 0 ? a : common(b, a % b))

/** What correlations and profiles need of the parts. */
export function neededParts(windows: readonly WindowRule[], profiles: readonly ProfileRule[]): NeededParts {
  const all = new Set<string>()
  const firsts = new Map<string, number>()
  // The first of an hour is the first of some minutes of it, too: units lie within each other.
  const needFirsts = (id: string, unit_us: number) => firsts.set(id, common(firsts.get(id) ?? unit_us, unit_us))
  for (const { parts, grain_us } of windows) {
    for (const [place, id] of parts.entries()) {
      if (grain_us === 0 || place === 0) all.add(id)
      else needFirsts(id, grain_us)
    }
  }
  for (const { parts, releases, profile, unit_us } of profiles) {
    for (const id of releases) all.add(id)
    for (const id of parts) {
      if (profile.type === 'rate') all.add(id)
      else needFirsts(id, unit_us)
    }
  }
  for (const id of all) firsts.delete(id)
  return { all, firsts }
}

/** Tells which parts have to be sent. */
export interface SentParts {
  isNeeded(signal: Signal): boolean
}

interface First {
  readonly time: number
  readonly id: string
}

const isBefore = (a: First, b: First): boolean => a.time < b.time || (a.time === b.time && a.id < b.id)

/**
 * Leaves out parts that teach profiles nothing, and answers that say no more: a value that was sent for the same day (hour, minutes) of
 * event time.
 *
 * What profiles tell follows from the earliest event of each value in each unit. An event is left out only when an earlier one of the
 * same values and unit was sent, so that the earliest is always among those that are: the outcome is the same with and without, for any
 * number of processes, and on a replay. A batch that is tried again sends the same once more, since an event is not later than itself.
 * @param capacity values remembered, at least; at most twice as many. What is forgotten is sent again
 */
export function createSentParts({ all, firsts }: NeededParts, capacity: number): SentParts {
  let current = new Map<string, First>()
  let previous = new Map<string, First>()
  return {
    isNeeded: (signal) => {
      const { rule, cluster, time, id, correlation_fields } = signal
      if (all.has(rule.id)) return true
      const unit_us = firsts.get(rule.id)
      if (unit_us === undefined) return false
      const key = JSON.stringify([rule.id, cluster.id, Math.floor(time / unit_us), Object.values(correlation_fields)])
      const sent = current.get(key) ?? previous.get(key)
      if (sent !== undefined && isBefore(sent, { time, id })) {
        if (!current.has(key)) current.set(key, sent)
        return false
      }
      if (current.size >= capacity) {
        previous = current
        current = new Map()
      }
      current.set(key, { time, id })
      return true
    }
  }
}
