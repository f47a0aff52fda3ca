import type { Incident, Signal, Verdict } from '../../../schemas/generated/types.ts'

const RULE_ID = 'weir.verdict'
const PAST: Readonly<Record<Verdict['action'], string>> = {
  close: 'closed',
  reopen: 'opened again',
  assign: 'assigned',
  suppress: 'suppressed'
}

/** A verdict as it travels: on the topic of signals, in the partition of its cluster, so that it is in order with them. */
export function verdictSignal({ cluster, severity, sources }: Incident, verdict: Verdict): Signal {
  const title = `incident ${verdict.incident.slice(0, 12)} ${PAST[verdict.action]} by ${verdict.by}`
  return {
    id: verdict.id,
    time: verdict.time,
    cluster,
    source: sources[0] ?? 'audit',
    rule: { id: RULE_ID, code: null, title: 'What an analyst says of an incident', level: 'informational' },
    severity,
    title,
    dedup_key: verdict.id,
    event_id: verdict.id,
    action: verdict.action,
    outcome: 'success',
    tactics: [],
    techniques: [],
    entities: [],
    evidence: {},
    ancestry: [],
    playbook: null,
    investigation: [],
    role: 'verdict',
    sources: [],
    parts: [],
    count: 1,
    correlation_fields: {},
    verdict
  }
}
