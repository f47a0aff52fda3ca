import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { createCertificates } from '../../test/support/certificates.ts'
import { decodeRecord } from '../platform/ingest/record.ts'
import { silentLogger } from '../platform/log.ts'
import { openSpool, type Spool, type SpoolOptions } from '../platform/spool/spool.ts'
import type { Webhook } from '../platform/webhook/server.ts'
import { auditCollectorOptions } from './options.ts'
import { startWebhook } from './webhook.ts'

type WebhookInput = NonNullable<z.input<typeof auditCollectorOptions>['webhook']>

const closing: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const TOKEN = 'a-token-of-the-test'
const newFolder = () => mkdtempSync(join(tmpdir(), 'weir-webhook-'))
const tokenFile = () => {
  const file = join(newFolder(), 'token')
  writeFileSync(file, `${TOKEN}\n`)
  return file
}

interface Started {
  readonly webhook: Webhook
  readonly spool: Spool
  spooled(): Promise<Array<{ form: string; from: string; body: string }>>
}

async function start(input: WebhookInput = {}, spoolOptions: Partial<SpoolOptions> = {}): Promise<Started> {
  const { webhook: options } = auditCollectorOptions.parse({ webhook: { port: 0, ...input } })
  const spool = await openSpool({
    directory: join(newFolder(), 'spool'),
    max_bytes: 200_000_000,
    segment_bytes: 1_000_000,
    fsync: 'interval',
    fsync_interval_ms: 1000,
    report: () => undefined,
    ...spoolOptions
  })
  closing.push(() => spool.close())
  const webhook = await startWebhook({ options, spool, log: silentLogger, now: () => 1_700_000_000_000 })
  closing.push(webhook.close)
  return {
    webhook,
    spool,
    spooled: async () => {
      const records = []
      for await (const { payload } of spool.read(new AbortController().signal, { follow: false })) {
        const { header, body } = decodeRecord(payload)
        records.push({ form: header.form, from: header.from, body: body.toString() })
      }
      return records
    }
  }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Record<string, unknown>
}

interface Sent {
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly tls?: { ca: Buffer; cert?: Buffer; key?: Buffer }
}

function send(
  { webhook }: Started,
  body: string | Buffer,
  { path = '/audit', method = 'POST', headers = {}, tls }: Sent = {}
): Promise<Answer> {
  const { port } = webhook.address
  const common = { host: '127.0.0.1', port, path, method, headers: { 'content-type': 'application/json', ...headers } }
  return new Promise((resolve, reject) => {
    const request =
      tls === undefined
        ? httpRequest({ ...common, agent: new Agent({ keepAlive: false }) })
        : httpsRequest({ ...common, ...tls, agent: new HttpsAgent({ keepAlive: false }) })
    request.on('error', reject)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text === '' ? {} : JSON.parse(text)
        })
      })
    })
    request.end(body)
  })
}

const event = (number: number, more: Record<string, unknown> = {}) => ({
  level: 'RequestResponse',
  auditID: `id-${number}`,
  stage: 'ResponseComplete',
  requestURI: `/api/v1/namespaces/default/pods/p-${number}`,
  verb: 'create',
  user: { username: 'alice', groups: ['developers'] },
  objectRef: { resource: 'pods', namespace: 'default', name: `p-${number}`, apiVersion: 'v1' },
  responseStatus: { code: 201 },
  requestReceivedTimestamp: '2026-01-31T10:00:00.000000Z',
  stageTimestamp: '2026-01-31T10:00:00.100000Z',
  ...more
})
const list = (items: readonly unknown[], more: Record<string, unknown> = {}) =>
  JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items, ...more })

describe('the webhook', () => {
  it.each([
    ['an EventList of v1', list([event(1), event(2)]), 2],
    ['an EventList of v1beta1', list([event(1)], { apiVersion: 'audit.k8s.io/v1beta1' }), 1],
    ['one Event', JSON.stringify({ kind: 'Event', apiVersion: 'audit.k8s.io/v1', ...event(1) }), 1],
    ['an empty list', list([]), 0]
  ])('takes %s and has it in the spool before it answers', async (_, body, accepted) => {
    const started = await start()
    const answer = await send(started, body)
    expect(answer).toMatchObject({ status: 200, body: { accepted, rejected: 0 } })
    expect(await started.spooled()).toEqual([{ form: 'audit', from: '/audit', body }])
  })

  it('takes the query that API servers add', async () => {
    expect((await send(await start(), list([event(1)]), { path: '/audit?timeout=30s' })).status).toBe(200)
  })

  it('takes gzip', async () => {
    const started = await start()
    const body = list([event(1)])
    expect((await send(started, gzipSync(body), { headers: { 'content-encoding': 'gzip' } })).status).toBe(200)
    expect(await started.spooled()).toMatchObject([{ body }])
  })

  it('puts the largest list that API servers send into the spool in one piece, as it came', async () => {
    const started = await start()
    const body = list(
      Array.from({ length: 400 }, (_, index) => event(index, { requestObject: { data: 'x'.repeat(5000) } }))
    )
    expect(await send(started, body)).toMatchObject({ status: 200, body: { accepted: 400, rejected: 0 } })
    expect(await started.spooled()).toEqual([{ form: 'audit', from: '/audit', body }])
  })

  it('a bad event in a good list costs only itself', async () => {
    const started = await start()
    const answer = await send(started, list([event(1), { foo: 1 }, 7, null, [], event(2)]))
    expect(answer).toMatchObject({ status: 200, body: { accepted: 2, rejected: 4 } })
  })
})

describe('what a user of the API can bring about never has a batch refused', () => {
  const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  const raw = (requestObject: string | Buffer) => {
    const [before = '', after = ''] = list([event(1), event(2, { requestObject: '@' })]).split('"@"')
    return Buffer.concat([Buffer.from(before), Buffer.from(requestObject), Buffer.from(after)])
  }

  it.each([
    [
      'keys that mean something in JavaScript, in a body',
      raw('{"__proto__":{"a":1},"constructor":{"prototype":{"b":1}}}')
    ],
    ['a body nested as deep as Kubernetes takes it', raw(nested(9_999))],
    [
      'a patch with bytes that are not UTF-8',
      raw(Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from('"}')]))
    ],
    ['half a surrogate pair', raw('{"a":"\\ud800"}')],
    [
      'keys of the impersonation headers',
      list([event(1), event(2, { impersonatedUser: { username: 'x', extra: JSON.parse('{"__proto__":["y"]}') } })])
    ],
    ['a NUL character', raw('{"a":"\\u0000"}')]
  ])('%s', async (_, body) => {
    const started = await start()
    expect(await send(started, body)).toMatchObject({ status: 200, body: { accepted: 2, rejected: 0 } })
  })
})

describe('a hostile body is refused with a code and leaves nothing behind', () => {
  const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const binary = (...bytes: number[]) => Buffer.from(bytes)

  it.each<[string, string | Buffer, Sent, number, string]>([
    ['nothing', '', {}, 400, 'WEBHOOK_NOT_JSON'],
    ['truncated JSON', list([event(1)]).slice(0, -10), {}, 400, 'WEBHOOK_NOT_JSON'],
    ['text after the JSON', `${list([event(1)])}x`, {}, 400, 'WEBHOOK_NOT_JSON'],
    ['deep arrays', deep(200_000), {}, 400, 'WEBHOOK_BODY_TOO_DEEP'],
    [
      'deep objects in an event',
      list([event(1)]).replace('"alice"', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`),
      {},
      400,
      'WEBHOOK_BODY_TOO_DEEP'
    ],
    ['deep arrays that never end', '['.repeat(1_000_000), {}, 400, 'WEBHOOK_BODY_TOO_DEEP'],
    [
      '__proto__ in the list',
      `{"__proto__":{"polluted":1},${list([event(1)]).slice(1)}`,
      {},
      400,
      'WEBHOOK_FORBIDDEN_KEY'
    ],
    [
      '__proto__ in the list, with escaped letters',
      `{"\\u005f_proto__":{"polluted":1},${list([event(1)]).slice(1)}`,
      {},
      400,
      'WEBHOOK_FORBIDDEN_KEY'
    ],
    [
      '__proto__ in its only event',
      list([event(1)]).replace('{"level"', '{"__proto__":{"polluted":1},"level"'),
      {},
      400,
      'WEBHOOK_FORBIDDEN_KEY'
    ],
    [
      '__proto__ in the user',
      list([event(1)]).replace('{"username"', '{"__proto__":{"polluted":1},"username"'),
      {},
      400,
      'WEBHOOK_FORBIDDEN_KEY'
    ],
    [
      'only __proto__',
      '{"__proto__":{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[]}}',
      {},
      400,
      'WEBHOOK_WRONG_KIND'
    ],
    [
      'constructor.prototype in the list',
      `{"constructor":{"prototype":{"polluted":1}},${list([event(1)]).slice(1)}`,
      {},
      400,
      'WEBHOOK_FORBIDDEN_KEY'
    ],
    ['a kind that is a number', '{"kind":0}', {}, 400, 'WEBHOOK_WRONG_KIND'],
    ['a kind that is an object', '{"kind":{"toString":1}}', {}, 400, 'WEBHOOK_WRONG_KIND'],
    ['null', 'null', {}, 400, 'WEBHOOK_WRONG_KIND'],
    ['an array', '[]', {}, 400, 'WEBHOOK_WRONG_KIND'],
    ['a list without items', '{"kind":"EventList","apiVersion":"audit.k8s.io/v1"}', {}, 400, 'WEBHOOK_WRONG_KIND'],
    [
      'items that are no array',
      '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":{"length":1e9}}',
      {},
      400,
      'WEBHOOK_WRONG_KIND'
    ],
    [
      'the other kind of Event',
      JSON.stringify({ kind: 'Event', apiVersion: 'v1', reason: 'Scheduled' }),
      {},
      400,
      'WEBHOOK_WRONG_VERSION'
    ],
    [
      'a version of long ago',
      list([event(1)], { apiVersion: 'audit.k8s.io/v1alpha1' }),
      {},
      400,
      'WEBHOOK_WRONG_VERSION'
    ],
    ['a list of nothing usable', list([1, {}, 'x']), {}, 422, 'WEBHOOK_NO_EVENT'],
    [
      'too many items',
      `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[${'0,'.repeat(30_000)}0]}`,
      {},
      413,
      'WEBHOOK_TOO_MANY_EVENTS'
    ],
    ['bytes that are no text', binary(0xff, 0xfe, 0x00), {}, 400, 'WEBHOOK_NOT_JSON'],
    [
      'bytes that are not UTF-8 around the events',
      Buffer.from(list([event(1)], { x: '\u00ff' }), 'latin1'),
      {},
      400,
      'WEBHOOK_NOT_UTF8'
    ],
    [
      'bytes that are not UTF-8 in a user name',
      Buffer.from(list([event(1, { user: { username: '\u00ff' } })]), 'latin1'),
      {},
      400,
      'WEBHOOK_NOT_UTF8'
    ],
    [
      'another type',
      'kind: EventList',
      { headers: { 'content-type': 'application/yaml' } },
      415,
      'WEBHOOK_CONTENT_TYPE'
    ],
    [
      'a form',
      'a=b',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'WEBHOOK_CONTENT_TYPE'
    ],
    ['an encoding we do not have', 'x', { headers: { 'content-encoding': 'br' } }, 415, 'WEBHOOK_CONTENT_ENCODING'],
    ['gzip that is none', 'x', { headers: { 'content-encoding': 'gzip' } }, 400, 'WEBHOOK_BODY_TRUNCATED'],
    [
      'gzip that is cut short',
      gzipSync(list([event(1)])).subarray(0, 60),
      { headers: { 'content-encoding': 'gzip' } },
      400,
      'WEBHOOK_BODY_TRUNCATED'
    ],
    [
      'a gzip bomb',
      gzipSync(Buffer.alloc(100_000_000, ' ')),
      { headers: { 'content-encoding': 'gzip' } },
      413,
      'WEBHOOK_BODY_TOO_LARGE'
    ],
    ['another method', '', { method: 'GET' }, 405, 'WEBHOOK_METHOD_NOT_ALLOWED'],
    ['another path', list([event(1)]), { path: '/auditx' }, 404, 'WEBHOOK_NOT_FOUND'],
    ['a path that climbs', list([event(1)]), { path: '/audit/../../etc' }, 404, 'WEBHOOK_NOT_FOUND']
  ])('%s', async (_, body, sent, status, code) => {
    const started = await start()
    const answer = await send(started, body, sent)
    expect(answer).toMatchObject({ status, body: { status, code } })
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(await started.spooled()).toEqual([])
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    // It goes on working.
    expect((await send(started, list([event(9)]))).status).toBe(200)
  })

  it('100 MB', async () => {
    const started = await start()
    const body = Buffer.alloc(100 * 1024 * 1024, 'x')
    // The sender may find the connection closed before it has sent everything, or read the answer.
    const outcome = await send(started, body).catch((error: NodeJS.ErrnoException) => error.code)
    if (typeof outcome === 'object')
      expect(outcome).toMatchObject({ status: 413, body: { code: 'WEBHOOK_BODY_TOO_LARGE' } })
    else expect(['EPIPE', 'ECONNRESET']).toContain(outcome)
    expect((await send(started, list([event(9)]))).status).toBe(200)
  })

  it('100 MB without a length', async () => {
    const started = await start({ body_max_bytes: 1_000_000 })
    const outcome = await new Promise<unknown>((resolve) => {
      const request = httpRequest({
        host: '127.0.0.1',
        port: started.webhook.address.port,
        path: '/audit',
        method: 'POST',
        headers: { 'content-type': 'application/json' }
      })
      request.on('response', (response) => {
        resolve(response.statusCode)
        request.destroy()
      })
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      let sent = 0
      const more = () => {
        while (sent < 100_000_000) {
          sent += 100_000
          if (!request.write(Buffer.alloc(100_000, 'x'))) {
            request.once('drain', more)
            return
          }
        }
      }
      more()
    })
    expect([413, 'EPIPE', 'ECONNRESET']).toContain(outcome)
    expect((await send(started, list([event(9)]))).status).toBe(200)
  })

  it('says nothing of the content of a body that is not JSON', async () => {
    const answer = await send(await start(), '{"password": hunter2}')
    expect(JSON.stringify(answer.body)).not.toContain('hunter2')
  })
})

describe('a sender that does not finish', () => {
  /** What the server says before it closes the connection. */
  const until = (port: number, text: string) =>
    new Promise<string>((resolve, reject) => {
      let heard = ''
      const socket = connect(port, '127.0.0.1', () => socket.write(text))
      socket.on('data', (chunk) => {
        heard += chunk
      })
      socket.on('close', () => resolve(heard))
      socket.on('error', reject)
    })
  const timeouts = { head_timeout_ms: 300, request_timeout_ms: 500 }

  it.each([
    ['its head', 'POST /audit HTTP/1.1\r\nHost: x\r\nX-Slow: '],
    [
      'its body',
      'POST /audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"kind"'
    ]
  ])('%s is let go of after the time-out', async (_, text) => {
    const started = await start(timeouts)
    expect(await until(started.webhook.address.port, text)).toMatch(/^(HTTP\/1.1 408 |$)/)
    expect((await send(started, list([event(1)]))).status).toBe(200)
  })

  it.each([
    ['something else than HTTP', '\x16\x03\x01\x02\x00\x01', 'HTTP/1.1 400 '],
    ['an endless head', `POST /audit HTTP/1.1\r\nX: ${'x'.repeat(100_000)}`, 'HTTP/1.1 431 '],
    [
      'two lengths',
      'POST /audit HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      'HTTP/1.1 400 '
    ],
    [
      'length and chunks',
      'POST /audit HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'HTTP/1.1 400 '
    ]
  ])('or speaks %s is told so', async (_, text, expected) => {
    const started = await start(timeouts)
    const heard = await until(started.webhook.address.port, text)
    expect(heard).toContain(expected)
    expect(heard).toContain('WEBHOOK_BAD_REQUEST')
  })

  it('a body that ends early keeps nothing', async () => {
    const started = await start()
    await new Promise<void>((resolve) => {
      const socket = connect(started.webhook.address.port, '127.0.0.1', () => {
        socket.end(
          'POST /audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"kind"'
        )
      })
      socket.on('close', () => resolve())
      socket.resume()
    })
    expect(await started.spooled()).toEqual([])
  })
})

describe('when there is no room', () => {
  it('a full spool is answered with 429 and Retry-After, and taken again when there is room', async () => {
    const started = await start({ retry_after_s: 7 }, { max_bytes: 6000, segment_bytes: 1000 })
    let answer = await send(started, list([event(0)]))
    let sent = 1
    while (answer.status === 200) {
      answer = await send(started, list([event(sent)]))
      sent += 1
    }
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '7' }, body: { code: 'WEBHOOK_SPOOL_FULL' } })
    expect(await started.spooled()).toHaveLength(sent - 1)
    for await (const { next } of started.spool.read(new AbortController().signal, { follow: false }))
      await started.spool.commit(next)
    expect((await send(started, list([event(1)]))).status).toBe(200)
  })

  it('a spool that cannot be written is answered with 503 and Retry-After', async () => {
    const started = await start()
    await started.spool.close()
    expect(await send(started, list([event(1)]))).toMatchObject({
      status: 503,
      headers: { 'retry-after': '2' },
      body: { code: 'WEBHOOK_SPOOL_FAILED' }
    })
  })

  it('more bodies at a time than memory is meant for are answered with 429', async () => {
    const started = await start({ body_max_bytes: 1_000_000, in_flight_max_bytes: 1_500_000 })
    const head = 'POST /audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n'
    const slow = connect(started.webhook.address.port, '127.0.0.1')
    await new Promise<void>((resolve) => slow.once('connect', resolve))
    slow.write(head)
    const busy = list([event(1, { requestObject: { data: 'x'.repeat(600_000) } })])
    // The head of the slow request may be read a moment later.
    let answer = await send(started, busy)
    for (let n = 0; answer.status === 200 && n < 50; n += 1) answer = await send(started, busy)
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '2' }, body: { code: 'WEBHOOK_BUSY' } })
    slow.destroy()
    for (let n = 0; answer.status !== 200 && n < 50; n += 1) answer = await send(started, busy)
    expect(answer.status).toBe(200)
  })
})

describe('who may send', () => {
  const certificates = createCertificates()
  const server = certificates.issue('collector')
  const client = certificates.issue('kube-apiserver')
  const other = createCertificates().issue('kube-apiserver')
  const pair = ({ cert_file, key_file }: { cert_file: string; key_file: string }) => ({
    cert: readFileSync(cert_file),
    key: readFileSync(key_file)
  })
  const { ca } = certificates
  const body = list([event(1)])

  it('with a token: only who has it', async () => {
    const started = await start({ tls: server, bearer_token_file: tokenFile() })
    const ask = (headers: Record<string, string>) => send(started, body, { tls: { ca }, headers })
    expect(await ask({})).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer' },
      body: { code: 'WEBHOOK_UNAUTHORIZED' }
    })
    expect((await ask({ authorization: 'Bearer wrong' })).status).toBe(401)
    expect((await ask({ authorization: `Basic ${TOKEN}` })).status).toBe(401)
    expect((await ask({ authorization: `Bearer ${TOKEN}x` })).status).toBe(401)
    expect(await started.spooled()).toEqual([])
    expect((await ask({ authorization: `Bearer ${TOKEN}` })).status).toBe(200)
  })

  it('with mTLS: only who has a certificate of the CA', async () => {
    const started = await start({ tls: { ...server, client_ca_file: certificates.ca_file } })
    await expect(send(started, body, { tls: { ca } })).rejects.toThrow()
    await expect(send(started, body, { tls: { ca, ...pair(other) } })).rejects.toThrow()
    expect(await started.spooled()).toEqual([])
    expect((await send(started, body, { tls: { ca, ...pair(client) } })).status).toBe(200)
  })

  it('with names: only whose certificate has one of them', async () => {
    const started = await start({
      tls: { ...server, client_ca_file: certificates.ca_file },
      client_names: ['kube-apiserver']
    })
    expect(await send(started, body, { tls: { ca, ...pair(server) } })).toMatchObject({
      status: 403,
      body: { code: 'WEBHOOK_CLIENT_NOT_ALLOWED' }
    })
    expect((await send(started, body, { tls: { ca, ...pair(client) } })).status).toBe(200)
  })

  it('plain HTTP to a TLS port goes nowhere', async () => {
    const started = await start({ tls: server })
    await expect(send(started, body)).rejects.toThrow()
  })

  it('renewed certificates and tokens are used without a restart', async () => {
    const folder = newFolder()
    const files = { cert_file: join(folder, 'tls.crt'), key_file: join(folder, 'tls.key') }
    const use = ({ cert_file, key_file }: { cert_file: string; key_file: string }) => {
      copyFileSync(key_file, files.key_file)
      copyFileSync(cert_file, files.cert_file)
    }
    use(server)
    const started = await start({ tls: { ...files, reload_interval_ms: 20 } })
    const second = createCertificates()
    await expect(send(started, body, { tls: { ca: second.ca } })).rejects.toThrow()
    use(second.issue('collector'))
    let status = 0
    for (let n = 0; status !== 200 && n < 200; n += 1) {
      status = await send(started, body, { tls: { ca: second.ca } }).then(
        (answer) => answer.status,
        () => new Promise<number>((resolve) => setTimeout(resolve, 10, 0))
      )
    }
    expect(status).toBe(200)
  })

  it.each([
    ['a file that is not there', { ...server, cert_file: '/nowhere' }],
    ['a key of another certificate', { ...server, key_file: client.key_file }],
    ['a certificate that is none', { ...server, cert_file: tokenFile() }]
  ])('%s stops the start with a code', async (_, tls) => {
    await expect(start({ tls })).rejects.toMatchObject({ code: 'WEBHOOK_TLS_UNREADABLE' })
  })

  it.each<[string, WebhookInput]>([
    ['no TLS outside of loopback', { host: '0.0.0.0' }],
    ['TLS without anyone having to prove anything', { host: '0.0.0.0', tls: server }],
    ['names without a CA', { tls: server, client_names: ['x'] }]
  ])('the settings refuse %s', (_, input) => {
    expect(auditCollectorOptions.safeParse({ webhook: input }).success).toBe(false)
  })
})

describe('deliveries of managed clouds', () => {
  const subscription = (number: number) => ({
    messageType: 'DATA_MESSAGE',
    owner: '123412341234',
    logGroup: '/aws/eks/prod/cluster',
    logStream: 'kube-apiserver-audit-1',
    subscriptionFilters: ['weir'],
    logEvents: [
      {
        id: '3'.repeat(56),
        timestamp: 1_700_000_000_000,
        message: JSON.stringify({ kind: 'Event', apiVersion: 'audit.k8s.io/v1', ...event(number) })
      }
    ]
  })
  const base64 = (data: string | Buffer) => Buffer.from(data).toString('base64')
  const entry = {
    insertId: 'x',
    logName: 'projects/p/logs/cloudaudit.googleapis.com%2Factivity',
    protoPayload: {
      '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
      methodName: 'io.k8s.core.v1.pods.create',
      serviceName: 'k8s.io'
    },
    resource: { type: 'k8s_cluster', labels: { cluster_name: 'prod' } },
    timestamp: '2026-01-31T10:00:00Z'
  }
  const azure = {
    records: [
      {
        category: 'kube-audit',
        operationName: 'Microsoft.ContainerService/managedClusters/diagnosticLogs/Read',
        resourceId: '/SUBSCRIPTIONS/S/X',
        properties: { log: JSON.stringify(event(1)) },
        time: '2026-01-31T10:00:00Z'
      }
    ]
  }

  it('Firehose: gzip records, joined ones too, with the answer it wants', async () => {
    const started = await start({ bearer_token_file: tokenFile() })
    const both = JSON.stringify(subscription(1)) + JSON.stringify(subscription(2))
    const body = JSON.stringify({
      requestId: 'r-1',
      timestamp: 1,
      records: [{ data: base64(gzipSync(both)) }, { data: base64(JSON.stringify(subscription(3))) }]
    })
    const headers = { 'x-amz-firehose-request-id': 'r-1', 'x-amz-firehose-access-key': TOKEN }
    expect(await send(started, body, { path: '/eks', headers })).toMatchObject({
      status: 200,
      body: { requestId: 'r-1', timestamp: 1_700_000_000_000 }
    })
    const [record] = await started.spooled()
    expect(record).toMatchObject({ form: 'lines', from: '/eks' })
    expect(
      record?.body
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
    ).toEqual([subscription(1), subscription(2), subscription(3)])
  })

  it('Firehose: a refusal has its id and a message', async () => {
    const started = await start({ bearer_token_file: tokenFile() })
    const answer = await send(started, '{}', {
      path: '/eks',
      headers: { 'x-amz-firehose-request-id': 'r-1', 'x-amz-firehose-access-key': 'wrong' }
    })
    expect(answer).toMatchObject({
      status: 401,
      body: { requestId: 'r-1', errorMessage: expect.stringContaining('WEBHOOK_UNAUTHORIZED') }
    })
    expect(answer.headers['content-type']).toMatch(/^application\/json/)
  })

  it('Pub/Sub: push requests, with the token in the address', async () => {
    const started = await start({ bearer_token_file: tokenFile() })
    const body = JSON.stringify({ message: { data: base64(JSON.stringify(entry)), messageId: '1' }, subscription: 's' })
    expect((await send(started, body, { path: '/gke?token=wrong' })).status).toBe(401)
    expect((await send(started, body, { path: `/gke?token=${TOKEN}` })).status).toBe(200)
    expect((await send(started, JSON.stringify(entry), { path: `/gke?token=${TOKEN}` })).status).toBe(200)
    expect((await started.spooled()).map((record) => JSON.parse(record.body))).toEqual([entry, entry])
  })

  it('Event Hubs: what a function forwards', async () => {
    const started = await start()
    expect((await send(started, JSON.stringify(azure), { path: '/aks' })).status).toBe(200)
    expect((await send(started, JSON.stringify([azure]), { path: '/aks' })).status).toBe(200)
    expect((await started.spooled()).map(({ form }) => form)).toEqual(['json', 'json'])
  })

  it.each([
    ['/eks', '{"records":[{}]}', 'WEBHOOK_WRONG_ENVELOPE'],
    ['/eks', '{}', 'WEBHOOK_WRONG_ENVELOPE'],
    ['/eks', `{"records":[{"data":"${base64(gzipSync('x')).slice(0, 12)}"}]}`, 'WEBHOOK_BODY_TRUNCATED'],
    ['/gke', '{"message":{"data":7}}', 'WEBHOOK_WRONG_ENVELOPE'],
    ['/gke', '[]', 'WEBHOOK_WRONG_ENVELOPE'],
    ['/aks', list([event(1)]), 'WEBHOOK_WRONG_ENVELOPE'],
    ['/aks', '{', 'WEBHOOK_NOT_JSON'],
    ['/aks', '['.repeat(20_000), 'WEBHOOK_BODY_TOO_DEEP']
  ])('%s refuses %s', async (path, body, code) => {
    const started = await start()
    expect(await send(started, body, { path })).toMatchObject({ status: 400, body: { code } })
    expect(await started.spooled()).toEqual([])
  })

  it('/eks refuses a gzip bomb in its records', async () => {
    const started = await start({ body_max_bytes: 100_000 })
    const record = { data: base64(gzipSync(Buffer.alloc(60_000, ' '))) }
    expect(await send(started, JSON.stringify({ records: [record, record] }), { path: '/eks' })).toMatchObject({
      status: 413
    })
  })
})
