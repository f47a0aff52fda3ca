import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeirError } from '../../services/core/errors.ts'
import { SERVER_ERRORS } from '../errors.ts'
import { fetchArchive } from './maven.ts'
import { LOOPBACK } from './ports.ts'
import { run } from './run.ts'
import { jvmOptions, type ServerContext, type ServerDefinition } from './server.ts'
import { unzip } from './unzip.ts'

const SHA256: Readonly<Record<string, string>> = {
  '3.6.0': 'a91faa1dc1cadc78cb278b4f63847e19e1627a4e9de698e14e7efc14ee37b286'
}
const DOWNLOAD_BYTES = 161_600_000
const PROBE_TIMEOUT_MS = 5_000
const CHECK_TIMEOUT_MS = 10_000

/** Settings that hold for the native server and for docker-compose.yml alike. */
export const OPENSEARCH_SETTINGS = {
  'cluster.name': 'weir',
  'node.name': 'weir-1',
  'discovery.type': 'single-node',
  // A developer's disk is often over 90 % full, and then indices would silently become read-only.
  'cluster.routing.allocation.disk.threshold_enabled': 'false'
} as const

interface User {
  readonly uid: number
  readonly gid: number
}

function folderOf(context: ServerContext): string {
  return join(context.home, 'servers', `opensearch-${context.settings.versions.opensearch}`)
}

/** OpenSearch refuses to run as root: then it runs as `nobody`. */
function userToRunAs(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((text) => text.startsWith('nobody:'))
  const [, , uid, gid] = line?.split(':') ?? []
  return { uid: Number(uid ?? 65_534), gid: Number(gid ?? 65_534) }
}

async function own(folder: string, user: User | undefined): Promise<void> {
  if (user) await run('chown', ['-R', `${user.uid}:${user.gid}`, folder], { timeout_ms: CHECK_TIMEOUT_MS })
}

export const OPENSEARCH: ServerDefinition = {
  name: 'opensearch',
  title: (settings) => `OpenSearch ${settings.versions.opensearch}`,
  endpoint: (ports) => `http://${LOOPBACK}:${ports.opensearch}`,
  needs_java: true,
  needs_inner_port: true,

  async fetch(context) {
    const folder = folderOf(context)
    if (existsSync(folder)) return
    const version = context.settings.versions.opensearch
    const archive = await fetchArchive(
      { group: 'org.opensearch.distribution.integ-test-zip', name: 'opensearch', version, type: 'zip' },
      SHA256[version],
      DOWNLOAD_BYTES,
      {
        home: context.home,
        java_home: context.java.home,
        step: 'opensearch',
        progress: context.progress,
        signal: context.signal
      }
    )
    const part = `${folder}.part`
    rmSync(part, { recursive: true, force: true })
    await unzip(archive.file, part)
    context.signal.throwIfAborted()
    const [inner] = readdirSync(part)
    if (inner === undefined) {
      throw new WeirError(SERVER_ERRORS, 'SERVER_DOWNLOAD_FAILED', `${archive.file} is an empty archive`)
    }
    // It will run as another user, whatever our umask is.
    await run('chmod', ['-R', 'a+rX', part], { timeout_ms: CHECK_TIMEOUT_MS })
    renameSync(join(part, inner), folder)
    rmSync(part, { recursive: true, force: true })
    archive.remove()
  },

  async prepare(context) {
    const folder = folderOf(context)
    const user = userToRunAs()
    const config = join(context.run, 'config')
    const archives = join(context.home, 'cds', 'opensearch')
    const temporary = join(context.run, 'tmp')
    for (const path of [context.run, temporary, archives, context.data]) mkdirSync(path, { recursive: true })
    cpSync(join(folder, 'config'), config, { recursive: true })
    const settings = {
      ...OPENSEARCH_SETTINGS,
      'http.port': String(context.ports.opensearch),
      'transport.port': String(context.inner_port),
      'network.host': LOOPBACK,
      'path.data': context.data,
      'path.logs': join(context.run, 'logs')
    }
    writeFileSync(
      join(config, 'opensearch.yml'),
      Object.entries(settings)
        .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
        .join('')
    )
    writeFileSync(join(config, 'log4j2.properties'), LOGGING)
    for (const path of [context.run, archives, context.data]) await own(path, user)
    const java = join(context.java.home, 'bin', 'java')
    const jars = (name: string) => {
      const inside = readdirSync(join(folder, name)).filter((file) => file.endsWith('.jar'))
      return inside.sort().map((file) => join(folder, name, file))
    }
    const args = [
      ...jvmOptions(join(archives, 'opensearch.jsa'), context.settings.memory_mb.opensearch, context.throughput),
      // The start script would run four JVMs before this one and attach an agent that confines plug-ins; there are none here.
      // Its classes must be there all the same. The other options are those that the script sets.
      `-Djava.io.tmpdir=${temporary}`,
      '-Djava.locale.providers=SPI,CLDR',
      '-Dio.netty.noUnsafe=true',
      '-Dio.netty.noKeySetOptimization=true',
      '-Dio.netty.recycler.maxCapacityPerThread=0',
      '-Dlog4j.shutdownHookEnabled=false',
      '-Dlog4j2.disable.jmx=true',
      `-Dopensearch.path.home=${folder}`,
      `-Dopensearch.path.conf=${config}`,
      '-Dopensearch.distribution.type=zip',
      '-Dopensearch.bundled_jdk=false',
      '-cp',
      [...jars('lib'), ...jars('agent')].join(':'),
      'org.opensearch.bootstrap.OpenSearch'
    ]
    const env = { OPENSEARCH_PATH_CONF: config }
    if (!user) return { command: java, args, cwd: context.run, env }
    const test = [
      'sh',
      '-c',
      'test -r "$1" && test -w "$2" && test -x "$3"',
      'sh',
      join(folder, 'lib'),
      context.data,
      java
    ]
    const asNobody = await run('sh', test.slice(1), { timeout_ms: CHECK_TIMEOUT_MS, user, cwd: '/' })
    if (asNobody.code === 0) return { command: java, args, cwd: context.run, env, user }
    // A checkout under /root, say, which nobody may not enter. In a user namespace our own user has another number.
    const unshare = ['unshare', '--user', `--map-user=${user.uid}`, `--map-group=${user.gid}`]
    for (const path of [context.run, archives, context.data]) await own(path, { uid: 0, gid: 0 })
    const asRenamed = await run('unshare', [...unshare.slice(1), ...test], { timeout_ms: CHECK_TIMEOUT_MS, cwd: '/' })
    if (asRenamed.code !== 0) {
      throw new WeirError(
        SERVER_ERRORS,
        'SERVER_DATA_UNUSABLE',
        `OpenSearch refuses to run as root, and the user nobody cannot enter ${context.home}: set WEIR_HOME to a folder that ` +
          'every user can enter (for example /var/lib/weir), or start as another user'
      )
    }
    context.progress.note(`the user nobody cannot enter ${context.home}: OpenSearch runs in a user namespace instead`)
    return { command: 'unshare', args: [...unshare.slice(1), java, ...args], cwd: context.run, env }
  },

  async isReady(context) {
    const url = `${this.endpoint(context.ports)}/_cluster/health?wait_for_status=yellow&timeout=1s`
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
    return response.ok
  },

  diagnose(log) {
    if (/Address already in use/.test(log)) return 'its port was taken by another program'
    if (/failed to obtain node locks?|Lock held by/i.test(log))
      return 'another OpenSearch runs on the same data, or the folder belongs to another user'
    if (/AccessDeniedException/.test(log)) return 'its data folder belongs to another user'
    if (
      /CorruptIndexException|CorruptStateException|IndexFormatTooNewException|cannot upgrade|IndexFormatTooOldException/i.test(
        log
      )
    ) {
      return 'its data cannot be read'
    }
    if (/UnsupportedClassVersionError/.test(log)) return 'Java is too old for it'
    if (/No space left on device/.test(log)) return 'the disk is full'
    return null
  }
}

/** Everything to standard output, which the launcher keeps in one file. */
const LOGGING = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
logger.deprecation.name = org.opensearch.deprecation
logger.deprecation.level = error
`
