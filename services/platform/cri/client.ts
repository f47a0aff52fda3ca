import { fileURLToPath } from 'node:url'
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js'
import { loadSync, type MethodDefinition } from '@grpc/proto-loader'
import { messageOf, WeirError } from '../../core/errors.ts'
import { property } from '../../core/json.ts'
import { CRI_ERRORS } from './errors.ts'

const PROTO = fileURLToPath(new URL('cri.proto', import.meta.url))
const SERVICE = 'runtime.v1.RuntimeService'
const CALL_TIMEOUT_MS = 5_000
/** A node has up to some hundred pods; each of them is a few kilobytes. */
const MESSAGE_MAX_BYTES = 64 * 1024 * 1024

type Method =
  | 'Version'
  | 'ListPodSandbox'
  | 'PodSandboxStatus'
  | 'ListContainers'
  | 'ContainerStatus'
  | 'GetContainerEvents'

/** Asks a container runtime through its CRI socket. Answers are JSON of the messages in cri.proto, 64-bit numbers as text. */
export interface CriClient {
  /** @throws WeirError CRI_UNAVAILABLE, CRI_FORBIDDEN, CRI_NOT_SERVED, CRI_NOT_FOUND, CRI_REFUSED */
  call(method: Exclude<Method, 'GetContainerEvents'>, request?: Readonly<Record<string, unknown>>): Promise<unknown>
  /** Events of containers until the runtime ends them. @throws as `call` */
  events(signal: AbortSignal): AsyncGenerator<unknown, void>
  close(): void
}

function errorOf(method: string, error: unknown): WeirError {
  const code = property(error, 'code') ?? (error instanceof Error ? (error as ServiceError).code : undefined)
  const text = `${method}: ${messageOf(error)}`
  const make = (name: keyof typeof CRI_ERRORS) => new WeirError(CRI_ERRORS, name, text, { cause: error })
  switch (code) {
    case status.UNIMPLEMENTED:
      return make('CRI_NOT_SERVED')
    case status.NOT_FOUND:
      return make('CRI_NOT_FOUND')
    case status.PERMISSION_DENIED:
      return make('CRI_FORBIDDEN')
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
      return make(/EACCES|EPERM/.test(text) ? 'CRI_FORBIDDEN' : 'CRI_UNAVAILABLE')
    default:
      return make('CRI_REFUSED')
  }
}

/** @param socket path of the runtime's unix socket */
export function createCriClient(socket: string): CriClient {
  const definition = loadSync(PROTO, { keepCase: true, longs: String, enums: String, defaults: true })[SERVICE]
  const methodOf = (name: Method) => property(definition, name) as MethodDefinition<object, object>
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': MESSAGE_MAX_BYTES,
    'grpc.max_reconnect_backoff_ms': 2_000,
    // One name for every socket: runtimes refuse paths as host names.
    'grpc.default_authority': 'localhost'
  })
  return {
    call: (name, request = {}) =>
      new Promise((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = methodOf(name)
        const options = { deadline: Date.now() + CALL_TIMEOUT_MS }
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, options, (error, value) => {
          if (error === null) resolve(value)
          else reject(errorOf(name, error))
        })
      }),

    async *events(signal) {
      const { path, requestSerialize, responseDeserialize } = methodOf('GetContainerEvents')
      const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {})
      const cancel = () => stream.cancel()
      signal.addEventListener('abort', cancel, { once: true })
      try {
        for await (const event of stream) yield event
      } catch (error) {
        if (!signal.aborted) throw errorOf('GetContainerEvents', error)
      } finally {
        signal.removeEventListener('abort', cancel)
        stream.cancel()
      }
    },

    close: () => client.close()
  }
}
