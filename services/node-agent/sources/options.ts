import { z } from 'zod'
import { accessSettings, addressSettings, boundSettings, securedSettings } from '../../platform/webhook/options.ts'

const ADDRESS = /^(unix:(\/\/)?\/[^\0]+|(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]):\d{1,5})$/

/** Settings of a source that a sensor sends to. */
export const httpSource = z.strictObject({
  type: z.enum(['falco', 'tracee']).describe('Whose events they are.'),
  http: securedSettings(
    z.strictObject({
      ...addressSettings(2801),
      path: z
        .string()
        .regex(/^\/[\w./-]*$/, 'a path such as /events')
        .default('/')
        .describe('Where the sensor sends to.'),
      ...accessSettings('File with the token that every request must carry, as bearer or as password in the URL.'),
      ...boundSettings({ body_max_mib: 4, in_flight_max_mib: 32, connections_max: 64 })
    })
  ).describe('Where to listen: Falco’s `http_output` or Tracee’s webhook sends there.')
})

export type HttpSource = z.output<typeof httpSource>

/** What records of the source are said to come from. */
export function httpFrom({ http }: HttpSource): string {
  return `http ${http.host}:${http.port}${http.path}`
}

/** Settings of a source that is Tetragon's gRPC API. */
export const tetragonGrpcSource = z.strictObject({
  type: z.literal('tetragon').describe('Whose events they are.'),
  grpc: z
    .strictObject({
      address: z
        .string()
        .regex(ADDRESS, 'has to be unix:///PATH or a loopback HOST:PORT: the stream is not encrypted')
        .default('unix:///var/run/tetragon/tetragon.sock')
        .describe('Where Tetragon answers: its `server-address`, a Unix socket or a port on loopback.')
    })
    .describe('Ask Tetragon for its events in place of reading its export file.')
})

export type TetragonGrpcSource = z.output<typeof tetragonGrpcSource>

/** What records of the source are said to come from. */
export function tetragonFrom({ grpc }: TetragonGrpcSource): string {
  return `tetragon ${grpc.address}`
}

/** What records of bpftrace are said to come from. */
export const BPFTRACE = 'bpftrace'

/** Settings of a source that is bpftrace, started by the agent. */
export const bpftraceSource = z.strictObject({
  type: z.literal('bpftrace').describe('A few hooks with bpftrace, where the built-in sensor cannot be loaded.'),
  command: z.string().min(1).default('bpftrace').describe('The program, by path or as PATH finds it.'),
  pages: z
    .number()
    .int()
    .min(64)
    .max(65_536)
    .default(2048)
    .describe('Pages of the buffer of each processor; with 64, as bpftrace would have it, it loses more.'),
  attach_timeout_ms: z.number().int().positive().default(120_000).describe('How long it may take to attach.')
})

export type BpftraceSource = z.output<typeof bpftraceSource>
