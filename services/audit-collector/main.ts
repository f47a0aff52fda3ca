import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import type { Cluster } from '../../schemas/generated/types.ts'
import type { Health } from '../platform/health.ts'
import { type Output, startIngest } from '../platform/ingest/service.ts'
import type { Running } from '../platform/lifecycle.ts'
import type { Logger } from '../platform/log.ts'
import type { Webhook } from '../platform/webhook/server.ts'
import { createBuild } from './build.ts'
import type { AuditCollectorOptions } from './options.ts'
import { startWebhook } from './webhook.ts'

export interface AuditCollectorPorts {
  readonly options: AuditCollectorOptions
  readonly cluster: Cluster
  /** Largest message the topics take: `kafka.message_max_bytes`. */
  readonly message_max_bytes: number
  /** Connects to registry and Kafka; tried again while what it throws is retriable. */
  readonly connect: () => Promise<Output>
  readonly health: Health
  readonly log: Logger
  /** Clock, milliseconds since the epoch. */
  readonly now_ms: () => number
}

export interface AuditCollector extends Running {
  /** Where the webhook listens; null when it is off. */
  readonly address: AddressInfo | null
}

/**
 * Audit events from API servers, managed clouds and files, through a spool, to `weir.audit.v1`; events of a cloud's trail to
 * `weir.cloud.v1`.
 * @throws WeirError SPOOL_…, WEBHOOK_TLS_UNREADABLE; Error when the port cannot be listened on
 */
export async function startAuditCollector(ports: AuditCollectorPorts): Promise<AuditCollector> {
  const { options, cluster, message_max_bytes, health, log, now_ms } = ports
  let webhook: Webhook | null = null
  const ingest = await startIngest({
    service: 'audit-collector',
    spool: options.spool,
    sources: options.files,
    follow: options.follow,
    gather_max_bytes: options.gather_max_bytes,
    linger_ms: options.linger_ms,
    connect: ports.connect,
    createBuild: (codec) =>
      createBuild(cluster, options, {
        codec,
        service: 'audit-collector',
        instance: options.name ?? hostname(),
        message_max_bytes,
        now: now_ms
      }),
    startInput: async (spool) => {
      if (!options.webhook.enabled) return { stop: async () => undefined }
      webhook = await startWebhook({ options: options.webhook, spool, log, now: now_ms })
      const { address, port } = webhook.address
      log.info({ address, port, tls: options.webhook.tls !== undefined }, 'taking audit events')
      const { close } = webhook
      return { stop: close }
    },
    health,
    log,
    now_ms
  })
  return { failed: ingest.failed, stop: () => ingest.stop(), address: (webhook as Webhook | null)?.address ?? null }
}
