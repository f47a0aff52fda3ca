import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOpenSearchClient } from './client.ts'
import { dashboardsFile, importDashboards } from './dashboards.ts'
import { openSearchOptions } from './options.ts'
import { request } from './request.ts'

let server: Server
let url = ''
let folder = ''
let secret = ''
let seen: { headers: IncomingHttpHeaders; path: string; body: string } = { headers: {}, path: '', body: '' }
let answer: { status: number; body: string } = { status: 200, body: '{}' }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weir-secret-'))
  secret = join(folder, 'secret')
  writeFileSync(secret, 'hunter2\n')
  server = createServer((incoming, outgoing) => {
    let body = ''
    incoming.on('data', (chunk) => {
      body += String(chunk)
    })
    incoming.on('end', () => {
      seen = { headers: incoming.headers, path: incoming.url ?? '', body }
      outgoing.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true })
})

describe('the client', () => {
  it.each([
    ['no credentials', () => ({}), undefined],
    [
      'a user',
      () => ({ username: 'weir', password_file: secret }),
      `Basic ${Buffer.from('weir:hunter2').toString('base64')}`
    ],
    ['an API key', () => ({ api_key_file: secret }), 'ApiKey hunter2']
  ])('sends %s from their files', async (_, settings, expected) => {
    const client = createOpenSearchClient(openSearchOptions.parse({ nodes: [url], ...settings() }))
    await request(client, { method: 'GET', path: '/' })
    await client.close()
    expect(seen.headers.authorization).toBe(expected)
  })

  it.each([
    [{ username: 'weir' }],
    [{ password_file: '/x' }],
    [{ username: 'weir', password_file: '/x', api_key_file: '/y' }],
    [{ tls_cert_file: '/x' }],
    [{ index_prefix: 'Upper' }],
    [{ nodes: ['ftp://x'] }],
    [{ nodes: [] }],
    [{ password: 'in the settings' }]
  ])('has no settings such as %j', (settings) => {
    expect(openSearchOptions.safeParse(settings).success).toBe(false)
  })
})

describe('importing dashboards', () => {
  it('sends the saved objects of the prefix, over what is there', async () => {
    answer = { status: 200, body: '{"success":true,"successCount":15}' }
    expect(await importDashboards(`${url}/base`, { prefix: 'acme', username: 'weir', password_file: secret })).toBe(15)
    expect(seen.path).toBe('/base/api/saved_objects/_import?overwrite=true')
    expect(seen.headers).toMatchObject({ 'osd-xsrf': 'true', authorization: expect.stringMatching(/^Basic /) })
    expect(seen.body).toContain(dashboardsFile('acme'))
    expect(dashboardsFile('acme')).toContain('"title":"acme-events-*"')
  })

  it.each([
    ['a refusal', { status: 200, body: '{"success":false,"errors":[]}' }],
    ['a status', { status: 401, body: 'no' }]
  ])('does not take %s for success', async (_, refusal) => {
    answer = refusal
    await expect(importDashboards(url, { prefix: 'weir' })).rejects.toMatchObject({
      code: 'OPENSEARCH_DASHBOARDS_REFUSED'
    })
  })

  it('says when nobody is there', async () => {
    await expect(importDashboards('http://127.0.0.1:1', { prefix: 'weir' })).rejects.toMatchObject({
      code: 'OPENSEARCH_UNAVAILABLE'
    })
  })
})
