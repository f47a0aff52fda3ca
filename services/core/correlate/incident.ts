import type { Incident, IncidentStatus, Signal } from '../../../schemas/generated/types.ts'
import { severityRank } from '../severity.ts'
import { causalityOf } from './causality.ts'
import { canonicalIds, mergedEntities } from './entities.ts'
import { type Facts, narrativeOf, titleOf } from './narrative.ts'
import { scoreOf, sourcesOf } from './score.ts'
import { inKillChainOrder } from './tactics.ts'
import { byCodeUnits } from './text.ts'
import { timelineOf } from './timeline.ts'

/** The playbook that the gravest signal's rule recommends, the earliest among equals. */
function recommendedPlaybook(signals: readonly Signal[]): string | null {
  let best: Signal | null = null
  for (const signal of signals) {
    if (signal.playbook === null) continue
    if (best === null || severityRank(signal.severity) > severityRank(best.severity)) best = signal
  }
  return best?.playbook ?? null
}

export interface IncidentHeader {
  readonly id: string
  readonly revision: number
  readonly status: IncidentStatus
  /** What analysts said of it; nothing unless given. */
  readonly verdict?: Incident['verdict']
  readonly assignee?: Incident['assignee']
}

/**
 * The incident that signals make: the same signals always make the same, byte for byte.
 * Bounded: at most one timeline entry a signal, 200 entities, 200 causality nodes, every text cut to size.
 * @param signals of one cluster, by time, then id; at least one
 * @throws RangeError when there are none
 */
export function buildIncident(header: IncidentHeader, signals: readonly Signal[]): Incident {
  const first = signals[0]
  const last = signals.at(-1)
  if (first === undefined || last === undefined)
    throw new RangeError('an incident is made of signals, and there are none')
  const canonical = canonicalIds(signals)
  const causality = causalityOf(signals, canonical)
  const facts: Facts = {
    signals,
    timeline: timelineOf(signals),
    entities: mergedEntities(signals, canonical),
    tactics: inKillChainOrder(signals.flatMap(({ tactics }) => tactics)),
    sources: sourcesOf(signals),
    score: scoreOf(signals)
  }
  const notes =
    causality.dropped > 0
      ? [
          `The causality tree shows ${causality.nodes.length} nodes and leaves out ${causality.dropped} less severe or later ones.`
        ]
      : []
  return {
    ...header,
    merged_into: null,
    cluster: first.cluster,
    severity: facts.score.severity,
    score: facts.score.score,
    title: titleOf(facts),
    narrative: narrativeOf(facts, notes),
    first: first.time,
    last: last.time,
    sources: facts.sources,
    tactics: facts.tactics,
    techniques: [...new Set(signals.flatMap(({ techniques }) => techniques))].sort(byCodeUnits),
    entities: facts.entities,
    timeline: facts.timeline,
    causality: causality.nodes,
    playbook: recommendedPlaybook(signals),
    verdict: header.verdict ?? null,
    assignee: header.assignee ?? null
  }
}

/**
 * The last revision of an incident that turned out to be part of another: it points there and holds nothing else.
 * @param survivor the incident that has its signals now
 */
export function mergedIncident(id: string, revision: number, survivor: Incident): Incident {
  return {
    ...survivor,
    id,
    revision,
    status: 'merged',
    merged_into: survivor.id,
    // What counts incidents by severity must not count one attack twice.
    severity: 'informational',
    score: 0,
    narrative: `Part of incident ${survivor.id}, which has its signals.`,
    entities: [],
    timeline: [],
    causality: []
  }
}
