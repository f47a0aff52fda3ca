import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { tacticName } from '../../core/export/attack-names.ts'
import { coverageOf, navigatorLayer } from '../../core/export/rule-coverage.ts'
import { loadRules } from '../rules.ts'
import { print } from '../terminal.ts'

interface Options {
  readonly rules: readonly string[]
  readonly json?: boolean
  readonly navigator?: string
}

const collect = (value: string, before: readonly string[]) => [...before, value]

export function rulesCoverageCommand(): Command {
  return new Command('coverage')
    .summary('show ATT&CK techniques against rules')
    .option('--rules <folder>', 'more Sigma rules; may be given again', collect, [])
    .option('--json', 'print JSON')
    .option('--navigator <file>', 'also write a layer for the ATT&CK Navigator, - for standard output alone')
    .action(async (options: Options) => {
      const { alerting } = await loadRules({ folders: options.rules, builtin: true }, (message) =>
        console.error(message)
      )
      const coverage = coverageOf(alerting)
      if (options.navigator !== undefined) {
        const layer = `${JSON.stringify(navigatorLayer(coverage, 'Weir'), null, 2)}\n`
        if (options.navigator === '-') {
          await print(layer)
          return
        }
        await writeFile(options.navigator, layer)
      }
      if (options.json === true) {
        await print(`${JSON.stringify(coverage, null, 2)}\n`)
        return
      }
      for (const { technique, tactics, rules } of coverage.techniques) {
        const codes = rules.map(({ code, name, id }) => code ?? name ?? id).join(' ')
        await print(
          `${technique.padEnd(10)} ${String(rules.length).padStart(3)}  ${codes.padEnd(40)} ${tactics.map(tacticName).join(', ')}\n`
        )
      }
      const none = coverage.without_technique.length
      await print(
        `${coverage.rules} rules for ${coverage.techniques.length} techniques${none === 0 ? '' : `, ${none} without one`}\n`
      )
    })
}
