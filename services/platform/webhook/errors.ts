import type { ErrorList } from '../../core/errors.ts'

/** Why the webhook refuses a request. `WEBHOOK_STATUS` has the HTTP status of each. */
export const WEBHOOK_ERRORS = {
  WEBHOOK_NOT_FOUND: { description: 'No such path.', retriable: false },
  WEBHOOK_METHOD_NOT_ALLOWED: { description: 'Only POST is answered here.', retriable: false },
  WEBHOOK_UNAUTHORIZED: { description: 'The bearer token is missing or wrong.', retriable: false },
  WEBHOOK_CLIENT_NOT_ALLOWED: {
    description: 'The client certificate is valid, its name is not among client_names.',
    retriable: false
  },
  WEBHOOK_CONTENT_TYPE: { description: 'The content type is not application/json.', retriable: false },
  WEBHOOK_CONTENT_ENCODING: { description: 'The content encoding is neither identity nor gzip.', retriable: false },
  WEBHOOK_BODY_TOO_LARGE: { description: 'The body, unpacked, is larger than body_max_bytes.', retriable: false },
  WEBHOOK_BODY_TRUNCATED: {
    description: 'The body is not as long as announced, or its compression is damaged.',
    retriable: false
  },
  WEBHOOK_BODY_TOO_DEEP: { description: 'The JSON is nested deeper than Kubernetes itself accepts.', retriable: false },
  WEBHOOK_NOT_JSON: { description: 'The body is not JSON.', retriable: false },
  WEBHOOK_NOT_UTF8: { description: 'The body is not UTF-8 where an API server always writes UTF-8.', retriable: false },
  WEBHOOK_FORBIDDEN_KEY: {
    description: 'A key such as __proto__ stands where no API server writes one.',
    retriable: false
  },
  WEBHOOK_WRONG_KIND: {
    description: 'The body is neither an EventList nor an Event of audit.k8s.io.',
    retriable: false
  },
  WEBHOOK_WRONG_VERSION: { description: 'A version of audit.k8s.io other than v1 and v1beta1.', retriable: false },
  WEBHOOK_TOO_MANY_EVENTS: { description: 'The list has more events than one request may bring.', retriable: false },
  WEBHOOK_NO_EVENT: { description: 'Nothing in the body can be used as an event.', retriable: false },
  WEBHOOK_WRONG_ENVELOPE: {
    description: 'The body is not what the cloud named in the path delivers.',
    retriable: false
  },
  WEBHOOK_BUSY: { description: 'More bodies are in work than in_flight_max_bytes allows.', retriable: true },
  WEBHOOK_SPOOL_FULL: {
    description: 'The spool is full: what was sent was not kept and has to be sent again.',
    retriable: true
  },
  WEBHOOK_SPOOL_FAILED: {
    description: 'The spool cannot be written: what was sent was not kept and has to be sent again.',
    retriable: true
  },
  WEBHOOK_BAD_REQUEST: {
    description: 'Not a valid HTTP request, or one that took too long to arrive.',
    retriable: false
  },
  WEBHOOK_INTERNAL: { description: 'Weir itself failed: a mistake in the program, worth a report.', retriable: true },
  WEBHOOK_TLS_REFUSED: {
    description: 'The TLS handshake failed, for instance because the client has no certificate.',
    retriable: false
  },
  WEBHOOK_TLS_UNREADABLE: { description: 'A certificate, key or token file cannot be read or used.', retriable: false }
} as const satisfies ErrorList<string>

export type WebhookErrorCode = keyof typeof WEBHOOK_ERRORS

/** HTTP status of each error. An API server repeats a request after 429 and 503 with Retry-After, and drops its events after any 4xx. */
export const WEBHOOK_STATUS: Readonly<Record<WebhookErrorCode, number>> = {
  WEBHOOK_NOT_FOUND: 404,
  WEBHOOK_METHOD_NOT_ALLOWED: 405,
  WEBHOOK_UNAUTHORIZED: 401,
  WEBHOOK_CLIENT_NOT_ALLOWED: 403,
  WEBHOOK_CONTENT_TYPE: 415,
  WEBHOOK_CONTENT_ENCODING: 415,
  WEBHOOK_BODY_TOO_LARGE: 413,
  WEBHOOK_BODY_TRUNCATED: 400,
  WEBHOOK_BODY_TOO_DEEP: 400,
  WEBHOOK_NOT_JSON: 400,
  WEBHOOK_NOT_UTF8: 400,
  WEBHOOK_FORBIDDEN_KEY: 400,
  WEBHOOK_WRONG_KIND: 400,
  WEBHOOK_WRONG_VERSION: 400,
  WEBHOOK_TOO_MANY_EVENTS: 413,
  WEBHOOK_NO_EVENT: 422,
  WEBHOOK_WRONG_ENVELOPE: 400,
  WEBHOOK_BUSY: 429,
  WEBHOOK_SPOOL_FULL: 429,
  WEBHOOK_SPOOL_FAILED: 503,
  WEBHOOK_BAD_REQUEST: 400,
  WEBHOOK_INTERNAL: 500,
  WEBHOOK_TLS_REFUSED: 400,
  WEBHOOK_TLS_UNREADABLE: 500
}
