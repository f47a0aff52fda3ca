import type { Incident, IncidentStatus, PublishedIncident } from '../../../schemas/generated/types.ts'
import { buildIncident, mergedIncident } from './incident.ts'
import { bySignalTime, type ClusterState, type Group, noteIncident } from './state.ts'
import { judgedOf } from './verdicts.ts'

function inOrder(groups: Iterable<Group>): Group[] {
  return [...groups].sort((a, b) => {
    const [first] = a.members
    const [other] = b.members
    return first !== undefined && other !== undefined ? bySignalTime(first, other) : 0
  })
}

/**
 * One more per signal that is new in it, so that the number does not depend on batches; a change without a new signal, such as
 * closing, counts as one.
 */
function nextRevision(known: PublishedIncident | undefined, signals: number, status: IncidentStatus): number {
  if (known === undefined) return signals + (status === 'open' ? 0 : 1)
  return known.revision + Math.max(1, signals - known.signals)
}

function remember(state: ClusterState, incident: Incident, group: Group, first_signal: string): void {
  const { id, revision, status } = incident
  state.published.set(id, { id, revision, status, signals: group.members.length, first_signal, last: incident.last })
  noteIncident(state, id)
}

function publishGroup(state: ClusterState, group: Group, id: string, status: IncidentStatus): Incident {
  const revision = nextRevision(state.published.get(id), group.members.length, status)
  const judged = judgedOf(state, group.members)
  const incident = buildIncident(
    { id, revision, status, verdict: judged.status, assignee: judged.assignment?.assignee ?? null },
    group.members.map(({ signal }) => signal)
  )
  remember(state, incident, group, group.members[0]?.signal.id ?? '')
  return incident
}

/**
 * What is to be said of incidents: the present revision of each that changed, and of each that is no more, where its signals
 * went.
 * @param changed groups that are new, have other signals or another status
 * @param replaced groups that are no more
 */
export function publish(state: ClusterState, changed: Iterable<Group>, replaced: Iterable<Group>): readonly Incident[] {
  const incidents: Incident[] = []
  const said = new Map<string, Incident>()
  for (const group of inOrder(changed)) {
    if (!group.isIncident) continue
    const incident = publishGroup(state, group, group.id, group.status)
    incidents.push(incident)
    said.set(group.id, incident)
  }
  for (const { id, members } of inOrder(replaced)) {
    const known = state.published.get(id)
    const home = members[0]?.group
    if (known === undefined || known.status === 'merged' || said.has(id) || home === null || home === undefined)
      continue
    const survivor = said.get(home.id)
    if (survivor === undefined) {
      // What made it an incident turned out to belong elsewhere, and what is left is none.
      incidents.push(publishGroup(state, home, id, 'closed'))
      continue
    }
    const merged = mergedIncident(id, known.revision + 1, survivor)
    state.published.set(id, { ...known, revision: merged.revision, status: 'merged', last: merged.last })
    noteIncident(state, id)
    incidents.push(merged)
  }
  return incidents
}
