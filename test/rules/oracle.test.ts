import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatRuleError } from '../../services/core/detect/errors.ts'
import { explainRule } from '../../services/core/detect/explain.ts'
import { loadTexts, ruleText } from '../support/rule-text.ts'
import { oracleEvent } from './oracle-event.ts'
import { event, rule, written } from './rule-arbitrary.ts'
import { type OracleRule, oracleMatches } from './sigma-oracle.ts'

function load(given: OracleRule) {
  const { rules, loaded, errors } = loadTexts([ruleText({ ...given.identifiers, condition: written(given.condition) })])
  if (errors.length > 0) throw new Error(errors.map(formatRuleError).join('\n'))
  return { rules, loaded }
}

// Loading a rule for every run takes a while on a busy machine.
describe('the engine', { timeout: 60_000 }, () => {
  it('agrees with a plain interpreter on every rule and event', () => {
    let matched = 0
    let missed = 0
    fc.assert(
      fc.property(rule, fc.array(event, { minLength: 1, maxLength: 12 }), (given, events) => {
        const { rules } = load(given)
        for (const enriched of events) {
          const expected = oracleMatches(given, oracleEvent(enriched))
          expect(rules.match(enriched).length === 1).toBe(expected)
          if (expected) matched += 1
          else missed += 1
        }
      }),
      { numRuns: 200 }
    )
    // Both must be common, or nothing was compared.
    expect(Math.min(matched, missed)).toBeGreaterThan(200)
  })

  it('explains what it does: the verdict at the root is whether the rule matches', () => {
    fc.assert(
      fc.property(rule, event, (given, enriched) => {
        const { rules, loaded } = load(given)
        const [only] = loaded
        if (only === undefined) throw new Error('the rule was not loaded')
        const { verdict } = explainRule(only, enriched)
        expect(verdict === 'match').toBe(rules.match(enriched).length === 1)
      }),
      { numRuns: 100 }
    )
  })

  it('neither throws nor hangs on rules that are any YAML at all', () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'a:|{}[]-*&!\'" \n#%?,~x0'.split('')), maxLength: 80 }),
      fc.json().map((json) => `title: x\nlogsource: { product: kubernetes }\ndetection: ${json}\n`),
      fc.tuple(fc.string(), fc.string()).map(([key, value]) => ruleText({ a: { [key]: value }, condition: 'a' })),
      fc.string({ maxLength: 60 }).map((condition) => ruleText({ a: { verb: 'get' }, condition })),
      fc.string({ maxLength: 60 }).map((expression) => ruleText({ a: { 'verb|re': expression }, condition: 'a' }))
    )
    fc.assert(
      fc.property(text, event, (given, enriched) => {
        const { rules, errors } = loadTexts([given])
        rules.match(enriched)
        for (const error of errors) expect(error.line * error.column).toBeGreaterThan(0)
      }),
      { numRuns: 250 }
    )
  })
})
