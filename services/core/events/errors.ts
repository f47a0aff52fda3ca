import { type ErrorList, WeirError } from '../errors.ts'

/** Why a record cannot become an event. None is worth a second try: the record would have to change. */
export const EVENT_ERRORS = {
  EVENT_FORMAT_UNKNOWN: { description: 'The record is in none of the formats Weir reads.', retriable: false },
  EVENT_NOT_AN_OBJECT: { description: 'A JSON object was expected and something else was there.', retriable: false },
  EVENT_KIND_WRONG: { description: 'The object is of another kind than an audit event.', retriable: false },
  EVENT_INCOMPLETE: { description: 'The record lacks what would make it an event.', retriable: false },
  EVENT_TIME_MISSING: { description: 'The record has no usable time.', retriable: false },
  EVENT_TEXT_INVALID: { description: 'A text that should hold JSON does not.', retriable: false },
  EVENT_NOT_AUDIT: { description: 'A control plane log that is not the audit log.', retriable: false },
  EVENT_NOT_KUBERNETES: { description: 'A cloud record about something other than Kubernetes.', retriable: false },
  EVENT_TOO_MANY: { description: 'One record holds more events than are read at once.', retriable: false }
} as const satisfies ErrorList<string>

export type EventErrorCode = keyof typeof EVENT_ERRORS
export type EventError = WeirError<EventErrorCode>

/** An error of this area, to be thrown. */
export function eventError(code: EventErrorCode, message: string, options?: ErrorOptions): EventError {
  return new WeirError(EVENT_ERRORS, code, message, options)
}

/** Whether something thrown is an error of this area. */
export function isEventError(error: unknown): error is EventError {
  return error instanceof WeirError && Object.hasOwn(EVENT_ERRORS, error.code)
}

/** An untrusted value in a few harmless characters, for messages. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return value === null ? 'null' : 'an object'
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value
}
