import { messageOf, WeirError } from '../../core/errors.ts'
import { isAuditEvent } from '../../core/events/audit.ts'
import { isTrailFile } from '../../core/events/cloudtrail.ts'
import { decodeRecords, type SourceDefaults } from '../../core/events/format.ts'
import type { SourcedEvent } from '../../core/events/sourced-event.ts'
import { isObject } from '../../core/json.ts'
import { INGEST_ERRORS } from './errors.ts'

/** An event with the text it was made from, for the dead letters. */
export interface Taken {
  readonly event: SourcedEvent
  readonly original: () => Buffer
  /** Boot of the node's kernel that a runtime event is of, where its sensor says it. */
  readonly boot_id?: string | null
}

/** Something that cannot become an event. */
export interface Rejected {
  readonly error: WeirError
  readonly original: () => Buffer
}

export interface Converted {
  readonly taken: Taken[]
  readonly rejected: Rejected[]
}

/**
 * Takes an envelope of many events apart, into envelopes of one each: what is wrong with one then costs only that one, and its
 * dead letter can be read by itself.
 */
export function piecesOf(json: unknown): unknown[] {
  if (Array.isArray(json)) return json.flatMap(piecesOf)
  if (!isObject(json) || isAuditEvent(json)) return [json]
  if (isTrailFile(json) && Array.isArray(json.Records)) return json.Records
  const { items, logEvents, records, apiVersion } = json
  if (json['kind'] === 'EventList' && Array.isArray(items)) {
    return items.map((item) => (isObject(item) ? { kind: 'Event', apiVersion, ...item } : item))
  }
  if (Array.isArray(logEvents)) return logEvents.map((logEvent) => ({ ...json, logEvents: [logEvent] }))
  return Array.isArray(records) ? records : [json]
}

/** Events of one JSON value in any format that Weir reads. Never throws: what goes wrong is among the rejected. */
export function convertJson(json: unknown, defaults: SourceDefaults): Converted {
  const result: Converted = { taken: [], rejected: [] }
  for (const piece of piecesOf(json)) {
    const original = () => Buffer.from(JSON.stringify(piece) ?? 'null')
    try {
      const { events, rejected } = decodeRecords(piece, defaults)
      for (const event of events) result.taken.push({ event, original })
      const [error] = rejected
      if (error !== undefined) result.rejected.push({ error, original })
    } catch (error) {
      result.rejected.push({ error: unexpected(error), original })
    }
  }
  return result
}

/** The lines of a body that are not empty, without what ends them. */
export function* linesOf(body: Buffer): Generator<Buffer, void> {
  for (let start = 0; start < body.length; ) {
    const found = body.indexOf(10, start)
    const end = found === -1 ? body.length : found
    if (end > start) yield body.subarray(start, end)
    start = end + 1
  }
}

/** Events of lines of JSON. */
export function convertLines(body: Buffer, defaults: SourceDefaults): Converted {
  const result: Converted = { taken: [], rejected: [] }
  for (const line of linesOf(body)) {
    const json = parseBytes(line)
    if (json instanceof WeirError) {
      result.rejected.push({ error: json, original: () => line })
      continue
    }
    const { taken, rejected } = convertJson(json, defaults)
    result.taken.push(...taken)
    result.rejected.push(...rejected)
  }
  return result
}

/**
 * JSON of bytes, or the error. Bytes that are not UTF-8 are read as U+FFFD: arguments of a process may be any bytes, and who
 * chooses them must not be able to hide the event.
 */
export function parseBytes(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    // The parser's own message quotes the text, which may be anything.
    const message = `${bytes.length} bytes that are not JSON`
    return new WeirError(INGEST_ERRORS, 'INGEST_NOT_JSON', message, { cause: error })
  }
}

/** An error for what should not have been possible, so that it costs one event and not the service. */
export function unexpected(error: unknown): WeirError {
  if (error instanceof WeirError) return error
  return new WeirError(INGEST_ERRORS, 'INGEST_UNEXPECTED', `failed on this event: ${messageOf(error)}`, {
    cause: error
  })
}
