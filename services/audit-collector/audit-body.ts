import { isUtf8 } from 'node:buffer'
import secureJson from 'secure-json-parse'
import { WeirError } from '../core/errors.ts'
import { isAuditEvent } from '../core/events/audit.ts'
import { describe } from '../core/events/errors.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import type { Rejected } from '../platform/ingest/convert.ts'
import { INGEST_ERRORS, type IngestErrorCode } from '../platform/ingest/errors.ts'
import { WEBHOOK_ERRORS, type WebhookErrorCode } from '../platform/webhook/errors.ts'
import { elementsAt, isDeeperThan, membersAt, type Span } from '../platform/webhook/json-spans.ts'

/** Kubernetes refuses JSON nested deeper than 10,000; the list and the event around an object add a few levels. */
export const DEPTH_MAX = 10_100
/** Events of one request; an API server sends 400 unless told otherwise. */
const EVENTS_MAX = 20_000
const VERSIONS = ['audit.k8s.io/v1', 'audit.k8s.io/v1beta1']
/** Where an event holds what a user of the API may have written; any key and any bytes can be there. */
const FREE_FORM = ['requestObject', 'responseObject', 'annotations'] as const
/** Cheap test for texts that need `secureJson.scan`: the keys, also with escaped letters. */
const SUSPICIOUS = /__proto__|constructor|prototype|\\u00/

/** The body of an API server's request. */
export interface AuditBody {
  /** The events, as JSON values; each is an object that looks like an audit event. */
  readonly events: readonly JsonObject[]
  /** What else was in the list. */
  readonly rejected: readonly Rejected[]
}

function refuse(code: WebhookErrorCode, message: string, options?: ErrorOptions): never {
  throw new WeirError(WEBHOOK_ERRORS, code, message, options)
}

/**
 * Reads a request body of the API server's audit webhook: an EventList or one Event, of audit.k8s.io v1 or v1beta1.
 *
 * An API server drops a whole batch that is refused. So nothing that a user of the API can bring about may have the batch refused:
 * request and response bodies may have any keys and (a patch is logged as it was sent) bytes that are not UTF-8, which are read
 * as U+FFFD. An item that is no audit event is rejected alone.
 *
 * @throws WeirError WEBHOOK_BODY_TOO_DEEP, WEBHOOK_NOT_JSON, WEBHOOK_NOT_UTF8, WEBHOOK_FORBIDDEN_KEY, WEBHOOK_WRONG_KIND,
 *   WEBHOOK_WRONG_VERSION, WEBHOOK_TOO_MANY_EVENTS, WEBHOOK_NO_EVENT: there is nothing in the body that can be used
 */
export function readAuditBody(bytes: Buffer): AuditBody {
  if (isDeeperThan(bytes, DEPTH_MAX)) refuse('WEBHOOK_BODY_TOO_DEEP', `the body is nested more than ${DEPTH_MAX} deep`)
  const text = bytes.toString('utf8')
  let root: unknown
  try {
    root = JSON.parse(text)
  } catch (error) {
    refuse('WEBHOOK_NOT_JSON', `the body of ${bytes.length} bytes is not JSON; was it cut short?`, { cause: error })
  }
  if (!isObject(root)) refuse('WEBHOOK_WRONG_KIND', `the body is ${describe(root)}, not an object`)
  const { kind, apiVersion, items } = root
  if (kind !== 'EventList' && kind !== 'Event') {
    refuse(
      'WEBHOOK_WRONG_KIND',
      `the body is of kind ${describe(kind)}; send an EventList or an Event of audit.k8s.io/v1`
    )
  }
  if (typeof apiVersion !== 'string' || !VERSIONS.includes(apiVersion)) {
    refuse(
      'WEBHOOK_WRONG_VERSION',
      `the body has apiVersion ${describe(apiVersion)}; send one of ${VERSIONS.join(', ')}`
    )
  }
  if (kind === 'EventList' && !Array.isArray(items)) {
    refuse('WEBHOOK_WRONG_KIND', `the EventList has ${describe(items)} for items`)
  }
  const list: readonly unknown[] = Array.isArray(items) && kind === 'EventList' ? items : [root]
  if (list.length > EVENTS_MAX)
    refuse('WEBHOOK_TOO_MANY_EVENTS', `the list has ${list.length} events, at most ${EVENTS_MAX} are read`)

  const suspicious = SUSPICIOUS.test(text)
  if (kind === 'EventList' && suspicious && hasForbiddenKey({ ...root, items: undefined })) {
    refuse('WEBHOOK_FORBIDDEN_KEY', 'the EventList has a key such as __proto__')
  }
  const spansOf = lazySpans(bytes, kind)
  const badBytes = isUtf8(bytes) ? null : new Set(itemsWithBadBytes(bytes, spansOf()))
  if (badBytes?.has(OUTSIDE)) refuse('WEBHOOK_NOT_UTF8', 'the body is not UTF-8')

  const events: JsonObject[] = []
  const rejected: Rejected[] = []
  for (const [index, item] of list.entries()) {
    const problem = problemOf(item, suspicious, badBytes?.has(index) ?? false)
    if (problem === null) events.push(item as JsonObject)
    else {
      const original = () => {
        const { start, end } = spansOf()[index] ?? { start: 0, end: bytes.length }
        return bytes.subarray(start, end)
      }
      rejected.push({
        error: new WeirError(INGEST_ERRORS, problem.code, `item ${index}: ${problem.message}`),
        original
      })
    }
  }
  const [first] = rejected
  if (events.length === 0 && first !== undefined) {
    const code = REFUSALS[first.error.code] ?? 'WEBHOOK_NO_EVENT'
    refuse(code, `nothing in the body can be used: ${first.error.message}`, { cause: first.error })
  }
  return { events, rejected }
}

const REFUSALS: Readonly<Record<string, WebhookErrorCode>> = {
  INGEST_NOT_UTF8: 'WEBHOOK_NOT_UTF8',
  INGEST_FORBIDDEN_KEY: 'WEBHOOK_FORBIDDEN_KEY'
}

function problemOf(
  item: unknown,
  suspicious: boolean,
  badBytes: boolean
): { code: IngestErrorCode; message: string } | null {
  if (!isObject(item))
    return { code: 'INGEST_NOT_EVENT', message: `an audit event is an object, this is ${describe(item)}` }
  if (!isAuditEvent(item))
    return { code: 'INGEST_NOT_EVENT', message: 'the object is no audit event: it names no stage and no request' }
  if (suspicious && hasForbiddenKey(withoutFreeForm(item))) {
    return { code: 'INGEST_FORBIDDEN_KEY', message: 'there is a key such as __proto__ among the fields of the event' }
  }
  return badBytes
    ? { code: 'INGEST_NOT_UTF8', message: 'there are bytes that are not UTF-8 outside of the bodies' }
    : null
}

/** Own keys that could reach a prototype in code that copies objects by assignment. */
function hasForbiddenKey(value: JsonObject): boolean {
  try {
    secureJson.scan(value, { protoAction: 'error', constructorAction: 'error' })
    return false
  } catch {
    return true
  }
}

function withoutFreeForm(event: JsonObject): JsonObject {
  const rest: Record<string, unknown> = { ...event }
  for (const key of FREE_FORM) delete rest[key]
  for (const key of ['user', 'impersonatedUser']) {
    const user = Object.hasOwn(rest, key) ? rest[key] : undefined
    // Keys of `extra` come from headers: Impersonate-Extra-__proto__ is one that anyone may send.
    if (isObject(user)) rest[key] = { ...user, extra: undefined }
  }
  return rest
}

/** The places of the items in the bytes, found when they are first asked for. */
function lazySpans(bytes: Buffer, kind: 'Event' | 'EventList'): () => readonly Span[] {
  let spans: readonly Span[] | null = null
  return () => {
    if (spans === null) {
      const items = membersAt(bytes, 0).findLast(({ key }) => key === 'items')
      spans =
        kind === 'Event' ? [{ start: 0, end: bytes.length }] : elementsAt(bytes, items?.value.start ?? bytes.length)
    }
    return spans
  }
}

const OUTSIDE = -1

/** Numbers of the items with bytes that are not UTF-8 outside of their bodies; OUTSIDE when there are some around the items. */
function* itemsWithBadBytes(bytes: Buffer, spans: readonly Span[]): Generator<number> {
  if (!isUtf8Without(bytes, { start: 0, end: bytes.length }, spans)) yield OUTSIDE
  for (const [index, span] of spans.entries()) {
    if (isUtf8(bytes.subarray(span.start, span.end))) continue
    const bodies = membersAt(bytes, span.start).filter(({ key }) => key === 'requestObject' || key === 'responseObject')
    if (
      !isUtf8Without(
        bytes,
        span,
        bodies.map(({ value }) => value)
      )
    )
      yield index
  }
}

/** Whether a stretch of bytes is UTF-8 apart from some parts of it, which are whole JSON values. */
function isUtf8Without(bytes: Buffer, { start, end }: Span, parts: readonly Span[]): boolean {
  let at = start
  for (const part of parts) {
    if (!isUtf8(bytes.subarray(at, part.start))) return false
    at = part.end
  }
  return isUtf8(bytes.subarray(at, end))
}
