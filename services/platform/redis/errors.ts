import type { ErrorList } from '../../core/errors.ts'

export const REDIS_ERRORS = {
  REDIS_UNAVAILABLE: { description: 'Redis does not answer, or refuses the connection.', retriable: true },
  REDIS_BAD_VALUE: { description: 'A value in Redis is not what Weir wrote.', retriable: false }
} as const satisfies ErrorList<string>
