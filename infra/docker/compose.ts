import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { WeirError } from '../../services/core/errors.ts'
import { SERVER_ERRORS } from '../errors.ts'
import { choosePorts, LOOPBACK } from '../native/ports.ts'
import { REGISTRY_PATH } from '../native/registry.ts'
import { lastLines, run } from '../native/run.ts'
import type { RunningServers, StartOptions } from '../running-servers.ts'
import { readServerSettings, SERVER_NAMES, type ServerPorts } from '../settings.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ENGINE_TIMEOUT_MS = 5_000
const COMMAND_TIMEOUT_MS = 120_000

/**
 * Whether `docker compose` can start containers here.
 *
 * @returns null when it can, else why not, in words that follow "Docker:"
 */
export async function whyNoDocker(signal?: AbortSignal): Promise<string | null> {
  const engine = await run('docker', ['info', '--format', '{{.ServerVersion}}'], {
    timeout_ms: ENGINE_TIMEOUT_MS,
    signal
  })
  if (engine.output.includes('ENOENT')) return 'the docker command is not installed'
  if (engine.timed_out) return `the engine did not answer within ${ENGINE_TIMEOUT_MS / 1000} s`
  if (engine.code !== 0 || engine.output.trim() === '') {
    return `no engine answers (${lastLines(engine.output, 1) || `exit code ${engine.code}`})`
  }
  const compose = await run('docker', ['compose', 'version'], { timeout_ms: ENGINE_TIMEOUT_MS, signal })
  return compose.code === 0 ? null : 'the compose plugin is not installed'
}

/**
 * Starts the servers of docker-compose.yml. Its own progress (pulling, starting) goes to standard error.
 *
 * Containers that already run are used as they are and left running by `stop()`. Unlike native servers, containers that were
 * started outlive this process when it is killed: `docker compose --profile servers stop` ends them.
 *
 * @throws WeirError SERVER_START_FAILED, SERVER_PORT_TAKEN
 */
export async function startComposeServers(options: StartOptions): Promise<RunningServers> {
  const { progress, signal } = options
  const settings = readServerSettings()
  const running = await run('docker', compose(['ps', '--status', 'running', '--services']), {
    cwd: ROOT,
    timeout_ms: COMMAND_TIMEOUT_MS,
    signal
  })
  const services = running.code === 0 ? running.output.split('\n').map((line) => line.trim()) : []
  const already = SERVER_NAMES.every((name) => services.includes(name))
  const ports: ServerPorts = already
    ? settings.ports
    : await choosePorts(SERVER_NAMES, options.ports, settings, progress)
  const env: Record<string, string | undefined> = { ...process.env }
  for (const name of SERVER_NAMES) env[`WEIR_${name.toUpperCase()}_PORT`] = String(ports[name])

  /** Its output is shown as it comes. */
  const shown = (args: readonly string[], abort?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const child = spawn('docker', compose(args), {
        cwd: ROOT,
        env,
        stdio: ['ignore', 2, 2],
        ...(abort ? { signal: abort } : {})
      })
      child.once('error', reject)
      child.once('exit', (code, by) => {
        if (code === 0) resolve()
        else reject(failed(args, `ended with ${by ?? `code ${code}`}; its own words are above`))
      })
    })

  const up = () => shown(['up', '--detach', '--wait'], signal)
  if (already) {
    progress.note('using the containers that already run; they are left running')
  } else {
    const started_ms = performance.now()
    progress.started(
      'docker',
      'containers of docker-compose.yml, profile servers (the first time their images are pulled)'
    )
    try {
      if (options.fresh) await shown(['down', '--volumes'], signal)
      await up()
    } catch (error) {
      progress.failed('docker', 'docker compose could not start the servers')
      await run('docker', compose(['stop']), { cwd: ROOT, env, timeout_ms: COMMAND_TIMEOUT_MS })
      throw error instanceof WeirError ? error : failed(['up'], String(error))
    }
    progress.ready('docker', 'all containers are healthy', performance.now() - started_ms)
  }

  const quiet = async (...args: readonly string[]) => {
    const result = await run('docker', compose(args), { cwd: ROOT, env, timeout_ms: COMMAND_TIMEOUT_MS })
    if (result.code !== 0) throw failed(args, lastLines(result.output, 5))
  }
  const halt: RunningServers['halt'] = (name, how) => quiet('kill', '--signal', how?.signal ?? 'SIGTERM', name)
  const resume: RunningServers['resume'] = (name) => quiet('up', '--detach', '--wait', '--no-recreate', name)
  let stopping: Promise<void> | undefined
  return {
    endpoints: {
      kafka: `${LOOPBACK}:${ports.kafka}`,
      registry: `http://${LOOPBACK}:${ports.registry}${REGISTRY_PATH}`,
      redis: `redis://${LOOPBACK}:${ports.redis}`,
      opensearch: `http://${LOOPBACK}:${ports.opensearch}`
    },
    pid: () => null,
    halt,
    resume,
    async restart(name, how) {
      await halt(name, how)
      await resume(name)
    },
    died: new Promise(() => {}),
    stop() {
      stopping ??= already ? Promise.resolve() : quiet('stop')
      return stopping
    }
  }
}

function compose(args: readonly string[]): string[] {
  return ['compose', '--profile', 'servers', ...args]
}

function failed(args: readonly string[], why: string): WeirError {
  return new WeirError(SERVER_ERRORS, 'SERVER_START_FAILED', `docker compose ${args[0]} failed: ${why}`)
}
