import { join, relative } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { plainProgress } from '../../../infra/progress.ts'
import { startServers } from '../../../infra/servers.ts'
import { weirHome } from '../../../infra/settings.ts'
import type { Action, Incident } from '../../../schemas/generated/types.ts'
import { renderIncident } from '../../core/correlate/render-incident.ts'
import { WeirError } from '../../core/errors.ts'
import { parseTimestamp } from '../../core/events/timestamp.ts'
import { at, isObject } from '../../core/json.ts'
import { renderPlan } from '../../core/respond/render-plan.ts'
import { severityRank } from '../../core/severity.ts'
import { createHealth } from '../../platform/health.ts'
import { createLogger, LOG_LEVELS, silentLogger } from '../../platform/log.ts'
import { createOpenSearchClient } from '../../platform/opensearch/client.ts'
import { actionsOf, listIncidents } from '../../platform/opensearch/queries.ts'
import { createOpenSearch } from '../../platform/opensearch/search.ts'
import { loadRecording, RECORDED, type Recording } from '../replay/recording.ts'
import { openWorld, run } from '../serve/world.ts'
import { settingsSchema } from '../settings.ts'
import { styleFor, widthOf } from '../terminal.ts'
import { startEmbedded } from '../up/embedded.ts'
import { UP_ERRORS } from '../up/errors.ts'
import { untilDrained, untilIndexed } from '../up/finished.ts'
import { type Live, startLive } from '../up/live.ts'
import { replayLive } from '../up/replay-live.ts'
import { REPLAY_SETTINGS } from '../up/replay-settings.ts'
import { createIncidentWatch } from '../up/watch-incidents.ts'
import { incidentRow } from './incidents.ts'

const PIECES = 60
const PAUSE_MS = 200
const DRAIN_TIMEOUT_MS = 180_000
const WEBHOOK_PORT = 8443

interface Options {
  readonly servers?: 'docker' | 'native' | 'embedded'
  readonly embedded?: boolean
  readonly once?: boolean
  readonly replay: boolean
  readonly at?: number
  readonly fresh?: boolean
  readonly ports: 'default' | 'free'
  readonly json?: string
  readonly logLevel: (typeof LOG_LEVELS)[number]
}

function timeOf(text: string): number {
  const micros = parseTimestamp(text)
  if (micros === null) throw new InvalidArgumentError('a time such as 2026-11-24T10:00:00Z is needed')
  return micros
}

export function upCommand(): Command {
  return new Command('up')
    .summary('start servers and services and replay a recorded attack (npm start)')
    .description(
      'Starts Kafka, a schema registry, Redis and OpenSearch, then every service, and replays a recorded attack amid benign traffic.\n' +
        'Uses a Docker engine where one answers, else starts the servers from packages, else runs everything in this process.'
    )
    .addOption(new Option('--servers <how>', 'do it this way and no other').choices(['docker', 'native', 'embedded']))
    .option('--embedded', 'all stages in this process over in-memory ports, no servers (same as --servers embedded)')
    .option('--once', 'exit when the replay has gone through')
    .option('--no-replay', 'start and serve, without the recorded attack')
    .addOption(new Option('--at <time>', 'when the recording is to end; now unless given').argParser(timeOf))
    .option('--fresh', 'begin with empty servers')
    .addOption(
      new Option('--ports <which>', 'the ports of .env, or free ones').choices(['default', 'free']).default('default')
    )
    .option('--json <file>', 'write incidents and plans to a file at the end of the replay')
    .addOption(new Option('--log-level <level>', 'of the services, in .weir/logs').choices(LOG_LEVELS).default('info'))
    .addHelpText(
      'after',
      '\nExamples:\n  npm start\n  npm start -- --once\n  npm start -- --embedded --once\n  npm start -- --no-replay        then point an API server at the webhook'
    )
    .action(async (options: Options) => {
      const wish = options.embedded === true ? 'embedded' : options.servers
      process.exitCode = await up({ ...options, ...(wish !== undefined && { servers: wish }) })
    })
}

async function up(options: Options): Promise<number> {
  const giveUp = new AbortController()
  const onSignal = () => giveUp.abort(new Error('stopped'))
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  const progress = plainProgress(process.stderr)
  const cleanUps: Array<() => Promise<void>> = []
  try {
    const recording = await loadRecording(RECORDED, options.at ?? Date.now() * 1000)
    const home = weirHome()
    const { servers } = await startServers({
      home,
      progress,
      signal: giveUp.signal,
      ...(options.servers !== undefined && { wish: options.servers }),
      ...(options.ports === 'free' && { ports: 'free' as const }),
      ...(options.fresh === true && { fresh: true })
    })
    if (servers === null) return await upEmbedded(recording, options, giveUp.signal)

    cleanUps.push(() => servers.stop())
    const live = await startLive({
      endpoints: servers.endpoints,
      run_directory: join(home, 'run'),
      log_directory: join(home, 'logs'),
      tls_directory: join(home, 'tls'),
      cluster: recording.cluster,
      inventory: options.replay ? recording.inventory : null,
      webhook_port: options.ports === 'free' ? null : WEBHOOK_PORT,
      progress,
      log_level: options.logLevel
    })
    cleanUps.push(() => live.services.stop())
    const died = servers.died.then(({ name, reason }) => {
      throw new WeirError(UP_ERRORS, 'UP_SERVER_DIED', `${name} ended by itself: ${reason}`)
    })
    died.catch(() => {})
    await Promise.race([upLive(live, recording, options, giveUp.signal, progress), died])
    return 0
  } catch (error) {
    if (giveUp.signal.aborted) return 0
    throw error
  } finally {
    if (cleanUps.length > 0) console.error('stopping …')
    for (const cleanUp of cleanUps.toReversed()) await cleanUp()
    progress.end()
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}

/** Resolves when the user has had enough. */
function untilStopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  const alive = setInterval(() => {}, 60_000)
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        clearInterval(alive)
        resolve()
      },
      { once: true }
    )
  })
}

/** Says how far the replay is, at each quarter. */
function quarters(say: (text: string) => void, began_ms: number): (share: number) => void {
  let said = 0
  return (share) => {
    const quarter = Math.floor(share * 4)
    if (quarter <= said) return
    said = quarter
    say(`replay: ${quarter * 25} % sent after ${((Date.now() - began_ms) / 1000).toFixed(1)} s`)
  }
}

function tellReplay({ title, records, cluster }: Recording): void {
  console.log(`\nReplaying ${title}\n${records.length} records of cluster ${cluster.name} (${cluster.id})\n`)
}

async function upLive(
  live: Live,
  recording: Recording,
  options: Options,
  signal: AbortSignal,
  progress: ReturnType<typeof plainProgress>
): Promise<void> {
  const { settings, targets } = live
  const style = styleFor(process.stdout)
  if (!options.replay) {
    tellWhere(live, null)
    return untilStopped(signal)
  }
  const world = await openWorld(settings, silentLogger, createHealth())
  const rows = new Map<string, string>()
  const watch = createIncidentWatch(world.codec, recording.cluster.id, (incident) => {
    // What has only grown is not told again.
    const said = `${incident.severity} ${incident.score} ${incident.title}`
    if (incident.status === 'merged' || severityRank(incident.severity) === 0 || rows.get(incident.id) === said) return
    rows.set(incident.id, said)
    console.log(incidentRow(incident, style))
  })
  const watching = run(watch.stage, world)
  const search = createOpenSearch(createOpenSearchClient(settings.opensearch), settings.opensearch, silentLogger)
  try {
    tellReplay(recording)
    const began_ms = Date.now()
    await replayLive(recording, targets, {
      pieces: PIECES,
      pause_ms: PAUSE_MS,
      signal,
      progress: quarters((text) => progress.note(text), began_ms)
    })
    await untilDrained(world.kafka, DRAIN_TIMEOUT_MS, signal)
    await untilIndexed(search, settings.opensearch.index_prefix, watch.seen.incidents, DRAIN_TIMEOUT_MS, signal)
    console.log(`\nThe replay went through in ${((Date.now() - began_ms) / 1000).toFixed(1)} s.`)
    await tellResult(watch.seen.incidents(), watch.seen.actions(), options)
    tellWhere(live, recording)
  } finally {
    await watching.stop()
    await search.close()
  }
  if (options.once !== true) {
    console.log('Serving until Ctrl-C.')
    await untilStopped(signal)
  }
}

async function upEmbedded(recording: Recording, options: Options, signal: AbortSignal): Promise<number> {
  const settings = settingsSchema.parse({ log: { level: options.logLevel }, ...REPLAY_SETTINGS })
  const log =
    options.logLevel === 'info' ? silentLogger : createLogger({ service: 'embedded', level: options.logLevel })
  const embedded = await startEmbedded(settings, log)
  if (!options.replay) {
    console.log('The embedded pipeline has no inputs of its own: nothing to do without the replay.')
    return 0
  }
  tellReplay(recording)
  const began_ms = Date.now()
  await embedded.replay(recording, () => signal.throwIfAborted())
  console.log(`The replay went through in ${((Date.now() - began_ms) / 1000).toFixed(1)} s.`)
  const prefix = settings.opensearch.index_prefix
  const incidents = await listIncidents(embedded.search, prefix, { statuses: ['open', 'closed'] })
  const actions = new Map<string, Action>()
  for (const incident of incidents) {
    const latest = (await actionsOf(embedded.search, prefix, incident)).at(-1)
    const action = at(latest?.document, ['weir', 'action'])
    if (isObject(action)) actions.set(incident.id, action as unknown as Action)
  }
  await tellResult(incidents, actions, options)
  await embedded.bus.close()
  return 0
}

async function tellResult(
  incidents: readonly Incident[],
  actions: ReadonlyMap<string, Action>,
  options: Options
): Promise<void> {
  const style = styleFor(process.stdout)
  const ranked = incidents.toSorted((a, b) => severityRank(b.severity) - severityRank(a.severity) || a.first - b.first)
  const worst = ranked[0]
  if (worst !== undefined) {
    console.log(`\n${renderIncident(worst, { style, width: widthOf(process.stdout) })}\n`)
    const plan = actions.get(worst.id)
    if (plan !== undefined) console.log(`${renderPlan(plan)}\n`)
  }
  console.log(`${ranked.length} incident${ranked.length === 1 ? '' : 's'}:`)
  for (const incident of ranked) console.log(`  ${incidentRow(incident, style)}`)
  if (options.json === undefined) return
  const { writeFile } = await import('node:fs/promises')
  await writeFile(options.json, JSON.stringify({ incidents: ranked, actions: [...actions.values()] }, null, 2))
}

function tellWhere({ settings, settings_file, targets, webhook_ca_file }: Live, recording: Recording | null): void {
  const node = settings.opensearch.nodes[0]
  const prefix = settings.opensearch.index_prefix
  const ca = webhook_ca_file === null ? '' : ` (trust ${webhook_ca_file})`
  console.log(`
Look at it
  npx weir incidents -c ${relative(process.cwd(), settings_file)}
  curl -s '${node}/${prefix}-incidents/_search?q=weir.incident.severity:critical&pretty'
  curl -s '${node}/${prefix}-events-*/_count?pretty'${recording === null ? '' : `   cluster ${recording.cluster.id}`}
Send to it
  audit webhook   ${targets.webhook_url}${ca}
  Tetragon lines  ${targets.tetragon_file}
  sensor lines    ${targets.runtime_file}
  Kafka           ${settings.kafka.brokers.join(', ')}   registry ${settings.registry.url}
`)
}
