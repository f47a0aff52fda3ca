import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../services/cli/main.ts', import.meta.url))
const LIFELINE = new URL('../../bin/lifeline.js', import.meta.url).href
const STOP_GRACE_MS = 30_000
const RESTART_MS = 300

/** A service's process that is to run: whatever ends it, it is started again, as a cluster would. */
interface Instance {
  readonly number: number
  child: ChildProcess | null
  wanted: boolean
  /** How long it is to be away since it was killed, milliseconds; null while nobody has killed it. */
  away_ms: number | null
}

export interface Instances {
  /** How many are to run. */
  count(): number
  join(): void
  /** Ends one as a rollout does; resolves when it has ended. */
  leave(which: number): Promise<void>
  /** Kills one, which is away for a while. */
  kill(which: number, away_ms: number): void
  /** One stands still for a while. Resolves when it goes on. */
  stall(which: number, lasts_ms: number): Promise<void>
  /** Those that ended though nobody asked them to: what their logs say last. */
  readonly deaths: readonly string[]
  stop(): Promise<void>
}

function lastFatal(log_file: string): string {
  const lines = readFileSync(log_file, 'utf8').trim().split('\n')
  return (
    lines.findLast((line) => line.includes('"fatal"') || line.includes('"level":60')) ??
    lines.at(-1) ??
    ''
  ).slice(0, 600)
}

/** @param number of instances that run from the start */
export function startInstances(
  service: 'correlator' | 'windows',
  number: number,
  settings_file: string,
  log_directory: string
): Instances {
  const instances: Instance[] = []
  const deaths: string[] = []
  const timers = new Set<NodeJS.Timeout>()
  let stopping = false

  function later(action: () => void, wait_ms: number): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      action()
    }, wait_ms)
    timers.add(timer)
  }

  function start(instance: Instance): void {
    if (stopping || !instance.wanted || instance.child !== null) return
    const log_file = join(log_directory, `${service}-${instance.number}.log`)
    const log = createWriteStream(log_file, { flags: 'a' })
    const child = spawn(process.execPath, ['--import', LIFELINE, MAIN, 'serve', service, '-c', settings_file], {
      env: { ...process.env, WEIR_LIFELINE: String(process.pid) },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe']
    })
    child.stdout?.pipe(log, { end: false })
    child.stderr?.pipe(log, { end: false })
    instance.child = child
    instance.away_ms = null
    child.once('exit', (code, signal) => {
      log.end()
      instance.child = null
      if (stopping || !instance.wanted) return
      if (instance.away_ms === null)
        deaths.push(`${service} ${instance.number} ended (${signal ?? `exit code ${code}`}): ${lastFatal(log_file)}`)
      later(() => start(instance), instance.away_ms ?? RESTART_MS)
    })
  }

  function join_(): void {
    const instance: Instance = { number: instances.length, child: null, wanted: true, away_ms: null }
    instances.push(instance)
    start(instance)
  }

  const chosen = (which: number): Instance | undefined => {
    const wanted = instances.filter((instance) => instance.wanted)
    return wanted[Math.min(wanted.length - 1, Math.floor(which * wanted.length))]
  }

  async function end(instance: Instance): Promise<void> {
    instance.wanted = false
    const { child } = instance
    if (child === null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGCONT')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS)
    await ended
    clearTimeout(timer)
  }

  for (let count = 0; count < number; count += 1) join_()
  return {
    count: () => instances.filter(({ wanted }) => wanted).length,
    join: join_,
    leave: async (which) => {
      const instance = chosen(which)
      if (instance !== undefined) await end(instance)
    },
    kill: (which, away_ms) => {
      const instance = chosen(which)
      if (instance === undefined || instance.child === null) return
      instance.away_ms = away_ms
      instance.child.kill('SIGKILL')
    },
    stall: async (which, lasts_ms) => {
      const child = chosen(which)?.child
      child?.kill('SIGSTOP')
      await new Promise((resolve) => setTimeout(resolve, lasts_ms))
      child?.kill('SIGCONT')
    },
    deaths,
    stop: async () => {
      stopping = true
      for (const timer of timers) clearTimeout(timer)
      await Promise.all(instances.map(end))
    }
  }
}
