import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'
import { isObject, type JsonObject } from '../../services/core/json.ts'
import { TETRAGON_MESSAGES } from '../../services/node-agent/sources/tetragon-grpc.ts'

const PROTO = fileURLToPath(new URL('../../services/node-agent/sources/tetragon.proto', import.meta.url))

const WRAPPED = new Set(['pid', 'uid', 'auid', 'tid', 'gid', 'euid', 'egid', 'suid', 'sgid', 'fsuid', 'fsgid', 'links'])
const TIMES = new Set(['time', 'start_time'])

/** A line of the export file as the message that the API sends: the other way round than `tetragonExportOf`. */
export function tetragonMessageOf(json: unknown, key = '', parent = ''): unknown {
  if (Array.isArray(json)) return json.map((item) => tetragonMessageOf(item, key, parent))
  if (typeof json === 'string' && TIMES.has(key)) {
    return {
      of_seconds: Math.floor(Date.parse(json) / 1000),
      of_nanos: Number(/\.(\d+)Z$/.exec(json)?.[1]?.padEnd(9, '0') ?? 0)
    }
  }
  const isWrapped =
    WRAPPED.has(key) ||
    key === 'in_init_tree' ||
    key === 'signature_ok' ||
    key === 'level' ||
    (key === 'value' && parent === 'capability_arg')
  if (isWrapped && (typeof json === 'number' || typeof json === 'boolean')) return { of_value: json }
  if (!isObject(json) || key === 'pod_labels') return json
  return Object.fromEntries(Object.keys(json).map((inner) => [inner, tetragonMessageOf(json[inner], inner, key)]))
}

/** Tetragon on a socket, with the events that a test gives it. */
export interface FakeTetragon {
  /** How often its events were asked for. */
  readonly asked: () => number
  send(events: readonly JsonObject[]): void
  /** Ends it as a restart would. */
  stop(): Promise<void>
}

/** @param address unix:PATH or HOST:PORT */
export async function startFakeTetragon(address: string): Promise<FakeTetragon> {
  const definition = loadSync(PROTO, TETRAGON_MESSAGES)
  const streams = new Set<ServerWritableStream<unknown, unknown>>()
  let asked = 0
  const server = new Server()
  server.addService(definition['tetragon.FineGuidanceSensors'] as ServiceDefinition, {
    GetEvents: (stream: ServerWritableStream<unknown, unknown>) => {
      asked += 1
      streams.add(stream)
      stream.on('cancelled', () => streams.delete(stream))
    }
  })
  if (address.startsWith('unix:')) rmSync(address.replace(/^unix:/, ''), { force: true })
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error)
    )
  )
  return {
    asked: () => asked,
    send: (events) => {
      for (const stream of streams) for (const event of events) stream.write(tetragonMessageOf(event))
    },
    stop: async () => {
      for (const stream of streams) stream.end()
      server.forceShutdown()
    }
  }
}
