import type { Client } from '@opensearch-project/opensearch'
import { WeirError } from '../../core/errors.ts'
import { arrayAt, at, isObject, property, stringAt } from '../../core/json.ts'
import type { Logger } from '../log.ts'
import { type BulkAnswer, type BulkItem, createBulkWriter } from './bulk.ts'
import { OPENSEARCH_ERRORS } from './errors.ts'
import { bulkRetries } from './metrics.ts'
import type { OpenSearchOptions } from './options.ts'
import { demand, reasonOf, request } from './request.ts'
import type { SearchPort, SearchQuery, StoredDocument } from './search-port.ts'
import { templateName } from './templates.ts'

const MIN_BACKOFF_MS = 100
const MAX_BACKOFF_MS = 10_000
const HEARTBEAT_INTERVAL_MS = 2_000
/** Of all there is to say about an item only this is used, and not saying the rest saves both sides work. */
const BULK_FILTER = 'items.*.status,items.*.error.type,items.*.error.reason'

function bulkItem(entry: unknown): BulkItem {
  // The only key is the operation's name.
  const item = isObject(entry) ? Object.values(entry)[0] : undefined
  const status = property(item, 'status')
  return {
    status: typeof status === 'number' ? status : 0,
    type: stringAt(item, 'error', 'type'),
    reason: stringAt(item, 'error', 'reason')
  }
}

async function sendBulk(client: Client, lines: string): Promise<BulkAnswer> {
  const { status, body } = await request(client, {
    method: 'POST',
    path: '/_bulk',
    query: { filter_path: `${BULK_FILTER},error` },
    lines
  })
  const ok = status >= 200 && status < 300 && Array.isArray(property(body, 'items'))
  return { status, items: ok ? arrayAt(body, 'items').map(bulkItem) : null, reason: ok ? null : reasonOf(body) }
}

function queryBody({ ids, prefix, terms, sort, size }: SearchQuery): unknown {
  const filter = [
    ...(ids === undefined ? [] : [{ ids: { values: ids } }]),
    ...(prefix === undefined ? [] : [{ prefix: { [prefix.field]: { value: prefix.value } } }]),
    ...Object.entries(terms ?? {}).map(([field, values]) => ({ terms: { [field]: values } }))
  ]
  return {
    query: { bool: { filter } },
    size,
    ...(sort !== undefined && { sort: [{ [sort.field]: { order: sort.order, unmapped_type: 'keyword' } }] })
  }
}

function storedDocument(hit: unknown): StoredDocument {
  const source = property(hit, '_source')
  return {
    index: stringAt(hit, '_index') ?? '',
    id: stringAt(hit, '_id') ?? '',
    document: isObject(source) ? source : {}
  }
}

/** The search port on OpenSearch. Closing it closes the client. */
export function createOpenSearch(
  client: Client,
  options: Pick<OpenSearchOptions, 'index_prefix' | 'max_request_bytes' | 'max_request_documents'>,
  log: Logger
): SearchPort {
  let failing = false
  const write = createBulkWriter((lines) => sendBulk(client, lines), {
    max_request_bytes: options.max_request_bytes,
    max_request_documents: options.max_request_documents,
    min_backoff_ms: MIN_BACKOFF_MS,
    max_backoff_ms: MAX_BACKOFF_MS,
    heartbeat_interval_ms: HEARTBEAT_INTERVAL_MS,
    onRetry: ({ documents, attempt, reason }) => {
      bulkRetries.inc()
      // One line when it starts; the metric says how long it goes on.
      if (!failing)
        log.warn({ documents, attempt, reason }, 'OpenSearch does not take documents; trying again until it does')
      failing = true
    }
  })

  return {
    async write(writes, context) {
      const outcome = await write(writes, context)
      if (failing) log.info('OpenSearch takes documents again')
      failing = false
      return outcome
    },

    async find(query) {
      const body = await demand(client, {
        method: 'POST',
        path: `/${encodeURIComponent(query.index)}/_search`,
        query: { ignore_unavailable: 'true', allow_no_indices: 'true' },
        body: queryBody(query)
      })
      return arrayAt(body, 'hits', 'hits').map(storedDocument)
    },

    async probe() {
      const name = templateName(options.index_prefix, 'events')
      const template = await request(client, { method: 'GET', path: `/_index_template/${name}` })
      if (template.status === 404) {
        const message = `index template ${name} is not in OpenSearch: run \`weir setup\` first`
        throw new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_NOT_SET_UP', message)
      }
      const body = await demand(client, {
        method: 'POST',
        path: `/${options.index_prefix}-incidents/_search`,
        body: { size: 0, timeout: '2s' }
      })
      if (at(body, ['_shards', 'failed']) !== 0) {
        const message = 'not all shards of the incidents index answer'
        throw new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_UNAVAILABLE', message)
      }
    },

    close: () => client.close()
  }
}
