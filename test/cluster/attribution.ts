import type { EnrichedEvent } from '../../schemas/generated/types.ts'

const ID_CHARACTERS = 64

/** Events of containers that lack something of whose they are, with the reason. */
export function lacking(events: readonly EnrichedEvent[]): readonly object[] {
  return events
    .filter(
      ({ container, pod, workload, enrichment }) =>
        container?.name == null ||
        container.id.length !== ID_CHARACTERS ||
        pod?.name == null ||
        pod.namespace === null ||
        workload === null ||
        enrichment.status !== 'complete'
    )
    .map(({ container, enrichment, runtime }) => ({ id: container?.id, ...enrichment, ...runtime?.attributes }))
}
