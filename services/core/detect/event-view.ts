import type { AuditEvent, EnrichedEvent } from '../../../schemas/generated/types.ts'
import { plainOf } from '../avro/lazy-record.ts'
import { type Bodies, eventBodies } from '../bodies.ts'
import { workloadKindOfResource } from '../enrich/workload-kinds.ts'
import type { FactSubject } from './facts/fact.ts'
import { factOf } from './facts/fact-catalogue.ts'
import type { BodyPart } from './field-paths.ts'
import { EVENT_LIMITS } from './limits.ts'

/** A value found in an event: undefined where a path ends in nothing, an object or list where it ends above the leaves. */
export type EventValue = string | number | boolean | null | undefined | object

/** The values of one field of one event. */
export interface FieldValues {
  readonly values: readonly EventValue[]
  /** The values as lower-case text where they have text, made on first use. */
  lowered: readonly (string | null)[] | null
}

/** Bounds that were met while looking at an event: what lies beyond them was not looked at. */
export type EventLimit = keyof typeof EVENT_LIMITS

/**
 * One event while rules look at it. Everything that is worked out from it is worked out once and only when asked for: bodies are
 * parsed when a rule reads them, values are found once for all rules.
 */
export interface EventView {
  readonly event: EnrichedEvent
  readonly bodies: Bodies
  readonly limits: EventLimit[]
  /** What rules have read of the bodies so far. */
  request: { readonly value: unknown } | null
  response: { readonly value: unknown } | null
  keywords: FieldValues | null
  /** Facts found so far, by name, and what they are worked out from. */
  facts: { readonly found: Map<string, unknown>; readonly subject: FactSubject } | null
  /** What document paths are looked up in: one element of a list, or a raw event. Undefined for events of the model. */
  readonly document: unknown
}

export function viewOf(event: EnrichedEvent, bodies: Bodies = eventBodies(event)): EventView {
  return { event, bodies, limits: [], request: null, response: null, keywords: null, facts: null, document: undefined }
}

/** One object of an event, looked at by itself. Bounds that are met are the event's. */
export function viewOfDocument(view: EventView, document: unknown): EventView {
  return { ...view, keywords: null, document }
}

/** Remembers that a bound was met. */
export function meetLimit({ limits }: EventView, limit: EventLimit): void {
  if (!limits.includes(limit)) limits.push(limit)
}

/** A body as JSON, undefined when there is none or it cannot be read. */
export function bodyOf(view: EventView, part: 'request' | 'response'): unknown {
  const known = view[part]
  if (known !== null) return known.value
  const value = view.bodies[part]()
  view[part] = { value }
  return value
}

/** What facts read of the bodies counts as read. */
function factsOf(view: EventView): NonNullable<EventView['facts']> {
  const bodies: Bodies = {
    request: () => bodyOf(view, 'request'),
    response: () => bodyOf(view, 'response'),
    has: view.bodies.has
  }
  return { found: new Map(), subject: { event: view.event, bodies } }
}

/** A fact of the event, worked out when it is first asked for. */
export function factIn(view: EventView, name: string): unknown {
  view.facts ??= factsOf(view)
  const { found, subject } = view.facts
  const known = found.get(name)
  if (known !== undefined) return known
  // What is not known is remembered, too.
  const value = factOf(name)?.compute(subject, (other) => factIn(view, other)) ?? null
  found.set(name, value)
  return value
}

const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'patch'])
/** Subresources whose requests are streams without a body. */
const BODILESS: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy', 'log'])

/**
 * Whether a write's body is not there (because of the audit level, or because it was too large to keep), or there but unreadable:
 * clouds cut long ones, and what is no object tells nothing.
 */
function isMissing(view: EventView, audit: AuditEvent, part: 'request' | 'response'): boolean {
  if (view.bodies.has(part)) {
    const body = bodyOf(view, part)
    return typeof body !== 'object' || body === null
  }
  if (!WRITES.has(audit.verb ?? '') || BODILESS.has(audit.objectRef?.subresource ?? '')) return false
  // Only the last stages carry bodies, whatever the level.
  return audit.stage === 'ResponseComplete'
}

/** Whether what a field is read from was left out of the event, so that nothing can be said about the field. */
export function isLeftOut(view: EventView, part: BodyPart): boolean {
  const { audit, pod_spec } = view.event
  if (audit === null) return false
  if (part === 'request' || part === 'response') return isMissing(view, audit, part)
  if (part === 'pod_spec' || part === 'pod_template') {
    if (part === 'pod_spec' && pod_spec !== null) return false
    if (workloadKindOfResource(audit.objectRef?.resource) === null) return false
    const subresource = audit.objectRef?.subresource ?? null
    if (subresource !== null && subresource !== 'ephemeralcontainers') return false
  }
  return isMissing(view, audit, 'request') && isMissing(view, audit, 'response')
}

/** Why it was left out, in words; null when the field can be read. */
export function leftOut(view: EventView, part: BodyPart): string | null {
  const { audit } = view.event
  if (audit === null || !isLeftOut(view, part)) return null
  const what =
    part === 'request' || part === 'response' ? `the ${part} body` : part === 'object' ? 'the object' : 'the pod spec'
  return `${what} is not in the event or cannot be read (audit level ${audit.level ?? 'not given'}, ${audit.verb ?? 'no verb'})`
}

/**
 * Whether something may have been left out, without parsing anything: bodies that no rule has read so far are taken to be
 * readable, since nothing depends on them yet.
 */
export function mayBeLeftOut(view: EventView): boolean {
  const { audit } = view.event
  if (audit === null) return false
  const { has } = view.bodies
  const unreadable = (part: 'request' | 'response') => {
    const read = view[part]
    return read !== null && read.value === undefined && has(part)
  }
  if (unreadable('request') || unreadable('response')) return true
  return WRITES.has(audit.verb ?? '') && !(has('request') && has('response'))
}

/** Text of a value, for comparing it with text; null when it has none. */
export function textOfValue(value: EventValue): string | null {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
}

export function loweredOf(found: FieldValues): readonly (string | null)[] {
  const { lowered, values } = found
  if (lowered !== null) return lowered
  const [only] = values
  const made =
    values.length === 1 && typeof only === 'string'
      ? [only.toLowerCase()]
      : values.map((value) => textOfValue(value)?.toLowerCase() ?? null)
  found.lowered = made
  return made
}

/** Every text and number of the raw event, bodies included: where keywords are searched. */
export function keywordValues(view: EventView): FieldValues {
  if (view.keywords !== null) return view.keywords
  const { audit, runtime, cloud } = view.event
  const values: EventValue[] = []
  const pending: unknown[] = [view.document ?? plainOf(runtime)]
  if (audit !== null) {
    // Bodies are searched for what they mean; only one that cannot be read is searched as it is written.
    const { requestObject, responseObject, ...rest } = plainOf(audit)
    pending.push(rest, bodyOf(view, 'request') ?? requestObject, bodyOf(view, 'response') ?? responseObject)
  }
  if (cloud !== null) {
    const { requestParameters, responseElements, ...rest } = plainOf(cloud)
    pending.push(rest, bodyOf(view, 'request') ?? requestParameters, bodyOf(view, 'response') ?? responseElements)
  }
  for (let steps = 0; pending.length > 0; steps += 1) {
    if (steps > EVENT_LIMITS.keyword_values || pending.length > EVENT_LIMITS.keyword_values) {
      meetLimit(view, 'keyword_values')
      break
    }
    const value = pending.pop()
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') values.push(value)
    else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) pending.push(inner)
  }
  view.keywords = { values, lowered: null }
  return view.keywords
}
