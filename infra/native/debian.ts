import { existsSync } from 'node:fs'
import { WeirError } from '../../services/core/errors.ts'
import { SERVER_ERRORS } from '../errors.ts'
import type { Progress } from '../progress.ts'
import { lastLines, run, which } from './run.ts'

const APT_TIMEOUT_MS = 5 * 60_000

/** Whether packages can be installed here: Debian or a relative of it, as root. */
export function canInstallPackages(): boolean {
  return process.getuid?.() === 0 && which('apt-get') !== null
}

/**
 * Installs Debian packages, saying so before.
 *
 * @param packages names, all of one kind of thing
 * @param why shown to the user: what needs them
 * @throws WeirError SERVER_TOOL_MISSING with apt's own words
 */
export async function installPackages(
  packages: readonly string[],
  why: string,
  progress: Pick<Progress, 'note'>,
  signal?: AbortSignal
): Promise<void> {
  progress.note(`installing the Debian package ${packages.join(', ')} with apt-get (${why})`)
  const apt = (...args: string[]) =>
    run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      timeout_ms: APT_TIMEOUT_MS,
      signal
    })
  const install = () => apt('install', '-y', '--no-install-recommends', ...packages)
  let result = await install()
  if (result.code !== 0) {
    // The package lists may be missing or old.
    await apt('update')
    result = await install()
  }
  if (result.code !== 0) {
    throw new WeirError(
      SERVER_ERRORS,
      'SERVER_TOOL_MISSING',
      `apt-get could not install ${packages.join(', ')} (${why}):\n${lastLines(result.output, 8)}`
    )
  }
}

/** The first of the packages that apt can install, or null. */
export async function firstInstallable(packages: readonly string[], signal?: AbortSignal): Promise<string | null> {
  for (const name of packages) {
    const result = await run('apt-cache', ['policy', name], { timeout_ms: 30_000, signal })
    if (result.code === 0 && /Candidate: (?!\(none\))\S/.test(result.output)) return name
  }
  return null
}

/**
 * Debian starts a daemon with its package where systemd runs. We start our own: the one that came with our installation is
 * stopped again.
 */
export async function stopPackagedService(name: string, progress: Pick<Progress, 'note'>): Promise<void> {
  if (!existsSync('/run/systemd/system')) return
  progress.note(`stopping the service ${name} that came with the package: Weir starts its own`)
  await run('systemctl', ['disable', '--now', name], { timeout_ms: 30_000 })
}
