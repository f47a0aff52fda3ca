import type { Container, InventoryRecord, Pod } from '../../../schemas/generated/types.ts'
import type { PodFacts } from './pod-facts.ts'

/** Containers of earlier starts that are kept beside those of today: events of a container arrive after its end. */
const MAX_EARLIER_CONTAINERS = 16

/** A container that the runtime told of, with what the pod's spec says of the container of that name. */
function withSpec(container: Container, named: Container | undefined): Container {
  return {
    ...container,
    image_name: container.image_name ?? named?.image_name ?? null,
    privileged: named?.privileged ?? container.privileged
  }
}

/**
 * A pod's containers as the API tells them, completed with ids that the runtime has told before: the API learns an id from kubelet,
 * up to seconds after the container's first process, and forgets it when the container is started again.
 */
export function completedContainers(told: readonly Container[], known: readonly Container[]): readonly Container[] {
  const others = known.filter(({ id }) => id !== '' && !told.some((container) => container.id === id))
  const used = new Set<Container>()
  const current = told.map((container) => {
    const other = container.id === '' ? others.findLast(({ name }) => name === container.name) : undefined
    if (other === undefined) return container
    used.add(other)
    return { ...container, id: other.id, image_id: container.image_id ?? other.image_id }
  })
  return [...current, ...others.filter((other) => !used.has(other)).slice(-MAX_EARLIER_CONTAINERS)]
}

/** The pod with the address that the runtime gave it, which the API learns with the state of its containers. */
export function withAddress(pod: Pod, ip: string | null): Pod {
  return pod.ip !== null || ip === null || pod.host_network === true ? pod : { ...pod, ip }
}

/**
 * Facts of a pod with a container that the runtime tells of, and the pod's address. The same facts when they have both already.
 */
export function withContainer(known: PodFacts, container: Container, ip: string | null): PodFacts {
  const pod = withAddress(known.pod, ip)
  const facts = pod === known.pod ? known : { ...known, pod }
  const { containers } = facts
  if (container.id === '' || containers.some(({ id }) => id === container.id)) return facts
  const named = containers.find(({ name }) => name === container.name)
  const merged = withSpec(container, named)
  if (named?.id === '') {
    return { ...facts, containers: containers.map((candidate) => (candidate === named ? merged : candidate)) }
  }
  // Each start has an id of its own, and a container in a crash loop starts without end.
  const same = containers.filter(({ name }) => name === container.name)
  const kept = same.length < MAX_EARLIER_CONTAINERS ? containers : containers.filter((one) => one !== same[0])
  return { ...facts, containers: [...kept, merged] }
}

/** What the runtime alone tells of a pod, from the record of one of its containers; null for records of other kinds. */
export function factsOfContainer(record: InventoryRecord): PodFacts | null {
  const [owner] = record.owners
  const { pod } = record
  if (record.kind !== 'Container' || owner?.kind !== 'Pod' || owner.uid === null || pod === null) return null
  return {
    pod: {
      uid: owner.uid,
      name: owner.name,
      namespace: owner.namespace,
      node: pod.node,
      ip: record.addresses[0] ?? null,
      service_account: null,
      labels: record.labels,
      created: null,
      host_network: pod.host_network,
      host_pid: pod.host_pid,
      host_ipc: pod.host_ipc
    },
    containers: pod.containers,
    workload: { kind: 'Pod', name: owner.name, namespace: owner.namespace, uid: owner.uid },
    observed: 0
  }
}
