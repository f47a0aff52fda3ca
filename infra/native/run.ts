import { spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface RunResult {
  /** null when it could not be started, was ended by a signal or ran out of time. */
  readonly code: number | null
  /** Standard output and error, interleaved; the last 64 KB. */
  readonly output: string
  readonly timed_out: boolean
}

const OUTPUT_LIMIT = 64 * 1024

/**
 * Runs a program to its end and never throws for how it ended: who calls reads `code`.
 *
 * @param options.timeout_ms after which it is killed
 * @throws the signal's reason when `options.signal` was aborted
 */
export async function run(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string
    readonly env?: Readonly<Record<string, string | undefined>>
    readonly timeout_ms: number
    readonly signal?: AbortSignal | undefined
    readonly user?: { readonly uid: number; readonly gid: number } | undefined
  }
): Promise<RunResult> {
  options.signal?.throwIfAborted()
  const result = await new Promise<RunResult>((resolve) => {
    let output = ''
    let timed_out = false
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what it started itself can be ended with it.
      detached: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.user ?? {})
    })
    const end = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It ended meanwhile.
      }
    }
    const take = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-OUTPUT_LIMIT)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    const timer = setTimeout(() => {
      timed_out = true
      end()
    }, options.timeout_ms)
    options.signal?.addEventListener('abort', end, { once: true })
    const done = (code: number | null, more = '') => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', end)
      resolve({ code, output: output + more, timed_out })
    }
    child.once('error', (error) => done(null, String(error)))
    child.once('close', (code) => done(code))
  })
  options.signal?.throwIfAborted()
  return result
}

/** Path of a program as the shell would find it, or null. */
export function which(program: string, path: string = process.env.PATH ?? ''): string | null {
  for (const folder of path.split(delimiter)) {
    if (folder === '') continue
    const file = join(folder, program)
    try {
      accessSync(file, constants.X_OK)
      if (statSync(file).isFile()) return file
    } catch {
      // Not in this folder.
    }
  }
  return null
}

/** The last lines of a text, for error messages. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
