import type { ErrorList } from '../errors.ts'

export const RESPOND_ERRORS = {
  PLAYBOOK_NOT_YAML: { description: 'A playbook is not YAML, or larger than a playbook may be.', retriable: false },
  PLAYBOOK_INVALID: { description: 'A playbook does not say what a playbook has to say.', retriable: false },
  PLAYBOOK_NAME_TAKEN: { description: 'Two playbooks have one name.', retriable: false }
} as const satisfies ErrorList<string>
