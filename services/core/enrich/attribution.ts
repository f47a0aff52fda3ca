import type { Cluster, Container, InventoryRecord, RuntimeEvent } from '../../../schemas/generated/types.ts'
import { NOTE_PREFIX } from '../events/notes.ts'

/** A container as its runtime knows it, with its pod. */
export interface RuntimeContainer {
  /** All 64 characters. */
  readonly id: string
  readonly name: string
  readonly image_name: string | null
  readonly image_id: string | null
  readonly privileged: boolean | null
  readonly pod: { readonly uid: string; readonly name: string; readonly namespace: string }
  readonly host_network: boolean
  readonly host_pid: boolean
  readonly host_ipc: boolean
  readonly addresses: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly state: 'created' | 'running' | 'terminated'
  /** Microseconds since the epoch. */
  readonly created: number | null
  readonly started: number | null
  readonly restarts: number
}

/** Why an event left without its container being known; in the attribute `weir.io/unattributed`. */
export type UnattributedReason =
  /** The runtime was asked and has no such container: it is another runtime's. */
  | 'unknown container'
  /** No runtime answered in time. */
  | 'no runtime'
  /** More events waited than may. */
  | 'too many waiting'

const NOTE_UNATTRIBUTED = `${NOTE_PREFIX}unattributed`

/**
 * What an event lacks. `complete`: nothing. `details`: container and pod have names, but something about the container is missing,
 * which is worth a look but no wait. `names`: it is not known which container of which pod it is.
 */
export function lackOf({ container, pod }: RuntimeEvent): 'complete' | 'details' | 'names' {
  if (container === null || container.id === '') return 'complete'
  if (container.name === null || pod?.name == null || pod.namespace === null) return 'names'
  return container.image_name === null ||
    container.image_id === null ||
    container.privileged === null ||
    pod.uid === null ||
    container.id.length < 64
    ? 'details'
    : 'complete'
}

/** The event with what its runtime knows of its container; what the sensor said itself stays. */
export function attributed<Event extends Pick<RuntimeEvent, 'container' | 'pod'>>(
  event: Event,
  known: RuntimeContainer
): Event {
  const { container, pod } = event
  return {
    ...event,
    container: {
      id: known.id,
      name: container?.name ?? known.name,
      image_name: container?.image_name ?? known.image_name,
      image_id: container?.image_id ?? known.image_id,
      privileged: container?.privileged ?? known.privileged
    },
    pod: {
      uid: pod?.uid ?? known.pod.uid,
      name: pod?.name ?? known.pod.name,
      namespace: pod?.namespace ?? known.pod.namespace
    }
  }
}

/** The event as it leaves when its container did not become known. */
export function unattributed(event: RuntimeEvent, reason: UnattributedReason): RuntimeEvent {
  return { ...event, attributes: { ...event.attributes, [NOTE_UNATTRIBUTED]: reason } }
}

/** The record that tells the inventory of a container. */
export function containerRecord(
  known: RuntimeContainer,
  place: { readonly cluster: Cluster; readonly node: string; readonly observed: number; readonly deleted: boolean }
): InventoryRecord {
  const { id, name, image_name, image_id, privileged, pod } = known
  const container: Container = { id, name, image_name, image_id, privileged }
  return {
    cluster: place.cluster,
    kind: 'Container',
    uid: id,
    name,
    namespace: pod.namespace,
    observed: place.observed,
    deleted: place.deleted,
    created: known.created,
    labels: known.labels,
    owners: [{ kind: 'Pod', name: pod.name, namespace: pod.namespace, uid: pod.uid }],
    addresses: known.addresses,
    references: [],
    attributes: {},
    pod: {
      node: place.node,
      service_account: null,
      host_network: known.host_network,
      host_pid: known.host_pid,
      host_ipc: known.host_ipc,
      containers: [container],
      statuses: [{ name, state: known.state, reason: null, started: known.started, restarts: known.restarts }]
    }
  }
}
