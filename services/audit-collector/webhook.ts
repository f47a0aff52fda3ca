import type { FastifyRequest } from 'fastify'
import { WeirError } from '../core/errors.ts'
import { stringAt } from '../core/json.ts'
import type { Logger } from '../platform/log.ts'
import type { Spool } from '../platform/spool/spool.ts'
import { WEBHOOK_ERRORS } from '../platform/webhook/errors.ts'
import { isDeeperThan } from '../platform/webhook/json-spans.ts'
import { sendFirehoseProblem } from '../platform/webhook/problems.ts'
import { pathOf, spoolBody, startWebhookServer, type Webhook } from '../platform/webhook/server.ts'
import { DEPTH_MAX, readAuditBody } from './audit-body.ts'
import { type Cloud, readCloudBody } from './cloud-body.ts'
import type { WebhookOptions } from './options.ts'

const CLOUDS: readonly Cloud[] = ['eks', 'gke', 'aks', 'cloudtrail']

export interface WebhookDependencies {
  readonly options: WebhookOptions
  readonly spool: Spool
  readonly log: Logger
  /** Clock in milliseconds since the epoch. */
  readonly now: () => number
}

/**
 * Listens for audit events and spools them. A request is answered when its body is in the spool, with 2xx; whatever happens to the
 * events later, the sender need not keep them.
 */
export function startWebhook({ options, spool, log, now }: WebhookDependencies): Promise<Webhook> {
  const routes = new Map<string, (body: Buffer, request: FastifyRequest) => Promise<unknown>>()
  routes.set(options.path, async (body) => {
    const { events, rejected } = readAuditBody(body)
    await spoolBody(spool, { received: now() * 1000, form: 'audit', from: options.path }, body)
    return { accepted: events.length, rejected: rejected.length }
  })
  for (const cloud of CLOUDS) {
    const path = `/${cloud}`
    if (path === options.path) continue
    routes.set(path, async (received, request) => {
      const { form, body } = await readCloudBody(cloud, parseEnvelope(received), options.body_max_bytes)
      await spoolBody(spool, { received: now() * 1000, form, from: path }, body)
      const requestId = firehoseIdOf(request)
      return requestId === null ? { accepted: true } : { requestId, timestamp: now() }
    })
  }
  return startWebhookServer({
    options,
    routes,
    not_found: `API servers send to ${options.path}, clouds to /eks, /gke, /aks, /cloudtrail`,
    tokenOf,
    refuse: (reply, request, problem) => {
      const id = firehoseIdOf(request)
      return id === null ? null : sendFirehoseProblem(reply, problem, options.retry_after_s, id)
    },
    log
  })
}

/** The token, where the sender can put it: Firehose has a header of its own, Pub/Sub can only be given a URL. */
function tokenOf(request: FastifyRequest): string | undefined {
  const path = pathOf(request)
  const accessKey = request.headers['x-amz-firehose-access-key']
  if (path === '/eks' && typeof accessKey === 'string') return accessKey
  return path === '/gke' ? (stringAt(request.query, 'token') ?? undefined) : undefined
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
