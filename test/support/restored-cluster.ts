import type { CorrelatorState } from '../../schemas/generated/types.ts'
import {
  type ClusterMemory,
  type CorrelateContent,
  createMemoryRestorer,
  emptyMemory
} from '../../services/core/correlate/cluster-memory.ts'
import type { CorrelateSettings } from '../../services/core/correlate/settings.ts'

/** The memory of one cluster out of what is left of its changelog. */
export function restoredCluster(
  cluster_id: string,
  content: CorrelateContent,
  entries: Iterable<CorrelatorState>,
  settings: CorrelateSettings
): ClusterMemory {
  const restorer = createMemoryRestorer(content, settings)
  for (const entry of entries) restorer.take(`${cluster_id}/${entry.key}`, entry)
  return restorer.finish().get(cluster_id) ?? emptyMemory(cluster_id)
}
