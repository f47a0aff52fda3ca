import type { ErrorList } from '../../core/errors.ts'

export const REGISTRY_ERRORS = {
  REGISTRY_FILE_UNREADABLE: { description: 'A certificate, key or password file cannot be read.', retriable: false },
  REGISTRY_UNREACHABLE: {
    description: 'The schema registry does not answer, or with an error of its own.',
    retriable: true
  },
  REGISTRY_REFUSED: { description: 'The schema registry does not let us in.', retriable: false },
  REGISTRY_NOT_REGISTERED: { description: 'A schema is not registered: setup has not run.', retriable: false },
  REGISTRY_INCOMPATIBLE: { description: 'A schema may not follow the ones registered before it.', retriable: false }
} as const satisfies ErrorList<string>
