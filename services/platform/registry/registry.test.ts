import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { SCHEMAS } from '../../../schemas/generated/schemas.ts'
import type { WeirError } from '../../core/errors.ts'
import { loadTopics } from '../topics.ts'
import { createRegistry } from './client.ts'
import { createMemoryRegistry } from './memory.ts'
import { registryOptions } from './options.ts'
import { registrySchemas, type SchemaRegistry, subjectOf } from './registry.ts'

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

/** A server that answers as told, and the client for it. */
async function registryAt(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  more: object = {},
  onRetry?: (error: WeirError) => void
) {
  server = createServer(answer)
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return createRegistry(
    registryOptions.parse({ url: `http://127.0.0.1:${port}/apis/ccompat/v7`, retry_for_ms: 0, ...more }),
    onRetry
  )
}

const json = (response: ServerResponse, status: number, body: unknown) =>
  response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body))

describe('what a registry answers', () => {
  it('is asked below its base path, with the schema as text', async () => {
    const asked: { url: string | undefined; method: string | undefined; body: unknown }[] = []
    const registry = await registryAt((request, response) => {
      let text = ''
      request.on('data', (chunk) => {
        text += chunk
      })
      request.on('end', () => {
        asked.push({ url: request.url, method: request.method, body: text === '' ? null : JSON.parse(text) })
        json(response, 200, { id: 7, schema: '{"type":"string"}', compatibilityLevel: 'full' })
      })
    })
    expect(await registry.find('t-value', { type: 'int' })).toBe(7)
    expect(await registry.register('t-value', { type: 'int' })).toBe(7)
    expect(await registry.schema(12)).toEqual({ type: 'string' })
    expect(await registry.compatibility('t-value')).toBe('FULL')
    await registry.setCompatibility('t-value', 'NONE')
    const base = '/apis/ccompat/v7'
    expect(asked).toEqual([
      { url: `${base}/subjects/t-value`, method: 'POST', body: { schema: '{"type":"int"}' } },
      { url: `${base}/subjects/t-value/versions`, method: 'POST', body: { schema: '{"type":"int"}' } },
      { url: `${base}/schemas/ids/12`, method: 'GET', body: null },
      { url: `${base}/config/t-value`, method: 'GET', body: null },
      { url: `${base}/config/t-value`, method: 'PUT', body: { compatibility: 'NONE' } }
    ])
  })

  it.each([
    ['a schema it does not know', 404, { error_code: 40403, message: 'Schema not found' }, undefined],
    ['no access', 401, { error_code: 401, message: 'Unauthorized' }, 'REGISTRY_REFUSED'],
    ['no permission', 403, { error_code: 403, message: 'Forbidden' }, 'REGISTRY_REFUSED'],
    ['an error of its own', 500, { error_code: 50001, message: 'backend' }, 'REGISTRY_UNREACHABLE'],
    ['a 404 that is none of a registry', 404, { error: 'no such page' }, 'REGISTRY_UNREACHABLE'],
    ['something else than an object', 200, 'hello', 'REGISTRY_UNREACHABLE']
  ])('%s is told apart', async (_what, status, body, code) => {
    const registry = await registryAt((_request, response) => json(response, status, body))
    const asked = registry.schema(12)
    if (code === undefined) await expect(asked).resolves.toBeUndefined()
    else await expect(asked).rejects.toMatchObject({ code })
  })

  it.each([409, 422])('%i to a registration is a schema that does not fit', async (status) => {
    const registry = await registryAt((_request, response) =>
      json(response, status, { error_code: status, message: 'no' })
    )
    await expect(registry.register('t-value', {})).rejects.toMatchObject({ code: 'REGISTRY_INCOMPATIBLE' })
  })

  it('no answer is an unreachable registry, not a wrong request', async () => {
    const silent = await registryAt(() => {}, { request_timeout_ms: 50 })
    await expect(silent.schema(1)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE', retriable: true })
    const nobody = createRegistry(registryOptions.parse({ url: 'http://127.0.0.1:1', retry_for_ms: 0 }))
    await expect(nobody.register('t', {})).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringMatching(/^cannot register t at http:\/\/127\.0\.0\.1:1: connect ECONNREFUSED/)
    })
  })

  it('an outage is waited for', async () => {
    let left = 2
    const registry = await registryAt(
      (request, response) => {
        if (left-- > 0) request.socket.destroy()
        else json(response, 200, { schema: '"string"' })
      },
      { retry_for_ms: 5000 }
    )
    expect(await registry.schema(1)).toBe('string')
  })

  it('a look-up that took too long is made again, and somebody is told', async () => {
    let left = 2
    const told: string[] = []
    const slow = await registryAt(
      (_request, response) => {
        if (left-- <= 0) json(response, 200, { schema: '"string"' })
      },
      { request_timeout_ms: 50, retry_for_ms: 60_000 },
      ({ code }) => told.push(code)
    )
    expect(await slow.schema(1)).toBe('string')
    expect(told).toEqual(['REGISTRY_UNREACHABLE', 'REGISTRY_UNREACHABLE'])
  })

  it('a schema that is not Avro is there, for the codec to refuse', async () => {
    const registry = await registryAt((request, response) =>
      json(response, 200, request.url?.endsWith('/1') ? { schemaType: 'JSON', schema: '{}' } : { schema: '{{' })
    )
    expect(await registry.schema(1)).toBeDefined()
    expect(await registry.schema(2)).toBeDefined()
  })

  it('credentials are read from their file', async () => {
    const path = `${import.meta.dirname}/no-such-file`
    const options = registryOptions.parse({ username: 'u', password_file: path })
    expect(() => createRegistry(options)).toThrow(/registry\.password_file.*no-such-file/)
    expect(() => registryOptions.parse({ username: 'u' })).toThrow(/come together/)
  })
})

describe('the schemas of a service', () => {
  const topics = loadTopics()
  const options = { unknown_id_ttl_ms: 40 }

  async function registered(): Promise<SchemaRegistry> {
    const registry = createMemoryRegistry()
    for (const { name, schema } of topics) {
      if (schema !== null) await registry.register(subjectOf(name), SCHEMAS[schema])
    }
    return registry
  }

  it('have the ids they were registered with', async () => {
    const registry = await registered()
    const schemas = await registrySchemas(registry, topics, options)
    const id = await registry.find('weir.signals.v1-value', SCHEMAS.signal)
    expect(schemas.idOf('signal')).toBe(id)
    expect(await schemas.writerSchema(id ?? 0)).toEqual(SCHEMAS.signal)
    expect(() => schemas.idOf('cluster')).toThrow(/cluster/)
  })

  it('are missing before setup, which is said', async () => {
    await expect(registrySchemas(createMemoryRegistry(), topics, options)).rejects.toMatchObject({
      code: 'REGISTRY_NOT_REGISTERED',
      message: expect.stringContaining('weir setup')
    })
  })

  it('are asked for once each, unknown ids once in a while, failures every time', async () => {
    const registry = await registered()
    const asked: number[] = []
    let outage = false
    const counted: SchemaRegistry = {
      ...registry,
      schema: async (id) => {
        asked.push(id)
        if (outage) throw new Error('outage')
        return registry.schema(id)
      }
    }
    const schemas = await registrySchemas(counted, topics, options)
    await Promise.all([schemas.writerSchema(1), schemas.writerSchema(1)])
    await schemas.writerSchema(1)
    expect(asked).toEqual([1])
    for (let times = 0; times < 3; times++) expect(await schemas.writerSchema(4711)).toBeUndefined()
    expect(asked).toEqual([1, 4711])
    await new Promise((resolve) => setTimeout(resolve, 80))
    await schemas.writerSchema(4711)
    expect(asked).toEqual([1, 4711, 4711])
    outage = true
    for (let times = 0; times < 2; times++) await expect(schemas.writerSchema(2)).rejects.toThrow('outage')
    outage = false
    expect(await schemas.writerSchema(2)).toBeDefined()
  })
})

describe('the registry in memory', () => {
  const v1 = { type: 'record', name: 'R', fields: [{ name: 'a', type: 'string' }] }
  const optional = { ...v1, fields: [...v1.fields, { name: 'b', type: 'string', default: '' }] }
  const required = { ...v1, fields: [...v1.fields, { name: 'b', type: 'string' }] }
  const empty = { ...v1, fields: [] }

  it.each([
    ['NONE', required, true],
    ['BACKWARD', optional, true],
    ['BACKWARD', required, false],
    ['BACKWARD', empty, true],
    ['FORWARD', required, true],
    ['FORWARD', empty, false],
    ['FULL_TRANSITIVE', optional, true],
    ['FULL_TRANSITIVE', required, false],
    ['FULL_TRANSITIVE', empty, false]
  ] as const)('%s holds the next schema to its level', async (level, next, fits) => {
    const registry = createMemoryRegistry()
    await registry.register('s', v1)
    await registry.setCompatibility('s', level)
    const registering = registry.register('s', next)
    if (fits) await expect(registering).resolves.toBe(2)
    else await expect(registering).rejects.toMatchObject({ code: 'REGISTRY_INCOMPATIBLE' })
  })

  it('gives equal schemas one id, and registers none twice', async () => {
    const registry = createMemoryRegistry()
    expect(await registry.register('s', v1)).toBe(1)
    expect(await registry.register('s', v1)).toBe(1)
    expect(await registry.register('other', v1)).toBe(1)
    expect(await registry.find('third', v1)).toBeNull()
    expect(await registry.schema(2)).toBeUndefined()
  })
})
