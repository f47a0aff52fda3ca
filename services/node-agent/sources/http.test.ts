import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { eventFixture } from '../../../test/support/event-fixtures.ts'
import { createRecordingOutput } from '../../../test/support/recording-output.ts'
import { decodeRecord } from '../../platform/ingest/record.ts'
import { silentLogger } from '../../platform/log.ts'
import { openSpool, type SpoolOptions } from '../../platform/spool/spool.ts'
import { createBuild } from '../build.ts'
import { createHold } from '../containers/hold.ts'
import { attributionOptions } from '../containers/options.ts'
import { nodeAgentOptions } from '../options.ts'
import { startHttpSource } from './http.ts'
import { httpSource } from './options.ts'

const closing: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const newFolder = () => mkdtempSync(join(tmpdir(), 'weir-agent-http-'))
const TOKEN = 'a-token-of-the-test'
const NOW_MS = 1_700_000_000_000
const [FALCO = {}, SECOND = {}] = eventFixture('falco.ndjson')
const [TRACEE = {}] = eventFixture('tracee.ndjson')

async function start(input: z.input<typeof httpSource>, spoolOptions: Partial<SpoolOptions> = {}) {
  const source = httpSource.parse({ ...input, http: { port: 0, ...input.http } })
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
  const { address, stop } = await startHttpSource({ source, spool, log: silentLogger, now_ms: () => NOW_MS })
  closing.push(stop)
  const send = async (body: string | Buffer, init: RequestInit & { path?: string } = {}) => {
    const response = await fetch(`http://127.0.0.1:${address.port}${init.path ?? '/'}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : new Uint8Array(body),
      ...init,
      headers: { 'content-type': 'application/json', ...init.headers }
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) }
  }
  const spooled = async () => {
    const records = []
    for await (const { payload } of spool.read(new AbortController().signal, { follow: false }))
      records.push(decodeRecord(payload))
    return records
  }
  return { source, spool, send, spooled }
}

describe('what a sensor sends', () => {
  it.each<['falco' | 'tracee', unknown, Record<string, string>]>([
    ['falco', FALCO, {}],
    ['falco', FALCO, { 'content-type': 'text/plain' }],
    ['falco', [FALCO, SECOND], {}],
    ['tracee', TRACEE, {}]
  ])('of %s is in the spool before the answer', async (type, json, headers) => {
    const { send, spooled } = await start({ type, http: {} })
    expect(await send(JSON.stringify(json, null, 2), { headers })).toMatchObject({
      status: 200,
      body: { accepted: true }
    })
    const [record] = await spooled()
    expect(record?.header).toMatchObject({ form: 'lines', received: NOW_MS * 1000 })
    expect(JSON.parse(String(record?.body))).toEqual(json)
  })

  it('becomes events of the sensor, as from its file', async () => {
    const { source, send, spooled, spool } = await start({ type: 'tracee', http: {} })
    await send(JSON.stringify(TRACEE))
    const output = createRecordingOutput()
    const hold = createHold({
      options: attributionOptions.parse({}),
      find: () => null,
      state: () => 'none',
      now_ms: () => NOW_MS
    })
    const context = {
      codec: output.codec,
      service: 'x',
      instance: 'n',
      message_max_bytes: 8_000_000,
      now: () => NOW_MS
    }
    const build = createBuild({ id: 'c', name: 'c' }, { sources: [source] }, context, hold)
    const records = []
    for await (const record of spool.read(new AbortController().signal, { follow: false })) records.push(record)
    const { messages } = build(records, null, false)
    expect(messages.map(({ topic }) => topic)).toEqual(['weir.runtime.v1'])
    expect(await spooled()).toHaveLength(1)
  })

  it('may be compressed, and may hold bytes that are no UTF-8', async () => {
    const { send, spooled } = await start({ type: 'falco', http: {} })
    const bytes = Buffer.from(JSON.stringify({ ...FALCO, output: '@' }))
    bytes[bytes.indexOf('@')] = 0xff
    expect((await send(gzipSync(bytes), { headers: { 'content-encoding': 'gzip' } })).status).toBe(200)
    expect(String((await spooled())[0]?.body)).toContain('\ufffd')
  })
})

describe('what is no event is refused with a code and leaves nothing behind', () => {
  it.each<[string, string, RequestInit & { path?: string }, number, string]>([
    ['nothing', '', {}, 400, 'WEBHOOK_NOT_JSON'],
    ['text', 'Warning Shell in container', { headers: { 'content-type': 'text/plain' } }, 400, 'WEBHOOK_NOT_JSON'],
    ['an event of another sensor', JSON.stringify(TRACEE), {}, 422, 'WEBHOOK_NO_EVENT'],
    ['an empty list', '[]', {}, 422, 'WEBHOOK_NO_EVENT'],
    ['deep JSON', '['.repeat(100_000), {}, 400, 'WEBHOOK_BODY_TOO_DEEP'],
    ['too much', JSON.stringify({ ...FALCO, output: 'x'.repeat(300_000) }), {}, 413, 'WEBHOOK_BODY_TOO_LARGE'],
    [
      'a form',
      'a=b',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'WEBHOOK_CONTENT_TYPE'
    ],
    ['another path', JSON.stringify(FALCO), { path: '/x' }, 404, 'WEBHOOK_NOT_FOUND'],
    ['another method', JSON.stringify(FALCO), { method: 'PUT' }, 405, 'WEBHOOK_METHOD_NOT_ALLOWED']
  ])('%s', async (_name, body, init, status, code) => {
    const { send, spooled } = await start({ type: 'falco', http: { body_max_bytes: 200_000 } })
    expect(await send(body, init)).toMatchObject({ status, body: { code } })
    expect(await spooled()).toEqual([])
    expect((await send(JSON.stringify(FALCO))).status).toBe(200)
  })
})

it('a full spool is answered with 429, and what it cost is told once there is room', async () => {
  const { send, spool, spooled } = await start({ type: 'falco', http: {} }, { max_bytes: 12_000, segment_bytes: 2000 })
  const alert = JSON.stringify(FALCO)
  let answer = await send(alert)
  for (let sent = 0; answer.status === 200 && sent < 50; sent += 1) answer = await send(alert)
  expect(answer).toMatchObject({ status: 429, body: { code: 'WEBHOOK_SPOOL_FULL' } })
  expect(answer.headers.get('retry-after')).toBe('2')
  for await (const { next } of spool.read(new AbortController().signal, { follow: false })) await spool.commit(next)
  expect((await send(alert)).status).toBe(200)
  const [event, drop] = (await spooled()).slice(-2)
  expect(event?.header.form).toBe('lines')
  expect(drop?.header.form).toBe('drop')
  expect(JSON.parse(String(drop?.body))).toEqual({ reason: 'WEBHOOK_SPOOL_FULL', count: '1' })
})

describe('a token', () => {
  it.each([
    ['as bearer', `Bearer ${TOKEN}`, 200],
    ['as the password that a URL has', `Basic ${Buffer.from(`weir:${TOKEN}`).toString('base64')}`, 200],
    ['that is wrong', 'Bearer nonsense', 401],
    ['as a user', `Basic ${Buffer.from(TOKEN).toString('base64')}`, 401],
    ['of nobody', '', 401]
  ])('%s', async (_name, authorization, status) => {
    const file = join(newFolder(), 'token')
    writeFileSync(file, `${TOKEN}\n`)
    const { send } = await start({ type: 'falco', http: { bearer_token_file: file } })
    const headers = authorization === '' ? {} : { authorization }
    expect((await send(JSON.stringify(FALCO), { headers })).status).toBe(status)
  })
})

it.each([
  ['in clear outside of the node', [{ type: 'falco', http: { host: '0.0.0.0' } }], false],
  [
    'from outside without proof of who sends',
    [{ type: 'falco', http: { host: '0.0.0.0', tls: { cert_file: '/c', key_file: '/k' } } }],
    false
  ],
  [
    'twice at the same place',
    [
      { type: 'falco', http: {} },
      { type: 'tracee', http: {} }
    ],
    false
  ],
  ['of a sensor that does not send', [{ type: 'tetragon', http: {} }], false],
  [
    'of two sensors',
    [
      { type: 'falco', http: {} },
      { type: 'tracee', http: { port: 2802 } }
    ],
    true
  ]
])('the settings take events %s: %j', (_name, sources, fine) => {
  expect(nodeAgentOptions.safeParse({ sources }).success).toBe(fine)
})
