/**
 * Vitest global set-up of the integration tests: real servers for all of them. Tests get the addresses with
 * `inject('endpoints')`, and keep apart by topic, index and key names of their own.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { tryLock } from '../../bin/lock.js'
import { startNativeServers } from '../../infra/native/start.ts'
import { plainProgress } from '../../infra/progress.ts'
import type { RunningServers } from '../../infra/running-servers.ts'
import { SERVER_NAMES, type ServerName, weirHome } from '../../infra/settings.ts'

export type ServerEndpoints = Readonly<Record<ServerName, string>>

declare module 'vitest' {
  export interface ProvidedContext {
    /** kafka `host:port`, registry and opensearch base URLs, redis `redis://host:port`. */
    endpoints: ServerEndpoints
    /** The shortest session that the brokers let consumers have: how long a member that died keeps its partitions. */
    session_ms: number
  }
}

/** A broker takes no session shorter than 6 s unless told otherwise, and half of what tests of dead members do is wait for it. */
const SESSION_MS = { own: 2_000, given: 6_000 } as const

/** Endpoints given in the environment: `WEIR_TEST_KAFKA`, `…_REGISTRY`, `…_REDIS`, `…_OPENSEARCH`. */
export function endpointsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>
): Partial<Record<ServerName, string>> {
  const given: Partial<Record<ServerName, string>> = {}
  for (const name of SERVER_NAMES) {
    const value = environment[`WEIR_TEST_${name.toUpperCase()}`]
    if (value) given[name] = value
  }
  return given
}

/** Takes the servers named in the environment and starts the others on free ports with no data. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const given = endpointsFromEnvironment(process.env)
  const only = SERVER_NAMES.filter((name) => given[name] === undefined)
  const progress = plainProgress(process.stderr)
  let started: RunningServers | undefined
  let data: string | undefined
  if (only.length > 0) {
    progress.note(`starting ${only.join(', ')} for the integration tests`)
    data = newDataFolder(join(weirHome(), 'test'))
    started = await startNativeServers({
      ...{ home: weirHome(), data, ports: 'free', only, fresh: true, progress },
      kafka_properties: { 'group.min.session.timeout.ms': String(SESSION_MS.own) }
    })
  }
  const endpoints = Object.fromEntries(
    SERVER_NAMES.map((name) => [name, given[name] ?? started?.endpoints[name] ?? ''])
  )
  project.provide('endpoints', endpoints as ServerEndpoints)
  project.provide('session_ms', given.kafka === undefined ? SESSION_MS.own : SESSION_MS.given)
  return async () => {
    await started?.stop()
    progress.end()
    if (data) rmSync(data, { recursive: true, force: true })
  }
}

/** A folder of its own for this run; those of runs that were killed and could not clean up are removed. */
function newDataFolder(parent: string): string {
  mkdirSync(parent, { recursive: true })
  for (const name of readdirSync(parent)) {
    const old = join(parent, name)
    const lock = tryLock(join(old, 'data.lock'))
    if (!('release' in lock)) continue
    rmSync(old, { recursive: true, force: true })
  }
  return join(parent, `run-${process.pid}`)
}
