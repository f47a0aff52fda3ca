import type { ErrorList } from '../../core/errors.ts'

/** Why something that was taken in cannot become a message. Each costs only itself and goes to the dead letters. */
export const INGEST_ERRORS = {
  INGEST_NOT_JSON: { description: 'A line or body is not JSON.', retriable: false },
  INGEST_NOT_UTF8: { description: 'A line or body is not UTF-8.', retriable: false },
  INGEST_NOT_EVENT: { description: 'Something in a list of events is not one.', retriable: false },
  INGEST_FORBIDDEN_KEY: {
    description: 'A key such as __proto__ stands where no API server writes one.',
    retriable: false
  },
  INGEST_WRONG_SOURCE: { description: 'An event of a kind that this service does not take in.', retriable: false },
  INGEST_TOO_LARGE: { description: 'An event is larger than a message may be.', retriable: false },
  INGEST_UNEXPECTED: {
    description: 'Weir itself failed on it: a mistake in the program, worth a report.',
    retriable: false
  }
} as const satisfies ErrorList<string>

export type IngestErrorCode = keyof typeof INGEST_ERRORS
