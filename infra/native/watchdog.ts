import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('./watchdog.sh', import.meta.url))

export interface Watchdog {
  /** From now on the process group `pid` is ended when this process goes away. */
  guard(pid: number): void
  /** To be called when the group has ended: its number may be given to someone else. */
  forget(pid: number): void
  close(): void
}

/**
 * Starts a small shell process that outlives this one only to end the guarded servers. A signal handler could not do it: there
 * is none for SIGKILL.
 */
export function startWatchdog(): Watchdog {
  // In a session of its own: what kills our process group, or the terminal's Ctrl-C, must not reach it.
  const child: ChildProcess = spawn('/bin/sh', [SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  child.unref()
  child.on('error', () => {})
  child.stdin?.on('error', () => {})
  const say = (line: string) => child.stdin?.write(`${line}\n`)
  if (child.stdin && 'unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref()
  return {
    guard: (pid) => say(`+${pid}`),
    forget: (pid) => say(`-${pid}`),
    close: () => child.stdin?.end()
  }
}
