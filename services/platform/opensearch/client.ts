import { readFileSync } from 'node:fs'
import { Client } from '@opensearch-project/opensearch'
import { readSecret } from '../config/load.ts'
import type { OpenSearchOptions } from './options.ts'

/**
 * A client that tries each request once: whoever calls knows what may be repeated. Credentials and certificates are read from
 * their files now, so a restart picks up new ones.
 */
export function createOpenSearchClient(options: OpenSearchOptions): Client {
  const ssl = {
    ...(options.tls_ca_file !== undefined && { ca: readFileSync(options.tls_ca_file) }),
    ...(options.tls_cert_file !== undefined && { cert: readFileSync(options.tls_cert_file) }),
    ...(options.tls_key_file !== undefined && { key: readFileSync(options.tls_key_file) })
  }
  return new Client({
    nodes: options.nodes,
    maxRetries: 0,
    requestTimeout: options.request_timeout_ms,
    ssl,
    ...(options.username !== undefined &&
      options.password_file !== undefined && {
        auth: { username: options.username, password: readSecret(options.password_file) }
      }),
    ...(options.api_key_file !== undefined && {
      headers: { authorization: `ApiKey ${readSecret(options.api_key_file)}` }
    })
  })
}
