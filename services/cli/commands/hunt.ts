import { Command, InvalidArgumentError, Option } from 'commander'
import type { Cluster, Severity, Signal } from '../../../schemas/generated/types.ts'
import { renderIncident } from '../../core/correlate/render-incident.ts'
import { DEFAULT_CORRELATE_SETTINGS } from '../../core/correlate/settings.ts'
import { messageOf } from '../../core/errors.ts'
import { networksOf } from '../../core/events/cloud-source.ts'
import { createHunt } from '../../core/hunt.ts'
import { SEVERITIES, severityRank } from '../../core/severity.ts'
import { loadInventoryFile } from '../../inventory/load-file.ts'
import { type HuntLine, incidentLine, signalLine, timeText } from '../hunt/output.ts'
import { type Input, openInput, readRecords } from '../hunt/read-records.ts'
import { loadRules } from '../rules.ts'
import { print, progressLine, styleFor, widthOf } from '../terminal.ts'

/** Exit code when --fail-on found something: neither success nor an error of the program. */
const EXIT_FOUND = 3

interface Options {
  readonly format: 'text' | 'ndjson'
  readonly failOn?: Severity
  readonly inventory: readonly string[]
  readonly rules: readonly string[]
  readonly builtinRules: boolean
  readonly cluster: string
  readonly clusterAddress: readonly string[]
  readonly level: Severity
}

const collect = (value: string, before: readonly string[]) => [...before, value]

export function huntCommand(): Command {
  return new Command('hunt')
    .summary('run the whole pipeline over recorded files, in this process')
    .description(
      'Decodes, enriches, matches and stitches recorded events in one process, without servers.\n\n' +
        'Formats are recognised line by line: Kubernetes audit events and EventLists, EKS (CloudWatch), GKE (Cloud Logging) and AKS\n' +
        '(diagnostic records) envelopes, CloudTrail records and files, Tetragon exports, Falco alerts and recorded events of Weir’s own sensor. Lines that cannot be used are\n' +
        'counted and named.'
    )
    .argument('<file...>', 'files of JSON lines or one JSON document; .gz is unpacked; - is standard input')
    .addOption(new Option('--format <format>', 'what to print').choices(['text', 'ndjson']).default('text'))
    .addOption(new Option('--level <level>', 'print signals from this severity on').choices(SEVERITIES).default('low'))
    .addOption(
      new Option(
        '--fail-on <level>',
        `exit with ${EXIT_FOUND} when an incident or signal is at least this severe`
      ).choices(SEVERITIES)
    )
    .option('--inventory <file>', 'what `kubectl get pods,… -A -o json` printed; may be given again', collect, [])
    .option('--rules <folder>', 'more Sigma rules; may be given again', collect, [])
    .option('--no-builtin-rules', 'leave out the rules that come with Weir')
    .option('--cluster <name>', 'cluster of events that name none', nonEmpty, 'recorded')
    .option(
      '--cluster-address <network>',
      'public address or network by which the cluster reaches its cloud; may be given again. With it, use of roles from elsewhere is told',
      network,
      []
    )
    .addHelpText(
      'after',
      `
Examples:
  weir hunt audit.log                               what an API server wrote
  weir hunt audit.log.gz tetragon.log --inventory pods.json
  kubectl logs -n kube-system ds/tetragon -c export-stdout | weir hunt -
  weir hunt audit.log cloudtrail.json.gz --cluster-address 3.64.10.0/24
  weir hunt --format ndjson --fail-on high *.log | jq 'select(.kind=="incident")'

Exit codes: 0 done, also with findings; ${EXIT_FOUND} --fail-on found something; 1 the command could not be carried out.`
    )
    .action(async (files: string[], options: Options) => {
      process.exitCode = await hunt(files, options)
    })
}

function nonEmpty(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('a name is needed')
  return value
}

function network(value: string, before: readonly string[]): readonly string[] {
  try {
    networksOf([value])
  } catch {
    throw new InvalidArgumentError('it has to be an address, or a network such as 198.51.100.0/24')
  }
  return [...before, value]
}

async function hunt(files: readonly string[], options: Options): Promise<number> {
  const started_ms = performance.now()
  const cluster: Cluster = { id: options.cluster, name: options.cluster }
  const { rules, windows, profiles } = await loadRules(
    { folders: options.rules, builtin: options.builtinRules },
    (message) => console.error(message)
  )
  const networks = networksOf(options.clusterAddress)
  const engine = createHunt({
    rules,
    windows,
    profiles,
    correlate: DEFAULT_CORRELATE_SETTINGS,
    cluster,
    instance: 'hunt',
    trail: { clusterOf: () => cluster, networksOf: () => networks }
  })
  for (const file of options.inventory) engine.learn(await loadInventoryFile(file, cluster, Date.now() * 1000))

  const inputs: Input[] = []
  for (const file of files) {
    try {
      inputs.push(await openInput(file))
    } catch (error) {
      console.error(`weir hunt: ${messageOf(error)}`)
      return 1
    }
  }

  const total_bytes = inputs.some(({ size_bytes }) => size_bytes === null)
    ? null
    : inputs.reduce((sum, { size_bytes }) => sum + (size_bytes ?? 0), 0)
  const style = styleFor(process.stdout)
  const progress = progressLine()
  const count = { events: 0, signals: 0, rejected: 0 }
  let worst = -1
  let read_bytes = 0

  const emit = async (line: HuntLine, text: () => string | null) => {
    const printed = options.format === 'ndjson' ? `${JSON.stringify(line)}\n` : text()
    if (printed === null) return
    progress.clear()
    await print(printed)
  }
  const reject = async (source: string, line: number, code: string, reason: string) => {
    count.rejected += 1
    await emit({ kind: 'rejected', source, line, code, reason }, () =>
      style('dim', `${source}:${line}: left out, ${code}: ${reason}\n`)
    )
  }

  const show = async (signal: Signal, source: string, line: number) => {
    count.signals += 1
    worst = Math.max(worst, severityRank(signal.severity))
    await emit(signalLine(signal, source, line), () =>
      severityRank(signal.severity) < severityRank(options.level)
        ? null
        : `${timeText(signal.time)}  ${signal.severity.padEnd(13)} ${(signal.rule.code ?? '').padEnd(4)} ${signal.title}\n`
    )
  }

  for (const input of inputs) {
    const records = readRecords(
      input,
      (bytes) => {
        read_bytes += bytes
      },
      (line) => engine.offerBytes(line, Date.now() * 1000)
    )
    for await (const record of records) {
      if ('rejected' in record) {
        await reject(input.name, record.line, record.rejected.code, record.rejected.reason)
        continue
      }
      const step = 'taken' in record ? record.taken : engine.offer(record.json, Date.now() * 1000)
      count.events += step.events
      for (const { code, reason } of step.rejected) await reject(input.name, record.line, code, reason)
      for (const signal of step.signals) await show(signal, input.name, record.line)
      progress.show(
        `${bar(read_bytes, total_bytes)} ${input.name}: ${count.events} events, ${count.signals} signals, ${count.rejected} left out`
      )
    }
  }
  progress.clear()

  for (const signal of engine.correlated()) await show(signal, 'correlation', 0)
  const incidents = engine.incidents(Date.now() * 1000)
  for (const incident of incidents) {
    worst = Math.max(worst, severityRank(incident.severity))
    await emit(
      incidentLine(incident),
      () => `\n${renderIncident(incident, { style, width: widthOf(process.stdout) })}\n`
    )
  }
  const seconds = Number(((performance.now() - started_ms) / 1000).toFixed(3))
  await emit({ kind: 'summary', ...count, incidents: incidents.length, seconds }, () => {
    const rate = Math.round(count.events / Math.max(seconds, 0.001))
    return `\n${count.events} events, ${count.signals} signals, ${incidents.length} incidents, ${count.rejected} left out, in ${seconds} s (${rate} events/s)\n`
  })
  return options.failOn !== undefined && worst >= severityRank(options.failOn) ? EXIT_FOUND : 0
}

function bar(read: number, total: number | null): string {
  if (total === null || total === 0) return `${(read / 1e6).toFixed(1)} MB`
  const share = Math.min(1, read / total)
  const filled = Math.round(share * 20)
  return `${'█'.repeat(filled)}${'░'.repeat(20 - filled)} ${Math.round(share * 100)} %`
}
