import type { EnrichedEvent } from '../../schemas/generated/types.ts'

const ID_CHARACTERS = 64

/**
 * Events of containers that lack something of whose they are, with the reason.
 * @param namespace of the test: pods of other tests may be on their way out, and not be in the API any more. Events that say no
 *   namespace count.
 */
export function lacking(events: readonly EnrichedEvent[], namespace: string): readonly object[] {
  return events
    .filter(({ pod }) => pod?.namespace == null || pod.namespace === namespace)
    .filter(
      ({ container, pod, workload, enrichment }) =>
        container?.name == null ||
        container.id.length !== ID_CHARACTERS ||
        pod?.name == null ||
        pod.namespace === null ||
        workload === null ||
        enrichment.status !== 'complete'
    )
    .map(({ container, pod, enrichment, runtime }) => ({
      ...{ id: container?.id, pod: pod?.name, action: runtime?.action },
      ...enrichment,
      ...runtime?.attributes
    }))
}
