import type { Incident, Signal } from '../../../schemas/generated/types.ts'
import { isoTime } from '../../core/export/iso-time.ts'

/** What `weir hunt --format ndjson` prints, one object a line. A contract with scripts: fields are only ever added. */
export type HuntLine =
  | {
      readonly kind: 'signal'
      readonly id: string
      readonly time: string
      readonly severity: string
      readonly rule: {
        readonly id: string
        readonly code: string | null
        readonly title: string
        readonly level: string
      }
      readonly title: string
      readonly event: { readonly id: string; readonly file: string; readonly line: number }
      readonly entities: Signal['entities']
    }
  | {
      readonly kind: 'incident'
      readonly id: string
      readonly revision: number
      readonly title: string
      readonly severity: string
      readonly score: number
      readonly signals: readonly string[]
      readonly tactics: readonly string[]
      readonly techniques: readonly string[]
      readonly entities: Incident['entities']
      readonly first: string
      readonly last: string
      readonly narrative: string
    }
  | {
      readonly kind: 'rejected'
      readonly source: string
      readonly line: number
      readonly code: string
      readonly reason: string
    }
  | {
      readonly kind: 'summary'
      readonly events: number
      readonly signals: number
      readonly incidents: number
      readonly rejected: number
      readonly seconds: number
    }

/** ISO 8601 in UTC with microseconds; empty for a time that no calendar has. */
export const timeText = (micros: number): string => isoTime(micros) ?? ''

export function signalLine(signal: Signal, file: string, line: number): HuntLine {
  return {
    kind: 'signal',
    id: signal.id,
    time: timeText(signal.time),
    severity: signal.severity,
    rule: signal.rule,
    title: signal.title,
    event: { id: signal.event_id, file, line },
    entities: signal.entities
  }
}

export function incidentLine(incident: Incident): HuntLine {
  return {
    kind: 'incident',
    id: incident.id,
    revision: incident.revision,
    title: incident.title,
    severity: incident.severity,
    score: incident.score,
    signals: incident.timeline.flatMap(({ signals }) => signals),
    tactics: incident.tactics,
    techniques: incident.techniques,
    entities: incident.entities,
    first: timeText(incident.first),
    last: timeText(incident.last),
    narrative: incident.narrative
  }
}
