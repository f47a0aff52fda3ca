import { describe, expect, it } from 'vitest'
import { formatRuleError } from '../../services/core/detect/errors.ts'
import { explainRule, renderExplanation } from '../../services/core/detect/explain.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { eventOf, RULES, ruleFiles, ruleTests } from './rule-tests.ts'

const { rules, loaded, errors } = loadRuleSet(await readRuleFolder(RULES))

it('all rules load', () => {
  expect(errors.map(formatRuleError)).toEqual([])
})

for (const file of ruleFiles().filter((path) => !path.startsWith('filters'))) {
  describe(file, () => {
    const rule = loaded.find(({ document }) => document.file.endsWith(`/${file}`))
    for (const given of ruleTests(file).cases) {
      it(`${given.expect === 'match' ? 'matches' : 'does not match'}: ${given.name}`, () => {
        if (rule === undefined) throw new Error(`${file} did not load`)
        const event = eventOf(given)
        const explanation = explainRule(rule, event)
        const signal = rules.match(event).find((candidate) => candidate.rule.id === rule.document.id)
        expect(signal === undefined ? 'no_match' : 'match', renderExplanation(explanation)).toBe(given.expect)
        expect(explanation.verdict).toBe(given.expect === 'match' ? 'match' : (given.because ?? 'no_match'))
        if (given.title !== undefined) expect(signal?.title).toBe(given.title)
      })
    }
  })
}
