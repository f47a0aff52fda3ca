import { z } from 'zod'

/** How to reach OpenSearch, and how to write to it. */
export const openSearchOptions = z
  .strictObject({
    nodes: z
      .array(z.url({ protocol: /^https?$/ }))
      .min(1)
      .default(['http://127.0.0.1:9200'])
      .describe('URLs of the nodes, http:// or https://.'),
    username: z.string().optional().describe('User, for HTTP basic authentication.'),
    password_file: z.string().optional().describe('File with the password of the user.'),
    api_key_file: z.string().optional().describe('File with an API key, sent as `Authorization: ApiKey …`.'),
    tls_ca_file: z.string().optional().describe('CA that signed the server certificates, where it is a private one.'),
    tls_cert_file: z.string().optional().describe('Client certificate, where the server asks for one.'),
    tls_key_file: z.string().optional().describe('Key of the client certificate.'),
    request_timeout_ms: z.number().int().positive().default(30_000).describe('How long a request may take.'),
    index_prefix: z
      .string()
      .regex(
        /^[a-z][a-z0-9_-]{0,62}$/,
        'an index prefix is lower-case letters, digits, _ and -, starting with a letter'
      )
      .default('weir')
      .describe('Put before every index and template name, so that installations can share a cluster.'),
    max_request_bytes: z
      .number()
      .int()
      .min(100_000)
      .max(50_000_000)
      .default(5_000_000)
      .describe('Size of a bulk request; a larger document is refused by itself.'),
    max_request_documents: z
      .number()
      .int()
      .positive()
      .max(10_000)
      .default(1_000)
      .describe('Documents in a bulk request.')
  })
  .refine(({ username, password_file }) => (username === undefined) === (password_file === undefined), {
    message: 'username and password_file come together',
    path: ['username']
  })
  .refine(({ username, api_key_file }) => username === undefined || api_key_file === undefined, {
    message: 'either username and password_file, or api_key_file',
    path: ['api_key_file']
  })
  .refine(({ tls_cert_file, tls_key_file }) => (tls_cert_file === undefined) === (tls_key_file === undefined), {
    message: 'tls_cert_file and tls_key_file come together',
    path: ['tls_cert_file']
  })

export type OpenSearchOptions = z.output<typeof openSearchOptions>
