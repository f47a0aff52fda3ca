import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js'
import { loadSync, type MethodDefinition } from '@grpc/proto-loader'
import { messageOf, type WeirError } from '../../core/errors.ts'
import { tetragonExportOf } from '../../core/events/tetragon-wire.ts'
import { isObject, property } from '../../core/json.ts'
import type { Running } from '../../platform/lifecycle.ts'
import type { Logger } from '../../platform/log.ts'
import type { Spool } from '../../platform/spool/spool.ts'
import { dropRecord } from '../drops.ts'
import { type SourceErrorCode, sourceError } from './errors.ts'
import { createLineWriter, type LineWriter } from './line-writer.ts'
import { type TetragonGrpcSource, tetragonFrom } from './options.ts'

const PROTO = fileURLToPath(new URL('tetragon.proto', import.meta.url))
const SERVICE = 'tetragon.FineGuidanceSensors'
/** As the export file’s: an event is some 15 KiB, most of them much less. */
const MESSAGE_MAX_BYTES = 8 * 1024 * 1024
const RETRY_FIRST_MS = 500
const RETRY_MAX_MS = 30_000

/** How protobuf messages are handed over: as `tetragonExportOf` wants them. */
export const TETRAGON_MESSAGES = {
  keepCase: true,
  longs: String,
  enums: String,
  bytes: String,
  defaults: true
} as const

export interface TetragonGrpcPorts {
  readonly source: TetragonGrpcSource
  readonly spool: Spool
  readonly log: Logger
  readonly now_ms: () => number
  /** First wait before a new attempt, milliseconds. */
  readonly retry_first_ms?: number
}

function errorOf(error: unknown, address: string): WeirError<SourceErrorCode> {
  const code = error instanceof Error ? (error as ServiceError).code : undefined
  const text = `Tetragon at ${address}: ${messageOf(error)}`
  const make = (name: SourceErrorCode) => sourceError(name, text, { cause: error })
  if (code === status.PERMISSION_DENIED || /EACCES|EPERM/.test(text)) return make('TETRAGON_FORBIDDEN')
  return make(code === status.UNAVAILABLE ? 'TETRAGON_UNAVAILABLE' : 'TETRAGON_REFUSED')
}

/** Reads one stream to its end. @returns how many events it had */
async function readStream(
  client: Client,
  method: MethodDefinition<object, object>,
  writer: LineWriter,
  signal: AbortSignal
) {
  const stream = client.makeServerStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, {})
  const cancel = () => stream.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  let events = 0
  try {
    for await (const message of stream) {
      if (!isObject(message)) continue
      events += 1
      await writer.write(Buffer.from(JSON.stringify(tetragonExportOf(message))))
    }
    return { events, error: null }
  } catch (error) {
    return { events, error }
  } finally {
    signal.removeEventListener('abort', cancel)
    stream.cancel()
  }
}

/**
 * Asks Tetragon for its events, as lines of its export file into the spool. A stream that ends is asked for again, later and later while
 * none succeeds; what happened between two streams is told to be lost, since Tetragon keeps nothing. A full spool stops the reading.
 */
export async function startTetragonGrpc(ports: TetragonGrpcPorts): Promise<Running> {
  const { source, spool, log, now_ms, retry_first_ms = RETRY_FIRST_MS } = ports
  const { address } = source.grpc
  const from = tetragonFrom(source)
  const stopped = new AbortController()
  const { signal } = stopped
  const writer = createLineWriter({ from, spool, log, now_ms, signal })
  const definition = loadSync(PROTO, TETRAGON_MESSAGES)[SERVICE]
  const method = property(definition, 'GetEvents') as MethodDefinition<object, object>
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': MESSAGE_MAX_BYTES,
    'grpc.max_reconnect_backoff_ms': RETRY_MAX_MS,
    'grpc.initial_reconnect_backoff_ms': retry_first_ms,
    'grpc.default_authority': 'localhost'
  })

  async function run(): Promise<void> {
    let wait = retry_first_ms
    while (!signal.aborted) {
      const { events, error } = await readStream(client, method, writer, signal)
      if (signal.aborted) return
      if (events > 0) {
        wait = retry_first_ms
      }
      const problem = errorOf(error ?? new Error('the stream has ended'), address)
      // Said once for each time that it stops to work, not at each attempt.
      if (wait === retry_first_ms) log.warn({ code: problem.code, from }, problem.message)
      if (events > 0) {
        const lost = { from, reason: 'TETRAGON_DISCONNECTED', count: null, time: now_ms() * 1000 }
        await writer.record(dropRecord(lost))
      }
      await sleep(wait, undefined, { signal }).catch(() => undefined)
      wait = Math.min(wait * 2, RETRY_MAX_MS)
    }
  }

  const running = run()
  running.catch(() => undefined)
  return {
    failed: Promise.race([writer.failed, running.then(() => new Promise<never>(() => undefined))]),
    async stop() {
      stopped.abort()
      await running.catch(() => undefined)
      await writer.finish().catch(() => undefined)
      client.close()
    }
  }
}
