import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lock, tryLock } from '../../bin/lock.js'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-lock-'))
  path = join(folder, 'some', 'lock')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function held(): () => void {
  const got = tryLock(path)
  if (!('release' in got)) throw new Error('the lock is taken')
  return got.release
}

const LOCK_MODULE = new URL('../../bin/lock.js', import.meta.url).href

/** Runs a script that may use `lock`, `tryLock` and `path` in a process of its own. */
function inProcess(script: string) {
  const code = `import { lock, tryLock } from ${JSON.stringify(LOCK_MODULE)}; const path = ${JSON.stringify(path)}; ${script}`
  return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
}

describe('lock', () => {
  it('is had by one at a time, and by the next after its release', () => {
    const release = held()
    expect(tryLock(path)).toMatchObject({ owner: { pid: process.pid, host: hostname() } })
    release()
    held()()
  })

  it('is free again when its owner was killed', async () => {
    const child = inProcess('tryLock(path); console.log("taken"); setInterval(() => {}, 1000)')
    await once(child.stdout, 'data')
    expect(tryLock(path)).toMatchObject({ owner: { pid: child.pid } })
    child.kill('SIGKILL')
    await once(child, 'exit')
    held()()
  })

  it('is free again when another process has got the pid of its owner', () => {
    held()
    const owner = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ ...owner, started: '1' }))
    held()()
  })

  it('is free again when what the file holds is no owner', () => {
    held()
    for (const text of ['', '{', '{"pid":-1}', '{"pid":"1"}', 'null']) {
      writeFileSync(path, text)
      held()()
    }
  })

  it('of another machine is respected for a while, then taken for dead', () => {
    held()
    writeFileSync(path, JSON.stringify({ pid: process.pid, started: '1', host: 'elsewhere' }))
    expect(tryLock(path)).toMatchObject({ owner: { host: 'elsewhere' } })
    const long_ago = Date.now() / 1000 - 3600
    utimesSync(path, long_ago, long_ago)
    held()()
  })

  it('is waited for, saying so once', async () => {
    const release = held()
    const waits: number[] = []
    const got = lock(path, { onWait: (owner) => waits.push(owner.pid) })
    release()
    ;(await got)()
    expect(waits).toEqual([process.pid])
  })

  it('is not waited for any longer once the signal says so', async () => {
    held()
    await expect(lock(path, { signal: AbortSignal.timeout(20) })).rejects.toThrow()
  })

  it('keeps processes apart that all find a dead owner', async () => {
    held()
    writeFileSync(path, JSON.stringify({ pid: 2 ** 30, started: '1', host: hostname() }))
    const log = join(folder, 'log')
    appendFileSync(log, '')
    const script = `
      import('node:fs').then(async ({ appendFileSync }) => {
        for (let round = 0; round < 5; round++) {
          const release = await lock(path)
          appendFileSync(${JSON.stringify(log)}, 'in ')
          await new Promise((resolve) => setTimeout(resolve, 2))
          appendFileSync(${JSON.stringify(log)}, 'out ')
          release()
        }
      })`
    const children = [1, 2, 3].map(() => inProcess(script))
    await Promise.all(children.map((child) => once(child, 'exit')))
    expect(readFileSync(log, 'utf8')).toBe('in out '.repeat(15))
  })
})
