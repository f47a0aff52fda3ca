import { messageOf, WeirError } from '../services/core/errors.ts'
import { startComposeServers, whyNoDocker } from './docker/compose.ts'
import { SERVER_ERRORS } from './errors.ts'
import { lookForNative } from './native/obstacles.ts'
import { startNativeServers } from './native/start.ts'
import type { RunningServers, StartOptions } from './running-servers.ts'
import { readServerSettings, weirHome } from './settings.ts'

/** docker: containers; native: processes on this machine; embedded: no servers, in-memory ports in one process. */
export type ServersKind = 'docker' | 'native' | 'embedded'

export interface ServersChoice {
  readonly kind: ServersKind
  /** Why this one and none before it, in one sentence for the user. */
  readonly reason: string
}

/** What is found on the machine. */
export interface Surroundings {
  /** Null when Docker can be used, else why not. */
  docker(): Promise<string | null>
  native(): ReturnType<typeof lookForNative>
}

function thisMachine(home: string): Surroundings {
  return {
    docker: () => whyNoDocker(),
    native: () => lookForNative(home, readServerSettings().versions)
  }
}

/**
 * Decides how the servers are run: containers, else native processes, else none.
 *
 * @param wish what the user asked for: then only that is looked at
 * @throws WeirError SERVER_CHOICE_IMPOSSIBLE when the wish cannot be met, saying what is missing
 */
export async function chooseServers(
  wish?: ServersKind,
  surroundings: Surroundings = thisMachine(weirHome())
): Promise<ServersChoice> {
  if (wish === 'embedded') return { kind: 'embedded', reason: 'asked for: all in one process, no servers' }
  const noDocker = wish === 'native' ? null : await surroundings.docker()
  if (wish !== 'native' && noDocker === null) {
    return { kind: 'docker', reason: wish ? 'asked for' : 'a Docker engine answers and has the compose plugin' }
  }
  if (wish === 'docker') throw impossible(`docker: ${noDocker}`)
  const { obstacles, findings } = await surroundings.native()
  if (obstacles.length === 0) {
    const why = wish ? 'asked for' : `Docker: ${noDocker}`
    return { kind: 'native', reason: `${why}; here are ${findings.join(', ')}` }
  }
  if (wish === 'native') throw impossible(`native: ${obstacles.join(', ')}`)
  return { kind: 'embedded', reason: `Docker: ${noDocker}; native servers: ${obstacles.join(', ')}` }
}

function impossible(what: string): WeirError {
  return new WeirError(
    SERVER_ERRORS,
    'SERVER_CHOICE_IMPOSSIBLE',
    `${what}. Mend that, or let Weir choose by not asking for it`
  )
}

/** The starters, replaceable in tests. */
export interface Starters {
  docker(options: StartOptions): Promise<RunningServers>
  native(options: StartOptions): Promise<RunningServers>
}

const STARTERS: Starters = { docker: startComposeServers, native: startNativeServers }

/**
 * Chooses and starts. Where nothing was asked for and the first choice cannot be had after all (an image or a package that
 * cannot be fetched, say), the next one is tried.
 *
 * @returns the choice, and the servers: null when embedded
 * @throws WeirError of SERVER_ERRORS
 */
export async function startServers(
  options: StartOptions & { readonly wish?: ServersKind | undefined },
  surroundings: Surroundings = thisMachine(options.home),
  starters: Starters = STARTERS
): Promise<{ choice: ServersChoice; servers: RunningServers | null }> {
  const { wish, ...start } = options
  const tell = (choice: ServersChoice) => options.progress.note(`servers: ${choice.kind} (${choice.reason})`)
  /** Whether the next possibility may be tried: not against what was asked for, and not when the user has given up. */
  const mayGoOn = () => wish === undefined && !options.signal?.aborted
  let around = surroundings
  for (;;) {
    const choice = await chooseServers(wish, around)
    tell(choice)
    if (choice.kind === 'embedded') return { choice, servers: null }
    try {
      return { choice, servers: await starters[choice.kind](start) }
    } catch (error) {
      if (!mayGoOn() || (choice.kind === 'native' && !isNotToBeHad(error))) throw error
      const why = `they do not start: ${messageOf(error)}`
      around =
        choice.kind === 'docker'
          ? { ...around, docker: async () => why }
          : { ...around, native: async () => ({ obstacles: [why], findings: [] }) }
    }
  }
}

/** A server that cannot be fetched is no fault of the user; one that does not start on its data or port is told, not hidden. */
function isNotToBeHad(error: unknown): boolean {
  return error instanceof WeirError && (error.code === 'SERVER_DOWNLOAD_FAILED' || error.code === 'SERVER_TOOL_MISSING')
}
