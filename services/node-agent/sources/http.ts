import type { FastifyRequest } from 'fastify'
import { WeirError } from '../../core/errors.ts'
import { describe } from '../../core/events/errors.ts'
import { detectFormat } from '../../core/events/format.ts'
import { linesIn } from '../../platform/ingest/metrics.ts'
import type { Running } from '../../platform/lifecycle.ts'
import type { Logger } from '../../platform/log.ts'
import type { Spool } from '../../platform/spool/spool.ts'
import { WEBHOOK_ERRORS, type WebhookErrorCode } from '../../platform/webhook/errors.ts'
import { isDeeperThan } from '../../platform/webhook/json-spans.ts'
import { spoolBody, startWebhookServer, type Webhook } from '../../platform/webhook/server.ts'
import { dropRecord } from '../drops.ts'
import { type HttpSource, httpFrom } from './options.ts'

/** Nothing that an engine writes is nested nearly as deep. */
const DEPTH_MAX = 1000
/** Falco sends alerts as text/plain unless it writes JSON. */
const CONTENT_TYPES = ['text/plain'] as const

/**
 * The token from the password of a URL such as `https://weir:TOKEN@node:2801/`: neither Falco nor Tracee can be given headers, but
 * both send what a URL has as `Authorization: Basic`.
 */
function passwordOf({ headers }: FastifyRequest): string | undefined {
  const { authorization } = headers
  if (authorization === undefined || !/^basic /i.test(authorization)) return undefined
  const pair = Buffer.from(authorization.slice('basic '.length), 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  return colon === -1 ? undefined : pair.slice(colon + 1)
}

function refuse(code: WebhookErrorCode, message: string, options?: ErrorOptions): never {
  throw new WeirError(WEBHOOK_ERRORS, code, message, options)
}

/** The body as one line of JSON, once it is known to begin with an event of the sensor. */
function lineOf(body: Buffer, type: HttpSource['type']): Buffer {
  if (isDeeperThan(body, DEPTH_MAX)) refuse('WEBHOOK_BODY_TOO_DEEP', `the body is nested more than ${DEPTH_MAX} deep`)
  let json: unknown
  try {
    // Arguments of a process may be any bytes: those that are no UTF-8 must not cost the event.
    json = JSON.parse(body.toString('utf8'))
  } catch (error) {
    refuse('WEBHOOK_NOT_JSON', `the body of ${body.length} bytes is not JSON; does ${type} write JSON?`, {
      cause: error
    })
  }
  if (detectFormat(json) !== type)
    refuse('WEBHOOK_NO_EVENT', `the body is ${describe(json)} that is no event of ${type}`)
  return Buffer.from(`${JSON.stringify(json)}\n`)
}

export interface HttpPorts {
  readonly source: HttpSource
  readonly spool: Spool
  readonly log: Logger
  readonly now_ms: () => number
}

/**
 * Takes what a sensor sends: one event, or an array of events, a request. A request is answered with 2xx when it is safe in the spool.
 * Sensors do not repeat what was refused: how many requests the spool did not take, is told as an event once it takes some again.
 * @throws WeirError WEBHOOK_TLS_UNREADABLE; Error when the port cannot be listened on
 */
export async function startHttpSource({
  source,
  spool,
  log,
  now_ms
}: HttpPorts): Promise<Running & Pick<Webhook, 'address'>> {
  const { type, http } = source
  const from = httpFrom(source)
  let refused = 0

  async function take(body: Buffer): Promise<{ accepted: true }> {
    const line = lineOf(body, type)
    const received = now_ms() * 1000
    try {
      await spoolBody(spool, { received, from, form: 'lines' }, line)
    } catch (error) {
      refused += 1
      throw error
    }
    linesIn.inc({ service: 'node-agent', from })
    if (refused > 0) {
      const count = refused
      refused = 0
      // What cannot be told now is told after the next request.
      await spool.append([dropRecord({ from, reason: 'WEBHOOK_SPOOL_FULL', count, time: received })]).catch(() => {
        refused += count
      })
    }
    return { accepted: true }
  }

  const webhook = await startWebhookServer({
    options: http,
    routes: new Map([[http.path, take]]),
    not_found: `${type} sends to ${http.path}`,
    content_types: CONTENT_TYPES,
    tokenOf: passwordOf,
    log
  })
  log.info({ ...webhook.address, from }, `taking events of ${type}`)
  return { address: webhook.address, stop: webhook.close }
}
