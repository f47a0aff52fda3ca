import type { Entity, Signal } from '../../../schemas/generated/types.ts'
import { plainText } from './text.ts'

/** Longest id of a signal or event that is taken, UTF-16 units. */
export const MAX_ID_CHARACTERS = 256
const MAX_TITLE_BYTES = 300
const MAX_NAME_BYTES = 300
const MAX_EVIDENCE_BYTES = 300
const MAX_ENTITIES = 48
const MAX_ANCESTORS = 12
const MAX_EVIDENCE = 16
const MAX_TAGS = 16
const MAX_PARTS = 100
const MAX_CARRIED = 16

/**
 * Why a signal cannot be worked with, or null when it can.
 * @param signal as decoded; its types hold, its values may be anything
 */
export function defectOf(signal: Signal): string | null {
  if (signal.id === '') return 'it has no id'
  if (!signal.id.isWellFormed()) return 'its id is not Unicode text'
  if (signal.id.length > MAX_ID_CHARACTERS) return `its id is longer than ${MAX_ID_CHARACTERS} characters`
  if (signal.event_id.length > MAX_ID_CHARACTERS) return `its event id is longer than ${MAX_ID_CHARACTERS} characters`
  if (!Number.isSafeInteger(signal.time) || signal.time < 0)
    return `its time ${signal.time} is not microseconds since the epoch`
  if (signal.cluster.id === '') return 'it does not say which cluster it is from'
  return null
}

/** An id ties things together: it may be cut, but not changed otherwise. Half a pair would not survive being stored. */
function boundedId(id: string): string {
  return id.slice(0, MAX_ID_CHARACTERS).toWellFormed()
}

function boundedEntity({ type, id, name, role }: Entity): Entity {
  return { type, id: boundedId(id), name: plainText(name, MAX_NAME_BYTES), role }
}

/**
 * The signal as it is remembered: every list and text within a bound (some 30 KB at worst, 1 KB as a rule), texts fit to be
 * shown. The same signal always gives the same.
 */
export function boundedSignal(signal: Signal): Signal {
  return {
    id: signal.id,
    time: signal.time,
    cluster: { id: boundedId(signal.cluster.id), name: plainText(signal.cluster.name, MAX_NAME_BYTES) },
    source: signal.source,
    rule: {
      id: boundedId(signal.rule.id),
      code: signal.rule.code === null ? null : plainText(signal.rule.code, 32),
      title: plainText(signal.rule.title, MAX_TITLE_BYTES),
      level: signal.rule.level
    },
    severity: signal.severity,
    title: plainText(signal.title, MAX_TITLE_BYTES),
    dedup_key: boundedId(signal.dedup_key),
    event_id: boundedId(signal.event_id),
    action: plainText(signal.action, MAX_NAME_BYTES),
    outcome: signal.outcome,
    tactics: signal.tactics.slice(0, MAX_TAGS).map((tactic) => plainText(tactic, 64)),
    techniques: signal.techniques.slice(0, MAX_TAGS).map((technique) => plainText(technique, 64)),
    entities: signal.entities.slice(0, MAX_ENTITIES).map(boundedEntity),
    evidence: Object.fromEntries(
      Object.entries(signal.evidence)
        .slice(0, MAX_EVIDENCE)
        .map(([path, value]) => [plainText(path, MAX_NAME_BYTES), plainText(value, MAX_EVIDENCE_BYTES)])
    ),
    ancestry: signal.ancestry.slice(0, MAX_ANCESTORS).map(boundedEntity),
    playbook: signal.playbook === null ? null : plainText(signal.playbook, 128),
    // For whoever opens the signal; stitching has no use for it.
    investigation: [],
    role: signal.role,
    sources: signal.sources.slice(0, 3),
    parts: signal.parts.slice(0, MAX_PARTS).map(boundedId),
    count: signal.count,
    correlation_fields: Object.fromEntries(
      Object.entries(signal.correlation_fields)
        .slice(0, MAX_CARRIED)
        .map(([name, values]) => [boundedId(name), values.slice(0, MAX_CARRIED).map(boundedId)])
    ),
    verdict: null
  }
}
