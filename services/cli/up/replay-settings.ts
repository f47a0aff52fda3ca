const DAY_MS = 86_400_000

/**
 * Settings for a replay, which sends hours of events within seconds: what is a second late is minutes late by the events' own time,
 * and would be past the correlator's patience.
 */
export const REPLAY_SETTINGS = {
  correlator: { allowed_lateness_ms: { runtime: DAY_MS, audit: DAY_MS, cloud: DAY_MS } }
} as const
