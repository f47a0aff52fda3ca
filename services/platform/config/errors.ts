import type { ErrorList } from '../../core/errors.ts'

export const CONFIG_ERRORS = {
  CONFIG_UNREADABLE: { description: 'The settings file cannot be read.', retriable: false },
  CONFIG_NOT_YAML: { description: 'The settings file is not valid YAML.', retriable: false },
  CONFIG_INVALID: { description: 'A setting is unknown, missing or has a wrong value.', retriable: false },
  CONFIG_SECRET_UNREADABLE: { description: 'A file named by a *_file setting cannot be read.', retriable: false }
} as const satisfies ErrorList<string>
