import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createNotify, signatureOf } from './notify.ts'

describe('telling people', () => {
  const got: Array<{ readonly headers: IncomingHttpHeaders; readonly body: string }> = []
  let server: Server
  let url: string
  let folder: string
  let secret_file: string

  beforeEach(async () => {
    got.length = 0
    server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => {
        got.push({ headers: request.headers, body })
        response
          .writeHead(request.url === '/moved' ? 302 : request.url === '/no' ? 500 : 200, { location: '/elsewhere' })
          .end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    folder = mkdtempSync(join(tmpdir(), 'weir-notify-'))
    secret_file = join(folder, 'secret')
    writeFileSync(secret_file, 'secret\n')
  })
  afterEach(async () => {
    rmSync(folder, { recursive: true })
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  it('sends the body as it is, signed with the time', async () => {
    expect(await createNotify([{ url, secret_file }], () => 5)('{"text":"x"}')).toMatchObject({ status: 200 })
    expect(got.map(({ body, headers }) => [body, headers['x-weir-signature']])).toEqual([
      ['{"text":"x"}', signatureOf('secret', 5, '{"text":"x"}')]
    ])
    // Checked with: printf '5.{"text":"x"}' | openssl dgst -sha256 -hmac secret
    expect(signatureOf('secret', 5, '{"text":"x"}')).toBe(
      't=5,v1=a9b59e0bb4b5256df9ccaae607c7632d9c9b00e1f20adfdde7af1eeccf0b0309'
    )
    expect(signatureOf('secret', 6, '{"text":"x"}')).not.toBe(signatureOf('secret', 5, '{"text":"x"}'))
  })

  it('to one that fails or is away costs the others nothing, and shows; no address is told on', async () => {
    const away = 'http://127.0.0.1:9/services/T0/secret-of-slack'
    const told = await createNotify([{ url: `${url}/no` }, { url: away }, { url }], () => 5)('{}')
    expect(got.length).toBe(2)
    expect(told.status).toBe(500)
    expect(told.message).not.toContain('secret-of-slack')
  })

  it('goes nowhere else than it was told', async () => {
    expect((await createNotify([{ url: `${url}/moved` }], () => 5)('{}')).status).toBe(0)
    expect(got.length).toBe(1)
  })
})
