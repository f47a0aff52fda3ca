import { type ErrorList, WeirError } from '../errors.ts'

/** Why a recording cannot be replayed. */
export const REPLAY_ERRORS = {
  REPLAY_DELTA_INVALID: { description: 'The shift is not a whole number of microseconds.', retriable: false },
  REPLAY_TIME_OUT_OF_RANGE: { description: 'A shifted time falls outside the years 0001 to 9999.', retriable: false },
  REPLAY_RECORD_TOO_DEEP: { description: 'A record is nested deeper than any real one.', retriable: false },
  REPLAY_SPEED_INVALID: { description: 'The speed of the replay is not a number above zero.', retriable: false }
} as const satisfies ErrorList<string>

export type ReplayErrorCode = keyof typeof REPLAY_ERRORS

/** An error of this area, to be thrown. */
export function replayError(code: ReplayErrorCode, message: string): WeirError<ReplayErrorCode> {
  return new WeirError(REPLAY_ERRORS, code, message)
}
