import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { WeirError } from '../../services/core/errors.ts'
import { SERVER_ERRORS } from '../errors.ts'
import type { Progress } from '../progress.ts'
import { canInstallPackages, firstInstallable, installPackages } from './debian.ts'
import { run, which } from './run.ts'

/** OpenSearch 3 and Apicurio 3.3 are compiled for Java 21; Kafka 4 would do with 17. */
export const LOWEST_JAVA = 21

/** Debian packages that would do, best first. */
export const JAVA_PACKAGES = ['openjdk-25-jre-headless', 'openjdk-21-jre-headless']

export interface Java {
  readonly home: string
  readonly major: number
}

/**
 * A Java that runs all servers: `JAVA_HOME` and `java` on the PATH if new enough, else the newest under the usual folders.
 *
 * @returns null when there is none
 */
export async function findJava(
  environment: Readonly<Record<string, string | undefined>> = process.env
): Promise<Java | null> {
  const onPath = which('java', environment.PATH ?? '')
  const preferred = [environment.JAVA_HOME, onPath === null ? undefined : dirname(dirname(realpathSync(onPath)))]
  for (const home of preferred) {
    const java = home ? await inspect(home) : null
    if (java && java.major >= LOWEST_JAVA) return java
  }
  const installed: Java[] = []
  for (const home of usualHomes()) {
    const java = await inspect(home)
    if (java && java.major >= LOWEST_JAVA) installed.push(java)
  }
  return installed.sort((a, b) => b.major - a.major)[0] ?? null
}

/**
 * As `findJava`, but installs one when there is none and that is possible.
 *
 * @throws WeirError SERVER_TOOL_MISSING saying what to install
 */
export async function needJava(progress: Pick<Progress, 'note'>, signal?: AbortSignal): Promise<Java> {
  const found = await findJava()
  if (found) return found
  if (canInstallPackages()) {
    const name = await firstInstallable(JAVA_PACKAGES, signal)
    if (name) {
      await installPackages(
        [name],
        `Kafka, OpenSearch and the registry need Java ${LOWEST_JAVA} or newer`,
        progress,
        signal
      )
      const installed = await findJava()
      if (installed) return installed
    }
  }
  throw new WeirError(
    SERVER_ERRORS,
    'SERVER_TOOL_MISSING',
    `no Java ${LOWEST_JAVA} or newer in JAVA_HOME, on the PATH or under /usr/lib/jvm: install one (a JRE is enough, for example ` +
      'openjdk-21-jre-headless) or set JAVA_HOME'
  )
}

function usualHomes(): string[] {
  const inside = (folder: string, rest = '') => {
    try {
      return readdirSync(folder).map((name) => join(folder, name, rest))
    } catch {
      return []
    }
  }
  return [
    ...inside('/usr/lib/jvm'),
    ...inside('/opt/java'),
    ...inside('/Library/Java/JavaVirtualMachines', 'Contents/Home')
  ]
}

async function inspect(home: string): Promise<Java | null> {
  const program = which('java', join(home, 'bin'))
  if (!program) return null
  let release = ''
  try {
    release = readFileSync(join(home, 'release'), 'utf8')
  } catch {
    // Some packages ship none: asking the program costs 50 ms more.
  }
  const text = /JAVA_VERSION="([^"]+)"/.exec(release)?.[1] ?? (await askVersion(program))
  const major = Number(/^(\d+)/.exec(text ?? '')?.[1] ?? Number.NaN)
  return Number.isNaN(major) ? null : { home, major }
}

async function askVersion(program: string): Promise<string | undefined> {
  const result = await run(program, ['-version'], { timeout_ms: 20_000 })
  return /version "([^"]+)"/.exec(result.output)?.[1]
}
