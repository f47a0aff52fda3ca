import type { ErrorList } from '../../core/errors.ts'

export const MEMORY_ERRORS = {
  MEMORY_UNKNOWN_TOPIC: { description: 'There is no such topic.', retriable: false },
  MEMORY_STAGE_FAILED: { description: 'A stage threw.', retriable: false },
  MEMORY_STAGE_EXISTS: { description: 'A stage of this name runs already.', retriable: false },
  MEMORY_CLOSED: { description: 'The bus was closed.', retriable: false }
} as const satisfies ErrorList<string>
