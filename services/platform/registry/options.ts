import { z } from 'zod'

/** How to reach the schema registry. */
export const registryOptions = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .default('http://127.0.0.1:8081')
      .describe('Base URL; Apicurio’s ends in /apis/ccompat/v7, Confluent’s has no path.'),
    username: z.string().optional().describe('User, for HTTP basic authentication.'),
    password_file: z.string().optional().describe('File with the password of the user.'),
    tls_ca_file: z.string().optional().describe('CA that signed the server certificate, where it is a private one.'),
    tls_cert_file: z.string().optional().describe('Client certificate, where the server asks for one.'),
    tls_key_file: z.string().optional().describe('Key of the client certificate.'),
    request_timeout_ms: z.number().int().positive().default(10_000).describe('How long a request may take.'),
    retry_for_ms: z.number().int().nonnegative().default(10_000).describe('How long to try again before giving up.'),
    unknown_id_ttl_ms: z
      .number()
      .int()
      .positive()
      .default(10_000)
      .describe('For how long a schema id that the registry does not know is not asked for again.')
  })
  .refine(({ username, password_file }) => (username === undefined) === (password_file === undefined), {
    message: 'username and password_file come together',
    path: ['username']
  })
  .refine(({ tls_cert_file, tls_key_file }) => (tls_cert_file === undefined) === (tls_key_file === undefined), {
    message: 'tls_cert_file and tls_key_file come together',
    path: ['tls_cert_file']
  })

export type RegistryOptions = z.output<typeof registryOptions>
