import ipaddr from 'ipaddr.js'
import type {
  Actor,
  AuditEvent,
  CloudEvent,
  Container,
  EnrichedEvent,
  Enrichment,
  ObjectReference,
  Pod,
  PodSpec,
  RuntimeEvent,
  Workload
} from '../../../schemas/generated/types.ts'
import { type Bodies, eventBodies } from '../bodies.ts'
import { eventId, eventTime, type SourcedEvent } from '../events/sourced-event.ts'
import { at, stringAt } from '../json.ts'
import { actorOf, tokenPodUid } from './actor.ts'
import { clientAddress } from './client-address.ts'
import { inventoryFromAudit } from './inventory.ts'
import { actionOf, outcomeOf } from './outcome.ts'
import { factKey, lacksOwner, type PodFacts, podFacts } from './pod-facts.ts'
import { podSpecFacts } from './pod-spec.ts'
import { workloadKindOfResource } from './workload-kinds.ts'

/** Answers look-ups from what was fetched before: null when a key is not known. */
export type Facts = (key: string) => PodFacts | null

/** The keys an event's facts may be found under, best first. At most three. */
export function lookupKeys(event: SourcedEvent): readonly string[] {
  const cluster = event.cluster.id
  if (event.runtime !== null) {
    const { container, pod } = event.runtime
    return [
      ...(container === null || container.id === '' ? [] : [factKey.container(cluster, container.id)]),
      ...(pod?.uid == null ? [] : [factKey.podUid(cluster, pod.uid)]),
      ...(pod?.namespace == null || pod.name === null ? [] : [factKey.podName(cluster, pod.namespace, pod.name)])
    ]
  }
  if (event.cloud != null) {
    const uid = event.cloud.workload?.pod_uid ?? null
    return uid === null ? [] : [factKey.podUid(cluster, uid)]
  }
  if (event.audit === null) return []
  const reference = event.audit.objectRef
  if (reference?.resource === 'pods' && reference.name !== null) {
    return [
      ...(reference.uid === null ? [] : [factKey.podUid(cluster, reference.uid)]),
      factKey.podName(cluster, reference.namespace ?? '', reference.name)
    ]
  }
  const podUid = tokenPodUid(event.audit)
  return podUid === null ? [] : [factKey.podUid(cluster, podUid)]
}

export interface Joined {
  readonly pod: Pod | null
  readonly container: Container | null
  readonly workload: Workload | null
  readonly enrichment: Enrichment
}

const COMPLETE: Enrichment = { status: 'complete', reason: null }
const NOT_APPLICABLE: Enrichment = { status: 'not_applicable', reason: null }
const OWNER_UNKNOWN: Enrichment = {
  status: 'partial',
  reason: 'what made the workload of the pod is not in the inventory'
}
const NOTHING: Joined = { pod: null, container: null, workload: null, enrichment: NOT_APPLICABLE }

/** A pod of which no more is known than how it is called, and perhaps where it runs. */
export function barePod(
  { uid, name, namespace }: { uid: string | null; name: string | null; namespace: string | null },
  node: string | null
): Pod {
  return {
    uid,
    name,
    namespace,
    node,
    ip: null,
    service_account: null,
    labels: {},
    created: null,
    host_network: null,
    host_pid: null,
    host_ipc: null
  }
}

/** Either id may be a prefix of the other: engines shorten container ids. */
const sameContainer = (a: string, b: string) => a !== '' && b !== '' && (a.startsWith(b) || b.startsWith(a))

/** Sensor and inventory both know something of a container; the inventory's word counts, the sensor's fills gaps. */
function mergeContainer(seen: Container, known: Container | undefined): Container {
  if (known === undefined) return seen
  return {
    id: known.id.length >= seen.id.length ? known.id : seen.id,
    name: known.name ?? seen.name,
    image_name: known.image_name ?? seen.image_name,
    image_id: known.image_id ?? seen.image_id,
    privileged: known.privileged ?? seen.privileged
  }
}

function enrichmentOf(facts: PodFacts, containerUnknown: boolean): Enrichment {
  if (containerUnknown) return { status: 'partial', reason: 'container is not in the inventory of its pod' }
  if (facts.observed === 0 && facts.gone === undefined)
    return {
      status: 'partial',
      reason: 'only the container runtime knows the pod; owner and service account are missing'
    }
  return lacksOwner(facts) ? OWNER_UNKNOWN : COMPLETE
}

/** The top owner as the sensor saw it, where it does (Tetragon works it out from the pod's owner references). */
function workloadSeen({ pod, attributes }: RuntimeEvent): Workload | null {
  const kind = attributes['pod.workload_kind']
  const name = attributes['pod.workload']
  if (pod?.namespace == null || kind === undefined || name === undefined || kind === '' || name === '') return null
  return { kind, name, namespace: pod.namespace, uid: null }
}

function joinRuntime(event: RuntimeEvent, node: string, facts: PodFacts | null): Joined {
  const { container, pod } = event
  if (container === null && pod === null) return NOTHING
  if (facts === null) {
    const known = [pod?.name != null && 'pod', container?.image_name != null && 'container'].filter(Boolean)
    return {
      pod: pod === null ? null : barePod(pod, node),
      container,
      workload: workloadSeen(event),
      enrichment:
        known.length === 0
          ? { status: 'missing', reason: 'container is not in the inventory' }
          : { status: 'partial', reason: 'pod is not in the inventory; pod and container are as the sensor saw them' }
    }
  }
  const known =
    container === null
      ? undefined
      : facts.containers.find(
          ({ id, name }) => sameContainer(id, container.id) || (id === '' && name === container.name)
        )
  return {
    pod: facts.pod,
    container: container === null ? null : mergeContainer(container, known),
    workload: facts.workload,
    enrichment: enrichmentOf(facts, container !== null && known === undefined)
  }
}

/** The container an exec or attach names, or the pod's only one. */
function requestedContainer(event: AuditEvent, facts: PodFacts | null): Container | null {
  if (facts === null) return null
  const query = event.requestURI?.split('?')[1]
  const name = query === undefined ? null : new URLSearchParams(query).get('container')
  if (name !== null) return facts.containers.find((container) => container.name === name) ?? null
  return facts.containers.length === 1 ? (facts.containers[0] ?? null) : null
}

/**
 * The workload a request is about, with the name and the UID that only its bodies may tell. The reference has its UID from the
 * request's body (LogRequestObject in k8s.io/apiserver/pkg/audit). That of an update is the object's, since one with another UID
 * is refused; in a create a client may write any, and only the response has the real one.
 */
function workloadOf(event: AuditEvent, reference: ObjectReference, kind: string, bodies: Bodies): Workload {
  const named = event.verb === 'update' && reference.name !== null && reference.uid !== null
  const record = named ? undefined : inventoryFromAudit(event, { id: '', name: '' }, bodies)[0]
  return {
    kind,
    name: reference.name ?? record?.name ?? stringAt(bodies.request(), 'metadata', 'name') ?? '',
    namespace: reference.namespace,
    uid: record?.uid ?? reference.uid
  }
}

/** The pod as the body of a write to it tells it. */
function carriedFacts(event: AuditEvent, clusterId: string, bodies: Bodies): PodFacts | null {
  const [record] = inventoryFromAudit(event, { id: clusterId, name: '' }, bodies)
  return record === undefined || record.deleted ? null : podFacts(record, () => null)
}

function joinAudit(
  event: AuditEvent,
  actor: Actor,
  clusterId: string,
  fetched: PodFacts | null,
  bodies: Bodies
): Joined {
  const reference = event.objectRef
  const kind = workloadKindOfResource(reference?.resource)
  if (kind?.kind === 'Pod' && reference !== null) {
    // A body tells the pod as it is now; the inventory knows owners further up and containers already started.
    const facts = fetched ?? carriedFacts(event, clusterId, bodies)
    if (facts !== null) {
      return {
        pod: facts.pod,
        container: requestedContainer(event, facts),
        workload: facts.workload,
        enrichment: enrichmentOf(facts, false)
      }
    }
    if (reference.name === null) return NOTHING
    return {
      pod: barePod({ uid: reference.uid, name: reference.name, namespace: reference.namespace }, null),
      container: null,
      workload: null,
      enrichment: { status: 'partial', reason: 'pod is not in the inventory' }
    }
  }
  const workload = kind === null || reference === null ? null : workloadOf(event, reference, kind.kind, bodies)
  if (fetched !== null)
    return {
      pod: fetched.pod,
      container: null,
      workload: workload ?? fetched.workload,
      enrichment: workload === null ? enrichmentOf(fetched, false) : COMPLETE
    }
  if (actor.pod_uid === null) return { ...NOTHING, workload }
  return {
    pod: barePod(
      { uid: actor.pod_uid, name: actor.pod_name, namespace: actor.service_account?.split('/')[0] ?? null },
      actor.node_name
    ),
    container: null,
    workload,
    enrichment: { status: 'partial', reason: 'pod of the token is not in the inventory' }
  }
}

const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'patch'])

/** Pod spec of a write to any workload kind: what was asked for, or after a patch what came of it. */
export function requestedPodSpec(event: AuditEvent, bodies: Bodies): PodSpec | null {
  const reference = event.objectRef
  const kind = workloadKindOfResource(reference?.resource)
  if (kind === null || reference === null || !WRITES.has(event.verb ?? '')) return null
  if (reference.subresource !== null && reference.subresource !== 'ephemeralcontainers') return null
  const { request, response } = bodies
  for (const body of event.verb === 'patch' ? [response, request] : [request, response]) {
    const facts = podSpecFacts(at(body(), kind.podSpec))
    if (facts !== null) return facts
  }
  return null
}

/** The pod that EKS Pod Identity asked for; nobody else is proven to act for a pod. */
function joinCloud({ workload }: CloudEvent, facts: PodFacts | null): Joined {
  if (workload === null || workload.pod_uid === null) return NOTHING
  if (facts !== null) return { pod: facts.pod, container: null, workload: facts.workload, enrichment: COMPLETE }
  const { pod_uid: uid, pod_name: name, namespace, service_account } = workload
  return {
    pod: { ...barePod({ uid, name, namespace }, null), service_account },
    container: null,
    workload: null,
    enrichment: { status: 'partial', reason: 'pod is not in the inventory; it is as the cloud names it' }
  }
}

/** The address a request came from, null for what is no address. */
export function requestAddress(event: Pick<SourcedEvent, 'audit' | 'cloud'>): string | null {
  if (event.audit !== null) return clientAddress(event.audit.sourceIPs)
  const address = event.cloud?.sourceIPAddress ?? null
  return address !== null && ipaddr.isValid(address) ? address : null
}

/** What is known of an event's pod, container and workload. */
export function join(event: SourcedEvent, actor: Actor | null, facts: Facts, bodies: Bodies): Joined {
  let fetched: PodFacts | null = null
  for (const key of lookupKeys(event)) {
    fetched = facts(key)
    if (fetched !== null) break
  }
  const { audit, runtime, cloud } = event
  if (runtime !== null) return joinRuntime(runtime, event.source.instance, fetched)
  if (cloud != null) return joinCloud(cloud, fetched)
  return audit !== null && actor !== null ? joinAudit(audit, actor, event.cluster.id, fetched, bodies) : NOTHING
}

/**
 * Joins an event with what is known of its pod, container and identity.
 * @param facts answers for `lookupKeys(event)`; the first key that is known wins
 * @param bodies the event's bodies, for those who share them with what else looks into them
 * @returns the enriched event; what could not be joined is said in `enrichment`, never left silently null
 */
export function enrich(event: SourcedEvent, facts: Facts, bodies: Bodies = eventBodies(event)): EnrichedEvent {
  const { audit, runtime } = event
  const actor = audit === null ? null : actorOf(audit)
  const joined = join(event, actor, facts, bodies)
  return {
    audit,
    runtime,
    cloud: event.cloud ?? null,
    id: eventId(event),
    time: eventTime(event),
    received: event.received,
    cluster: event.cluster,
    source: event.source,
    enrichment: joined.enrichment,
    action: actionOf(event),
    outcome: outcomeOf(event),
    actor,
    source_ip: requestAddress(event),
    pod: joined.pod,
    container: joined.container,
    workload: joined.workload,
    pod_spec: audit === null ? null : requestedPodSpec(audit, bodies)
  }
}

/**
 * Whether waiting may help: the event is of a container or pod that the inventory does not know yet, or not wholly. A request that
 * was refused, or whose answer is still to come, may be about a pod that is nowhere.
 */
export function isWorthRetrying({ runtime, audit, outcome, enrichment }: EnrichedEvent): boolean {
  if (runtime === null && (audit === null || outcome !== 'success')) return false
  return enrichment.status === 'missing' || enrichment.status === 'partial'
}
