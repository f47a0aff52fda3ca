import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import { WeirError } from '../../core/errors.ts'
import { WEBHOOK_ERRORS, WEBHOOK_STATUS, type WebhookErrorCode } from './errors.ts'

/** Why a request is refused, as its sender is told. */
export interface Problem {
  readonly code: WebhookErrorCode
  readonly message: string
}

/** Problems that fastify finds before a handler is asked. */
const FASTIFY_CODES: Readonly<Record<string, Problem>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'WEBHOOK_BODY_TOO_LARGE', message: 'the body is larger than body_max_bytes' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: 'WEBHOOK_CONTENT_TYPE', message: 'send the body as application/json' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'WEBHOOK_BODY_TRUNCATED',
    message: 'the body is not as long as Content-Length says'
  }
}

/** What to tell the sender about anything thrown. Of what is unexpected it learns nothing. */
export function problemOf(error: unknown): Problem {
  if (error instanceof WeirError && Object.hasOwn(WEBHOOK_ERRORS, error.code)) {
    return { code: error.code as WebhookErrorCode, message: error.message }
  }
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown }
  const known = typeof code === 'string' && Object.hasOwn(FASTIFY_CODES, code) ? FASTIFY_CODES[code] : undefined
  if (known !== undefined) return known
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return { code: 'WEBHOOK_BAD_REQUEST', message: 'the request cannot be read' }
  }
  return { code: 'WEBHOOK_INTERNAL', message: 'the webhook failed on this request' }
}

function prepared(reply: FastifyReply, { code, message }: Problem, retry_after_s: number) {
  const status = WEBHOOK_STATUS[code]
  if (WEBHOOK_ERRORS[code].retriable) reply.header('retry-after', String(retry_after_s))
  if (code === 'WEBHOOK_UNAUTHORIZED') reply.header('www-authenticate', 'Bearer')
  if (code === 'WEBHOOK_METHOD_NOT_ALLOWED') reply.header('allow', 'POST')
  return { status, problem: { type: 'about:blank', title: STATUS_CODES[status], status, code, detail: message } }
}

/** Answers with a problem document (RFC 9457). */
export function sendProblem(reply: FastifyReply, told: Problem, retry_after_s: number): FastifyReply {
  const { status, problem } = prepared(reply, told, retry_after_s)
  return reply.code(status).type('application/problem+json').send(problem)
}

/** The same for Firehose, which wants to find its request's id and a message in every answer. */
export function sendFirehoseProblem(
  reply: FastifyReply,
  told: Problem,
  retry_after_s: number,
  requestId: string
): FastifyReply {
  const { status, problem } = prepared(reply, told, retry_after_s)
  return reply
    .code(status)
    .type('application/json')
    .send({ ...problem, requestId, timestamp: Date.now(), errorMessage: `${told.code}: ${told.message}` })
}

/** Answers what never became a request: no HTTP, a head that is too large, or one that does not come to its end. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  const detail = status === 408 ? 'the request took too long to arrive' : 'not a valid HTTP request'
  const body = JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[status],
    status,
    code: 'WEBHOOK_BAD_REQUEST',
    detail
  })
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    // A sender that does not read either must not keep the socket.
    () => socket.destroy()
  )
}
