import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { formatRuleError } from '../../core/detect/errors.ts'
import { explainRule, renderExplanation } from '../../core/detect/explain.ts'
import { FACTS } from '../../core/detect/facts/fact-catalogue.ts'
import { loadRuleSet } from '../../core/detect/load-rule-set.ts'
import type { LoadedRule } from '../../core/detect/loaded-rule.ts'
import { enrich } from '../../core/enrich/join.ts'
import { type ErrorList, WeirError } from '../../core/errors.ts'
import { sourcedEventsFrom } from '../../core/events/format.ts'
import { listRules } from '../listed-rules.ts'
import { readRuleCatalogue } from '../rule-catalogue.ts'
import { BUILTIN_RULES, loadRules, readFolders } from '../rules.ts'
import { print, styleFor } from '../terminal.ts'
import { rulesBenchCommand } from './rules-bench.ts'
import { rulesCoverageCommand } from './rules-coverage.ts'
import { rulesTestCommand } from './rules-test.ts'

export const RULES_COMMAND_ERRORS = {
  RULES_NO_SUCH_RULE: { description: 'No rule has this id, name or code.', retriable: false },
  RULES_NO_EVENT: { description: 'The file holds no event.', retriable: false }
} as const satisfies ErrorList<string>

interface Options {
  readonly rules: readonly string[]
  readonly json?: boolean
  readonly line: string
}

const collect = (value: string, before: readonly string[]) => [...before, value]
const withFolders = (command: Command) =>
  command.option('--rules <folder>', 'more Sigma rules; may be given again', collect, [])
const say = (message: string) => console.error(message)

function find(loaded: readonly LoadedRule[], wanted: string): LoadedRule {
  const rule = loaded.find(({ document }) => [document.id, document.name, document.weir.code].includes(wanted))
  if (rule !== undefined) return rule
  throw new WeirError(
    RULES_COMMAND_ERRORS,
    'RULES_NO_SUCH_RULE',
    `no rule has the id, name or code "${wanted}"; \`weir rules list\` shows them`
  )
}

export function rulesCommand(): Command {
  const list = withFolders(new Command('list'))
    .summary('list the rules, correlations and profiles, and the codes of the catalogue that have none')
    .option('--json', 'print JSON, an object a line')
    .action(async (options: Options) => {
      const result = await loadRules({ folders: options.rules, builtin: true }, say)
      const listed = listRules(result)
      for (const rule of listed) {
        const { file: _file, known_gaps: _gaps, ...shown } = rule
        const { name, code, title, level } = shown
        if (options.json === true) await print(`${JSON.stringify(shown)}\n`)
        else await print(`${(code ?? '').padEnd(5)} ${level.padEnd(13)} ${name.padEnd(40)} ${title}\n`)
      }
      for (const [code, { left_out }] of (await readRuleCatalogue()).codes) {
        if (left_out === undefined) continue
        if (options.json === true) await print(`${JSON.stringify({ code, kind: 'left_out', reason: left_out })}\n`)
        else await print(`${code.padEnd(5)} ${'-'.padEnd(13)} ${'(no rule)'.padEnd(40)} ${left_out}\n`)
      }
    })
  const facts = new Command('facts')
    .summary('list the facts that rules may ask for beside the fields of events')
    .option('--json', 'print JSON, an object a line')
    .action(async (options: Pick<Options, 'json'>) => {
      for (const [name, { doc, fields }] of Object.entries(FACTS)) {
        const inside = fields === null ? 'any path' : fields.join(', ')
        if (options.json === true) await print(`${JSON.stringify({ name, doc, fields })}\n`)
        else await print(`${name.padEnd(24)} ${doc}${inside === '' ? '' : `\n${' '.repeat(25)}inside: ${inside}`}\n`)
      }
    })
  const lint = new Command('lint')
    .summary('check rules; exit 1 when something is wrong')
    .argument('[folder...]', 'folders of rules; those that come with Weir unless given')
    .action(async (folders: string[]) => {
      const files = await readFolders(folders.length === 0 ? [BUILTIN_RULES] : folders)
      const { errors, loaded, windows, profiles, deferred } = loadRuleSet(files)
      for (const error of errors) await print(`${formatRuleError(error)}\n`)
      await print(
        `${loaded.length} rules, ${windows.length} correlations and ${profiles.length} profiles are right, ${errors.length} problems, ${deferred.length} documents left aside\n`
      )
      if (errors.length > 0) process.exitCode = 1
    })
  const explain = withFolders(new Command('explain'))
    .summary('show why a rule does or does not match an event')
    .argument('<rule>', 'id, name or code of a rule')
    .argument('<file>', 'file with the event, JSON, in any format that `weir hunt` reads')
    .option('--line <n>', 'line of the file', '1')
    .action(async (wanted: string, file: string, options: Options) => {
      const { loaded } = await loadRules({ folders: options.rules, builtin: true }, say)
      const rule = find(loaded, wanted)
      const line = (await readFile(file, 'utf8')).split('\n')[Number(options.line) - 1] ?? ''
      if (line.trim() === '')
        throw new WeirError(RULES_COMMAND_ERRORS, 'RULES_NO_EVENT', `${file} has nothing on line ${options.line}`)
      const defaults = {
        cluster: { id: 'recorded', name: 'recorded' },
        instance: 'explain',
        received: Date.now() * 1000
      }
      const events = sourcedEventsFrom(JSON.parse(line), defaults)
      for (const event of events)
        await print(
          `${renderExplanation(
            explainRule(
              rule,
              enrich(event, () => null)
            )
          )}\n`
        )
      if (events.length === 0) await print(`${styleFor(process.stdout)('dim', 'the record holds no event')}\n`)
    })
  return new Command('rules')
    .summary('list, check, test, explain and measure rules')
    .addCommand(list)
    .addCommand(facts)
    .addCommand(lint)
    .addCommand(rulesTestCommand())
    .addCommand(explain)
    .addCommand(rulesCoverageCommand())
    .addCommand(rulesBenchCommand())
    .addHelpText(
      'after',
      '\nExamples:\n  weir rules list\n  weir rules lint my-rules\n  weir rules test my-rules\n  weir rules explain A30 audit.log --line 17'
    )
}
