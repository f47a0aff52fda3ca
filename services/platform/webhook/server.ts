import { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { messageOf, WeirError } from '../../core/errors.ts'
import { webhookRequests, webhookSeconds } from '../ingest/metrics.ts'
import { encodeRecord, type RecordHeader } from '../ingest/record.ts'
import type { Logger } from '../log.ts'
import type { Spool } from '../spool/spool.ts'
import { type Credentials, isToken, readCredentials } from './credentials.ts'
import { WEBHOOK_ERRORS, WEBHOOK_STATUS } from './errors.ts'
import { gunzipWithin } from './gunzip.ts'
import { limitedLog } from './limited-log.ts'
import type { WebhookServerOptions } from './options.ts'
import { answerBrokenRequest, type Problem, problemOf, sendProblem } from './problems.ts'

/** How often Node looks for requests that take too long. */
const TIMEOUT_CHECK_MS = 1000
const DEFAULT_RELOAD_MS = 60_000

export interface WebhookServerPorts {
  readonly options: WebhookServerOptions
  /** What is done with a body, unpacked, by path: it is answered with what this gives, or with the problem thrown. */
  readonly routes: ReadonlyMap<string, (body: Buffer, request: FastifyRequest) => Promise<unknown>>
  /** For who asks for another path. */
  readonly not_found: string
  /** Content types that are taken beside application/json. */
  readonly content_types?: readonly string[]
  /** The token where a sender cannot send `Authorization: Bearer TOKEN`. */
  readonly tokenOf?: (request: FastifyRequest) => string | undefined
  /** Answers with a problem in another way than with a problem document. */
  readonly refuse?: (reply: FastifyReply, request: FastifyRequest, problem: Problem) => FastifyReply | null
  readonly log: Logger
}

export interface Webhook {
  readonly address: AddressInfo
  /** Takes no more requests, answers those it has. */
  readonly close: () => Promise<void>
}

/**
 * Listens for POST requests, within bounds of size, time and number. Anything that is refused is answered with a problem document
 * (RFC 9457) that has a `code`.
 * @throws WeirError WEBHOOK_TLS_UNREADABLE; Error when the port cannot be listened on
 */
export async function startWebhookServer(ports: WebhookServerPorts): Promise<Webhook> {
  const { options, routes, log } = ports
  let credentials = readCredentials(options)
  const app = createApp(options, credentials, ports.content_types ?? [])
  const refusalLog = limitedLog(log)
  const reserve = createReservations(options)

  app.addHook('onRequest', async (request, reply) => {
    authenticate(request, credentials, ports)
    reserve(request, reply)
  })
  app.addHook('onResponse', async (_request, reply) => {
    webhookSeconds.observe(reply.elapsedTime / 1000)
    if (reply.statusCode < 400) webhookRequests.inc({ status: reply.statusCode, code: '' })
  })
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error)
    webhookRequests.inc({ status: WEBHOOK_STATUS[problem.code], code: problem.code })
    refusalLog(problem.code, { path: pathOf(request), client: request.ip }, problem.message)
    if (problem.code === 'WEBHOOK_INTERNAL') log.error({ error }, messageOf(error))
    return ports.refuse?.(reply, request, problem) ?? sendProblem(reply, problem, options.retry_after_s)
  })
  app.setNotFoundHandler((request) => {
    if (!routes.has(pathOf(request))) throw new WeirError(WEBHOOK_ERRORS, 'WEBHOOK_NOT_FOUND', ports.not_found)
    const message = `${request.method} is not answered here, POST is`
    throw new WeirError(WEBHOOK_ERRORS, 'WEBHOOK_METHOD_NOT_ALLOWED', message)
  })
  for (const [path, handle] of routes) {
    app.post(path, async (request) => handle(await bodyOf(request, options), request))
  }

  const { server } = app
  if (server instanceof HttpsServer) {
    server.on('tlsClientError', (error) => {
      webhookRequests.inc({ status: '', code: 'WEBHOOK_TLS_REFUSED' })
      refusalLog('WEBHOOK_TLS_REFUSED', {}, `TLS handshake failed: ${messageOf(error)}`)
    })
  }
  await app.listen({ host: options.host, port: options.port })
  const reloader = setInterval(() => {
    try {
      const fresh = readCredentials(options)
      if (fresh.fingerprint === credentials.fingerprint) return
      credentials = fresh
      if (server instanceof HttpsServer) server.setSecureContext(secureContextOf(fresh))
      log.info('credentials of the webhook have changed and are in use')
    } catch (error) {
      // Half-written files are normal while certificates are renewed; the old ones stay in use.
      log.error({ error }, messageOf(error))
    }
  }, options.tls?.reload_interval_ms ?? DEFAULT_RELOAD_MS)
  reloader.unref()
  return {
    address: app.server.address() as AddressInfo,
    async close() {
      clearInterval(reloader)
      await app.close()
    }
  }
}

function secureContextOf({ cert, key, client_ca }: Credentials) {
  return {
    ...(cert !== null && { cert }),
    ...(key !== null && { key }),
    ...(client_ca !== null && { ca: client_ca }),
    minVersion: 'TLSv1.2' as const
  }
}

function createApp(
  options: WebhookServerOptions,
  credentials: Credentials,
  content_types: readonly string[]
): FastifyInstance {
  const http = { connectionsCheckingInterval: TIMEOUT_CHECK_MS, headersTimeout: options.head_timeout_ms }
  const shared = {
    bodyLimit: options.body_max_bytes,
    requestTimeout: options.request_timeout_ms,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle' as const,
    exposeHeadRoutes: false,
    logger: false,
    clientErrorHandler: answerBrokenRequest
  }
  const app =
    credentials.cert === null
      ? fastify({ ...shared, http })
      : // Only the type of `server` differs, which nothing here depends on.
        (fastify({
          ...shared,
          https: {
            ...http,
            ...secureContextOf(credentials),
            handshakeTimeout: options.head_timeout_ms,
            requestCert: credentials.client_ca !== null,
            rejectUnauthorized: credentials.client_ca !== null
          }
        }) as unknown as FastifyInstance)
  app.server.maxConnections = options.connections_max
  app.removeAllContentTypeParsers()
  const types = ['application/json', ...content_types]
  app.addContentTypeParser(types, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  return app
}

function authenticate(
  request: FastifyRequest,
  { token_hash }: Credentials,
  { options, tokenOf }: WebhookServerPorts
): void {
  const { socket } = request.raw
  if (options.client_names.length > 0) {
    const name = socket instanceof TLSSocket ? socket.getPeerCertificate().subject?.CN : undefined
    if (typeof name !== 'string' || !options.client_names.includes(name)) {
      throw new WeirError(
        WEBHOOK_ERRORS,
        'WEBHOOK_CLIENT_NOT_ALLOWED',
        'the name of the client certificate is not among client_names'
      )
    }
  }
  if (token_hash !== null && !isToken(bearerOf(request) ?? tokenOf?.(request), token_hash)) {
    throw new WeirError(WEBHOOK_ERRORS, 'WEBHOOK_UNAUTHORIZED', 'send the token as `Authorization: Bearer TOKEN`')
  }
}

function bearerOf(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  return authorization !== undefined && /^bearer /i.test(authorization)
    ? authorization.slice('bearer '.length).trim()
    : undefined
}

/** Bounds the memory of all requests together: a body counts from its announcement until the answer is out. */
function createReservations({
  body_max_bytes,
  in_flight_max_bytes
}: WebhookServerOptions): (request: FastifyRequest, reply: FastifyReply) => void {
  let inFlight = 0
  return (request, reply) => {
    const announced = Number(request.headers['content-length'] ?? Number.NaN)
    // The parser refuses what is too large anyway.
    const bytes = Number.isSafeInteger(announced) ? Math.min(announced, body_max_bytes) : body_max_bytes
    if (inFlight + bytes > in_flight_max_bytes) {
      throw new WeirError(WEBHOOK_ERRORS, 'WEBHOOK_BUSY', 'too much is being received at the moment')
    }
    inFlight += bytes
    reply.raw.once('close', () => {
      inFlight -= bytes
    })
  }
}

async function bodyOf(request: FastifyRequest, { body_max_bytes }: WebhookServerOptions): Promise<Buffer> {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
  const encoding = request.headers['content-encoding'] ?? 'identity'
  switch (encoding.toLowerCase()) {
    case 'identity':
      return body
    case 'gzip':
      return gunzipWithin(body, body_max_bytes)
    default:
      throw new WeirError(WEBHOOK_ERRORS, 'WEBHOOK_CONTENT_ENCODING', 'send the body as it is, or with gzip')
  }
}

/**
 * Spools a body: after that, the sender need not keep it.
 * @throws WEBHOOK_SPOOL_FULL, WEBHOOK_SPOOL_FAILED
 */
export async function spoolBody(spool: Spool, header: RecordHeader, body: Buffer): Promise<void> {
  try {
    await spool.append([encodeRecord(header, body)])
  } catch (error) {
    const code =
      error instanceof WeirError && error.code === 'SPOOL_FULL' ? 'WEBHOOK_SPOOL_FULL' : 'WEBHOOK_SPOOL_FAILED'
    throw new WeirError(WEBHOOK_ERRORS, code, messageOf(error), { cause: error })
  }
}

export function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? ''
}
