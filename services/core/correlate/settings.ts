import type { SourceType } from '../../../schemas/generated/types.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Kinds of keys by which two signals can belong to one attack. */
export const LINK_KINDS = [
  'pod',
  'container',
  'workload',
  'service_account',
  'credential',
  'user',
  'address',
  'node',
  'indicator',
  'cloud_key',
  'session'
] as const
export type LinkKind = (typeof LINK_KINDS)[number]

/** Where events come from; each may be late in its own way. */
export const SOURCES = ['runtime', 'audit', 'cloud'] as const satisfies readonly SourceType[]

export interface CorrelateSettings {
  /** How far apart in event time two neighbours on a key may be and still belong together. */
  readonly link_windows_ms: Readonly<Record<LinkKind, number>>
  /** An identity seen in more signals than this, of more workloads than the next, within its link window ties nothing together. */
  readonly hub_signals: number
  readonly hub_workloads: number
  /** How much later than the newest event of the cluster an event of each source may arrive and still find everything it belongs to. */
  readonly allowed_lateness_ms: Readonly<Record<SourceType, number>>
  /** How far ahead of this machine's clock an event may be and still move time on. */
  readonly clock_tolerance_ms: number
  /** An incident without new signals is closed after this. */
  readonly close_idle_ms: number
  /** An incident takes signals for this long, after that they start a new one. */
  readonly max_age_ms: number
  /** A closed incident is opened again by a signal that belongs to it and comes no later than this. */
  readonly reopen_ms: number
  /** A group of signals takes no more than this; after that they start a new one. */
  readonly max_signals_per_incident: number
  /** Most groups (incidents, and signals not yet worth one) remembered per cluster; then the longest silent are let go. */
  readonly max_groups_per_cluster: number
  /** Most signals remembered per cluster. */
  readonly max_signals_per_cluster: number
  /** Clusters whose windows are elsewhere, as far as they can be: see core/spread. */
  readonly spread_clusters: readonly string[]
}

/**
 * Windows and limits follow Cortex XSIAM's published case thresholds (14 days idle, 30 days, 1,000 alerts, 6 hours to reopen)
 * and common practice for kill chains: a day for what is one running thing (pod, container, workload), an hour for identities,
 * since tokens are renewed hourly and many hands may share one. An access key of a cloud is one session's or one user's; sessions
 * last twelve hours at most.
 */
export const DEFAULT_CORRELATE_SETTINGS: CorrelateSettings = {
  link_windows_ms: {
    pod: DAY_MS,
    container: DAY_MS,
    workload: DAY_MS,
    service_account: HOUR_MS,
    credential: HOUR_MS,
    cloud_key: 12 * HOUR_MS,
    user: HOUR_MS,
    address: HOUR_MS,
    node: 10 * MINUTE_MS,
    indicator: HOUR_MS,
    session: DAY_MS
  },
  hub_signals: 50,
  hub_workloads: 10,
  allowed_lateness_ms: { runtime: 10 * MINUTE_MS, audit: 10 * MINUTE_MS, cloud: 10 * MINUTE_MS },
  clock_tolerance_ms: 5 * MINUTE_MS,
  close_idle_ms: 14 * DAY_MS,
  max_age_ms: 30 * DAY_MS,
  reopen_ms: 6 * HOUR_MS,
  max_signals_per_incident: 1000,
  max_groups_per_cluster: 20_000,
  max_signals_per_cluster: 50_000,
  spread_clusters: []
}

/** The longest that events of some sources may be late, milliseconds. @param sources all unless given */
export function latenessOf(
  { allowed_lateness_ms }: CorrelateSettings,
  sources: readonly SourceType[] = SOURCES
): number {
  return Math.max(...sources.map((source) => allowed_lateness_ms[source]))
}

/** The shortest, in which time in windows goes on; what waits for a slower source waits for longer. */
export function leastLatenessOf({ allowed_lateness_ms }: CorrelateSettings): number {
  return Math.min(...SOURCES.map((source) => allowed_lateness_ms[source]))
}
