import type { ErrorList } from '../errors.ts'

export const CORRELATE_ERRORS = {
  CORRELATE_SIGNAL_UNUSABLE: {
    description: 'A signal lacks what the correlator cannot do without: an id of bearable length, a time, a cluster.',
    retriable: false
  },
  CORRELATE_SIGNAL_TOO_LATE: {
    description:
      'A signal is older than anything the correlator still remembers, so that it cannot tell it from a duplicate.',
    retriable: false
  },
  CORRELATE_VERDICT_UNKNOWN: {
    description:
      'A verdict is about an incident that the correlator does not remember: it is none, was forgotten, or is of another cluster.',
    retriable: false
  },
  CORRELATE_STATE_UNUSABLE: {
    description: 'An entry of the state changelog does not hold what its kind promises.',
    retriable: false
  }
} as const satisfies ErrorList<string>

export type CorrelateErrorCode = keyof typeof CORRELATE_ERRORS
