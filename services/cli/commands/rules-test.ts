import { Command } from 'commander'
import { formatRuleError } from '../../core/detect/errors.ts'
import { loadRuleSet } from '../../core/detect/load-rule-set.ts'
import { WeirError } from '../../core/errors.ts'
import { readRuleTests } from '../../platform/rule-files.ts'
import { RULE_TEST_ERRORS } from '../rule-tests/errors.ts'
import { type CaseResult, runRuleTests } from '../rule-tests/run-tests.ts'
import { parseTestFile, type RuleTestFile } from '../rule-tests/test-file.ts'
import { BUILTIN_RULES, readFolders } from '../rules.ts'
import { print, styleFor } from '../terminal.ts'

const indent = (text: string) => text.trimEnd().replace(/^/gm, '    ')

async function printCase(result: CaseResult, json: boolean): Promise<void> {
  if (json) await print(`${JSON.stringify({ kind: 'case', ...result })}\n`)
  else if (!result.passed) {
    const style = styleFor(process.stdout)
    await print(`${style('red', 'failed')} ${result.file}: ${result.name}\n${indent(result.why ?? '')}\n\n`)
  }
}

export function rulesTestCommand(): Command {
  return new Command('test')
    .summary('run the tests beside rules; exit 1 when one fails')
    .description(
      'Runs every case of name.test.yml on the rules of name.yml beside it, with the filters of the same folders. docs/writing-rules.md says what a case holds.'
    )
    .argument('[folder...]', 'folders of rules; those that come with Weir unless given')
    .option('--json', 'print JSON, an object a line: every case, then a summary')
    .action(async (given: string[], options: { readonly json?: boolean }) => {
      const folders = given.length === 0 ? [BUILTIN_RULES] : given
      const json = options.json === true
      const result = loadRuleSet(await readFolders(folders))
      const texts = (await Promise.all(folders.map(readRuleTests))).flat()
      if (texts.length === 0)
        throw new WeirError(RULE_TEST_ERRORS, 'RULES_NO_TESTS', `${folders.join(', ')}: there is no file name.test.yml`)
      for (const error of result.errors) console.error(formatRuleError(error))
      // A file that cannot be read as tests fails as one case, and the others are run.
      const files: RuleTestFile[] = []
      const results: CaseResult[] = []
      for (const text of texts) {
        try {
          files.push(parseTestFile(text))
        } catch (error) {
          if (!(error instanceof WeirError)) throw error
          const unread = { name: 'the file', rule: null, expected: 'tests', verdict: 'error', passed: false }
          results.push({ file: text.file, ...unread, why: error.message })
        }
      }
      results.push(...runRuleTests(files, result))
      for (const one of results) await printCase(one, json)
      const failed = results.filter(({ passed }) => !passed).length
      const tested = new Set(results.map(({ rule }) => rule))
      const rules = [
        ...result.loaded.filter(({ role }) => role === 'alert'),
        ...result.correlations.map((document) => ({ document })),
        ...result.profiles
      ]
      const untested = rules.filter(({ document }) => !tested.has(document.id))
      const counts = {
        cases: results.length,
        failed,
        rules: rules.length,
        untested: untested.map(({ document }) => document.file),
        broken: result.errors.length
      }
      if (json) await print(`${JSON.stringify({ kind: 'summary', ...counts })}\n`)
      else {
        for (const file of counts.untested) await print(`no test: ${file}\n`)
        const passed = counts.cases - failed
        await print(
          `${passed} of ${counts.cases} cases pass; ${untested.length} of ${counts.rules} rules have no test\n`
        )
      }
      if (failed > 0 || result.errors.length > 0) process.exitCode = 1
    })
}
