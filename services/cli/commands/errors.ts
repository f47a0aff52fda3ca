import type { ErrorList } from '../../core/errors.ts'

export const PROFILE_ERRORS = {
  PROFILE_UNKNOWN: { description: 'There is no profile of this name, id or code among the rules.', retriable: false }
} as const satisfies ErrorList<string>
