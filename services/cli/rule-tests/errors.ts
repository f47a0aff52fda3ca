import type { ErrorList } from '../../core/errors.ts'

export const RULE_TEST_ERRORS = {
  RULES_TEST_FILE: {
    description: 'A file of rule tests is not YAML or not of the form that tests have.',
    retriable: false
  },
  RULES_NO_TESTS: { description: 'The folders hold no rule tests.', retriable: false }
} as const satisfies ErrorList<string>
