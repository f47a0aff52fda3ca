import type { Cluster, InventoryRecord } from '../../../schemas/generated/types.ts'

/** A record of the inventory that says nothing of its object but which it is. `observed` in microseconds since the epoch. */
export function emptyRecord(
  cluster: Cluster,
  kind: string,
  uid: string,
  name: string,
  observed: number
): InventoryRecord {
  return {
    cluster,
    kind,
    uid,
    name,
    namespace: null,
    observed,
    deleted: false,
    created: null,
    labels: {},
    owners: [],
    addresses: [],
    references: [],
    attributes: {},
    pod: null
  }
}
