import { type ErrorList, WeirError } from '../../core/errors.ts'

/** Why a sensor that the agent asks, or starts, gives no events. */
export const SOURCE_ERRORS = {
  TETRAGON_UNAVAILABLE: { description: 'Tetragon does not answer at `grpc.address`.', retriable: true },
  TETRAGON_FORBIDDEN: { description: 'The socket of Tetragon may not be used.', retriable: true },
  TETRAGON_REFUSED: { description: 'Tetragon has ended the stream of its events with an error.', retriable: true },
  TETRAGON_DISCONNECTED: {
    description: 'The stream of Tetragon’s events was interrupted: what happened meanwhile was not seen.',
    retriable: true
  }
} as const satisfies ErrorList<string>

export type SourceErrorCode = keyof typeof SOURCE_ERRORS

export function sourceError(
  code: SourceErrorCode,
  message: string,
  options?: ErrorOptions
): WeirError<SourceErrorCode> {
  return new WeirError(SOURCE_ERRORS, code, message, options)
}
