import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { ServiceName } from '../serve/services.ts'
import { UP_ERRORS } from './errors.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
/** Ends a service when this process is gone, also when it was killed and could do nothing any more. */
const LIFELINE = new URL('../../../bin/lifeline.js', import.meta.url).href
const READY_POLL_MS = 200
const RESTART_FIRST_MS = 250
const RESTART_LONGEST_MS = 10_000
const STOP_GRACE_MS = 30_000
const LOG_TAIL_BYTES = 2_000

export interface ServiceProcesses {
  /** Resolves when all are ready. @throws UP_SERVICE_NOT_READY, with the end of the log of the one that is not */
  ready(timeout_ms: number): Promise<void>
  /** Process id of one, null while it is not running. */
  pid(name: ServiceName): number | null
  /** Kills one without warning; it is started again, as any that dies. For tests of exactly that. */
  kill(name: ServiceName): void
  stop(): Promise<void>
}

export interface ServiceProcessesOptions {
  readonly settings_file: string
  readonly log_directory: string
  /** Told when one starts, becomes ready or dies. */
  readonly note: (text: string) => void
}

interface Supervised {
  readonly name: ServiceName
  readonly port: number
  readonly log_file: string
  child: ChildProcess | null
  restart_ms: number
}

/** A port of the loopback interface that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has an address')
  return address.port
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(5_000) })).ok
  } catch {
    return false
  }
}

function tailOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-LOG_TAIL_BYTES)
  } catch (error) {
    return messageOf(error)
  }
}

/**
 * Runs services as processes of their own, as a cluster would: each with its log file and health port, and one that dies is
 * started again, sooner or later.
 */
export async function startServiceProcesses(
  names: readonly ServiceName[],
  options: ServiceProcessesOptions
): Promise<ServiceProcesses> {
  mkdirSync(options.log_directory, { recursive: true })
  const timers = new Set<NodeJS.Timeout>()
  let stopping = false

  const supervised: Supervised[] = []
  for (const name of names) {
    supervised.push({
      name,
      port: await freePort(),
      log_file: join(options.log_directory, `${name}.log`),
      child: null,
      restart_ms: RESTART_FIRST_MS
    })
  }

  function start(service: Supervised): void {
    const log = createWriteStream(service.log_file, { flags: 'a' })
    const child = spawn(
      process.execPath,
      ['--import', LIFELINE, MAIN, 'serve', service.name, '-c', options.settings_file],
      {
        env: {
          ...process.env,
          WEIR_HEALTH__PORT: String(service.port),
          WEIR_HEALTH__HOST: '127.0.0.1',
          WEIR_LIFELINE: String(process.pid)
        },
        stdio: ['ignore', 'pipe', 'pipe', 'pipe']
      }
    )
    child.stdout?.pipe(log, { end: false })
    child.stderr?.pipe(log, { end: false })
    service.child = child
    const started_ms = Date.now()
    child.once('exit', (code, signal) => {
      log.end()
      service.child = null
      if (stopping) return
      if (Date.now() - started_ms > RESTART_LONGEST_MS) service.restart_ms = RESTART_FIRST_MS
      options.note(
        `${service.name} ended (${signal ?? `exit code ${code}`}), starting it again in ${service.restart_ms} ms; log: ${service.log_file}`
      )
      const timer = setTimeout(() => {
        timers.delete(timer)
        if (!stopping) start(service)
      }, service.restart_ms)
      timers.add(timer)
      service.restart_ms = Math.min(service.restart_ms * 2, RESTART_LONGEST_MS)
    })
  }
  for (const service of supervised) start(service)

  async function stopOne({ child }: Supervised): Promise<void> {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS)
    await ended
    clearTimeout(timer)
  }

  return {
    ready: async (timeout_ms) => {
      const deadline_ms = Date.now() + timeout_ms
      const started_ms = Date.now()
      await Promise.all(
        supervised.map(async (service) => {
          while (!(await isReady(service.port))) {
            if (Date.now() > deadline_ms) {
              const text = `${service.name} is not ready after ${timeout_ms} ms; the end of ${service.log_file}:\n${tailOf(service.log_file)}`
              throw new WeirError(UP_ERRORS, 'UP_SERVICE_NOT_READY', text)
            }
            await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS))
          }
          options.note(`${service.name} ready after ${((Date.now() - started_ms) / 1000).toFixed(1)} s`)
        })
      )
    },
    pid: (name) => supervised.find((service) => service.name === name)?.child?.pid ?? null,
    kill: (name) => {
      supervised.find((service) => service.name === name)?.child?.kill('SIGKILL')
    },
    stop: async () => {
      stopping = true
      for (const timer of timers) clearTimeout(timer)
      await Promise.all(supervised.map(stopOne))
    }
  }
}
