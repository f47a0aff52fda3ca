import { createCertificates } from '../support/certificates.ts'
import type { ClusterOptions } from './cluster.ts'

const PORT = 18_443
const PATH = '/audit'

/** Where the API server of a test cluster sends its audit events, and what listening there takes. */
export interface AuditWebhook {
  readonly port: number
  readonly path: string
  readonly cert_file: string
  readonly key_file: string
}

/** A webhook over TLS with a certificate of its own; the API server waits for somebody to listen. */
export function createAuditWebhook(): {
  readonly webhook: AuditWebhook
  readonly options: NonNullable<ClusterOptions['audit_webhook']>
} {
  const { ca_file, issue } = createCertificates()
  return {
    webhook: { port: PORT, path: PATH, ...issue('audit-collector') },
    options: { url: `https://127.0.0.1:${PORT}${PATH}`, ca_file }
  }
}
