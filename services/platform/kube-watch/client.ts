import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https'
import { messageOf, WeirError } from '../../core/errors.ts'
import { parseJson, stringAt } from '../../core/json.ts'
import type { KubeAccess } from './access.ts'
import { KUBE_WATCH_ERRORS } from './errors.ts'

/** Longest line of a watch: an object is at most 1.5 MiB in etcd, and JSON is larger than what is stored. */
const LINE_MAX_CHARACTERS = 16 * 1024 * 1024
/** A list page. */
const BODY_MAX_BYTES = 256 * 1024 * 1024
const KEEP_ALIVE_MS = 15_000
const CONNECT_PATIENCE_MS = 30_000

export interface KubeRequest {
  /** Such as `/api/v1/pods`. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Media type to ask for. */
  readonly accept: string
  readonly signal: AbortSignal
  /** How long the answer may be silent, milliseconds. */
  readonly patience_ms: number
}

/** Reads the Kubernetes API. */
export interface KubeClient {
  /** @throws WeirError KUBE_UNAVAILABLE, KUBE_FORBIDDEN, KUBE_NOT_SERVED, KUBE_GONE, KUBE_BAD_ANSWER */
  get(request: KubeRequest): Promise<unknown>
  /** Lines of JSON until the server ends the answer. @throws as `get` */
  stream(request: KubeRequest): AsyncGenerator<unknown, void>
  close(): void
}

const failure = (code: keyof typeof KUBE_WATCH_ERRORS, message: string, cause?: unknown): WeirError =>
  new WeirError(KUBE_WATCH_ERRORS, code, message, { cause })

/** The error that an answer other than 200 means, or an event of type ERROR. */
export function errorOfStatus(status: number, reason: string, path: string): WeirError {
  const text = `GET ${path}: ${status} ${reason}`
  if (status === 410) return failure('KUBE_GONE', text)
  if (status === 404) return failure('KUBE_NOT_SERVED', text)
  if (status === 401 || status === 403) return failure('KUBE_FORBIDDEN', text)
  return failure('KUBE_UNAVAILABLE', text)
}

async function bodyOf(response: IncomingMessage, path: string): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length
    if (bytes > BODY_MAX_BYTES) throw failure('KUBE_BAD_ANSWER', `GET ${path}: more than ${BODY_MAX_BYTES} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** A client of a cluster's API server that only reads, with connections that stay open. */
export function createKubeClient(access: KubeAccess): KubeClient {
  const { server } = access
  const secure = server.protocol === 'https:'
  const settings = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxSockets: 64 }
  const agent = secure ? new HttpsAgent(settings) : new HttpAgent(settings)
  const prefix = server.pathname.replace(/\/$/, '')

  async function open({ path, query, accept, signal, patience_ms }: KubeRequest): Promise<IncomingMessage> {
    const text = new URLSearchParams(query).toString()
    const options: RequestOptions = {
      host: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port === '' ? (secure ? 443 : 80) : server.port,
      path: `${prefix}${path}${text === '' ? '' : `?${text}`}`,
      headers: { accept, 'user-agent': 'weir-inventory' },
      agent,
      signal
    }
    await access.authorise(options)
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)(options, resolve)
      request.once('error', reject)
      request.setTimeout(Math.max(patience_ms, CONNECT_PATIENCE_MS), () =>
        request.destroy(new Error(`no answer within ${patience_ms} ms`))
      )
      request.end()
    }).catch((error: unknown) => {
      throw failure('KUBE_UNAVAILABLE', `GET ${path}: ${messageOf(error)}`, error)
    })
    if (response.statusCode === 200) return response
    const body = parseJson(await bodyOf(response, path).catch(() => null))
    throw errorOfStatus(response.statusCode ?? 0, stringAt(body, 'message') ?? response.statusMessage ?? '', path)
  }

  /** What goes wrong while an answer is read is the server's, or the network's, being away. */
  const unavailable = (error: unknown, path: string): WeirError =>
    error instanceof WeirError ? error : failure('KUBE_UNAVAILABLE', `GET ${path}: ${messageOf(error)}`, error)

  function parsed(text: string, path: string): unknown {
    const value = parseJson(text)
    if (value === undefined) throw failure('KUBE_BAD_ANSWER', `GET ${path}: ${text.length} characters that are no JSON`)
    return value
  }

  return {
    get: async (request) => {
      const response = await open(request)
      try {
        return parsed(await bodyOf(response, request.path), request.path)
      } catch (error) {
        throw unavailable(error, request.path)
      }
    },

    async *stream(request) {
      const response = await open(request)
      response.setEncoding('utf8')
      try {
        let rest: string[] = []
        let length = 0
        for await (const chunk of response as AsyncIterable<string>) {
          const lines = chunk.split('\n')
          const last = lines.pop() ?? ''
          for (const line of lines) {
            const whole = rest.length === 0 ? line : `${rest.join('')}${line}`
            rest = []
            length = 0
            if (whole !== '') yield parsed(whole, request.path)
          }
          rest.push(last)
          length += last.length
          if (length > LINE_MAX_CHARACTERS)
            throw failure(
              'KUBE_BAD_ANSWER',
              `GET ${request.path}: an event of more than ${LINE_MAX_CHARACTERS} characters`
            )
        }
        // A watch that ends in the middle of an event was cut off; what was in it comes again.
      } catch (error) {
        throw unavailable(error, request.path)
      } finally {
        response.destroy()
      }
    },

    close: () => agent.destroy()
  }
}
