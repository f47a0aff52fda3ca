import type {
  Actor,
  Cluster,
  Container,
  EnrichedEvent,
  Enrichment,
  EventSource,
  Outcome,
  Pod,
  PodSpec,
  Workload
} from '../../../schemas/generated/types.ts'
import { LazyRecord, plainOf } from '../avro/lazy-record.ts'
import type { Bodies } from '../bodies.ts'
import { eventId, eventTime, type SourcedEvent } from '../events/sourced-event.ts'
import { actorOf } from './actor.ts'
import { type Facts, type Joined, join, requestAddress, requestedPodSpec } from './join.ts'
import { actionOf, outcomeOf } from './outcome.ts'

/** An enriched event whose facts are found when they are first read: for whoever only matches it. */
class LazilyEnriched extends LazyRecord implements EnrichedEvent {
  readonly #event: SourcedEvent
  readonly #facts: Facts
  readonly #bodies: Bodies
  #id: string | undefined
  #action: string | undefined
  #outcome: Outcome | undefined
  #actor: Actor | null | undefined
  #joined: Joined | undefined
  #podSpec: PodSpec | null | undefined

  constructor(event: SourcedEvent, facts: Facts, bodies: Bodies) {
    super()
    this.#event = event
    this.#facts = facts
    this.#bodies = bodies
  }

  get audit() {
    return this.#event.audit
  }
  get runtime() {
    return this.#event.runtime
  }
  get cloud() {
    return this.#event.cloud ?? null
  }
  get id(): string {
    this.#id ??= eventId(this.#event)
    return this.#id
  }
  get time(): number {
    return eventTime(this.#event)
  }
  get received(): number {
    return this.#event.received
  }
  get cluster(): Cluster {
    return this.#event.cluster
  }
  get source(): EventSource {
    return this.#event.source
  }
  get action(): string {
    this.#action ??= actionOf(this.#event)
    return this.#action
  }
  get outcome(): Outcome {
    this.#outcome ??= outcomeOf(this.#event)
    return this.#outcome
  }
  get actor(): Actor | null {
    const { audit } = this.#event
    if (this.#actor === undefined) this.#actor = audit === null ? null : actorOf(audit)
    return this.#actor
  }
  get source_ip(): string | null {
    return requestAddress(this.#event)
  }
  get #found(): Joined {
    this.#joined ??= join(this.#event, this.actor, this.#facts, this.#bodies)
    return this.#joined
  }
  get enrichment(): Enrichment {
    return this.#found.enrichment
  }
  get pod(): Pod | null {
    return this.#found.pod
  }
  get container(): Container | null {
    return this.#found.container
  }
  get workload(): Workload | null {
    return this.#found.workload
  }
  get pod_spec(): PodSpec | null {
    const { audit } = this.#event
    if (this.#podSpec === undefined) this.#podSpec = audit === null ? null : requestedPodSpec(audit, this.#bodies)
    return this.#podSpec
  }

  override toJSON(): EnrichedEvent {
    const { id, time, received, cluster, source, enrichment, action, outcome, actor, source_ip } = this
    const { pod, container, workload, pod_spec } = this
    return {
      audit: plainOf(this.audit),
      runtime: plainOf(this.runtime),
      cloud: plainOf(this.cloud),
      id,
      time,
      received,
      cluster,
      source,
      enrichment,
      action,
      outcome,
      actor,
      source_ip,
      pod,
      container: plainOf(container),
      workload,
      pod_spec
    }
  }
}

/**
 * As `enrich`, but finds each fact when it is first read.
 * @param facts is asked then, and has to answer as it would have now
 */
export function enrichLazily(event: SourcedEvent, facts: Facts, bodies: Bodies): EnrichedEvent {
  return new LazilyEnriched(event, facts, bodies)
}
