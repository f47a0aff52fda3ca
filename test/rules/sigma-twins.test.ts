import { describe, expect, it } from 'vitest'
import { runRuleTests } from '../../services/cli/rule-tests/run-tests.ts'
import { parseTestFile } from '../../services/cli/rule-tests/test-file.ts'
import { formatRuleError } from '../../services/core/detect/errors.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { readRuleFolder, readRuleTests } from '../../services/platform/rule-files.ts'
import { FIELDS } from '../support/rule-text.ts'

/**
 * Rules written like those of SigmaHQ, with their field names, values and habits, in words of our own: the sixteen for the
 * Kubernetes audit log, and some for Linux. They have to load and match without being changed, as published rules do.
 */
const TWINS = new URL('../fixtures/sigma', import.meta.url).pathname
const result = loadRuleSet([FIELDS, ...(await readRuleFolder(TWINS))])
const files = (await readRuleTests(TWINS)).map(parseTestFile)

describe('rules written like published ones', () => {
  it('load unmodified', () => {
    expect(result.errors.map(formatRuleError)).toEqual([])
    expect(result.loaded.filter(({ document }) => document.file.includes('/kubernetes/')).length).toBe(16)
    expect(result.loaded.length).toBeGreaterThan(30)
  })

  it('have a match and a near miss each', () => {
    for (const { document } of result.loaded) {
      const cases = files.find(({ rule_file }) => rule_file === document.file)?.cases ?? []
      const seen = new Set(cases.map((given) => given.expect))
      expect([document.file, seen.has('match'), seen.has('no_match')]).toEqual([document.file, true, true])
    }
  })

  it.each(
    runRuleTests(files, result).map((outcome) => [outcome.file.replace(/^.*\//, ''), outcome.name, outcome] as const)
  )('%s: %s', (_, __, outcome) => {
    expect(outcome.passed, outcome.why ?? '').toBe(true)
  })
})
