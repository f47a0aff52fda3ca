import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { type Artifact, fetchWithDependencies } from '../../../infra/native/maven.ts'
import { lastLines, run, which } from '../../../infra/native/run.ts'
import { silentProgress } from '../../../infra/progress.ts'

/** How an engine is started, before its arguments; or why it cannot be. */
export type Build = { readonly command: readonly [string, ...string[]] } | { readonly left_out: string }

const SOURCES = import.meta.dirname
const BUILDS = join(SOURCES, '../../../.weir/bench')
const BUILD_TIMEOUT_MS = 20 * 60_000

const ESPER: readonly Artifact[] = ['esper-common', 'esper-compiler', 'esper-runtime'].map((name) => ({
  group: 'com.espertech',
  name,
  version: '8.9.0'
}))
const ESPER_BYTES = 9_000_000

/** Runs a tool of a build. @returns why it failed, or null */
async function failureOf(command: string, args: readonly string[], cwd: string): Promise<string | null> {
  const { code, output, timed_out } = await run(command, args, { cwd, timeout_ms: BUILD_TIMEOUT_MS })
  if (code === 0) return null
  return `${command} failed${timed_out ? ' to end in time' : ''}: ${lastLines(output, 3)}`
}

function missing(tools: readonly string[]): string | null {
  const absent = tools.filter((tool) => which(tool) === null)
  return absent.length === 0 ? null : `${absent.join(' and ')} not on the PATH`
}

export async function buildRust(): Promise<Readonly<Record<'tau-engine' | 'sigma-rust', Build>>> {
  const target = join(BUILDS, 'rust')
  const why =
    missing(['cargo']) ??
    (await failureOf('cargo', ['build', '--release', '--locked', '--target-dir', target], join(SOURCES, 'rust')))
  const build = (binary: string): Build =>
    why === null ? { command: [join(target, 'release', binary)] } : { left_out: why }
  return { 'tau-engine': build('tau_engine'), 'sigma-rust': build('sigma_rust') }
}

export async function buildCel(): Promise<Build> {
  const program = join(BUILDS, 'cel-go')
  const why =
    missing(['go']) ?? (await failureOf('go', ['build', '-mod=readonly', '-o', program, '.'], join(SOURCES, 'cel-go')))
  return why === null ? { command: [program] } : { left_out: why }
}

/** @throws WeirError SERVER_DOWNLOAD_FAILED */
async function fetchEsper(folder: string, java: string): Promise<void> {
  const complete = join(folder, 'complete')
  if (existsSync(complete)) return
  rmSync(folder, { recursive: true, force: true })
  await fetchWithDependencies(ESPER, folder, ESPER_BYTES, {
    home: BUILDS,
    java_home: dirname(dirname(realpathSync(java))),
    step: 'esper',
    progress: silentProgress
  })
  writeFileSync(complete, '')
}

/** @param program which of the programs in esper/ */
export async function buildEsper(program: 'EsperBench' | 'EsperWindows' = 'EsperBench'): Promise<Build> {
  const java = which('java')
  const tools = missing(['mvn', 'javac', 'java'])
  if (java === null || tools !== null) return { left_out: tools ?? 'no Java' }
  const jars = join(BUILDS, 'esper-jars')
  const classes = join(BUILDS, 'esper-classes')
  mkdirSync(BUILDS, { recursive: true })
  try {
    await fetchEsper(jars, java)
  } catch (error) {
    return { left_out: error instanceof Error ? error.message : String(error) }
  }
  const path = [
    ...readdirSync(jars)
      .filter((name) => name.endsWith('.jar'))
      .map((name) => join(jars, name)),
    classes
  ].join(delimiter)
  const why = await failureOf('javac', ['-cp', path, '-d', classes, join(SOURCES, 'esper', `${program}.java`)], BUILDS)
  return why === null
    ? // The simplest collector: the sending thread is measured, and others have barriers in its writes.
      { command: [java, '-XX:+UseSerialGC', '-cp', path, program] }
    : { left_out: why }
}
