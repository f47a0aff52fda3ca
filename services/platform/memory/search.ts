import { at } from '../../core/json.ts'
import type {
  DocumentWrite,
  SearchDocument,
  SearchPort,
  SearchQuery,
  StoredDocument
} from '../opensearch/search-port.ts'

interface Entry {
  readonly document: SearchDocument
  readonly version: number | null
}

export interface MemorySearchOptions {
  /** Documents kept; of those that are written once (events, signals, actions) the oldest go first. */
  readonly max_documents?: number
  /** Stands in for mappings: the reason why a document is refused, null to take it. */
  readonly refuse?: (write: DocumentWrite) => string | null
}

export interface MemorySearch extends SearchPort {
  /** Documents that had to make room for newer ones. */
  readonly evicted: number
  readonly documents: number
}

const DEFAULT_MAX_DOCUMENTS = 200_000

function matchesIndex(pattern: string, index: string): boolean {
  return pattern.endsWith('*') ? index.startsWith(pattern.slice(0, -1)) : index === pattern
}

/** Values of a field as a search engine sees them: arrays are several values, also on the way. */
function valuesAt(value: unknown, path: readonly string[]): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, path))
  const [head, ...rest] = path
  return head === undefined ? [value] : valuesAt(at(value, [head]), rest)
}

function matches({ ids, prefix, terms }: SearchQuery, id: string, document: SearchDocument): boolean {
  const values = (field: string) => valuesAt(document, field.split('.')).map(String)
  return (
    (ids === undefined || ids.includes(id)) &&
    (prefix === undefined || values(prefix.field).some((value) => value.startsWith(prefix.value))) &&
    Object.entries(terms ?? {}).every(([field, wanted]) => values(field).some((value) => wanted.includes(value)))
  )
}

/** Numbers by size, everything else by its text. */
function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [left, right] = [a, b].map((value) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')))
  return (left ?? '') < (right ?? '') ? -1 : left === right ? 0 : 1
}

/**
 * The search port in this process's memory, for the embedded pipeline and tests: documents written once stay as they are,
 * versioned ones are replaced by higher versions only, as in OpenSearch with `create` and external versions.
 */
export function createMemorySearch(options: MemorySearchOptions = {}): MemorySearch {
  const max = options.max_documents ?? DEFAULT_MAX_DOCUMENTS
  const indices = new Map<string, Map<string, Entry>>()
  /** Documents that may be evicted, oldest first. */
  const evictable = new Set<{ readonly index: string; readonly id: string }>()
  let count = 0
  let evicted = 0

  function evict(): void {
    for (const oldest of evictable) {
      if (count <= max) return
      evictable.delete(oldest)
      indices.get(oldest.index)?.delete(oldest.id)
      count -= 1
      evicted += 1
    }
  }

  function put(write: DocumentWrite): boolean {
    const index = indices.get(write.index) ?? new Map<string, Entry>()
    indices.set(write.index, index)
    const existing = index.get(write.id)
    if (existing !== undefined && (write.version === null || write.version <= (existing.version ?? 0))) return false
    // As it would come back over the wire, and out of the writer's reach.
    const document = JSON.parse(JSON.stringify(write.document)) as SearchDocument
    index.set(write.id, { document, version: write.version })
    if (existing === undefined) {
      count += 1
      if (write.version === null) evictable.add({ index: write.index, id: write.id })
    }
    return true
  }

  return {
    get evicted() {
      return evicted
    },
    get documents() {
      return count
    },

    async write(writes) {
      let written = 0
      let unchanged = 0
      const refused = []
      for (const [position, write] of writes.entries()) {
        const message = options.refuse?.(write) ?? null
        if (message !== null) refused.push({ position, code: 'OPENSEARCH_DOCUMENT_REFUSED' as const, message })
        else if (put(write)) written += 1
        else unchanged += 1
      }
      evict()
      return { written, unchanged, refused }
    },

    async find(query) {
      const found: StoredDocument[] = []
      for (const [index, entries] of indices) {
        if (!matchesIndex(query.index, index)) continue
        for (const [id, { document }] of entries) if (matches(query, id, document)) found.push({ index, id, document })
      }
      const { sort } = query
      if (sort !== undefined) {
        const path = sort.field.split('.')
        const key = ({ document }: StoredDocument) => valuesAt(document, path)[0]
        const direction = sort.order === 'asc' ? 1 : -1
        found.sort((a, b) => direction * compare(key(a), key(b)))
      }
      return found.slice(0, query.size)
    },

    probe: async () => {},
    close: async () => {}
  }
}
