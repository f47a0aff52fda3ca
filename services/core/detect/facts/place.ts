import type { EnrichedEvent } from '../../../../schemas/generated/types.ts'

/** As much of a container's id as tools print. */
const SHOWN_ID_CHARACTERS = 12

/**
 * Where a runtime event happened, in words that stay the same for the same place: `namespace/pod`, the container's id while its pod
 * is not known, `host` and what reported it for processes outside of containers.
 */
export function placeOf({ pod, container, runtime, source }: EnrichedEvent): string | null {
  if (runtime === null) return null
  if (pod?.name != null) return pod.namespace === null ? pod.name : `${pod.namespace}/${pod.name}`
  if (container !== null && container.id !== '') return `container ${container.id.slice(0, SHOWN_ID_CHARACTERS)}`
  return pod?.uid == null ? `host ${pod?.node ?? source.instance}` : `pod ${pod.uid}`
}
