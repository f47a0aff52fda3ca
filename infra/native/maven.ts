import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { WeirError } from '../../services/core/errors.ts'
import { SERVER_ERRORS } from '../errors.ts'
import type { Progress } from '../progress.ts'
import { canInstallPackages, installPackages } from './debian.ts'
import { lastLines, run, which } from './run.ts'

const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'
const DOWNLOAD_TIMEOUT_MS = 30 * 60_000
const POLL_MS = 300

export interface Artifact {
  readonly group: string
  readonly name: string
  readonly version: string
}

export interface MavenContext {
  /** Our folder: the local repository is `m2` in it, so that nothing is left elsewhere. */
  readonly home: string
  readonly java_home: string
  readonly step: string
  readonly progress: Progress
  readonly signal?: AbortSignal | undefined
}

/** @throws WeirError SERVER_TOOL_MISSING */
async function needMaven(progress: Pick<Progress, 'note'>, signal?: AbortSignal): Promise<void> {
  if (which('mvn')) return
  if (canInstallPackages()) {
    await installPackages(['maven'], 'the servers are fetched from Maven Central', progress, signal)
    if (which('mvn')) return
  }
  throw new WeirError(SERVER_ERRORS, 'SERVER_TOOL_MISSING', 'Maven (mvn) is not on the PATH: install it')
}

/**
 * Copies artifacts and everything they depend on at run time into a folder.
 *
 * @param expected_bytes about how much comes, shown to the user
 * @throws WeirError SERVER_DOWNLOAD_FAILED
 */
export async function fetchWithDependencies(
  artifacts: readonly Artifact[],
  folder: string,
  expected_bytes: number,
  context: MavenContext
): Promise<void> {
  const work = join(context.home, 'tmp', context.step)
  mkdirSync(work, { recursive: true })
  const pom = join(work, 'pom.xml')
  const dependencies = artifacts.map(
    ({ group, name, version }) =>
      `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`
  )
  writeFileSync(
    pom,
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>weir</groupId>` +
      `<artifactId>${context.step}</artifactId><version>1</version><packaging>pom</packaging>` +
      `<dependencies>${dependencies.join('')}</dependencies></project>\n`
  )
  const repository = join(context.home, 'm2')
  await maven(
    ['-f', pom, `${PLUGIN}:copy-dependencies`, '-DincludeScope=runtime', `-DoutputDirectory=${folder}`],
    repository,
    expected_bytes,
    context
  )
}

/**
 * Fetches one archive.
 *
 * @param type as in Maven coordinates: `zip`, `tar.gz`; `classifier` likewise
 * @param sha256 of the archive, or undefined where the version is not the one we know
 * @returns path of the archive in our local repository, and what removes it once it has been unpacked
 * @throws WeirError SERVER_DOWNLOAD_FAILED
 */
export async function fetchArchive(
  artifact: Artifact & { readonly type: string; readonly classifier?: string },
  sha256: string | undefined,
  expected_bytes: number,
  context: MavenContext
): Promise<{ file: string; remove: () => void }> {
  const { group, name, version, type, classifier } = artifact
  const folder = join(context.home, 'm2', ...group.split('.'), name, version)
  const file = join(folder, `${name}-${version}${classifier ? `-${classifier}` : ''}.${type}`)
  const coordinates = [group, name, version, type, ...(classifier ? [classifier] : [])].join(':')
  await maven([`${PLUGIN}:get`, '-Dtransitive=false', `-Dartifact=${coordinates}`], folder, expected_bytes, context)
  const remove = () => rmSync(folder, { recursive: true, force: true })
  if (!existsSync(file)) {
    throw new WeirError(
      SERVER_ERRORS,
      'SERVER_DOWNLOAD_FAILED',
      `Maven said it fetched ${coordinates}, but ${file} is not there`
    )
  }
  const actual = await sha256Of(file)
  if (sha256 === undefined) {
    context.progress.note(`${coordinates} is not the version Weir knows: its checksum (${actual}) was not compared`)
  } else if (actual !== sha256) {
    remove()
    throw new WeirError(
      SERVER_ERRORS,
      'SERVER_DOWNLOAD_FAILED',
      `${coordinates} has SHA-256 ${actual}, expected ${sha256}: it was removed; look at the mirror that Maven uses`
    )
  }
  return { file, remove }
}

async function maven(
  args: readonly string[],
  watched_folder: string,
  expected_bytes: number,
  context: MavenContext
): Promise<void> {
  await needMaven(context.progress, context.signal)
  const before = bytesIn(watched_folder)
  const timer = setInterval(() => {
    const received = Math.max(0, bytesIn(watched_folder) - before)
    context.progress.downloading(context.step, Math.min(received, expected_bytes), expected_bytes)
  }, POLL_MS)
  try {
    const result = await run(
      // Strict checksums, and a failure of last time is not believed; the user's own settings.xml (mirror, proxy) is honoured.
      'mvn',
      ['-B', '-C', '-U', `-Dmaven.repo.local=${join(context.home, 'm2')}`, ...args],
      {
        cwd: context.home,
        env: { ...process.env, JAVA_HOME: context.java_home },
        timeout_ms: DOWNLOAD_TIMEOUT_MS,
        signal: context.signal
      }
    )
    if (result.code === 0) return
    // What follows an empty line is advice on how to use Maven.
    const errors = result.output.split('\n').filter((line) => line.startsWith('[ERROR]'))
    const end = errors.findIndex((line) => line.trim() === '[ERROR]')
    const words = errors.length > 0 ? errors.slice(0, end < 0 ? 6 : end).join('\n') : lastLines(result.output, 8)
    throw new WeirError(
      SERVER_ERRORS,
      'SERVER_DOWNLOAD_FAILED',
      `Maven could not fetch what ${context.step} needs${result.timed_out ? ' in time' : ''}: look at the network, the disk ` +
        `(${context.home}) and the mirror in ~/.m2/settings.xml\n${words}`
    )
  } finally {
    clearInterval(timer)
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

function bytesIn(folder: string): number {
  let sum = 0
  let entries: string[]
  try {
    entries = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch {
    return 0
  }
  for (const entry of entries) {
    try {
      const stat = statSync(join(folder, entry))
      if (stat.isFile()) sum += stat.size
    } catch {
      // A temporary file that was renamed meanwhile.
    }
  }
  return sum
}
