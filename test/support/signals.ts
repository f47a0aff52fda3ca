import type { Entity, EntityRole, EntityType, Severity, Signal } from '../../schemas/generated/types.ts'

/** 2026-03-01 10:00:00 UTC, microseconds since the epoch: minute 0 of the signals made here. */
export const START_US = Date.UTC(2026, 2, 1, 10) * 1000
export const CLUSTER = { id: '7c1f3a52-kube-system', name: 'prod' } as const

export interface SignalSketch {
  readonly id: string
  /** Minutes after the start. */
  readonly minute: number
  readonly source?: Signal['source']
  /** Code of the rule; its id and title are made from it. */
  readonly code?: string
  readonly severity?: Severity
  readonly title?: string
  readonly action?: string
  readonly outcome?: Signal['outcome']
  readonly dedup_key?: string
  readonly tactics?: readonly string[]
  readonly techniques?: readonly string[]
  readonly entities?: readonly Entity[]
  readonly ancestry?: readonly Entity[]
  readonly playbook?: string | null
  readonly cluster?: Signal['cluster']
}

/** A signal as the enricher would make it, from what a test cares about. */
export function signalOf(sketch: SignalSketch): Signal {
  const code = sketch.code ?? 'A30'
  const severity = sketch.severity ?? 'low'
  const title = sketch.title ?? `Signal ${code}`
  return {
    id: sketch.id,
    time: START_US + Math.round(sketch.minute * 60_000_000),
    cluster: sketch.cluster ?? CLUSTER,
    source: sketch.source ?? 'runtime',
    rule: { id: `rule-${code}`, code, title: `Rule ${code}`, level: severity },
    severity,
    title,
    dedup_key: sketch.dedup_key ?? `${code} ${sketch.id}`,
    event_id: `event-${sketch.id}`,
    action: sketch.action ?? 'exec',
    outcome: sketch.outcome ?? 'success',
    tactics: sketch.tactics ?? ['execution'],
    techniques: sketch.techniques ?? ['T1609'],
    entities: sketch.entities ?? [],
    evidence: {},
    ancestry: sketch.ancestry ?? [],
    playbook: sketch.playbook ?? null,
    investigation: [],
    role: 'alert',
    sources: [],
    parts: [],
    count: 1,
    correlation_fields: {},
    verdict: null
  }
}

export function entityOf(type: EntityType, id: string, role: EntityRole = 'context', name = id): Entity {
  return { type, id, name, role }
}

/** A pod as the enricher names it: by UID, with namespace/name. */
export function podOf(uid: string, name: string, role: EntityRole = 'actor'): Entity {
  return { type: 'pod', id: uid, name, role }
}
