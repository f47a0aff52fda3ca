import type { ErrorList } from '../../core/errors.ts'

export const CRI_ERRORS = {
  CRI_UNAVAILABLE: { description: 'No container runtime answers on its socket.', retriable: true },
  CRI_FORBIDDEN: { description: 'The socket of the container runtime may not be used.', retriable: true },
  CRI_NOT_SERVED: { description: 'The container runtime does not have this call.', retriable: false },
  CRI_NOT_FOUND: { description: 'The container runtime has no such container.', retriable: false },
  CRI_REFUSED: { description: 'The container runtime failed on a call.', retriable: true }
} as const satisfies ErrorList<string>
