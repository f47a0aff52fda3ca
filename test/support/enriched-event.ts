// Tests of the project say events in the words of rule tests, which users write, too.
export * from '../../services/cli/rule-tests/test-events.ts'
