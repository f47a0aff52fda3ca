import { existsSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import { messageOf, WeirError } from '../../core/errors.ts'
import { parseJson } from '../../core/json.ts'
import { VERSION } from '../version.ts'
import { KUBERNETES_ERRORS } from './errors.ts'

/** Most bytes of an answer that are kept. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024
/** Where a pod finds its account. */
const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount'

/** A request to the Kubernetes API. */
export interface ClusterRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** JSON text. */
  readonly body?: string | null
  readonly content_type?: string | null
  readonly accept?: string
}

export interface ClusterAnswer {
  readonly status: number
  /** The body as JSON; undefined when it is none. */
  readonly body: unknown
  readonly text: string
  /** What the server asks to wait before another try, milliseconds. */
  readonly retry_after_ms: number | null
}

/** As whom, and on whose behalf, a request is sent. */
export interface SendAs {
  /** Instead of the account's own. */
  readonly token?: string
  /** Words of the user agent beside Weir's name, such as plan/ID. */
  readonly purpose?: string
}

/** The Kubernetes API as requests and answers: any status is an answer. */
export interface ClusterApi {
  /** @throws KUBERNETES_UNREACHABLE, KUBERNETES_ANSWER_TOO_LARGE, KUBERNETES_CONFIG */
  send(request: ClusterRequest, as?: SendAs): Promise<ClusterAnswer>
  close(): void
}

export interface ClusterApiOptions {
  /** Absent: the account of the pod. */
  readonly kubeconfig?: string | undefined
  readonly request_timeout_ms: number
  /** Name of the service, for the user agent. */
  readonly service: string
}

async function configOf({ kubeconfig }: ClusterApiOptions): Promise<KubeConfig> {
  // It brings the models of the whole API, which cost every other command half a second.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    if (kubeconfig !== undefined) config.loadFromFile(kubeconfig)
    else if (existsSync(`${ACCOUNT_FOLDER}/token`)) config.loadFromCluster()
    else throw new Error(`there is no kubeconfig in the settings, and no account in ${ACCOUNT_FOLDER}`)
  } catch (cause) {
    const text = `the Kubernetes API cannot be reached: ${messageOf(cause)}`
    throw new WeirError(KUBERNETES_ERRORS, 'KUBERNETES_CONFIG', text, { cause })
  }
  return config
}

/**
 * A client of the Kubernetes API that sends exactly what it is told to. Connections go out only; certificates are checked
 * against the authority of the kubeconfig or the pod's account.
 * @throws KUBERNETES_CONFIG
 */
export async function openClusterApi(options: ClusterApiOptions): Promise<ClusterApi> {
  const config = await configOf(options)
  const cluster = config.getCurrentCluster()
  if (cluster === null) {
    throw new WeirError(KUBERNETES_ERRORS, 'KUBERNETES_CONFIG', 'the kubeconfig names no current cluster')
  }
  const server = new URL(cluster.server)
  const prefix = server.pathname.replace(/\/$/, '')
  // Without a client certificate: where a token says who one is, a certificate must not say it is somebody else.
  const caText =
    cluster.caData === undefined || cluster.caData === null ? undefined : Buffer.from(cluster.caData, 'base64')
  const bearerAgent = new Agent({ keepAlive: true, maxSockets: 8, ...(caText === undefined ? {} : { ca: caText }) })

  async function authentication(as: SendAs): Promise<RequestOptions> {
    const prepared: RequestOptions = {}
    try {
      await config.applyToHTTPSOptions(prepared)
    } catch (cause) {
      const text = `the kubeconfig cannot be used for ${server.origin}: ${messageOf(cause)}`
      throw new WeirError(KUBERNETES_ERRORS, 'KUBERNETES_CONFIG', text, { cause })
    }
    if (as.token === undefined) return prepared
    const agent = caText === undefined && prepared.ca !== undefined ? new Agent({ ca: prepared.ca }) : bearerAgent
    return { agent, headers: { authorization: `Bearer ${as.token}` } }
  }

  async function send(request: ClusterRequest, as: SendAs = {}): Promise<ClusterAnswer> {
    const { method, path, body } = request
    const { agent, headers, ca, cert, key, rejectUnauthorized } = await authentication(as)
    const purpose = as.purpose === undefined ? '' : ` ${as.purpose}`
    const settings: RequestOptions = {
      hostname: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port === '' ? undefined : Number(server.port),
      method,
      path: `${prefix}${path}`,
      ...(agent === undefined ? {} : { agent }),
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
      headers: {
        ...(Array.isArray(headers) ? {} : headers),
        accept: request.accept ?? 'application/json',
        'user-agent': `weir-${options.service}/${VERSION}${purpose}`,
        ...(body == null
          ? {}
          : { 'content-type': request.content_type ?? 'application/json', 'content-length': Buffer.byteLength(body) })
      }
    }
    const what = `${method} ${path}`
    return await new Promise<ClusterAnswer>((resolve, reject) => {
      const fail = (cause: unknown) => {
        const text = `${what} was not answered: ${messageOf(cause)}`
        reject(new WeirError(KUBERNETES_ERRORS, 'KUBERNETES_UNREACHABLE', text, { cause }))
      }
      const sender = server.protocol === 'http:' ? httpRequest : httpsRequest
      // A plain server has no use for what is for TLS.
      const { agent: secureAgent, ...plain } = settings
      const outgoing = sender(server.protocol === 'http:' ? plain : { ...plain, agent: secureAgent }, (incoming) => {
        const chunks: Buffer[] = []
        let bytes = 0
        incoming.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > MAX_ANSWER_BYTES) {
            const text = `the answer to ${what} is larger than ${MAX_ANSWER_BYTES} bytes`
            reject(new WeirError(KUBERNETES_ERRORS, 'KUBERNETES_ANSWER_TOO_LARGE', text))
            outgoing.destroy()
          } else chunks.push(chunk)
        })
        incoming.on('error', fail)
        incoming.on('end', () => {
          clearTimeout(timer)
          const text = Buffer.concat(chunks).toString('utf8')
          const wait = Number(incoming.headers['retry-after'])
          resolve({
            status: incoming.statusCode ?? 0,
            body: parseJson(text),
            text,
            retry_after_ms:
              Number.isFinite(wait) && wait >= 0 && incoming.headers['retry-after'] !== undefined ? wait * 1000 : null
          })
        })
      })
      const timer = setTimeout(
        () => outgoing.destroy(new Error(`no answer within ${options.request_timeout_ms} ms`)),
        options.request_timeout_ms
      )
      outgoing.on('error', (error) => {
        clearTimeout(timer)
        fail(error)
      })
      outgoing.end(body ?? undefined)
    })
  }
  return { send, close: () => bearerAgent.destroy() }
}
