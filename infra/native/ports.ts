import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { WeirError } from '../../services/core/errors.ts'
import { SERVER_ERRORS } from '../errors.ts'
import type { Progress } from '../progress.ts'
import { SERVER_NAMES, type ServerName, type ServerPorts, type ServerSettings } from '../settings.ts'

export const LOOPBACK = '127.0.0.1'

/**
 * Free ports are picked below the range from which Linux and macOS take the local ports of outgoing connections: one from
 * within it could be gone again before the server listens.
 */
const LOWEST = 20_000
const HIGHEST = 31_999

/** Whether a server could listen on the port of the loopback address now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** A port that nothing listens on, not among `taken`, which it is added to. */
export async function pickFreePort(taken: Set<number>): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(LOWEST, HIGHEST + 1)
    if (taken.has(port) || !(await isFree(port))) continue
    taken.add(port)
    return port
  }
  throw new WeirError(SERVER_ERRORS, 'SERVER_PORT_TAKEN', `found no free port between ${LOWEST} and ${HIGHEST}`)
}

/**
 * Decides the port of each server that will start.
 *
 * A port that was asked for (in `wish` or by an environment variable) must be free; a default that is in use is replaced by a
 * free one, with a note.
 *
 * @param wish `'free'` for free ports throughout, else the ports that must be as given
 * @throws WeirError SERVER_PORT_TAKEN
 */
export async function choosePorts(
  names: readonly ServerName[],
  wish: Partial<ServerPorts> | 'free' | undefined,
  settings: Pick<ServerSettings, 'ports' | 'explicit_ports'>,
  progress: Pick<Progress, 'note'>
): Promise<ServerPorts> {
  const taken = new Set<number>()
  const ports: Record<ServerName, number> = { ...settings.ports }
  for (const name of SERVER_NAMES) {
    if (!names.includes(name)) continue
    if (wish === 'free') {
      ports[name] = await pickFreePort(taken)
      continue
    }
    const wished = wish?.[name]
    const port = wished ?? settings.ports[name]
    const explicit = wished !== undefined || settings.explicit_ports.has(name)
    if (!taken.has(port) && (await isFree(port))) {
      taken.add(port)
      ports[name] = port
    } else if (explicit) {
      throw new WeirError(
        SERVER_ERRORS,
        'SERVER_PORT_TAKEN',
        `port ${port}, asked for ${name}, is in use on ${LOOPBACK}: stop what listens there or ask for another port`
      )
    } else {
      ports[name] = await pickFreePort(taken)
      progress.note(`port ${port} is in use: ${name} will listen on ${ports[name]} instead`)
    }
  }
  return ports
}
