import { randomUUID } from 'node:crypto'
import type { Action, Incident } from '../../../schemas/generated/types.ts'
import type { Codec } from '../../core/avro/codec.ts'
import { WeirError } from '../../core/errors.ts'
import type { Stage } from '../../platform/stage.ts'

export interface IncidentsSeen {
  /** The latest revision of each incident of the cluster, merged ones left out. */
  incidents(): readonly Incident[]
  /** The latest plan for each incident. */
  actions(): ReadonlyMap<string, Action>
}

/** A stage that watches what comes out at the end, for one cluster. A consumer group of its own each time. */
export function createIncidentWatch(
  codec: Codec,
  cluster_id: string,
  tell: (incident: Incident) => void
): { readonly stage: Stage; readonly seen: IncidentsSeen } {
  const incidents = new Map<string, Incident>()
  const actions = new Map<string, Action>()

  return {
    stage: {
      name: `watch.${randomUUID()}`,
      inputs: ['weir.incidents.v1', 'weir.actions.v1'],
      handle: async ({ topic, messages }) => {
        for (const { value } of messages) {
          if (value === null) continue
          try {
            if (topic === 'weir.actions.v1') {
              const action = await codec.decode('action', value)
              if (action.cluster.id === cluster_id) actions.set(action.incident_id, action)
              continue
            }
            const incident = await codec.decode('incident', value)
            if (incident.cluster.id !== cluster_id) continue
            if ((incidents.get(incident.id)?.revision ?? 0) >= incident.revision) continue
            incidents.set(incident.id, incident)
            tell(incident)
          } catch (error) {
            // The indexer reads the same topics and writes the dead letters.
            if (!(error instanceof WeirError) || error.retriable) throw error
          }
        }
        return []
      }
    },
    seen: {
      incidents: () => [...incidents.values()].filter(({ status }) => status !== 'merged'),
      actions: () => actions
    }
  }
}
