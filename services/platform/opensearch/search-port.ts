/** What the rest of Weir needs of a search engine: OpenSearch (`search.ts`) or this process's memory (`memory/search.ts`). */

/** A document as JSON; undefined values are left out. */
export type SearchDocument = Readonly<Record<string, unknown>>

/** A document to be written. Writing is idempotent: the same write again changes nothing. */
export interface DocumentWrite {
  readonly index: string
  /** At most 512 bytes, see `documentId`. */
  readonly id: string
  readonly document: SearchDocument
  /** null: written once and never replaced. A number: replaces what is there with a lower version. */
  readonly version: number | null
}

export interface RefusedWrite {
  /** Position among the writes. */
  readonly position: number
  /** From OPENSEARCH_ERRORS. */
  readonly code: 'OPENSEARCH_DOCUMENT_REFUSED' | 'OPENSEARCH_DOCUMENT_TOO_LARGE'
  /** Why, without the document's content. */
  readonly message: string
}

export interface WriteOutcome {
  /** Documents that are new or replaced an older version. */
  readonly written: number
  /** Documents that were there already, in this or a later version. */
  readonly unchanged: number
  readonly refused: readonly RefusedWrite[]
}

export interface WriteContext {
  /** Aborted when the writer should give up. */
  readonly signal: AbortSignal
  /** Called every few seconds of waiting. */
  heartbeat(): Promise<void>
}

export interface StoredDocument {
  readonly index: string
  readonly id: string
  readonly document: SearchDocument
}

export interface SearchQuery {
  /** Index name, or the start of names followed by `*`. */
  readonly index: string
  /** Documents with these ids only. */
  readonly ids?: readonly string[]
  /** Documents whose keyword field starts with this. */
  readonly prefix?: { readonly field: string; readonly value: string }
  /** Documents that have, for each field, one of the values. */
  readonly terms?: Readonly<Record<string, readonly string[]>>
  readonly sort?: { readonly field: string; readonly order: 'asc' | 'desc' }
  /** At most 10,000. */
  readonly size: number
}

export interface SearchPort {
  /**
   * Writes documents, and waits for as long as the engine is away or overloaded.
   * @throws OPENSEARCH_ABORTED when the signal is aborted, OPENSEARCH_FORBIDDEN when we are not let in
   */
  write(writes: readonly DocumentWrite[], context: WriteContext): Promise<WriteOutcome>
  /** @throws OPENSEARCH_UNAVAILABLE, OPENSEARCH_FORBIDDEN */
  find(query: SearchQuery): Promise<readonly StoredDocument[]>
  /** Proves that documents can be written and read; throws when not. */
  probe(): Promise<void>
  close(): Promise<void>
}
