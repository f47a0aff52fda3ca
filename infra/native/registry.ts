import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { WeirError } from '../../services/core/errors.ts'
import { SERVER_ERRORS } from '../errors.ts'
import { fetchArchive } from './maven.ts'
import { LOOPBACK } from './ports.ts'
import { lastLines, run } from './run.ts'
import { jvmOptions, type ServerContext, type ServerDefinition } from './server.ts'

/** Apicurio speaks Confluent's registry API under this path; Confluent's own registry has it at the root. */
export const REGISTRY_PATH = '/apis/ccompat/v7'

const SHA256: Readonly<Record<string, string>> = {
  '3.3.3': '8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63'
}
const DOWNLOAD_BYTES = 158_600_000
const UNPACK_TIMEOUT_MS = 120_000
const PROBE_TIMEOUT_MS = 5_000

function folderOf(context: ServerContext): string {
  return join(context.home, 'servers', `registry-${context.settings.versions.registry}`)
}

export const REGISTRY: ServerDefinition = {
  name: 'registry',
  title: (settings) => `schema registry (Apicurio ${settings.versions.registry})`,
  endpoint: (ports) => `http://${LOOPBACK}:${ports.registry}${REGISTRY_PATH}`,
  needs_java: true,
  needs_inner_port: true,

  async fetch(context) {
    const folder = folderOf(context)
    if (existsSync(folder)) return
    const version = context.settings.versions.registry
    const archive = await fetchArchive(
      { group: 'io.apicurio', name: 'apicurio-registry-app', version, type: 'tar.gz', classifier: 'all' },
      SHA256[version],
      DOWNLOAD_BYTES,
      {
        home: context.home,
        java_home: context.java.home,
        step: 'registry',
        progress: context.progress,
        signal: context.signal
      }
    )
    const part = `${folder}.part`
    rmSync(part, { recursive: true, force: true })
    mkdirSync(part, { recursive: true })
    const result = await run('tar', ['-xzf', archive.file, '-C', part], {
      timeout_ms: UNPACK_TIMEOUT_MS,
      signal: context.signal
    })
    if (result.code !== 0) {
      throw new WeirError(
        SERVER_ERRORS,
        'SERVER_DOWNLOAD_FAILED',
        `the registry's archive could not be unpacked to ${part}:\n${lastLines(result.output, 5)}`
      )
    }
    renameSync(part, folder)
    archive.remove()
  },

  async prepare(context) {
    const archives = join(context.home, 'cds')
    mkdirSync(archives, { recursive: true })
    return {
      command: join(context.java.home, 'bin', 'java'),
      args: [
        ...jvmOptions(join(archives, 'registry.jsa'), context.settings.memory_mb.registry, context.throughput),
        `-Djava.io.tmpdir=${context.run}`,
        `-Dquarkus.http.host=${LOOPBACK}`,
        `-Dquarkus.http.port=${context.ports.registry}`,
        // Health and metrics of the registry itself, by default on port 9000 of all interfaces.
        `-Dquarkus.management.host=${LOOPBACK}`,
        `-Dquarkus.management.port=${context.inner_port}`,
        '-Dapicurio.storage.kind=sql',
        // Without the delay H2 waits half a second before a commit is on disk: a schema id that was handed out must stay.
        `-Dapicurio.datasource.url=jdbc:h2:file:${join(context.data, 'registry')};WRITE_DELAY=0`,
        '-jar',
        join(folderOf(context), 'quarkus-run.jar')
      ],
      // Quarkus reads `config/application.properties` and `.env` of the working directory.
      cwd: context.run
    }
  },

  async isReady(context) {
    const response = await fetch(`${this.endpoint(context.ports)}/subjects`, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS)
    })
    return response.ok && Array.isArray(await response.json())
  },

  // It answers every request with an error and goes on.
  isHopeless: (log) => log.includes('Non-transient database connection error'),

  diagnose(log) {
    if (/Port \d+ seems to be in use|Address already in use/.test(log)) return 'its port was taken by another program'
    if (/Database may be already in use|file is locked/i.test(log)) return 'another registry runs on the same data'
    if (
      /File corrupted|MVStoreException|Non-transient database connection error|unsupported database file version|The write format/i.test(
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
