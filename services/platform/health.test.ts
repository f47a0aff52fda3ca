import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createHealth, serveHealth } from './health.ts'

describe('health', () => {
  it('is alive while every loop makes progress, and names the one that does not', () => {
    let now_ms = 0
    const health = createHealth(() => now_ms)
    health.progress('a')
    health.progress('b')
    now_ms = 50_000
    health.progress('a')
    expect(health.stuckLoops().size).toBe(0)
    now_ms = 70_000
    expect([...health.stuckLoops()]).toEqual([['b', 70_000]])
  })

  it('is ready when every dependency proves itself, and names the one that does not', async () => {
    const health = createHealth()
    health.addDependency('kafka', async () => {})
    health.addDependency('redis', async () => {
      throw new Error('connection refused')
    })
    expect(await health.readiness()).toEqual([
      { name: 'kafka', error: null },
      { name: 'redis', error: 'connection refused' }
    ])
  })

  it('is served with status codes that probes understand', async () => {
    const health = createHealth()
    health.addDependency('redis', async () => {
      throw new Error('away')
    })
    const server = await serveHealth(health, { host: '127.0.0.1', port: 0 })
    try {
      const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const status = async (path: string) => (await fetch(base + path)).status
      expect(await status('/healthz')).toBe(200)
      expect(await status('/readyz')).toBe(503)
      expect(await status('/metrics')).toBe(200)
      expect(await status('/other')).toBe(404)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})
