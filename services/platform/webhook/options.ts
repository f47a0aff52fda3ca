import { z } from 'zod'

const MIB = 1024 * 1024
const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/

const milliseconds = (value: number) => z.number().int().positive().default(value)
const bytes = (value: number) => z.number().int().positive().default(value)

const tls = z.strictObject({
  cert_file: z.string().min(1).describe('Certificate of the webhook, PEM, with intermediates.'),
  key_file: z.string().min(1).describe('Its key, PEM.'),
  client_ca_file: z
    .string()
    .min(1)
    .optional()
    .describe('CA of client certificates, PEM. Given: a client without a certificate of this CA is refused (mTLS).'),
  reload_interval_ms: milliseconds(60_000).describe('How often to look whether the files have changed.')
})

/** Where a webhook listens. */
export const addressSettings = (port: number) => ({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address to listen on. Without TLS only a loopback address is taken.'),
  port: z.number().int().min(0).max(65_535).default(port).describe('Port; 0 takes a free one.')
})

/** Who may send to a webhook. */
export const accessSettings = (token: string) => ({
  tls: tls.optional().describe('Certificates.'),
  client_names: z
    .array(z.string().min(1))
    .default([])
    .describe('Common names of client certificates that may send; empty: every certificate of client_ca_file.'),
  bearer_token_file: z.string().min(1).optional().describe(token),
  allow_anonymous: z
    .boolean()
    .default(false)
    .describe('Take events from anyone who can reach a port that is not on loopback. Anyone can then forge events.')
})

/** Bounds of what a webhook takes. */
export const boundSettings = (bounds: {
  readonly body_max_mib: number
  readonly in_flight_max_mib: number
  readonly connections_max: number
}) => ({
  body_max_bytes: bytes(bounds.body_max_mib * MIB).describe('Largest body, after unpacking.'),
  in_flight_max_bytes: bytes(bounds.in_flight_max_mib * MIB).describe(
    'How much may be in work at a time, over all requests; more is answered 429.'
  ),
  connections_max: z
    .number()
    .int()
    .positive()
    .default(bounds.connections_max)
    .describe('Connections at a time; more are dropped.'),
  head_timeout_ms: milliseconds(10_000).describe('How long TLS handshake and request head may take.'),
  request_timeout_ms: milliseconds(30_000).describe('How long a whole request may take to arrive.'),
  retry_after_s: z.number().int().positive().default(2).describe('What Retry-After says when the spool is full.')
})

/** What the server of a webhook needs to know. */
export interface WebhookServerOptions {
  readonly host: string
  readonly port: number
  readonly tls?: z.output<typeof tls> | undefined
  readonly client_names: readonly string[]
  readonly bearer_token_file?: string | undefined
  readonly allow_anonymous: boolean
  readonly body_max_bytes: number
  readonly in_flight_max_bytes: number
  readonly connections_max: number
  readonly head_timeout_ms: number
  readonly request_timeout_ms: number
  readonly retry_after_s: number
}

/** Settings of a webhook with what must hold between them: nobody unknown sends from outside, nothing goes in clear. */
export function securedSettings<Schema extends z.ZodType<WebhookServerOptions>>(schema: Schema): Schema {
  return schema
    .refine(({ tls, host }) => tls !== undefined || LOOPBACK.test(host), {
      path: ['tls'],
      message: 'is needed unless host is a loopback address: events hold secrets'
    })
    .refine(
      ({ host, tls, bearer_token_file, allow_anonymous }) =>
        LOOPBACK.test(host) || tls?.client_ca_file !== undefined || bearer_token_file !== undefined || allow_anonymous,
      { path: ['tls'], message: 'give client_ca_file or bearer_token_file, or say allow_anonymous: true' }
    )
    .refine(({ client_names, tls }) => client_names.length === 0 || tls?.client_ca_file !== undefined, {
      path: ['client_names'],
      message: 'needs tls.client_ca_file'
    })
    .refine(({ body_max_bytes, in_flight_max_bytes }) => in_flight_max_bytes >= body_max_bytes, {
      path: ['in_flight_max_bytes'],
      message: 'must be at least body_max_bytes'
    })
}
