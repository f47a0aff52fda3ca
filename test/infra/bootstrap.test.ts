import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const BIN = join(import.meta.dirname, '../../bin')

let checkout: string
let children: ChildProcess[]

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'weir-checkout-'))
  children = []
  cpSync(BIN, join(checkout, 'bin'), { recursive: true })
  writeFileSync(join(checkout, 'package.json'), '{"type":"module"}')
  writeLock('1.0.0')
  mkdirSync(join(checkout, 'services/cli'), { recursive: true })
  writeFileSync(
    join(checkout, 'services/cli/main.ts'),
    'const args: string[] = process.argv.slice(2)\nconsole.log("main", args.join())\nprocess.exitCode = 3\n'
  )
  fakeNpm('mkdirSync("node_modules/.bin", { recursive: true })')
})

afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(checkout, { recursive: true, force: true })
})

function writeLock(version: string): void {
  const packages = {
    '': {},
    'node_modules/one': { version },
    'node_modules/other-platform': { version, optional: true }
  }
  writeFileSync(join(checkout, 'package-lock.json'), JSON.stringify({ packages }))
}

/** An npm that notes how it is called and then does what `body` says, in the folder it is called in. */
function fakeNpm(body: string): void {
  writeFileSync(
    join(checkout, 'npm-cli.cjs'),
    `const { appendFileSync, mkdirSync, rmSync, writeFileSync } = require('node:fs')
     appendFileSync(${JSON.stringify(join(checkout, 'npm-calls'))}, process.argv.slice(2, 4).join(' ') + '\\n')
     ${body}\n`
  )
}

function npmCalls(): string[] {
  const file = join(checkout, 'npm-calls')
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []
}

function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, args, {
    cwd: checkout,
    env: { PATH: process.env.PATH, npm_execpath: join(checkout, 'npm-cli.cjs'), ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  children.push(child)
  const output = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    output.out += chunk
  })
  child.stderr.on('data', (chunk) => {
    output.err += chunk
  })
  return { child, output }
}

async function finish(args: readonly string[], env: Record<string, string> = {}) {
  const { child, output } = start(args, env)
  const [code] = await once(child, 'close')
  return { code, ...output }
}

const weir = (...args: readonly string[]) => finish(['bin/weir.js', ...args])

describe('bin/weir.js', () => {
  it('installs the packages of a fresh clone, says so, and runs the command with its exit code', async () => {
    expect(await weir('up', '--once')).toEqual({
      code: 3,
      out: 'main up,--once\n',
      err: expect.stringMatching(/^weir: installing .*\nweir: packages are ready \(\d+\.\d s\)\n$/)
    })
    expect(npmCalls()).toEqual(['ci --include=dev'])
  })

  it('says nothing when nothing is to do', async () => {
    await weir()
    expect((await weir()).err).toBe('')
    expect(npmCalls()).toHaveLength(1)
  })

  it('installs again when package-lock.json has changed', async () => {
    await weir()
    writeLock('2.0.0')
    await weir()
    expect(npmCalls()).toHaveLength(2)
  })

  it('takes an installation made by hand for what it is', async () => {
    mkdirSync(join(checkout, 'node_modules'))
    const installed = (version: string) =>
      writeFileSync(
        join(checkout, 'node_modules/.package-lock.json'),
        JSON.stringify({ packages: { 'node_modules/one': { version } } })
      )
    installed('1.0.0')
    await weir()
    expect(npmCalls()).toEqual([])
    rmSync(join(checkout, 'node_modules/.weir-lock-sha256'))
    installed('0.9.0')
    await weir()
    expect(npmCalls()).toHaveLength(1)
  })

  it('installs once when several are started at the same time', async () => {
    fakeNpm('setTimeout(() => mkdirSync("node_modules", { recursive: true }), 300)')
    const results = await Promise.all([weir('a'), weir('b'), weir('c')])
    expect(results.map(({ out }) => out).sort()).toEqual(['main a\n', 'main b\n', 'main c\n'])
    expect(npmCalls()).toHaveLength(1)
  })

  it('fills the gaps of a lock file that lacks packages, without writing it', async () => {
    fakeNpm(`
      if (process.argv[2] === 'ci') { console.error('npm error code EUSAGE'); process.exit(1) }
      mkdirSync('node_modules', { recursive: true })`)
    expect((await weir()).out).toBe('main \n')
    expect(npmCalls()).toEqual(['ci --include=dev', 'install --no-save'])
  })

  it.each([
    ['ENOSPC: no space left on device, write', /the disk of .* is full/],
    ['npm error code ENOTFOUND registry.npmjs.org', /look at the network/],
    ['EACCES: permission denied', /may not write/],
    ['something else altogether', /npm says why:\nsomething else altogether/]
  ])('says what to do when npm fails with "%s", and does not run the command', async (words, message) => {
    fakeNpm(`console.error(${JSON.stringify(words)}); process.exit(1)`)
    const { code, out, err } = await weir()
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(message)
    expect(err).not.toContain('    at ')
  })

  it('tries again after a failure', async () => {
    fakeNpm('process.exit(1)')
    await weir()
    fakeNpm('mkdirSync("node_modules", { recursive: true })')
    expect((await weir()).code).toBe(3)
  })

  it('leaves everything alone in an image', async () => {
    const { code, err } = await finish(['bin/weir.js'], { WEIR_NO_BOOTSTRAP: '1' })
    expect({ code, err }).toEqual({ code: 3, err: '' })
    expect(npmCalls()).toEqual([])
  })
})

describe('bin/bootstrap.js run', () => {
  const script = (name: string, text: string) => writeFileSync(join(checkout, name), text)

  it('runs a script file with its arguments', async () => {
    script('hello.ts', 'const who: string = process.argv[2] ?? ""\nconsole.log(who)\nprocess.exit(5)\n')
    expect(await finish(['bin/bootstrap.js', 'run', 'hello.ts', 'you'])).toMatchObject({ code: 5, out: 'you\n' })
  })

  it('runs a tool of node_modules/.bin, whether written for Node or not', async () => {
    await weir()
    script('tool.js', '#!/usr/bin/env node\nconsole.log("tool", process.argv[2])\n')
    symlinkSync('../../tool.js', join(checkout, 'node_modules/.bin/tool'))
    writeFileSync(join(checkout, 'node_modules/.bin/native'), '#!/bin/sh\necho native $1\nexit 6\n', { mode: 0o755 })
    expect(await finish(['bin/bootstrap.js', 'run', 'tool', 'x'])).toMatchObject({ code: 0, out: 'tool x\n' })
    expect(await finish(['bin/bootstrap.js', 'run', 'native', 'x'])).toMatchObject({ code: 6, out: 'native x\n' })
  })

  it('gives programs the tools of the checkout and this Node on their PATH', async () => {
    script('path.js', 'console.log(process.env.PATH)\n')
    const { out } = await finish(['bin/bootstrap.js', 'run', 'path.js'])
    expect(out).toContain(join(checkout, 'node_modules/.bin'))
  })

  it.each([
    [['run', 'nothing'], /neither a script file nor a program/],
    [['frobnicate'], /usage/],
    [['run'], /usage/]
  ])('refuses %j', async (args, message) => {
    const { code, err } = await finish(['bin/bootstrap.js', ...args])
    expect(code).toBe(1)
    expect(err).toMatch(message)
  })

  const WAITS = `
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => { console.log(signal); process.exit(9) })
    setInterval(() => {}, 1000)
    console.log('pid', process.pid)
  `

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('passes %s on and waits for the end', async (signal) => {
    script('waits.js', WAITS)
    const { child, output } = start(['bin/bootstrap.js', 'run', 'waits.js'])
    await vi.waitFor(() => expect(output.out).toContain('pid'), { timeout: 10_000 })
    child.kill(signal)
    expect(await once(child, 'close')).toEqual([9, null])
    expect(output.out).toContain(signal)
  })

  it('tells a program that was ended by a signal from one that failed', async () => {
    script('dies.js', 'process.kill(process.pid, "SIGKILL")\n')
    expect((await finish(['bin/bootstrap.js', 'run', 'dies.js'])).code).toBe(128 + 9)
  })

  it('does not leave the program behind when it is killed itself', async () => {
    script('waits.js', WAITS)
    const { child, output } = start(['bin/bootstrap.js', 'run', 'waits.js'])
    await vi.waitFor(() => expect(output.out).toContain('pid'), { timeout: 10_000 })
    const pid = Number(/pid (\d+)/.exec(output.out)?.[1])
    child.kill('SIGKILL')
    await once(child, 'close')
    // `close` comes when the program too has closed its output.
    expect(output.out).toContain('SIGTERM')
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(), { timeout: 10_000 })
  })
})
