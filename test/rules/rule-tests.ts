import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseTestFile, type RuleTestFile } from '../../services/cli/rule-tests/test-file.ts'

/** Root of the project's rules. */
export const RULES = join(import.meta.dirname, '../../rules')

/** Paths of rule files below `rules/`, tests and fields.yml left out. */
export function ruleFiles(): readonly string[] {
  return readdirSync(RULES, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.yml') && !/\.(?:test|list)\.yml$/.test(entry.name))
    .map((entry) => relative(RULES, join(entry.parentPath, entry.name)))
    .filter((path) => path !== 'fields.yml' && !path.startsWith('playbooks') && !path.startsWith('coverage'))
    .sort()
}

/** Reads the tests of a rule. @throws when the file is missing or not of the form of rule tests */
export function ruleTests(rule: string): RuleTestFile {
  const file = join(RULES, rule.replace(/\.yml$/, '.test.yml'))
  return parseTestFile({ file, text: readFileSync(file, 'utf8') })
}
