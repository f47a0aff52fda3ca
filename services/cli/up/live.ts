import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Progress } from '../../../infra/progress.ts'
import type { RunningServers } from '../../../infra/running-servers.ts'
import type { Cluster } from '../../../schemas/generated/types.ts'
import { setUpKafka, setUpOpenSearch } from '../commands/setup.ts'
import { SERVICE_NAMES } from '../serve/services.ts'
import { type Settings, settingsSchema } from '../settings.ts'
import type { LiveTargets } from './replay-live.ts'
import { REPLAY_SETTINGS } from './replay-settings.ts'
import { freePort, type ServiceProcesses, startServiceProcesses } from './service-processes.ts'
import { localCertificate } from './tls.ts'

const READY_TIMEOUT_MS = 120_000

export interface LiveOptions {
  readonly endpoints: RunningServers['endpoints']
  /** Folder for settings, spools and the replay's files; emptied before. */
  readonly run_directory: string
  readonly log_directory: string
  readonly tls_directory: string
  readonly cluster: Cluster
  /** What kubectl would print of the cluster; null where there is nothing to load. */
  readonly inventory: unknown
  /** Port of the audit webhook; null takes a free one. */
  readonly webhook_port: number | null
  readonly progress: Progress
  readonly log_level: Settings['log']['level']
  /** Sets installations on the same servers apart: consumer groups, indices, Redis keys. */
  readonly name?: string
}

export interface Live {
  readonly settings: Settings
  readonly settings_file: string
  readonly targets: LiveTargets
  /** Certificate that clients of the webhook have to trust; null over plain HTTP. */
  readonly webhook_ca_file: string | null
  readonly services: ServiceProcesses
}

/** Writes the settings all services share, sets the servers up, and starts every service as a process of its own. */
export async function startLive(options: LiveOptions): Promise<Live> {
  const { endpoints, run_directory, cluster, progress, name = 'weir' } = options
  rmSync(run_directory, { recursive: true, force: true })
  mkdirSync(run_directory, { recursive: true })
  const inventory_file = join(run_directory, 'inventory.json')
  const tetragon_file = join(run_directory, 'tetragon.ndjson')
  const settings_file = join(run_directory, 'weir.yml')
  const runtime_file = join(run_directory, 'runtime.ndjson')
  for (const file of [tetragon_file, runtime_file]) writeFileSync(file, '')
  if (options.inventory !== null) writeFileSync(inventory_file, JSON.stringify(options.inventory))
  const certificate = await localCertificate(options.tls_directory)
  const port = options.webhook_port ?? (await freePort())

  const given = {
    cluster,
    log: { level: options.log_level },
    kafka: { brokers: [endpoints.kafka], group_prefix: name },
    registry: { url: endpoints.registry },
    redis: { url: endpoints.redis, key_prefix: `${name}:` },
    opensearch: { nodes: [endpoints.opensearch], index_prefix: name },
    audit_collector: {
      name: 'local',
      webhook: { port, ...(certificate !== null && { tls: certificate }) },
      spool: { directory: join(run_directory, 'audit-collector') }
    },
    node_agent: {
      sources: [
        { type: 'tetragon', path: tetragon_file },
        { type: 'recorded', path: runtime_file }
      ],
      spool: { directory: join(run_directory, 'node-agent') }
    },
    inventory: { files: options.inventory === null ? [] : [inventory_file] },
    ...(options.inventory !== null && REPLAY_SETTINGS)
  }
  writeFileSync(settings_file, stringify(given))
  const settings = settingsSchema.parse(given)

  progress.started('setup', 'topics, subjects, templates')
  const began_ms = Date.now()
  // A registry that says it is ready may take longer over its first look-ups than one may take.
  const patience = { retry_for_ms: READY_TIMEOUT_MS, tell: (text: string) => progress.note(`setup: ${text}`) }
  const changes = [...(await setUpKafka(settings, patience)), ...(await setUpOpenSearch(settings))]
  progress.ready(
    'setup',
    `${changes.length === 0 ? 'all in place' : `${changes.length} changes`}`,
    Date.now() - began_ms
  )

  progress.started('services', SERVICE_NAMES.join(', '))
  const started_ms = Date.now()
  const services = await startServiceProcesses(SERVICE_NAMES, {
    settings_file,
    log_directory: options.log_directory,
    note: (text) => progress.note(text)
  })
  try {
    await services.ready(READY_TIMEOUT_MS)
  } catch (error) {
    progress.failed('services', 'not ready')
    await services.stop()
    throw error
  }
  progress.ready('services', `${SERVICE_NAMES.length} services`, Date.now() - started_ms)
  const scheme = certificate === null ? 'http' : 'https'
  return {
    settings,
    settings_file,
    targets: {
      webhook_url: `${scheme}://127.0.0.1:${port}${settings.audit_collector.webhook.path}`,
      webhook_ca: certificate === null ? undefined : readFileSync(certificate.cert_file),
      tetragon_file,
      runtime_file
    },
    webhook_ca_file: certificate?.cert_file ?? null,
    services
  }
}
