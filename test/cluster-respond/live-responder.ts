/** The pipeline with node agent and responder as processes of their own, on real Kafka and a real cluster. */
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { startNativeServers } from '../../infra/native/start.ts'
import { silentProgress } from '../../infra/progress.ts'
import { weirHome } from '../../infra/settings.ts'
import { setUpKafka } from '../../services/cli/commands/setup.ts'
import { openWorld, type World } from '../../services/cli/serve/world.ts'
import { settingsSchema } from '../../services/cli/settings.ts'
import { startServiceProcesses } from '../../services/cli/up/service-processes.ts'
import { BTF_FILE, objectName, sensorArch } from '../../services/node-agent/sensor/object-file.ts'
import { createHealth } from '../../services/platform/health.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { KUBECONFIG } from './real-cluster.ts'

const SENSOR_BUILD = join(import.meta.dirname, '../../services/node-agent/sensor/build.ts')
const SERVICES = ['node-agent', 'inventory', 'enricher', 'correlator', 'responder'] as const

export interface LiveResponder {
  readonly world: World
  readonly log_directory: string
  stop(): Promise<void>
}

export interface LiveResponderOptions {
  readonly cluster_id: string
  /** Of the responder's account. */
  readonly token: string
  readonly containerd_socket: string
  /** Files of rules and playbooks beside those that come with Weir, by name. */
  readonly rules: Readonly<Record<string, string>>
  readonly playbooks: Readonly<Record<string, string>>
}

/** Why the agent's own sensor cannot see what runs here; null when it can. */
export function blindness(): string | null {
  if (!existsSync(BTF_FILE)) return `${BTF_FILE} is not there`
  const { status } = spawnSync('clang', ['--version'])
  return status === 0 ? null : 'there is no clang to compile the sensor with'
}

/** The kubeconfig of somebody who has a token of an account, and nothing else. */
function kubeconfigOf(token: string): string {
  const config = parse(readFileSync(KUBECONFIG, 'utf8')) as { readonly users: ReadonlyArray<{ readonly name: string }> }
  return stringify({ ...config, users: config.users.map(({ name }) => ({ name, user: { token } })) })
}

function writeAll(folder: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** Starts Kafka, registry, Redis and the services between an event and its answer. */
export async function startLiveResponder(options: LiveResponderOptions): Promise<LiveResponder> {
  const { cluster_id, token, containerd_socket } = options
  const home = weirHome()
  const folder = mkdtempSync(join(tmpdir(), 'weir-live-responder-'))
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const sensor = spawnSync(process.execPath, [SENSOR_BUILD, '--out', folder], { encoding: 'utf8' })
  if (sensor.status !== 0) throw new Error(`the sensor cannot be compiled: ${sensor.stderr}`)
  const servers = await startNativeServers({
    home,
    data: join(folder, 'servers'),
    ports: 'free',
    only: ['kafka', 'registry', 'redis'],
    fresh: true,
    progress: silentProgress
  })
  try {
    const given = {
      cluster: { id: cluster_id, name: 'test' },
      log: { level: 'info' },
      kafka: { brokers: [servers.endpoints.kafka] },
      registry: { url: servers.endpoints.registry },
      redis: { url: servers.endpoints.redis },
      node_agent: {
        node: 'node1',
        sources: [{ type: 'builtin', object: join(folder, objectName(sensorArch())), events: ['exec', 'exit'] }],
        spool: { directory: join(folder, 'node-agent') },
        attribution: { sockets: [containerd_socket] },
        actions: { responder_key_file: file('agent.pub', publicKey.export({ type: 'spki', format: 'pem' }).toString()) }
      },
      inventory: { kubernetes: { kubeconfig: KUBECONFIG } },
      enricher: { rules: [writeAll(join(folder, 'rules'), options.rules)] },
      responder: {
        mode: 'auto',
        cluster_access: 'kubeconfig',
        kubeconfig: file('responder.kubeconfig', kubeconfigOf(token)),
        signing_key_file: file('agent.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
        playbooks: [writeAll(join(folder, 'playbooks'), options.playbooks)],
        limits: { plans_per_hour: 100, changes_per_hour: 1000 },
        watch_ms: 60_000
      }
    }
    const settings_file = file('weir.yml', stringify(given))
    const settings = settingsSchema.parse(given)
    await setUpKafka(settings)
    const log_directory = join(folder, 'logs')
    const services = await startServiceProcesses(SERVICES, { settings_file, log_directory, note: () => {} })
    const stop = async () => {
      await services.stop()
      await servers.stop()
      if (process.env['WEIR_KEEP_LOGS'] === undefined) rmSync(folder, { recursive: true, force: true })
    }
    try {
      await services.ready(120_000)
      return { world: await openWorld(settings, silentLogger, createHealth()), log_directory, stop }
    } catch (error) {
      await services.stop()
      throw error
    }
  } catch (error) {
    await servers.stop()
    throw error
  }
}
