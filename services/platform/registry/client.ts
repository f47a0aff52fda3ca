import { readFileSync } from 'node:fs'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, WeirError } from '../../core/errors.ts'
import { COMPATIBILITIES, type Compatibility } from '../topics.ts'
import { REGISTRY_ERRORS } from './errors.ts'
import type { RegistryOptions } from './options.ts'
import type { SchemaRegistry } from './registry.ts'

/** The HTTP client inside of the library. Loaded in the manner of CommonJS, since module loaders disagree on its default. */
type Api = typeof import('@kafkajs/confluent-schema-registry/dist/api/index.js')
const { default: createApi } = createRequire(import.meta.url)(
  '@kafkajs/confluent-schema-registry/dist/api/index.js'
) as Api['default'] extends { default: infer Create } ? { default: Create } : Api
type ApiOptions = Parameters<typeof createApi>[0]
type Middleware = NonNullable<ApiOptions['middlewares']>[number]

/** How long to wait before trying again, milliseconds; twice as long each time. */
const FIRST_WAIT_MS = 100

function readSetting(path: string, setting: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const message = `${setting}: ${path} cannot be read: ${messageOf(error)}`
    throw new WeirError(REGISTRY_ERRORS, 'REGISTRY_FILE_UNREADABLE', message, { cause: error })
  }
}

function agentOf(options: RegistryOptions): HttpAgent {
  if (!options.url.startsWith('https:')) return new HttpAgent({ keepAlive: true })
  const { tls_ca_file, tls_cert_file, tls_key_file } = options
  return new HttpsAgent({
    keepAlive: true,
    ...(tls_ca_file !== undefined && { ca: readSetting(tls_ca_file, 'registry.tls_ca_file') }),
    ...(tls_cert_file !== undefined && { cert: readSetting(tls_cert_file, 'registry.tls_cert_file') }),
    ...(tls_key_file !== undefined && { key: readSetting(tls_key_file, 'registry.tls_key_file') })
  })
}

/** Sets the time limit, which there is none of otherwise. */
function limit(timeout_ms: number): Middleware {
  return () => ({ prepareRequest: async (next) => (await next()).enhance({ timeout: timeout_ms }) })
}

/**
 * How the library's message begins when the answer was none of a schema registry, whose errors all have a text of their own:
 * there was no connection (the library calls that status 400), or something else answers here. A 404 of that sort must not
 * pass for an unknown schema, or every message would become a dead letter.
 */
const NOT_ITS_OWN = /^weir - Error, status \d+/

const statusOf = (error: unknown) =>
  typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : 0

/**
 * Client of a registry with Confluent's API. The library `@kafkajs/confluent-schema-registry` speaks to it; its own caches,
 * its defaults for subjects and compatibility, and its coding of messages are not used.
 * @param onRetry told of each failure after which it is tried again
 * @throws REGISTRY_FILE_UNREADABLE; the registry is not spoken to yet
 */
export function createRegistry(
  options: RegistryOptions,
  onRetry: (error: WeirError) => void = () => {}
): SchemaRegistry {
  const { url, username, password_file, request_timeout_ms, retry_for_ms } = options
  const login =
    username === undefined || password_file === undefined
      ? undefined
      : { username, password: readSetting(password_file, 'registry.password_file').trimEnd() }
  const api = createApi({
    host: url,
    clientId: 'weir',
    agent: agentOf(options),
    ...(login !== undefined && { auth: login }),
    // A refused connection is no reason for the library to try again, so we do that.
    retry: { retries: 0 },
    middlewares: [limit(request_timeout_ms)]
  })

  function failure(error: unknown, what: string): WeirError {
    const status = statusOf(error)
    const reason = messageOf(error).replace(/^weir - (Error, status (400|404): )?/, '')
    const cause = { cause: error }
    if (status === 401 || status === 403) {
      return new WeirError(REGISTRY_ERRORS, 'REGISTRY_REFUSED', `${url} refuses to ${what}: ${reason}`, cause)
    }
    if (status === 409 || status === 422) {
      return new WeirError(REGISTRY_ERRORS, 'REGISTRY_INCOMPATIBLE', `${url} cannot ${what}: ${reason}`, cause)
    }
    return new WeirError(REGISTRY_ERRORS, 'REGISTRY_UNREACHABLE', `cannot ${what} at ${url}: ${reason}`, cause)
  }

  async function once(
    what: string,
    request: () => Promise<{ data(): unknown }>
  ): Promise<Record<string, unknown> | null> {
    try {
      const body = (await request()).data()
      if (typeof body === 'object' && body !== null) return body as Record<string, unknown>
      throw new Error('the answer is not a JSON object')
    } catch (error) {
      if (statusOf(error) === 404 && !NOT_ITS_OWN.test(messageOf(error))) return null
      throw failure(error, what)
    }
  }

  /** @returns the body of the answer, null when what was asked for is not there */
  async function ask(
    what: string,
    request: () => Promise<{ data(): unknown }>
  ): Promise<Record<string, unknown> | null> {
    const deadline = performance.now() + retry_for_ms
    for (let wait = FIRST_WAIT_MS; ; wait *= 2) {
      try {
        return await once(what, request)
      } catch (error) {
        const isOutage = error instanceof WeirError && error.code === 'REGISTRY_UNREACHABLE'
        if (!isOutage || performance.now() + wait > deadline) throw error
        onRetry(error)
        await delay(wait)
      }
    }
  }

  function numberIn(body: Record<string, unknown>, what: string): number {
    if (Number.isSafeInteger(body.id)) return Number(body.id)
    throw failure(new Error('the answer has no id'), what)
  }

  return {
    async find(subject, schema) {
      const what = `look up ${subject}`
      const body = { schema: JSON.stringify(schema) }
      const answer = await ask(what, () => api.Subject.registered({ subject, body }))
      return answer === null ? null : numberIn(answer, what)
    },

    async register(subject, schema) {
      const what = `register ${subject}`
      const body = { schema: JSON.stringify(schema) }
      const answer = await ask(what, () => api.Subject.register({ subject, body }))
      if (answer === null) throw failure(new Error('the answer is 404'), what)
      return numberIn(answer, what)
    },

    async compatibility(subject) {
      const answer = await ask(`read the compatibility of ${subject}`, () => api.Subject.config({ subject }))
      const level = answer?.compatibilityLevel ?? answer?.compatibility
      return COMPATIBILITIES.find((known) => typeof level === 'string' && known === level.toUpperCase()) ?? null
    },

    async setCompatibility(subject, level: Compatibility) {
      const what = `set the compatibility of ${subject}`
      const answer = await ask(what, () => api.Subject.updateConfig({ subject, body: { compatibility: level } }))
      if (answer === null) throw failure(new Error('there is no such subject'), what)
    },

    async schema(id) {
      const what = `read schema ${id}`
      const answer = await ask(what, () => api.Schema.find({ id }))
      if (answer === null) return undefined
      // What is not Avro, or not JSON, is not unknown but unreadable, and found to be so where it is compiled.
      if (answer.schemaType !== undefined && answer.schemaType !== 'AVRO') return { type: 'not Avro' }
      try {
        return JSON.parse(String(answer.schema)) as unknown
      } catch {
        return { type: 'not JSON' }
      }
    }
  }
}
