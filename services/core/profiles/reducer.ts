import type { Signal } from '../../../schemas/generated/types.ts'
import type { WindowResult } from '../windows/reducer.ts'
import { takeDue } from './agenda.ts'
import { noteDirty, noteGroupGone, noteRateGone } from './changelog.ts'
import { forgetBefore } from './known-values.ts'
import {
  closeCrowd,
  closeEvent,
  expireReleases,
  type LearnCounts,
  learnValue,
  takeRelease,
  tellCrowd
} from './new-values.ts'
import type { ProfileRule } from './profile-rule.ts'
import { countSignal, expireRates, type RateCounts, tellRate } from './rates.ts'
import type { Crowd, ProfileState } from './state.ts'
import { resultsOf, type Tellings } from './tellings.ts'

/** What a signal of a rule is for. */
interface Use {
  readonly rule: ProfileRule
  readonly as: 'value' | 'rate' | 'release'
}

export interface ProfileIndex {
  readonly rules: ReadonlyMap<string, ProfileRule>
  /** By id of the rule whose signals are used. */
  readonly uses: ReadonlyMap<string, readonly Use[]>
}

export function profileIndexOf(profiles: readonly ProfileRule[]): ProfileIndex {
  const uses = new Map<string, Use[]>()
  const add = (id: string, use: Use) => uses.set(id, [...(uses.get(id) ?? []), use])
  for (const rule of profiles) {
    // Releases first: one and the same signal may be both.
    for (const id of rule.releases) add(id, { rule, as: 'release' })
    for (const id of rule.parts) add(id, { rule, as: rule.profile.type === 'rate' ? 'rate' : 'value' })
  }
  return { rules: new Map(profiles.map((rule) => [rule.id, rule])), uses }
}

export interface ProfileLimits {
  /** Most identities, namespaces and clusters of profiles remembered. */
  readonly max_groups: number
  /** Most values remembered in all of them. */
  readonly max_values: number
}

export const DEFAULT_PROFILE_LIMITS: ProfileLimits = { max_groups: 100_000, max_values: 1_000_000 }

export interface ProfileCounts extends LearnCounts, RateCounts {
  /** Scopes let go because there were too many, or too many values in all. */
  evicted_scopes: number
}

export interface ProfileOutputs {
  /** At most one for each id. */
  readonly results: readonly WindowResult[]
  readonly counts: ProfileCounts
}

export interface ProfileClock {
  /** Events dated after this do not move time on, microseconds since the epoch. */
  readonly latest: number
  readonly lateness_us: number
  /** No event of an earlier time is expected after these signals, unless time itself says less; infinity closes all. */
  readonly closed_before?: number
}

const HOUR_US = 3_600_000_000

/** Does what is due: what is closed becomes final, what is over is told for the last time. */
function settle(state: ProfileState, index: ProfileIndex, tellings: Tellings, counts: ProfileCounts): void {
  const all = takeDue(state.agenda, state.closed_before)
  for (const due of all) {
    const at = due.indexOf(' ')
    const key = due.slice(at + 1)
    const event = due.startsWith('event ') ? state.events.get(key) : undefined
    const crowd = due.startsWith('crowd ') ? state.crowds.get(key) : undefined
    const rate = due.startsWith('rate ') ? state.rates.get(key) : undefined
    if (event !== undefined) closeEvent(state, event)
    if (crowd !== undefined) closeCrowd(state, tellings, crowd)
    if (rate !== undefined) tellRate(state, tellings, rate, counts)
  }
  // What a release explains has been told for the last time now.
  for (const due of all) {
    if (!due.startsWith('release ')) continue
    const key = due.slice('release '.length)
    expireReleases(state, index.rules.get(key.slice(0, key.indexOf('/'))), key)
  }
}

function forgetGroup(state: ProfileState, key: string): void {
  const group = state.groups.get(key)
  if (group === undefined) return
  state.groups.delete(key)
  state.values -= group.known.size
  noteGroupGone(state, group)
}

/** Once an hour: forgets what is older than it is remembered. */
function sweep(state: ProfileState): void {
  const hour = Math.floor(state.closed_before / HOUR_US)
  if (hour <= state.swept) return
  const days = Math.floor(hour / 24) > Math.floor(state.swept / 24)
  state.swept = hour
  for (const group of state.groups.values()) {
    const { rule, known, run } = group
    // Days are over once a day.
    if (!days && rule.unit_us > HOUR_US) continue
    const oldest = Math.floor(state.closed_before / rule.unit_us) - rule.memory_units - 1
    if (run.latest < oldest) {
      forgetGroup(state, group.key)
      continue
    }
    const size = known.size
    forgetBefore(known, oldest)
    state.values += known.size - size
    if (known.size < size) state.dirty.add(group)
  }
  expireRates(state)
}

function evict(state: ProfileState, limits: ProfileLimits): number {
  let evicted = 0
  for (const key of state.groups.keys()) {
    if (state.groups.size <= limits.max_groups && state.values <= limits.max_values) break
    forgetGroup(state, key)
    evicted += 1
  }
  for (const group of state.rates.values()) {
    if (state.rates.size <= limits.max_groups) break
    state.rates.delete(group.key)
    noteRateGone(state, group)
    evicted += 1
  }
  return evicted
}

function take(
  state: ProfileState,
  uses: readonly Use[],
  signal: Signal,
  tellings: Tellings,
  counts: ProfileCounts
): void {
  const crowds = new Set<Crowd>()
  for (const { rule, as } of uses) {
    if (as === 'release') for (const crowd of takeRelease(state, rule, signal)) crowds.add(crowd)
    else if (as === 'value') for (const crowd of learnValue(state, rule, signal, counts)) crowds.add(crowd)
    else for (const group of countSignal(state, rule, signal, counts)) tellRate(state, tellings, group, counts)
  }
  for (const crowd of crowds) tellCrowd(state, tellings, crowd)
}

/**
 * Profiles over the signals of one cluster, under event time. What stands in the end does not depend on the order or batching of the
 * signals, nor on duplicates, as long as none comes later than allowed after the latest before it, and no limit is reached.
 * @param state the cluster's state, changed in place
 * @param signals in the order in which they came; those that no profile uses only move time on
 */
export function advanceProfiles(
  state: ProfileState,
  index: ProfileIndex,
  signals: readonly Signal[],
  { latest, lateness_us, closed_before = Number.NEGATIVE_INFINITY }: ProfileClock,
  limits: ProfileLimits = DEFAULT_PROFILE_LIMITS
): ProfileOutputs {
  const tellings: Tellings = new Map()
  const counts: ProfileCounts = {
    evicted_values: 0,
    dropped_new: 0,
    late_rates: 0,
    blurred_rates: 0,
    evicted_scopes: 0
  }
  const close = (before: number) => {
    if (before <= state.closed_before) return
    state.closed_before = before
    settle(state, index, tellings, counts)
    sweep(state)
  }
  for (const signal of signals) {
    close(Math.min(signal.time, latest) - lateness_us)
    const uses = signal.role === 'withdrawn' ? undefined : index.uses.get(signal.rule.id)
    if (uses !== undefined) take(state, uses, signal, tellings, counts)
  }
  close(closed_before)
  counts.evicted_scopes = evict(state, limits)
  noteDirty(state)
  return { results: resultsOf(tellings), counts }
}
