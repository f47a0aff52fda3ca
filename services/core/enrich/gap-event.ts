import type { RuntimeBatch, RuntimeEvent } from '../../../schemas/generated/types.ts'
import type { SourcedEvent } from '../events/sourced-event.ts'
import type { Numbered, SequenceGap } from './sequence-gaps.ts'

/** What a batch of runtime events says of all its events. */
export type RuntimeHeader = Omit<RuntimeBatch, 'events'>

/** The numbers of a batch; null where nobody keeps them, so that they tell nothing. */
export function numberedOf(header: RuntimeHeader, count: number): Numbered | null {
  const { cluster, node, sensor, numbering, first_sequence } = header
  if (numbering === null || !/^[1-9]\d*$/.test(first_sequence)) return null
  return { stream: JSON.stringify([cluster.id, node, sensor, numbering]), first: Number(first_sequence), count }
}

/**
 * The event that tells of numbers that are missing between an agent and its reader: as other losses of a sensor, an event of that sensor,
 * at the time that the batch behind the gap was read. Its id follows from what is missing, so that it is the same whoever notices it.
 */
export function gapEvent({ first, last, about }: SequenceGap<RuntimeHeader>): SourcedEvent & { runtime: RuntimeEvent } {
  const { cluster, node, sensor, numbering, received } = about
  return {
    audit: null,
    runtime: {
      id: `gap-${node}-${sensor}-${numbering}-${first}-${last}`,
      time: received,
      category: 'sensor',
      action: 'gap',
      process: null,
      container: null,
      pod: null,
      network: null,
      file: null,
      alert: null,
      attributes: {
        reason: 'EVENTS_MISSING',
        from: 'weir.runtime.v1',
        count: String(last - first + 1),
        first_sequence: String(first),
        last_sequence: String(last)
      }
    },
    cluster,
    source: { type: 'runtime', provider: sensor, instance: node },
    received
  }
}
