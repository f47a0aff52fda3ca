import { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { messageOf, WeirError } from '../core/errors.ts'
import { stringAt } from '../core/json.ts'
import { webhookRequests, webhookSeconds } from '../platform/ingest/metrics.ts'
import { encodeRecord, type RecordHeader } from '../platform/ingest/record.ts'
import type { Logger } from '../platform/log.ts'
import type { Spool } from '../platform/spool/spool.ts'
import { DEPTH_MAX, readAuditBody } from './audit-body.ts'
import { type Cloud, gunzipWithin, readCloudBody } from './cloud-body.ts'
import { type Credentials, isToken, readCredentials } from './credentials.ts'
import { WEBHOOK_ERRORS, WEBHOOK_STATUS } from './errors.ts'
import { isDeeperThan } from './json-spans.ts'
import { limitedLog } from './limited-log.ts'
import type { WebhookOptions } from './options.ts'
import { answerBrokenRequest, problemOf, sendProblem } from './problems.ts'

const CLOUDS: readonly Cloud[] = ['eks', 'gke', 'aks', 'cloudtrail']
/** How often Node looks for requests that take too long. */
const TIMEOUT_CHECK_MS = 1000
const DEFAULT_RELOAD_MS = 60_000

export interface WebhookDependencies {
  readonly options: WebhookOptions
  readonly spool: Spool
  readonly log: Logger
  /** Clock in milliseconds since the epoch. */
  readonly now: () => number
}

export interface Webhook {
  readonly address: AddressInfo
  /** Takes no more requests, answers those it has. */
  readonly close: () => Promise<void>
}

/**
 * Listens for audit events and spools them. A request is answered when its body is in the spool, with 2xx; whatever happens to the
 * events later, the sender need not keep them. Anything else is answered with a problem document (RFC 9457) that has a `code`.
 */
export async function startWebhook(dependencies: WebhookDependencies): Promise<Webhook> {
  const { options, log } = dependencies
  let credentials = readCredentials(options)
  const app = createApp(options, credentials)
  const refusalLog = limitedLog(log)
  const reserve = createReservations(options)

  app.addHook('onRequest', async (request, reply) => {
    authenticate(request, credentials, options)
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
    return sendProblem(reply, problem, options.retry_after_s, firehoseIdOf(request))
  })
  app.setNotFoundHandler((request) => {
    const known = [options.path, ...CLOUDS.map((cloud) => `/${cloud}`)]
    if (known.includes(pathOf(request))) {
      throw new WeirError(
        WEBHOOK_ERRORS,
        'WEBHOOK_METHOD_NOT_ALLOWED',
        `${request.method} is not answered here, POST is`
      )
    }
    throw new WeirError(
      WEBHOOK_ERRORS,
      'WEBHOOK_NOT_FOUND',
      `API servers send to ${options.path}, clouds to /eks, /gke, /aks, /cloudtrail`
    )
  })

  app.post(options.path, async (request) => {
    const body = await bodyOf(request, options)
    const { events, rejected } = readAuditBody(body)
    await spoolBody(dependencies, { form: 'audit', from: options.path }, body)
    return { accepted: events.length, rejected: rejected.length }
  })
  for (const cloud of CLOUDS) {
    if (`/${cloud}` === options.path) continue
    app.post(`/${cloud}`, async (request) => {
      const json = parseEnvelope(await bodyOf(request, options))
      const { form, body } = await readCloudBody(cloud, json, options.body_max_bytes)
      await spoolBody(dependencies, { form, from: `/${cloud}` }, body)
      const requestId = firehoseIdOf(request)
      return requestId === null ? { accepted: true } : { requestId, timestamp: dependencies.now() }
    })
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

function createApp(options: WebhookOptions, credentials: Credentials): FastifyInstance {
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
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  return app
}

function authenticate(request: FastifyRequest, { token_hash }: Credentials, { client_names }: WebhookOptions): void {
  const { socket } = request.raw
  if (client_names.length > 0) {
    const name = socket instanceof TLSSocket ? socket.getPeerCertificate().subject?.CN : undefined
    if (typeof name !== 'string' || !client_names.includes(name)) {
      throw new WeirError(
        WEBHOOK_ERRORS,
        'WEBHOOK_CLIENT_NOT_ALLOWED',
        'the name of the client certificate is not among client_names'
      )
    }
  }
  if (token_hash !== null && !isToken(tokenOf(request), token_hash)) {
    throw new WeirError(WEBHOOK_ERRORS, 'WEBHOOK_UNAUTHORIZED', 'send the token as `Authorization: Bearer TOKEN`')
  }
}

/** The token, where the sender can put it: Firehose has a header of its own, Pub/Sub can only be given a URL. */
function tokenOf(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  if (authorization !== undefined && /^bearer /i.test(authorization))
    return authorization.slice('bearer '.length).trim()
  const path = pathOf(request)
  const accessKey = request.headers['x-amz-firehose-access-key']
  if (path === '/eks' && typeof accessKey === 'string') return accessKey
  return path === '/gke' ? (stringAt(request.query, 'token') ?? undefined) : undefined
}

/** Bounds the memory of all requests together: a body counts from its announcement until the answer is out. */
function createReservations({
  body_max_bytes,
  in_flight_max_bytes
}: WebhookOptions): (request: FastifyRequest, reply: FastifyReply) => void {
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

async function bodyOf(request: FastifyRequest, { body_max_bytes }: WebhookOptions): Promise<Buffer> {
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

async function spoolBody(
  { spool, now }: WebhookDependencies,
  header: Omit<RecordHeader, 'received'>,
  body: Buffer
): Promise<void> {
  try {
    await spool.append([encodeRecord({ received: now() * 1000, ...header }, body)])
  } catch (error) {
    const code =
      error instanceof WeirError && error.code === 'SPOOL_FULL' ? 'WEBHOOK_SPOOL_FULL' : 'WEBHOOK_SPOOL_FAILED'
    throw new WeirError(WEBHOOK_ERRORS, code, messageOf(error), { cause: error })
  }
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? ''
}

function parseEnvelope(body: Buffer): unknown {
  if (isDeeperThan(body, DEPTH_MAX)) {
    throw new WeirError(WEBHOOK_ERRORS, 'WEBHOOK_BODY_TOO_DEEP', `the body is nested more than ${DEPTH_MAX} deep`)
  }
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw new WeirError(WEBHOOK_ERRORS, 'WEBHOOK_NOT_JSON', `the body of ${body.length} bytes is not JSON`, {
      cause: error
    })
  }
}

/** Id that Firehose gives a request, null for all other requests. */
function firehoseIdOf(request: FastifyRequest): string | null {
  const id = request.headers['x-amz-firehose-request-id']
  return pathOf(request) === '/eks' && typeof id === 'string' ? id : null
}
