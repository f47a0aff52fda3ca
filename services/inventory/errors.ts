import type { ErrorList } from '../core/errors.ts'

export const INVENTORY_ERRORS = {
  INVENTORY_FILE_UNREADABLE: { description: 'An inventory file cannot be read.', retriable: false },
  INVENTORY_FILE_NOT_JSON: {
    description: 'An inventory file is not what `kubectl get … -o json` prints.',
    retriable: false
  }
} as const satisfies ErrorList<string>
