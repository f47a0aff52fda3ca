import { Command, Option } from 'commander'
import type { Action, Incident, Severity } from '../../../schemas/generated/types.ts'
import { renderIncident } from '../../core/correlate/render-incident.ts'
import { at, isObject } from '../../core/json.ts'
import { renderPlan } from '../../core/respond/render-plan.ts'
import { SEVERITIES, severityRank } from '../../core/severity.ts'
import { silentLogger } from '../../platform/log.ts'
import { createOpenSearchClient } from '../../platform/opensearch/client.ts'
import { actionsOf, getIncident, listIncidents } from '../../platform/opensearch/queries.ts'
import { createOpenSearch } from '../../platform/opensearch/search.ts'
import type { SearchPort } from '../../platform/opensearch/search-port.ts'
import { timeText } from '../hunt/output.ts'
import { loadWeirSettings, type SettingsOptions, withSettings } from '../settings.ts'
import { print, type Style, styleFor, widthOf } from '../terminal.ts'
import { verdictCommands } from './incident-verdicts.ts'

interface Options extends SettingsOptions {
  readonly json?: boolean
  readonly all?: boolean
  readonly severity: Severity
  readonly limit: number
}

/** A line of the list. */
export function incidentRow(incident: Incident, style: Style): string {
  const colour = severityRank(incident.severity) >= severityRank('high') ? 'red' : 'yellow'
  const severity = style(colour, incident.severity.padEnd(13))
  return `${incident.id.slice(0, 12)}  ${severity} ${String(incident.score).padStart(3)}  ${timeText(incident.last).slice(0, 19)}  ${incident.title}`
}

async function show(search: SearchPort, prefix: string, id: string, options: Options): Promise<void> {
  const incident = await getIncident(search, prefix, id)
  const found = await actionsOf(search, prefix, incident)
  const actions = found.map(({ document }) => at(document, ['weir', 'action'])).filter(isObject) as unknown as Action[]
  if (options.json === true) return print(`${JSON.stringify({ incident, actions }, null, 2)}\n`)
  const style = styleFor(process.stdout)
  await print(`${renderIncident(incident, { style, width: widthOf(process.stdout) })}\n`)
  const latest = actions.at(-1)
  if (latest !== undefined) await print(`\n${renderPlan(latest)}\n`)
}

async function list(search: SearchPort, prefix: string, options: Options): Promise<void> {
  const severities = SEVERITIES.filter((severity) => severityRank(severity) >= severityRank(options.severity))
  const statuses = options.all === true ? (['open', 'closed', 'merged'] as const) : (['open'] as const)
  const incidents = await listIncidents(search, prefix, { severities, statuses, limit: options.limit })
  if (options.json === true) {
    for (const incident of incidents) await print(`${JSON.stringify(incident)}\n`)
    return
  }
  const style = styleFor(process.stdout)
  for (const incident of incidents) await print(`${incidentRow(incident, style)}\n`)
  if (incidents.length === 0)
    await print(`no ${options.all === true ? '' : 'open '}incidents of severity ${options.severity} or above\n`)
}

export function incidentsCommand(): Command {
  const command = withSettings(new Command('incidents'))
    .summary('list incidents, show one, or say what is to become of it')
    .description(
      'Without ID lists incidents, the latest first. With ID, or the start of one, shows its story, timeline, causality tree and plan.'
    )
    .argument('[id]', 'incident id, or the start of it')
    .addOption(new Option('--severity <level>', 'list from this severity on').choices(SEVERITIES).default('low'))
    .option('--all', 'list closed and merged ones too')
    .option('--limit <n>', 'list at most this many', Number, 50)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  weir incidents --severity high\n  weir incidents 3fa9\n  weir incidents 3fa9 --json | jq .incident.entities\n  weir incidents close 3fa9 --reason "rebuilt from a clean image"'
    )
    .action(async (id: string | undefined, options: Options) => {
      const settings = loadWeirSettings(options)
      const search = createOpenSearch(createOpenSearchClient(settings.opensearch), settings.opensearch, silentLogger)
      const prefix = settings.opensearch.index_prefix
      try {
        await (id === undefined ? list(search, prefix, options) : show(search, prefix, id, options))
      } finally {
        await search.close()
      }
    })
  command.enablePositionalOptions()
  for (const verdict of verdictCommands()) command.addCommand(verdict)
  return command
}
