import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Watchdog } from './watchdog.ts'

interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ServerCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** User and group to run as, for servers that refuse root. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

export interface ServerProcess {
  readonly pid: number
  readonly exited: Promise<Exit>
  running(): boolean
  /** What the process has written since it was started; the last `limit_bytes` of it. */
  log(limit_bytes?: number): string
  /** Sends the signal and waits for the end; after `grace_ms` the whole group is killed. */
  stop(signal: NodeJS.Signals, grace_ms: number): Promise<Exit>
}

const LOG_TAIL_BYTES = 256 * 1024

/**
 * Starts a server in a session of its own, its output going to a file. A Ctrl-C of the terminal does not reach it: the servers
 * are stopped after the services that use them.
 *
 * @param log_file output is appended
 * @throws Error of `spawn` (ENOENT, EACCES)
 */
export async function startServerProcess(
  command: ServerCommand,
  log_file: string,
  watchdog: Watchdog
): Promise<ServerProcess> {
  mkdirSync(dirname(log_file), { recursive: true })
  const log = openSync(log_file, 'a')
  const from = statSync(log_file).size
  let child: ChildProcess
  try {
    child = spawn(command.command, command.args, {
      cwd: command.cwd,
      // Only what a server needs: Quarkus reads every variable as a setting, the JVM reads JAVA_TOOL_OPTIONS.
      env: { PATH: process.env.PATH, HOME: command.cwd, LANG: 'C.UTF-8', ...command.env },
      detached: true,
      stdio: ['ignore', log, log],
      ...(command.user ?? {})
    })
  } finally {
    closeSync(log)
  }
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  const pid = child.pid
  if (pid === undefined) throw new Error(`${command.command} has no pid after it was started`)
  watchdog.guard(pid)
  let running = true
  void exited.then(() => {
    running = false
    watchdog.forget(pid)
  })
  return {
    pid,
    exited,
    running: () => running,
    log: (limit_bytes = LOG_TAIL_BYTES) => tail(log_file, from, limit_bytes),
    async stop(signal, grace_ms) {
      if (running) kill(pid, signal)
      const timeout = new AbortController()
      const killer = delay(grace_ms, undefined, { signal: timeout.signal }).then(
        () => kill(-pid, 'SIGKILL'),
        () => {}
      )
      const exit = await exited
      timeout.abort()
      await killer
      return exit
    }
  }
}

/** Keeps one older log beside the new one. */
export function rotateLog(log_file: string): void {
  if (existsSync(log_file)) renameSync(log_file, log_file.replace(/(\.log)?$/, '.previous.log'))
}

function tail(file: string, from: number, limit_bytes: number): string {
  const fd = openSync(file, 'r')
  try {
    const size = statSync(file).size
    const start = Math.max(from, size - limit_bytes)
    const buffer = Buffer.alloc(Math.max(0, size - start))
    const read = readSync(fd, buffer, 0, buffer.length, start)
    return buffer.toString('utf8', 0, read)
  } finally {
    closeSync(fd)
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended meanwhile.
  }
}
