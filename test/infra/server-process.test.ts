import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { rotateLog, startServerProcess } from '../../infra/native/child.ts'
import { run, which } from '../../infra/native/run.ts'
import { startWatchdog, type Watchdog } from '../../infra/native/watchdog.ts'

let folder: string
let watchdog: Watchdog
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-child-'))
  watchdog = startWatchdog()
})
afterEach(() => {
  watchdog.close()
  rmSync(folder, { recursive: true, force: true })
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // Killed but not yet waited for by whoever inherited it: as good as gone.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const shell = (script: string) => ({ command: '/bin/sh', args: ['-c', script], cwd: folder })

describe('startServerProcess', () => {
  it('gives the exit code and what was written since this start', async () => {
    const log = join(folder, 'x.log')
    await (await startServerProcess(shell('echo earlier'), log, watchdog)).exited
    const second = await startServerProcess(shell('echo out; echo err >&2; exit 3'), log, watchdog)
    expect(await second.exited).toEqual({ code: 3, signal: null })
    expect(second.log()).toBe('out\nerr\n')
    expect(second.log(4)).toBe('err\n')
    expect(second.running()).toBe(false)
  })

  it('passes on no variables that could change what the server does', async () => {
    vi.stubEnv('JAVA_TOOL_OPTIONS', '-Dx')
    vi.stubEnv('QUARKUS_HTTP_PORT', '1')
    const child = await startServerProcess(shell('env'), join(folder, 'x.log'), watchdog)
    await child.exited
    vi.unstubAllEnvs()
    expect(child.log()).toContain('PATH=')
    expect(child.log()).not.toMatch(/JAVA_TOOL_OPTIONS|QUARKUS/)
  })

  it('refuses a program that is not there', async () => {
    const missing = { command: join(folder, 'missing'), args: [], cwd: folder }
    await expect(startServerProcess(missing, join(folder, 'x.log'), watchdog)).rejects.toThrow('ENOENT')
  })

  it('kills what does not stop when asked, with its children', async () => {
    const script = 'trap "" TERM; sleep 600 & echo $!; while :; do sleep 1; done'
    const child = await startServerProcess(shell(script), join(folder, 'x.log'), watchdog)
    await vi.waitFor(() => expect(child.log()).toMatch(/^\d+\n$/))
    const grandchild = Number(child.log())
    expect(await child.stop('SIGTERM', 100)).toMatchObject({ signal: 'SIGKILL' })
    await vi.waitFor(() => expect(isRunning(grandchild)).toBe(false))
  })

  it('has stopped at once when it had ended before', async () => {
    const child = await startServerProcess(shell('exit 4'), join(folder, 'x.log'), watchdog)
    await child.exited
    expect(await child.stop('SIGTERM', 10)).toEqual({ code: 4, signal: null })
  })

  it('keeps one older log', async () => {
    const log = join(folder, 'x.log')
    rotateLog(log)
    await (await startServerProcess(shell('echo first'), log, watchdog)).exited
    rotateLog(log)
    expect(existsSync(log)).toBe(false)
    expect(readFileSync(join(folder, 'x.previous.log'), 'utf8')).toBe('first\n')
  })
})

describe('watchdog', () => {
  /** A process that starts a server as the launcher does, and tells its pid. */
  async function launcher() {
    const url = (name: string) => JSON.stringify(new URL(`../../infra/native/${name}`, import.meta.url).href)
    const script = `
      import { startServerProcess } from ${url('child.ts')}
      import { startWatchdog } from ${url('watchdog.ts')}
      const log = ${JSON.stringify(join(folder, 'server.log'))}
      const command = { command: '/bin/sleep', args: ['600'], cwd: '/' }
      console.log((await startServerProcess(command, log, startWatchdog())).pid)
    `
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true
    })
    const [output] = await once(parent.stdout, 'data')
    return { parent, server: Number(String(output)) }
  }

  it.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('ends the server when the launcher ends by %s', async (signal) => {
    const { parent, server } = await launcher()
    expect(isRunning(server)).toBe(true)
    parent.kill(signal)
    await vi.waitFor(() => expect(isRunning(server)).toBe(false), { timeout: 10_000 })
  })

  it('ends the server when the whole process group of the launcher is killed', async () => {
    const { parent, server } = await launcher()
    if (parent.pid === undefined) throw new Error('not started')
    process.kill(-parent.pid, 'SIGKILL')
    await vi.waitFor(() => expect(isRunning(server)).toBe(false), { timeout: 10_000 })
  })

  it('leaves alone what it was told to forget', async () => {
    const other = spawn('/bin/sleep', ['600'], { detached: true, stdio: 'ignore' })
    const guarded = spawn('/bin/sleep', ['600'], { detached: true, stdio: 'ignore' })
    if (other.pid === undefined || guarded.pid === undefined) throw new Error('not started')
    const one = startWatchdog()
    one.guard(other.pid)
    one.guard(guarded.pid)
    one.forget(other.pid)
    one.close()
    await once(guarded, 'exit')
    expect(isRunning(other.pid)).toBe(true)
    other.kill()
  })
})

describe('run', () => {
  it('tells code and output of what it ran', async () => {
    expect(await run('/bin/sh', ['-c', 'echo a; echo b >&2; exit 5'], { timeout_ms: 5_000 })).toEqual({
      code: 5,
      output: 'a\nb\n',
      timed_out: false
    })
  })

  it('kills what takes too long, with its children', async () => {
    const result = await run('/bin/sh', ['-c', 'sleep 600 & wait'], { timeout_ms: 50 })
    expect(result).toMatchObject({ code: null, timed_out: true })
  })

  it('ends with the reason of an aborted signal', async () => {
    const controller = new AbortController()
    const running = run('/bin/sleep', ['600'], { timeout_ms: 60_000, signal: controller.signal })
    controller.abort(new Error('given up'))
    await expect(running).rejects.toThrow('given up')
  })

  it('keeps the end of an output without bound', async () => {
    const result = await run('/bin/sh', ['-c', 'head -c 300000 /dev/zero | tr "\\0" x; echo end'], {
      timeout_ms: 10_000
    })
    expect(result.output.length).toBe(64 * 1024)
    expect(result.output.endsWith('xend\n')).toBe(true)
  })

  it('does not take a folder for a program', () => {
    expect(which('sh', '/nowhere::/bin')).toBe('/bin/sh')
    expect(which('bin', '/usr')).toBeNull()
  })
})
