import type { Cluster, Incident, InventoryRecord, Signal } from '../../schemas/generated/types.ts'
import { type Bodies, eventBodies } from './bodies.ts'
import { boundedSignal } from './correlate/bounded-signal.ts'
import { correlate } from './correlate/reducer.ts'
import type { CorrelateSettings } from './correlate/settings.ts'
import { type Annotate, type ClusterState, emptyState } from './correlate/state.ts'
import type { RuleSet } from './detect/rule-set.ts'
import { inventoryFromAudit } from './enrich/inventory.ts'
import { enrich } from './enrich/join.ts'
import { createKnownFacts } from './enrich/known-facts.ts'
import { enrichLazily } from './enrich/lazy-join.ts'
import { auditEventFromText } from './events/audit-text.ts'
import { decodeRecords, type TrailClusters } from './events/format.ts'
import { eventId, type SourcedEvent } from './events/sourced-event.ts'
import type { ProfileRule } from './profiles/profile-rule.ts'
import { advanceProfiles, profileIndexOf } from './profiles/reducer.ts'
import { emptyProfileState } from './profiles/state.ts'
import { createRecentIds } from './recent-ids.ts'
import { applySessions } from './sessions/apply-sessions.ts'
import { emptySessionState, sessionIndexOf } from './sessions/state.ts'
import { severityRank } from './severity.ts'
import { advanceWindows, DEFAULT_WINDOW_LIMITS, windowIndexOf } from './windows/reducer.ts'
import { emptyWindowState } from './windows/state.ts'
import type { WindowRule } from './windows/window-rule.ts'

/** A record that could not be used, wholly or in part. */
export interface Rejection {
  readonly code: string
  readonly reason: string
}

/** What one record came to. */
export interface HuntStep {
  readonly events: number
  readonly signals: readonly Signal[]
  readonly rejected: readonly Rejection[]
}

/** The whole pipeline over recorded input, in one process and without servers. */
export interface Hunt {
  /** Makes pods and workloads known before the records that mention them. */
  learn(records: readonly InventoryRecord[]): void
  /**
   * Decodes, joins and matches one record.
   * @param now microseconds since the epoch
   */
  offer(json: unknown, now: number): HuntStep
  /**
   * The same for the bytes of a record, without parsing all of it, which pays for long audit events.
   * @returns null when the record has to be parsed and offered
   */
  offerBytes(bytes: Buffer, now: number): HuntStep | null
  /**
   * Evaluates correlations over all events so far. To be called before `incidents`, so that their signals are among them.
   * @returns their signals, by time
   */
  correlated(): readonly Signal[]
  /**
   * Stitches all signals so far.
   * @param now microseconds since the epoch
   * @returns every incident that stands at the end, the worst first
   */
  incidents(now: number): readonly Incident[]
}

export interface HuntOptions {
  readonly rules: RuleSet
  /** Correlations over the signals of the rules. */
  readonly windows?: readonly WindowRule[]
  readonly profiles?: readonly ProfileRule[]
  readonly correlate: CorrelateSettings
  /** Cluster of records that name none. */
  readonly cluster: Cluster
  readonly instance: string
  /** What is known of the clusters in cloud accounts. */
  readonly trail?: TrailClusters
}

/** Shorter lines are parsed sooner than they are scanned and read field by field. */
const LONG_BYTES = 512

/** Events remembered to pass over duplicates; about 200 MB when full. */
const REMEMBERED_EVENTS = 1_000_000

const byTime = (a: Signal, b: Signal): number => a.time - b.time || (a.id < b.id ? -1 : 1)

/** The same core as the services run, wired together in memory: decode → join → match → stitch. */
export function createHunt({
  rules,
  windows = [],
  profiles = [],
  correlate: settings,
  cluster,
  instance,
  trail
}: HuntOptions): Hunt {
  const { learn, factsOf } = createKnownFacts()
  const seen = createRecentIds(REMEMBERED_EVENTS)
  const states = new Map<string, ClusterState>()
  let pending: Signal[] = []
  /** Signals that count towards correlations. Files are read one after another, so that all wait until the end. */
  let parts: Signal[] = []
  const index = windowIndexOf(windows)
  const learning = profileIndexOf(profiles)
  const sessionIndex = sessionIndexOf(windows)
  /** Who is behind signals, by cluster, once correlations were evaluated. */
  const annotations = new Map<string, Annotate>()
  const latest = new Map<string, Incident>()

  function stitch(now: number): void {
    for (const [id, signals] of Map.groupBy(pending, (signal) => signal.cluster.id)) {
      const state = states.get(id) ?? emptyState(id)
      states.set(id, state)
      const { incidents } = correlate(state, signals, now, settings, [], annotations.get(id))
      for (const incident of incidents) latest.set(incident.id, incident)
    }
    pending = []
  }

  const idOf = (event: SourcedEvent): string => `${event.cluster.id}/${eventId(event)}`

  /** Alerts of an event, null for one that has been there before. What counts towards correlations is put aside for them. */
  function match(event: SourcedEvent, bodies: Bodies, join: typeof enrichLazily): readonly Signal[] | null {
    // Two API servers, or two readings of a log, may carry the same event.
    if (!seen.isNew(idOf(event))) return null
    if (event.audit !== null) learn(inventoryFromAudit(event.audit, event.cluster, bodies))
    const matched = rules.match(join(event, factsOf, bodies), bodies)
    for (const signal of matched) {
      const { id } = signal.rule
      if (index.uses.has(id) || learning.uses.has(id) || sessionIndex.parts.has(id)) parts.push(boundedSignal(signal))
    }
    return matched.filter(({ role }) => role === 'alert')
  }

  return {
    learn,
    offerBytes: (bytes, now) => {
      const found = bytes.length < LONG_BYTES ? null : auditEventFromText(bytes)
      if (found === null) return null
      const { event: audit, bodies } = found
      const source = { type: 'audit', provider: 'kubernetes', instance } as const
      const event: SourcedEvent = { audit, runtime: null, cluster, source, received: now }
      let signals: readonly Signal[] | null
      try {
        signals = match(event, bodies, enrichLazily)
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error
        // It is not JSON after all, or its members are not where they should be: it is parsed, and has not been there before.
        seen.forget(idOf(event))
        return null
      }
      pending.push(...(signals ?? []))
      return { events: signals === null ? 0 : 1, signals: signals ?? [], rejected: [] }
    },
    offer: (json, now) => {
      const { events, rejected } = decodeRecords(json, {
        cluster,
        instance,
        received: now,
        ...(trail !== undefined && { trail })
      })
      const signals: Signal[] = []
      let fresh = 0
      for (const event of events) {
        const found = match(event, eventBodies(event), enrich)
        if (found === null) continue
        fresh += 1
        signals.push(...found)
      }
      pending.push(...signals)
      return { events: fresh, signals, rejected: rejected.map(({ code, message }) => ({ code, reason: message })) }
    },
    correlated: () => {
      const found: Signal[] = []
      for (const [id, signals] of Map.groupBy(parts, (signal) => signal.cluster.id)) {
        const inOrder = signals.toSorted(byTime)
        const ever = Number.POSITIVE_INFINITY
        const clock = { latest: ever, lateness_us: 0, closed_before: ever }
        const learnt = advanceProfiles(emptyProfileState(id), learning, inOrder, clock).results
        const state = emptyWindowState(id)
        const { results } = advanceWindows(state, index, signals, ever, DEFAULT_WINDOW_LIMITS, learnt)
        for (const { change, signal } of [...results, ...learnt]) if (change !== 'withdrawn') found.push(signal)
      }
      pending.push(...found)
      for (const [id, alerts] of Map.groupBy(pending, (signal) => signal.cluster.id)) {
        const own = parts.filter((signal) => signal.cluster.id === id)
        const batch = {
          parts: [...own, ...alerts],
          alerts,
          gone: new Set<string>(),
          closed_before: Number.POSITIVE_INFINITY
        }
        const { results, annotate } = applySessions(
          emptySessionState(id),
          sessionIndex,
          emptyState(id),
          batch,
          settings
        )
        annotations.set(id, annotate)
        found.push(...results.map(({ signal }) => signal))
        pending.push(...results.map(({ signal }) => signal))
      }
      parts = []
      return found.sort(byTime)
    },
    incidents: (now) => {
      stitch(now)
      return [...latest.values()]
        .filter(({ status }) => status !== 'merged')
        .toSorted((a, b) => severityRank(b.severity) - severityRank(a.severity) || a.first - b.first)
    }
  }
}
