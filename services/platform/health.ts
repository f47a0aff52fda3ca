import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { messageOf } from '../core/errors.ts'
import { metrics } from './metrics.ts'

/** How long a loop may be silent before it counts as stuck, milliseconds. */
const STUCK_AFTER_MS = 60_000
const PROBE_TIMEOUT_MS = 5_000

export type Probe = () => Promise<void>

/** What a service knows about itself. */
export interface Health {
  /** To be called by each loop at every turn, also when there was nothing to do. */
  progress(loop: string): void
  /** A thing the service cannot work without; the probe proves it by a real write or read and throws when it fails. */
  addDependency(name: string, probe: Probe): void
  /** Loops that have been silent for too long, with their silence in milliseconds. Empty means alive. */
  stuckLoops(): ReadonlyMap<string, number>
  /** Runs all probes. */
  readiness(): Promise<ReadonlyArray<{ readonly name: string; readonly error: string | null }>>
}

/** @param now clock in milliseconds that is never set, replaceable in tests */
export function createHealth(now: () => number = () => performance.now()): Health {
  const lastTurn = new Map<string, number>()
  const probes = new Map<string, Probe>()

  async function run(name: string, probe: Probe) {
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${PROBE_TIMEOUT_MS} ms`)), PROBE_TIMEOUT_MS)
    })
    try {
      await Promise.race([probe(), timeout])
      return { name, error: null }
    } catch (error) {
      return { name, error: messageOf(error) }
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    progress: (loop) => {
      lastTurn.set(loop, now())
    },
    addDependency: (name, probe) => {
      probes.set(name, probe)
    },
    stuckLoops: () => {
      const silences = [...lastTurn].map(([loop, time]) => [loop, now() - time] as const)
      return new Map(silences.filter(([, silence]) => silence > STUCK_AFTER_MS))
    },
    readiness: () => Promise.all([...probes].map(([name, probe]) => run(name, probe)))
  }
}

/**
 * Serves `/healthz` (loops make progress), `/readyz` (dependencies answer) and `/metrics` (Prometheus text).
 * @param address `port` 0 takes a free one
 * @returns the listening server; the caller closes it
 */
export async function serveHealth(health: Health, address: { host: string; port: number }): Promise<Server> {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
    }
    try {
      switch (request.url?.split('?')[0]) {
        case '/healthz': {
          const stuck = health.stuckLoops()
          return answer(stuck.size === 0 ? 200 : 503, { alive: stuck.size === 0, stuck_ms: Object.fromEntries(stuck) })
        }
        case '/readyz': {
          const probes = await health.readiness()
          const ready = probes.every(({ error }) => error === null)
          return answer(ready ? 200 : 503, { ready, dependencies: probes })
        }
        case '/metrics':
          response.writeHead(200, { 'content-type': metrics.contentType }).end(await metrics.metrics())
          return
        default:
          return answer(404, { error: 'paths: /healthz /readyz /metrics' })
      }
    } catch (error) {
      answer(500, { error: messageOf(error) })
    }
  }
  const server = createServer((request, response) => void respond(request, response))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address.port, address.host, resolve)
  })
  return server
}
