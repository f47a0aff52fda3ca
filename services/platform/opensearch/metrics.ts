import { Counter } from 'prom-client'
import { metrics } from '../metrics.ts'

export const documentsOut = new Counter({
  name: 'weir_documents_total',
  help: 'Documents given to OpenSearch, by what came of it: written, unchanged (was there already), refused.',
  labelNames: ['kind', 'result'] as const,
  registers: [metrics]
})

export const bulkRetries = new Counter({
  name: 'weir_bulk_retries_total',
  help: 'Bulk requests, whole or in part, that had to be tried again because OpenSearch was away or overloaded.',
  registers: [metrics]
})
