import { describe, expect, it } from 'vitest'
import { type Running, runUntilStopped } from './lifecycle.ts'
import { silentLogger } from './log.ts'

function part(name: string, stopped: string[], more: Partial<Running> = {}): Running {
  return {
    stop: async () => {
      stopped.push(name)
    },
    ...more
  }
}

describe('a service', () => {
  it('stops its parts last first when it is told to, with exit code 0', async () => {
    const stopped: string[] = []
    const abort = new AbortController()
    const ended = runUntilStopped([part('a', stopped), part('b', stopped)], silentLogger, abort.signal)
    abort.abort()
    expect(await ended).toBe(0)
    expect(stopped).toEqual(['b', 'a'])
  })

  it('stops all its parts when one fails, with exit code 1', async () => {
    const stopped: string[] = []
    const failed = Promise.reject(new Error('broken'))
    expect(await runUntilStopped([part('a', stopped), part('b', stopped, { failed })], silentLogger)).toBe(1)
    expect(stopped).toEqual(['b', 'a'])
  })

  it('ends with exit code 0 when its input has ended', async () => {
    const stopped: string[] = []
    expect(await runUntilStopped([part('a', stopped, { ended: Promise.resolve() })], silentLogger)).toBe(0)
    expect(stopped).toEqual(['a'])
  })

  it('stops the others when one cannot be stopped, and says so by its exit code', async () => {
    const stopped: string[] = []
    const stuck = part('b', stopped, { stop: () => Promise.reject(new Error('stuck')) })
    const ended = Promise.resolve()
    expect(await runUntilStopped([part('a', stopped, { ended }), stuck], silentLogger)).toBe(1)
    expect(stopped).toEqual(['a'])
  })

  it('listens to SIGTERM', async () => {
    const stopped: string[] = []
    const ended = runUntilStopped([part('a', stopped)], silentLogger)
    process.emit('SIGTERM')
    expect(await ended).toBe(0)
    expect(stopped).toEqual(['a'])
  })
})
