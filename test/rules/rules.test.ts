import { describe, expect, it } from 'vitest'
import { runRuleTests } from '../../services/cli/rule-tests/run-tests.ts'
import { formatRuleError } from '../../services/core/detect/errors.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { RULES, ruleFiles, ruleTests } from './rule-tests.ts'

const result = loadRuleSet(await readRuleFolder(RULES))

it('all rules load', () => {
  expect(result.errors.map(formatRuleError)).toEqual([])
})

for (const file of ruleFiles().filter((path) => !path.startsWith('filters'))) {
  describe(file, () => {
    const tests = ruleTests(file)
    for (const given of tests.cases) {
      it(`${given.expect === 'match' ? 'matches' : 'does not match'}: ${given.name}`, () => {
        const [outcome] = runRuleTests([{ ...tests, cases: [given], sequences: [] }], result)
        expect(outcome?.passed, outcome?.why ?? '').toBe(true)
      })
    }
    for (const given of tests.sequences) {
      it(`${given.expect === 'match' ? 'matches' : 'does not match'}: ${given.name}`, () => {
        const [outcome] = runRuleTests([{ ...tests, cases: [], sequences: [given] }], result)
        expect(outcome?.passed, outcome?.why ?? '').toBe(true)
      })
    }
  })
}
