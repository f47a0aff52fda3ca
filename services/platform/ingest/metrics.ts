import { Counter, Gauge, Histogram } from 'prom-client'
import { metrics } from '../metrics.ts'
import type { Spool } from '../spool/spool.ts'

const spools = new Map<string, Spool>()

function spoolGauge(name: string, help: string, read: (spool: Spool) => number | Promise<number>): void {
  new Gauge({
    name,
    help,
    labelNames: ['service'] as const,
    registers: [metrics],
    async collect() {
      this.reset()
      for (const [service, spool] of spools) this.set({ service }, await read(spool))
    }
  })
}

spoolGauge('weir_spool_bytes', 'Size of the segment files of the spool.', (spool) => spool.stats().bytes)
spoolGauge('weir_spool_records', 'Records in the spool that have not been published.', (spool) => spool.stats().records)
spoolGauge('weir_spool_lost_records', 'Records lost to damage since the start.', (spool) => spool.stats().lost_records)
spoolGauge(
  'weir_spool_corrupt_bytes',
  'Damaged bytes passed over since the start.',
  (spool) => spool.stats().corrupt_bytes
)
spoolGauge(
  'weir_spool_torn_bytes',
  'Bytes of an unfinished append removed at the start.',
  (spool) => spool.stats().torn_bytes
)
spoolGauge('weir_spool_oldest_seconds', 'Age of the oldest record that has not been published.', async (spool) => {
  const oldest = await spool.oldest().catch(() => null)
  return oldest === null ? 0 : Math.max(0, Date.now() - oldest) / 1000
})

/** Shows a spool in the metrics until the returned function is called. */
export function watchSpool(service: string, spool: Spool): () => void {
  spools.set(service, spool)
  return () => {
    spools.delete(service)
  }
}

export const spoolRefusals = new Counter({
  name: 'weir_spool_refusals_total',
  help: 'Appends that the spool refused, by error code. The sender keeps what was refused and tries again.',
  labelNames: ['service', 'code'] as const,
  registers: [metrics]
})

export const publishFailures = new Counter({
  name: 'weir_publish_failures_total',
  help: 'Attempts to publish from the spool that failed and are repeated, by error code.',
  labelNames: ['service', 'code'] as const,
  registers: [metrics]
})

export const linesIn = new Counter({
  name: 'weir_lines_in_total',
  help: 'Lines read from followed files and standard input.',
  labelNames: ['service', 'from'] as const,
  registers: [metrics]
})

export const linesDropped = new Counter({
  name: 'weir_lines_dropped_total',
  help: 'Lines that were passed over, by reason; of lines that were missed only the occasion is known.',
  labelNames: ['service', 'from', 'reason'] as const,
  registers: [metrics]
})

export const webhookRequests = new Counter({
  name: 'weir_webhook_requests_total',
  help: 'Requests to webhooks, by HTTP status and error code.',
  labelNames: ['status', 'code'] as const,
  registers: [metrics]
})

export const webhookSeconds = new Histogram({
  name: 'weir_webhook_seconds',
  help: 'Time from the head of a request to its answer.',
  buckets: [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
  registers: [metrics]
})
