import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createOpenSearchClient } from './client.ts'
import { openSearchOptions } from './options.ts'
import { setupOpenSearch } from './setup.ts'

/** As much of OpenSearch as setup needs, with the state management plugin, which the real server of the other tests lacks. */
interface Fake {
  readonly url: string
  /** What was put, by path. */
  readonly stored: Map<string, { body: Record<string, unknown>; sequence: number }>
  /** Answers these paths with this status instead. */
  readonly failing: Map<string, number>
  close(): Promise<void>
}

async function fakeOpenSearch(): Promise<Fake> {
  const stored: Fake['stored'] = new Map()
  const failing: Fake['failing'] = new Map()
  const respond = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const url = new URL(incoming.url ?? '/', 'http://fake')
    const answer = (status: number, body: unknown) =>
      outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    const failure = failing.get(url.pathname)
    if (failure !== undefined) return answer(failure, { error: { type: 'broken', reason: 'as told' }, status: failure })
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const existing = stored.get(url.pathname)
    if (incoming.method === 'PUT') {
      const wanted = url.searchParams.get('if_seq_no')
      if (url.pathname.startsWith('/_plugins/') && existing !== undefined && wanted !== String(existing.sequence)) {
        return answer(409, { error: { type: 'version_conflict_engine_exception', reason: 'no' } })
      }
      stored.set(url.pathname, {
        body: JSON.parse(Buffer.concat(chunks).toString()),
        sequence: (existing?.sequence ?? 0) + 1
      })
      return answer(200, { acknowledged: true })
    }
    if (url.pathname.endsWith('/_mapping')) return answer(200, {})
    if (existing === undefined) return answer(404, { error: { type: 'resource_not_found_exception', reason: 'none' } })
    const [, endpoint, name] = url.pathname.split('/')
    if (endpoint === '_component_template')
      return answer(200, { component_templates: [{ name, component_template: existing.body }] })
    if (endpoint === '_index_template')
      return answer(200, { index_templates: [{ name, index_template: existing.body }] })
    // The plugin adds fields of its own.
    return answer(200, {
      _seq_no: existing.sequence,
      _primary_term: 1,
      policy: { ...(existing.body['policy'] as object), last_updated_time: 1 }
    })
  }
  const server: Server = createServer((incoming, outgoing) => void respond(incoming, outgoing))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stored,
    failing,
    close: () => new Promise((resolve) => server.close(() => resolve()))
  }
}

let fake: Fake
let client: ReturnType<typeof createOpenSearchClient>

beforeEach(async () => {
  fake = await fakeOpenSearch()
  client = createOpenSearchClient(openSearchOptions.parse({ nodes: [fake.url] }))
})

afterEach(async () => {
  await client.close()
  await fake.close()
})

const setup = () => setupOpenSearch(client, { prefix: 'acme' })

describe('with the state management plugin', () => {
  it('policies are made, then left alone, and put right when changed', async () => {
    expect(await setup()).toContain('created state management policy acme-events')
    expect(await setup()).toEqual([])
    const policy = fake.stored.get('/_plugins/_ism/policies/acme-events')
    if (policy !== undefined) Object.assign(policy.body, { policy: { description: 'changed by hand' } })
    expect(await setup()).toEqual(['updated state management policy acme-events'])
    expect(await setup()).toEqual([])
  })

  it('policies are for the indices of the prefix', async () => {
    await setup()
    expect(JSON.stringify(fake.stored.get('/_plugins/_ism/policies/acme-events')?.body)).toContain(
      '"index_patterns":["acme-events-*"]'
    )
  })
})

it('without the plugin says so, and does the rest', async () => {
  for (const kind of ['events', 'signals', 'actions']) fake.failing.set(`/_plugins/_ism/policies/acme-${kind}`, 400)
  const lines = await setup()
  expect(lines.filter((line) => line.startsWith('note:'))).toHaveLength(1)
  expect(lines).toContain('created index acme-containers')
})

it.each([
  [403, 'OPENSEARCH_FORBIDDEN'],
  [500, 'OPENSEARCH_UNAVAILABLE']
])('stops when OpenSearch answers %i', async (status, code) => {
  fake.failing.set('/_component_template/acme-common', status)
  await expect(setup()).rejects.toMatchObject({ code })
})

it('stops when OpenSearch is not there', async () => {
  await fake.close()
  await expect(setup()).rejects.toMatchObject({ code: 'OPENSEARCH_UNAVAILABLE' })
})
