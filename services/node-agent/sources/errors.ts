import { type ErrorList, WeirError } from '../../core/errors.ts'

/** Why a sensor that the agent asks, or starts, gives no events. */
export const SOURCE_ERRORS = {
  TETRAGON_UNAVAILABLE: { description: 'Tetragon does not answer at `grpc.address`.', retriable: true },
  TETRAGON_FORBIDDEN: { description: 'The socket of Tetragon may not be used.', retriable: true },
  TETRAGON_REFUSED: { description: 'Tetragon has ended the stream of its events with an error.', retriable: true },
  TETRAGON_DISCONNECTED: {
    description: 'The stream of Tetragon’s events was interrupted: what happened meanwhile was not seen.',
    retriable: true
  },
  BPFTRACE_NOT_INSTALLED: { description: 'bpftrace cannot be started.', retriable: false },
  BPFTRACE_NO_RIGHTS: { description: 'bpftrace needs root.', retriable: false },
  BPFTRACE_NO_TRACEFS: { description: 'bpftrace needs tracefs, which is not mounted.', retriable: false },
  BPFTRACE_FAILED: { description: 'bpftrace did not attach, or has ended by itself.', retriable: false },
  BPFTRACE_LOST: { description: 'bpftrace has lost events.', retriable: true }
} as const satisfies ErrorList<string>

export type SourceErrorCode = keyof typeof SOURCE_ERRORS

export function sourceError(
  code: SourceErrorCode,
  message: string,
  options?: ErrorOptions
): WeirError<SourceErrorCode> {
  return new WeirError(SOURCE_ERRORS, code, message, options)
}
