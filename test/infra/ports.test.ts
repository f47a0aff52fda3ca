import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { choosePorts, isFree, LOOPBACK, pickFreePort } from '../../infra/native/ports.ts'
import type { ServerName } from '../../infra/settings.ts'

const open: Server[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => new Promise((resolve) => server.close(resolve))))
})

/** Listens like another program would, and gives the port. */
async function occupy(host: string): Promise<number> {
  const server = createServer()
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

function recorder() {
  const notes: string[] = []
  return { notes, note: (text: string) => void notes.push(text) }
}

async function freeSettings(explicit: readonly ServerName[] = []) {
  const taken = new Set<number>()
  const [kafka, opensearch, registry, redis] = [
    await pickFreePort(taken),
    await pickFreePort(taken),
    await pickFreePort(taken),
    await pickFreePort(taken)
  ]
  return { ports: { kafka, opensearch, registry, redis }, explicit_ports: new Set(explicit) }
}

describe('isFree', () => {
  it.each([LOOPBACK, '0.0.0.0', '::'])('sees a program that listens on %s', async (host) => {
    expect(await isFree(await occupy(host))).toBe(false)
  })
})

describe('choosePorts', () => {
  it('takes the defaults when they are free', async () => {
    const settings = await freeSettings()
    const { notes, note } = recorder()
    expect(await choosePorts(['kafka', 'redis'], undefined, settings, { note })).toEqual(settings.ports)
    expect(notes).toEqual([])
  })

  it('replaces a default that is in use, and says which by what', async () => {
    const settings = await freeSettings()
    const port = await occupy(LOOPBACK)
    const { notes, note } = recorder()
    const chosen = await choosePorts(
      ['redis'],
      undefined,
      { ...settings, ports: { ...settings.ports, redis: port } },
      { note }
    )
    expect(chosen.redis).not.toBe(port)
    expect(notes).toEqual([`port ${port} is in use: redis will listen on ${chosen.redis} instead`])
  })

  it.each(['option', 'environment'])('refuses a port in use that was asked for by %s', async (how) => {
    const port = await occupy(LOOPBACK)
    const settings = await freeSettings(how === 'environment' ? ['redis'] : [])
    const ports = { ...settings.ports, redis: port }
    const wish = how === 'option' ? { redis: port } : undefined
    await expect(choosePorts(['redis'], wish, { ...settings, ports }, recorder())).rejects.toMatchObject({
      code: 'SERVER_PORT_TAKEN',
      message: expect.stringContaining(String(port))
    })
  })

  it('refuses the same port for two servers', async () => {
    const settings = await freeSettings()
    const wish = { kafka: settings.ports.kafka, redis: settings.ports.kafka }
    await expect(choosePorts(['kafka', 'redis'], wish, settings, recorder())).rejects.toMatchObject({
      code: 'SERVER_PORT_TAKEN'
    })
  })

  it('does not mind that the port of a server left out is in use', async () => {
    const settings = await freeSettings()
    const ports = { ...settings.ports, opensearch: await occupy(LOOPBACK) }
    const { notes, note } = recorder()
    await choosePorts(['kafka'], undefined, { ...settings, ports }, { note })
    expect(notes).toEqual([])
  })

  it('gives four different free ports when free ones are asked for', async () => {
    const settings = await freeSettings()
    const chosen = await choosePorts(['kafka', 'opensearch', 'registry', 'redis'], 'free', settings, recorder())
    const values = Object.values(chosen)
    expect(new Set(values).size).toBe(4)
    expect(await Promise.all(values.map(isFree))).toEqual([true, true, true, true])
  })
})
