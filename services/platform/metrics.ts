import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/**
 * Every metric of every service, in one place: the metrics page of the docs is made from this module.
 * Names follow `weir_<name>_<unit>_total`; a metric that a service never touches is not exported by it.
 */
export const metrics = new Registry()

export const messagesIn = new Counter({
  name: 'weir_messages_in_total',
  help: 'Messages consumed, by topic.',
  labelNames: ['topic'] as const,
  registers: [metrics]
})

export const messagesOut = new Counter({
  name: 'weir_messages_out_total',
  help: 'Messages produced and acknowledged, by topic.',
  labelNames: ['topic'] as const,
  registers: [metrics]
})

export const eventsIn = new Counter({
  name: 'weir_events_in_total',
  help: 'Events received, by source type and provider.',
  labelNames: ['source', 'provider'] as const,
  registers: [metrics]
})

export const deadLetters = new Counter({
  name: 'weir_dead_letters_total',
  help: 'Messages and events that could not be used, by stable error code.',
  labelNames: ['topic', 'code'] as const,
  registers: [metrics]
})

export const batchSeconds = new Histogram({
  name: 'weir_batch_seconds',
  help: 'Time from a batch being fetched to its outputs being acknowledged.',
  labelNames: ['stage', 'topic'] as const,
  buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
  registers: [metrics]
})

export const enrichments = new Counter({
  name: 'weir_enrichments_total',
  help: 'Enriched events, by status.',
  labelNames: ['status'] as const,
  registers: [metrics]
})

export const lookups = new Counter({
  name: 'weir_lookups_total',
  help: 'Pod and container look-ups, by where the answer came from (memory, redis, none).',
  labelNames: ['answer'] as const,
  registers: [metrics]
})

export const eventsMissing = new Counter({
  name: 'weir_events_missing_total',
  help: 'Events that an agent has numbered and published, and that never came to the enricher, by sensor.',
  labelNames: ['provider'] as const,
  registers: [metrics]
})

export const signalsOut = new Counter({
  name: 'weir_signals_total',
  help: 'Signals raised, by rule code and severity.',
  labelNames: ['code', 'severity'] as const,
  registers: [metrics]
})

export const rebalances = new Counter({
  name: 'weir_rebalances_total',
  help: 'Assignments of partitions that a stage was given by its consumer group.',
  labelNames: ['stage'] as const,
  registers: [metrics]
})

export const consumerFailures = new Counter({
  name: 'weir_consumer_failures_total',
  help: 'Failed transactions and failures of consumer loops, by stable error code.',
  labelNames: ['stage', 'code'] as const,
  registers: [metrics]
})

export const rulesNotEvaluable = new Counter({
  name: 'weir_rules_not_evaluable_total',
  help: 'Evaluations that could not be made because the audit level left out what decides, by rule.',
  labelNames: ['rule'] as const,
  registers: [metrics]
})

export const signalsFiltered = new Counter({
  name: 'weir_signals_filtered_total',
  help: 'Matches that an exception (a Sigma filter) silenced, by rule and filter.',
  labelNames: ['rule', 'filter'] as const,
  registers: [metrics]
})

export const correlatedSignals = new Counter({
  name: 'weir_correlated_signals_total',
  help: 'Signals the correlator took, by result: accepted, duplicate, refused, ahead_of_clock (accepted, but too far in the future to move time on).',
  labelNames: ['result'] as const,
  registers: [metrics]
})

export const incidentRevisions = new Counter({
  name: 'weir_incident_revisions_total',
  help: 'Revisions of incidents published, by severity and status.',
  labelNames: ['severity', 'status'] as const,
  registers: [metrics]
})

export const correlatorMemory = new Gauge({
  name: 'weir_correlator_memory',
  help: 'What the correlator remembers, by cluster and kind: signals, groups (incidents, and signals not yet worth one), profiles (identities, namespaces and clusters of profiles), values (in all profiles).',
  labelNames: ['cluster', 'kind'] as const,
  registers: [metrics]
})

export const correlatorLimits = new Counter({
  name: 'weir_correlator_limits_total',
  help: 'Limits of the correlator that were reached, by limit: incident_full, evicted_groups, evicted_signals, late_parts, dropped_parts, evicted_windows, late_sessions, dropped_sessions, spread_elsewhere (signals that count in windows of a cluster that is not to be spread: services have different settings), standby_full (state of a partition is not read ahead), and of profiles: evicted_values, evicted_scopes, dropped_new, late_rates, blurred_rates, ahead_of_clock.',
  labelNames: ['limit'] as const,
  registers: [metrics]
})

export const spreadParts = new Counter({
  name: 'weir_windows_parts_total',
  help: 'Parts of spread clusters that came to windows, by result: taken, duplicate, unknown (of a correlation that is not among the rules here). Late ones are among the limits of the correlator.',
  labelNames: ['result'] as const,
  registers: [metrics]
})

export const standbyLag = new Gauge({
  name: 'weir_correlator_standby_lag',
  help: 'Messages of a partition of weir.state.v1 that the standby of this instance has not read yet; no series of partitions that it works on itself, or reads no more because of correlator.standby.max_bytes.',
  labelNames: ['partition'] as const,
  registers: [metrics]
})

export const standbyBytes = new Gauge({
  name: 'weir_correlator_standby_bytes',
  help: 'Memory that the standby of this instance uses for the state of partitions of others.',
  registers: [metrics]
})

export const plansOut = new Counter({
  name: 'weir_plans_total',
  help: 'Response plans written, by playbook; a plan that stays the same is written again with each revision.',
  labelNames: ['playbook'] as const,
  registers: [metrics]
})

export const actionsRefused = new Counter({
  name: 'weir_actions_refused_total',
  help: 'Messages on weir.actions.v1 that asked for something and were refused, by error code; forged ones are an attack on Weir.',
  labelNames: ['code'] as const,
  registers: [metrics]
})

/** Node's own metrics (CPU, memory, event loop), for services that live long. */
export function collectProcessMetrics(): void {
  collectDefaultMetrics({ register: metrics, prefix: 'weir_' })
}
