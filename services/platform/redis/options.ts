import { z } from 'zod'

/** How to reach Redis. */
export const redisOptions = z.strictObject({
  url: z.string().default('redis://127.0.0.1:6379').describe('redis://HOST:PORT/DB, or rediss:// for TLS.'),
  username: z.string().optional().describe('ACL user.'),
  password_file: z.string().optional().describe('File with the password.'),
  tls_ca_file: z
    .string()
    .optional()
    .describe('CA that signed the server certificate, for rediss:// with a private CA.'),
  tls_cert_file: z.string().optional().describe('Client certificate, where the server asks for one.'),
  tls_key_file: z.string().optional().describe('Key of the client certificate.'),
  key_prefix: z.string().default('weir:').describe('Put before every key, so that installations can share a server.'),
  command_timeout_ms: z.number().int().positive().default(5_000).describe('How long a command may take.')
})

export type RedisOptions = z.output<typeof redisOptions>
