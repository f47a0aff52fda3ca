import { randomUUID } from 'node:crypto'
import { userInfo } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command, InvalidArgumentError } from 'commander'
import type { Incident, Verdict } from '../../../schemas/generated/types.ts'
import { verdictSignal } from '../../core/correlate/verdict-signal.ts'
import { createHealth } from '../../platform/health.ts'
import { createPublisher } from '../../platform/kafka/publisher.ts'
import { silentLogger } from '../../platform/log.ts'
import { createOpenSearchClient } from '../../platform/opensearch/client.ts'
import { getIncident } from '../../platform/opensearch/queries.ts'
import { createOpenSearch } from '../../platform/opensearch/search.ts'
import { openWorld } from '../serve/world.ts'
import { loadWeirSettings, type SettingsOptions, withSettings } from '../settings.ts'
import { print } from '../terminal.ts'

interface Options extends SettingsOptions {
  readonly by: string
  readonly reason?: string
  readonly for?: number
  readonly wait: number
}

type Said = Pick<Verdict, 'action'> & Partial<Pick<Verdict, 'assignee' | 'until'>>

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
const POLL_MS = 250

/** `90m`, `12h`, `7d`, `2w` in milliseconds. */
export function span(text: string): number {
  const [, count = '', unit = ''] = /^([1-9][0-9]{0,4})([mhdw])$/.exec(text) ?? []
  const unit_ms = UNITS_MS[unit]
  if (unit_ms === undefined) throw new InvalidArgumentError('a time such as 90m, 12h, 7d or 2w is needed')
  return Number(count) * unit_ms
}

function seconds(text: string): number {
  const number = Number(text)
  if (!(number >= 0 && number <= 600)) throw new InvalidArgumentError('seconds from 0 to 600 are needed')
  return number
}

function isAnswered({ verdict, assignee }: Incident, given: Verdict): boolean {
  return given.action === 'assign' ? assignee === given.assignee : verdict?.id === given.id
}

/** Sends a verdict, and waits until the incident shows it. */
async function say(id: string, said: Said, options: Options): Promise<void> {
  const settings = loadWeirSettings(options)
  const search = createOpenSearch(createOpenSearchClient(settings.opensearch), settings.opensearch, silentLogger)
  const prefix = settings.opensearch.index_prefix
  try {
    const incident = await getIncident(search, prefix, id)
    const verdict: Verdict = {
      id: randomUUID(),
      time: Date.now() * 1000,
      incident: incident.merged_into ?? incident.id,
      by: options.by,
      assignee: null,
      until: null,
      reason: options.reason ?? null,
      ...said
    }
    const { codec, kafka } = await openWorld(settings, silentLogger, createHealth())
    const publisher = createPublisher(kafka)
    const value = codec.encode('signal', verdictSignal(incident, verdict))
    await publisher.publish([{ topic: 'weir.signals.v1', key: incident.cluster.id, value }])
    await publisher.close()
    const deadline = Date.now() + options.wait * 1000
    while (Date.now() < deadline) {
      const now = await getIncident(search, prefix, verdict.incident)
      if (isAnswered(now, verdict)) {
        const assigned = now.assignee === null ? '' : `, assigned to ${now.assignee}`
        return await print(`${now.id.slice(0, 12)}  ${now.status}${assigned}  revision ${now.revision}  ${now.title}\n`)
      }
      await sleep(POLL_MS)
    }
    await print(
      options.wait === 0
        ? 'sent\n'
        : `sent, and not answered within ${options.wait} s: is the correlator running? If it does not know the incident, \`weir dlq list --topic weir.signals.v1\` says so.\n`
    )
  } finally {
    await search.close()
  }
}

const verdictCommand = (name: string, summary: string, example: string): Command =>
  withSettings(new Command(name))
    .summary(summary)
    .argument('<id>', 'incident id, or the start of it')
    .option('--by <name>', 'who says so', userInfo().username)
    .option('--reason <text>', 'why, for whoever reads it later')
    .option('--wait <seconds>', 'how long to wait until the incident shows it; 0: not at all', seconds, 15)
    .addHelpText('after', `\nExample:\n  ${example}`)

/** What analysts say of incidents; each verdict goes through Kafka, so that it is there after every restart and replay. */
export function verdictCommands(): readonly Command[] {
  return [
    verdictCommand(
      'close',
      'close an incident: what belongs to it and comes within 6 hours opens it again',
      'weir incidents close 3fa9 --reason "rebuilt from a clean image"'
    ).action((id: string, options: Options) => say(id, { action: 'close' }, options)),
    verdictCommand('reopen', 'open a closed or suppressed incident again', 'weir incidents reopen 3fa9').action(
      (id: string, options: Options) => say(id, { action: 'reopen' }, options)
    ),
    verdictCommand('assign', 'say who looks into an incident', 'weir incidents assign 3fa9 alice')
      .argument('[assignee]', 'who; nobody unless given')
      .action((id: string, assignee: string | undefined, options: Options) =>
        say(id, { action: 'assign', assignee: assignee ?? null }, options)
      ),
    verdictCommand(
      'suppress',
      'close an incident and keep it closed, whatever joins it, for a time',
      'weir incidents suppress 3fa9 --for 7d --reason "load test until Friday"'
    )
      .requiredOption('--for <time>', 'how long: 90m, 12h, 7d, 2w', span)
      .action((id: string, options: Options) =>
        say(id, { action: 'suppress', until: (Date.now() + (options.for ?? 0)) * 1000 }, options)
      )
  ]
}
