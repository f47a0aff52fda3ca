import type { Severity, Signal, SourceType, TimelineEntry } from '../../../schemas/generated/types.ts'
import { severityRank } from '../severity.ts'
import { inKillChainOrder } from './tactics.ts'
import { plainText } from './text.ts'

const MAX_TITLE_BYTES = 200

interface Draft {
  readonly time: number
  readonly source: SourceType
  readonly code: string | null
  readonly title: string
  last: number
  severity: Severity
  readonly tactics: Set<string>
  readonly signals: string[]
  readonly events: Set<string>
}

/**
 * The story in order. Signals of one rule and source with the same dedup key tell the same thing: they are one entry, at the
 * time of the first, with the highest severity among them.
 * @param signals by time, then id
 */
export function timelineOf(signals: readonly Signal[]): readonly TimelineEntry[] {
  const drafts = new Map<string, Draft>()
  for (const signal of signals) {
    const key = `${signal.source}\n${signal.rule.id}\n${signal.dedup_key}`
    let draft = drafts.get(key)
    if (draft === undefined) {
      draft = {
        time: signal.time,
        source: signal.source,
        code: signal.rule.code,
        title: plainText(signal.title, MAX_TITLE_BYTES),
        last: signal.time,
        severity: signal.severity,
        tactics: new Set(),
        signals: [],
        events: new Set()
      }
      drafts.set(key, draft)
    }
    draft.last = signal.time
    if (severityRank(signal.severity) > severityRank(draft.severity)) draft.severity = signal.severity
    for (const tactic of signal.tactics) draft.tactics.add(tactic)
    draft.signals.push(signal.id)
    draft.events.add(signal.event_id)
  }
  return [...drafts.values()].map((draft) => ({
    ...draft,
    tactics: inKillChainOrder(draft.tactics),
    events: [...draft.events]
  }))
}
