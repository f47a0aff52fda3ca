import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openClusterApi } from './cluster-api.ts'

/** For what does not answer. */
const TIMEOUT_MS = 500
/** For what does, on a busy machine, too. */
const PATIENCE_MS = 30_000
const MIB = 1024 * 1024
const folder = mkdtempSync(join(tmpdir(), 'weir-cluster-api-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function kubeconfig(server: string, cluster: Readonly<Record<string, unknown>> = { 'insecure-skip-tls-verify': true }) {
  const file = join(folder, `${server.length}-${Object.keys(cluster).length}`)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, ...cluster } }],
    users: [{ name: 'u', user: { token: 'own' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x'
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}

const ANSWERS: Readonly<Record<string, RequestListener>> = {
  '/hangs': () => {},
  '/hangs-half-way': (_request, response) => void response.writeHead(200).write('{"kind":'),
  '/hangs-up': (_request, response) => void response.destroy(),
  '/busy': (_request, response) => void response.writeHead(429, { 'retry-after': '3' }).end('{"message":"later"}'),
  '/page': (_request, response) => void response.writeHead(502).end('<html>bad gateway</html>'),
  '/endless': (_request, response) => {
    const piece = Buffer.alloc(MIB, 32)
    response.on('error', () => {})
    for (let sent = 0; sent < 20; sent += 1) response.write(piece)
    response.end()
  },
  '/who': ({ headers }, response) =>
    void response.end(JSON.stringify({ agent: headers['user-agent'], authorization: headers.authorization }))
}

describe('an API server', () => {
  const server = createServer((request, response) => ANSWERS[request.url ?? '']?.(request, response))
  let api: Awaited<ReturnType<typeof openClusterApi>>
  let impatient: typeof api

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const file = kubeconfig(`http://127.0.0.1:${port}`)
    api = await openClusterApi({ kubeconfig: file, request_timeout_ms: PATIENCE_MS, service: 'responder' })
    impatient = await openClusterApi({ kubeconfig: file, request_timeout_ms: TIMEOUT_MS, service: 'responder' })
  })
  afterAll(async () => {
    api.close()
    impatient.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  it.each([
    ['that hangs', '/hangs', 'KUBERNETES_UNREACHABLE'],
    ['that stops in the middle of an answer', '/hangs-half-way', 'KUBERNETES_UNREACHABLE'],
    ['that hangs up', '/hangs-up', 'KUBERNETES_UNREACHABLE']
  ])('%s costs one request, with a code', async (_name, path, code) => {
    await expect(impatient.send({ method: 'GET', path })).rejects.toMatchObject({ code })
  })

  it('that does not stop answering is not listened to for ever', async () => {
    await expect(api.send({ method: 'GET', path: '/endless' })).rejects.toMatchObject({
      code: 'KUBERNETES_ANSWER_TOO_LARGE'
    })
  })

  it('that is busy says how long to wait, and what is no JSON is an answer, too', async () => {
    expect(await api.send({ method: 'GET', path: '/busy' })).toMatchObject({ status: 429, retry_after_ms: 3_000 })
    const page = await api.send({ method: 'GET', path: '/page' })
    expect([page.status, page.body, page.text]).toEqual([502, undefined, '<html>bad gateway</html>'])
  })

  it('is told who asks and on whose behalf, with the token of a plan in place of the own', async () => {
    const { body } = await api.send({ method: 'GET', path: '/who' }, { token: 'of-the-plan', purpose: 'plan/1' })
    expect(body).toEqual({
      agent: expect.stringMatching(/^weir-responder\/\S+ plan\/1$/),
      authorization: 'Bearer of-the-plan'
    })
  })
})

describe('a kubeconfig', () => {
  it.each<[string, () => Promise<unknown>]>([
    [
      'that is not there',
      () => openClusterApi({ kubeconfig: join(folder, 'none'), request_timeout_ms: TIMEOUT_MS, service: 'test' })
    ],
    [
      'that leads to a plain server without saying so',
      async () => {
        const file = kubeconfig('http://127.0.0.1:9', {})
        const api = await openClusterApi({ kubeconfig: file, request_timeout_ms: TIMEOUT_MS, service: 'test' })
        return await api.send({ method: 'GET', path: '/' })
      }
    ]
  ])('%s is named in the error', async (_name, work) => {
    await expect(work()).rejects.toMatchObject({ code: 'KUBERNETES_CONFIG' })
  })
})
