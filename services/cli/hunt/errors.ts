import type { ErrorList } from '../../core/errors.ts'

/** Why `weir hunt` passed over something it was given. */
export const HUNT_ERRORS = {
  HUNT_NOT_JSON: { description: 'A line or document is not JSON.', retriable: false },
  HUNT_LINE_TOO_LONG: { description: 'A line or document is longer than is read.', retriable: false },
  HUNT_READ_FAILED: { description: 'A file could not be read to its end.', retriable: false }
} as const satisfies ErrorList<string>

export type HuntErrorCode = keyof typeof HUNT_ERRORS
