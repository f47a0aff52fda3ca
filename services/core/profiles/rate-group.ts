import type { Signal } from '../../../schemas/generated/types.ts'
import type { ProfileRule } from './profile-rule.ts'
import type { Told } from './state.ts'

/**
 * Mean and variance of the counts of periods, later ones weighing more.
 *
 * Source: T. Finch, Incremental calculation of weighted mean and variance (2009), section 9: with d = x - mean, mean += α·d and
 * variance = (1 - α)·(variance + α·d²). The first periods weigh alike (α = 1/n), as in Welford's method, until α has come down to
 * 2/(N + 1) for a memory of N periods.
 */
export interface Habit {
  /** Periods that were counted. */
  readonly periods: number
  readonly mean: number
  readonly variance: number
}

/** One event of a rate, as it is remembered while it may come again: its time and 48 bits of a hash of its id. */
export interface Counted {
  readonly time: number
  readonly mark: number
}

/** A period that is not over for good. */
export interface Period {
  readonly index: number
  /** Events that cannot come again or be preceded any more. */
  closed: number
  /** Those that can, in order. */
  readonly recent: Counted[]
  /** Time of the event that was too much, once that is settled. */
  crossed: number | null
  /** The period's earliest event, whose actor an alert shows. */
  sample: Signal
}

/** What is usual for one identity, namespace or cluster. */
export interface RateGroup {
  readonly key: string
  readonly rule: ProfileRule
  readonly scope: number
  readonly names: readonly (readonly string[])[]
  /** Time of the first event from which on it learns, microseconds since the epoch. */
  first: number
  habit: Habit
  /** The first period that the habit does not hold. */
  next: number
  /** In order. */
  periods: Period[]
  told: Told
}

export const NO_HABIT: Habit = { periods: 0, mean: 0, variance: 0 }

/** The habit with one more period. @param memory_periods N of the definition */
export function afterPeriod({ periods, mean, variance }: Habit, count: number, memory_periods: number): Habit {
  const weight = Math.max(1 / (periods + 1), 2 / (memory_periods + 1))
  const difference = count - mean
  return {
    periods: periods + 1,
    mean: mean + weight * difference,
    variance: (1 - weight) * (variance + weight * difference * difference)
  }
}

/**
 * The smallest count that is too much: at least `least`, and more than so many standard deviations above the mean. A habit is never
 * taken for steadier than chance (Poisson: the variance is at least the mean, and at least 1).
 */
export function tooMuch({ mean, variance }: Habit, least: number, deviations: number): number {
  return Math.max(least, Math.floor(mean + deviations * Math.sqrt(Math.max(variance, mean, 1))) + 1)
}
