import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { lock, tryLock } from '../../bin/lock.js'
import { messageOf, WeirError } from '../../services/core/errors.ts'
import { SERVER_ERRORS } from '../errors.ts'
import type { Progress } from '../progress.ts'
import type { RunningServers, ServerDeath, StartOptions } from '../running-servers.ts'
import { readServerSettings, SERVER_NAMES, type ServerName } from '../settings.ts'
import { rotateLog, type ServerProcess, startServerProcess } from './child.ts'
import { type Java, needJava } from './java.ts'
import { KAFKA } from './kafka.ts'
import { OPENSEARCH } from './opensearch.ts'
import { choosePorts, pickFreePort } from './ports.ts'
import { REDIS } from './redis.ts'
import { REGISTRY } from './registry.ts'
import { lastLines } from './run.ts'
import type { ServerContext, ServerDefinition } from './server.ts'
import { startWatchdog, type Watchdog } from './watchdog.ts'

export interface NativeOptions<Name extends ServerName = ServerName> extends StartOptions {
  readonly only?: readonly Name[]
  /** Where data and logs go, default `home`: for runs beside another one. */
  readonly data?: string
  /** Compile fully, for measurements; the servers start more slowly. */
  readonly throughput?: boolean
  /** Broker settings of this run, over those that always hold. */
  readonly kafka_properties?: Readonly<Record<string, string>>
}

const READY_TIMEOUT_MS = 180_000
const POLL_MS = 60
const STOP_GRACE_MS = 30_000
const SLOW_STOP_MS = 1_500
const DATA_MARK = '.weir-data'
const LOG_LINES = 15
const LOG_LINE_LENGTH = 300

const DEFINITIONS: Readonly<Record<ServerName, ServerDefinition>> = {
  kafka: KAFKA,
  opensearch: OPENSEARCH,
  registry: REGISTRY,
  redis: REDIS
}

interface Running {
  readonly definition: ServerDefinition
  readonly context: ServerContext
  readonly log_file: string
  process: ServerProcess | null
}

/**
 * Fetches what is missing and starts the servers on the loopback address, without containers. They end with `stop()`, and also
 * when this process goes away in any manner.
 *
 * No signal handlers are installed: who calls ends services first and then the servers. For the time until the promise
 * resolves there is `options.signal`.
 *
 * @throws WeirError of SERVER_ERRORS; whatever had been started is stopped by then
 */
export async function startNativeServers<Name extends ServerName = ServerName>(
  options: NativeOptions<Name>
): Promise<RunningServers<Name>> {
  const names = SERVER_NAMES.filter((name) => !options.only || options.only.some((wanted) => wanted === name))
  const home = resolve(options.home)
  const base = resolve(options.data ?? home)
  const { progress } = options
  const settings = readServerSettings()
  const release = lockData(join(base, 'data'))
  const giveUp = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, giveUp.signal]) : giveUp.signal
  const watchdog = startWatchdog()
  const servers = new Map<ServerName, Running>()
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= stopAll([...servers.values()], progress).finally(() => {
      watchdog.close()
      release()
    })
    return stopping
  }

  try {
    prepareDataFolder(join(base, 'data'), names, options.fresh === true, progress)
    const ports = await choosePorts(names, options.ports, settings, progress)
    const java = names.some((name) => DEFINITIONS[name].needs_java) ? await needJava(progress, signal) : NO_JAVA
    const taken = new Set(Object.values(ports))
    for (const name of names) {
      const definition = DEFINITIONS[name]
      const context: ServerContext = {
        ...{ home, ports, settings, java, progress, signal },
        data: join(base, 'data', name),
        run: join(base, 'run', name),
        inner_port: definition.needs_inner_port ? await pickFreePort(taken) : 0,
        throughput: options.throughput === true,
        kafka_properties: options.kafka_properties ?? {}
      }
      servers.set(name, { definition, context, log_file: join(base, 'logs', `${name}.log`), process: null })
    }
    await fetchAndStart([...servers.values()], watchdog, giveUp, signal)
  } catch (error) {
    giveUp.abort()
    await stop()
    throw asStartError(error, options.signal)
  }

  const dead = Promise.withResolvers<ServerDeath>()
  const watch = (server: Running) => {
    const running = server.process
    void running?.exited.then((exit) => {
      if (stopping || server.process !== running) return
      const how = exit.signal ?? `code ${exit.code}`
      dead.resolve({
        name: server.definition.name,
        reason: `${server.definition.title(settings)} ended by itself (${how}); ${describeLog(server, running.log())}`
      })
    })
  }
  for (const server of servers.values()) watch(server)

  const find = (name: Name): Running => {
    const server = servers.get(name)
    if (server) return server
    throw new WeirError(
      SERVER_ERRORS,
      'SERVER_UNKNOWN',
      `${name} is not among the servers started: ${names.join(', ')}`
    )
  }
  const halt = async (name: Name, { signal: how = 'SIGTERM' }: { signal?: NodeJS.Signals } = {}) => {
    const server = find(name)
    const running = server.process
    server.process = null
    await running?.stop(how, STOP_GRACE_MS)
  }
  const resume = async (name: Name) => {
    const server = find(name)
    if (server.process) return
    await launch(server, watchdog, new AbortController().signal)
    watch(server)
  }
  const endpoints = Object.fromEntries(
    [...servers.values()].map((server) => [server.definition.name, server.definition.endpoint(server.context.ports)])
  )
  return {
    endpoints: endpoints as Record<Name, string>,
    pid: (name) => find(name).process?.pid ?? null,
    halt,
    resume,
    async restart(name, how) {
      await halt(name, how)
      await resume(name)
    },
    died: dead.promise,
    stop
  }
}

const NO_JAVA: Java = { home: '', major: 0 }

/**
 * One download at a time (Maven's local repository is not made for more), each server starting as soon as it is there. The first
 * failure ends the others.
 */
async function fetchAndStart(
  servers: readonly Running[],
  watchdog: Watchdog,
  giveUp: AbortController,
  signal: AbortSignal
): Promise<void> {
  let first: unknown
  const starts: Promise<void>[] = []
  const fail = (error: unknown) => {
    first ??= error
    giveUp.abort()
  }
  for (const server of servers) {
    if (signal.aborted) break
    try {
      await fetchOne(server)
      starts.push(launch(server, watchdog, signal).catch(fail))
    } catch (error) {
      fail(error)
    }
  }
  await Promise.all(starts)
  if (first !== undefined) throw first
  signal.throwIfAborted()
}

async function fetchOne({ definition, context }: Running): Promise<void> {
  const { progress, home, settings, signal } = context
  const title = definition.title(settings)
  const release = await lock(join(home, 'fetch.lock'), {
    onWait: (owner) =>
      progress.note(`waiting for process ${owner.pid}, which is fetching servers into the same folder`),
    signal
  })
  try {
    progress.started(definition.name, title)
    await definition.fetch(context)
  } catch (error) {
    progress.failed(definition.name, signal.aborted ? `${title} was given up` : `${title} could not be fetched`)
    throw error
  } finally {
    release()
  }
}

async function launch(server: Running, watchdog: Watchdog, signal: AbortSignal): Promise<void> {
  const { definition, context, log_file } = server
  const { progress, settings } = context
  const title = definition.title(settings)
  const started_ms = performance.now()
  try {
    mkdirSync(context.data, { recursive: true })
    rmSync(context.run, { recursive: true, force: true })
    mkdirSync(context.run, { recursive: true })
    const command = await definition.prepare(context)
    signal.throwIfAborted()
    rotateLog(log_file)
    server.process = await startServerProcess(command, log_file, watchdog)
    await untilReady(server, server.process, signal)
    progress.ready(definition.name, `${title} at ${definition.endpoint(context.ports)}`, performance.now() - started_ms)
  } catch (error) {
    progress.failed(definition.name, signal.aborted ? `${title} was given up` : `${title} did not start`)
    throw error
  }
}

async function untilReady(server: Running, running: ServerProcess, signal: AbortSignal): Promise<void> {
  const { definition, context } = server
  const deadline_ms = performance.now() + READY_TIMEOUT_MS
  for (;;) {
    signal.throwIfAborted()
    if (!running.running()) {
      const exit = await running.exited
      throw startFailed(server, `ended with ${exit.signal ?? `code ${exit.code}`}`, running.log())
    }
    const log = running.log()
    try {
      if (await definition.isReady(context, log)) return
    } catch {
      // Nothing listens yet.
    }
    if (definition.isHopeless?.(log)) throw startFailed(server, 'cannot work', log)
    if (performance.now() > deadline_ms) {
      throw startFailed(server, `was not ready after ${READY_TIMEOUT_MS / 1000} s`, running.log())
    }
    await delay(POLL_MS)
  }
}

function startFailed(server: Running, what: string, log: string): WeirError {
  const title = server.definition.title(server.context.settings)
  return new WeirError(
    SERVER_ERRORS,
    'SERVER_START_FAILED',
    `${title} ${what}: ${describeLog(server, log)}\nIf its data (${server.context.data}) is to blame, start with no data ` +
      '(--fresh): topics, schemas and indices are made anew.'
  )
}

function describeLog(server: Running, log: string): string {
  const reason = server.definition.diagnose(log) ?? 'the reason may be at the end of its log'
  return `${reason}. The end of ${server.log_file}:\n${lastLines(withoutStacks(log), LOG_LINES)}`
}

/** Java's stack traces hide the few lines that say something. */
function withoutStacks(log: string): string {
  const lines = log.split('\n').filter((line) => !/^\s+(at |\.\.\. \d+ more)/.test(line))
  return lines.map((line) => line.slice(0, LOG_LINE_LENGTH)).join('\n')
}

function asStartError(error: unknown, asked: AbortSignal | undefined): unknown {
  if (error instanceof WeirError) return error
  if (asked?.aborted) {
    return new WeirError(SERVER_ERRORS, 'SERVER_ABORTED', 'the start of the servers was given up', { cause: error })
  }
  return new WeirError(SERVER_ERRORS, 'SERVER_START_FAILED', `the servers could not be started: ${messageOf(error)}`, {
    cause: error
  })
}

async function stopAll(servers: readonly Running[], progress: Progress): Promise<void> {
  const slow = setTimeout(() => {
    progress.note('stopping the servers (after the first start they also store what makes the next one quicker)')
  }, SLOW_STOP_MS)
  await Promise.all(
    servers.map(async (server) => {
      const running = server.process
      if (!running) return
      const exit = await running.stop('SIGTERM', STOP_GRACE_MS)
      if (exit.signal === 'SIGKILL') {
        progress.note(`${server.definition.name} did not stop within ${STOP_GRACE_MS / 1000} s and was killed`)
      }
    })
  )
  clearTimeout(slow)
}

function lockData(folder: string): () => void {
  const got = tryLock(`${folder}.lock`)
  if ('release' in got) return got.release
  throw new WeirError(
    SERVER_ERRORS,
    'SERVER_DATA_IN_USE',
    `process ${got.owner.pid} already runs servers on ${folder}: stop it first, or set WEIR_HOME to another folder`
  )
}

/** Only ever empties what is marked as ours: the folder may have been named by mistake. */
function prepareDataFolder(folder: string, names: readonly ServerName[], fresh: boolean, progress: Progress): void {
  const mark = join(folder, DATA_MARK)
  if (existsSync(folder) && !existsSync(mark) && readdirSync(folder).length > 0) {
    throw new WeirError(
      SERVER_ERRORS,
      'SERVER_DATA_UNUSABLE',
      `${folder} holds files but is not a data folder of Weir (${DATA_MARK} is missing): name another one, or empty it`
    )
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(mark, 'Data of the servers that Weir starts. May be removed while they do not run.\n')
  if (!fresh) return
  const old = names.filter((name) => existsSync(join(folder, name)))
  for (const name of old) rmSync(join(folder, name), { recursive: true, force: true })
  if (old.length > 0) progress.note(`starting with no data: removed that of ${old.join(', ')}`)
}
