import { messageOf, WeirError } from '../../core/errors.ts'
import { OPENSEARCH_ERRORS } from './errors.ts'
import type { DocumentWrite, RefusedWrite, WriteContext, WriteOutcome } from './search-port.ts'

/** What came of one document of a bulk request. */
export interface BulkItem {
  readonly status: number
  readonly type: string | null
  readonly reason: string | null
}

/** Answer to a bulk request. Not answering is thrown. */
export interface BulkAnswer {
  readonly status: number
  /** One per document, in order; null when the request failed as a whole. */
  readonly items: readonly BulkItem[] | null
  readonly reason: string | null
}

export type SendBulk = (body: string) => Promise<BulkAnswer>

export interface BulkOptions {
  readonly max_request_bytes: number
  readonly max_request_documents: number
  /** First wait after a failure; doubled up to `max_backoff_ms`. */
  readonly min_backoff_ms: number
  readonly max_backoff_ms: number
  readonly heartbeat_interval_ms: number
  /** Told of each failed try. */
  onRetry(event: { readonly documents: number; readonly attempt: number; readonly reason: string }): void
}

/** A document on its way. */
interface Line {
  readonly position: number
  readonly text: string
  readonly bytes: number
  serverErrors: number
}

/** An error inside of OpenSearch may come from the document or pass; after so many it counts as the document's. */
const MAX_SERVER_ERRORS = 5
const MAX_REASON_CHARACTERS = 400

/** OpenSearch quotes values in its reasons; a dead letter's headers carry no content. */
const CONTENT = / ?(?:Preview of field's value|The prefix of the first immense term)/

function withoutContent(reason: string): string {
  return (reason.split(CONTENT, 1)[0] ?? '').slice(0, MAX_REASON_CHARACTERS)
}

function serialise(write: DocumentWrite, position: number): Line {
  const target = { _index: write.index, _id: write.id }
  const action =
    write.version === null
      ? { create: target }
      : { index: { ...target, version: write.version, version_type: 'external' } }
  const text = `${JSON.stringify(action)}\n${JSON.stringify(write.document)}\n`
  return { position, text, bytes: Buffer.byteLength(text), serverErrors: 0 }
}

function* chunks(lines: readonly Line[], options: BulkOptions): Generator<readonly Line[]> {
  let chunk: Line[] = []
  let bytes = 0
  for (const line of lines) {
    if (
      chunk.length > 0 &&
      (bytes + line.bytes > options.max_request_bytes || chunk.length >= options.max_request_documents)
    ) {
      yield chunk
      chunk = []
      bytes = 0
    }
    chunk.push(line)
    bytes += line.bytes
  }
  if (chunk.length > 0) yield chunk
}

/** Waits for work, heartbeating, until it is done or the signal is aborted. */
async function attend<Result>(work: Promise<Result>, context: WriteContext, interval_ms: number): Promise<Result> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () =>
    reject(new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_ABORTED', 'writing to OpenSearch was given up: asked to stop'))
  context.signal.addEventListener('abort', onAbort, { once: true })
  if (context.signal.aborted) onAbort()
  // Whichever of them loses a race may still reject later, with nobody listening.
  work.catch(() => {})
  aborted.catch(() => {})
  let timer: NodeJS.Timeout | undefined
  try {
    const done = work.then((result) => ({ result }))
    for (;;) {
      const tick = new Promise<null>((resolve) => {
        timer = setTimeout(() => resolve(null), interval_ms)
      })
      const first = await Promise.race([done, aborted, tick])
      if (first !== null) return first.result
      await context.heartbeat()
    }
  } finally {
    clearTimeout(timer)
    context.signal.removeEventListener('abort', onAbort)
  }
}

/** Items that fail for what the cluster is or lacks at the moment, not for what the document is. */
function isPassing({ status, type }: BulkItem): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504 || type === 'cluster_block_exception'
}

/**
 * A bulk loop. Documents are written in requests of bounded size; each item of an answer is looked at by itself:
 * - created, replaced, or there already (409): done;
 * - 429, 502, 503, 504, a blocked index, no answer at all: tried again, without end, waiting longer each time;
 * - 500: tried again a few times, since only trying tells whether it is the document's fault;
 * - anything else: refused, with the reason.
 * A request refused as a whole (400, 413) is halved until the document at fault stands alone.
 */
export function createBulkWriter(
  send: SendBulk,
  options: BulkOptions
): (writes: readonly DocumentWrite[], context: WriteContext) => Promise<WriteOutcome> {
  return async (writes, context) => {
    let written = 0
    let unchanged = 0
    const refused: RefusedWrite[] = []

    const refuse = ({ position }: Line, code: RefusedWrite['code'], message: string) => {
      refused.push({ position, code, message: withoutContent(message) })
    }

    const backOff = async (attempt: number, documents: number, reason: string) => {
      options.onRetry({ documents, attempt, reason: withoutContent(reason) })
      const limit = Math.min(options.min_backoff_ms * 2 ** Math.min(attempt - 1, 16), options.max_backoff_ms)
      // Jitter, so that several indexers do not come back in step.
      const wait_ms = limit / 2 + (Math.random() * limit) / 2
      const sleep = new Promise<void>((resolve) => setTimeout(resolve, wait_ms))
      await attend(sleep, context, options.heartbeat_interval_ms)
    }

    /** Sorts an answer's items out. @returns the lines to be tried again */
    const settle = (
      lines: readonly Line[],
      items: readonly BulkItem[]
    ): { readonly again: readonly Line[]; readonly reason: string } => {
      const again: Line[] = []
      let reason = ''
      for (const [index, line] of lines.entries()) {
        const item = items[index]
        if (item === undefined) continue
        if (item.status < 300) written += 1
        else if (item.status === 409) unchanged += 1
        else {
          const said = `${item.status} ${item.type ?? ''}: ${item.reason ?? 'no reason given'}`
          if (item.status === 500) line.serverErrors += 1
          if (isPassing(item) || (item.status === 500 && line.serverErrors < MAX_SERVER_ERRORS)) {
            again.push(line)
            reason = said
          } else refuse(line, 'OPENSEARCH_DOCUMENT_REFUSED', said)
        }
      }
      return { again, reason }
    }

    const writeChunk = async (chunk: readonly Line[]): Promise<void> => {
      let pending = chunk
      let attempt = 0
      while (pending.length > 0) {
        const sent = send(pending.map(({ text }) => text).join('')).catch((error: unknown) => messageOf(error))
        const answer = await attend(sent, context, options.heartbeat_interval_ms)
        if (typeof answer === 'string') {
          attempt += 1
          await backOff(attempt, pending.length, answer)
          continue
        }
        if (answer.status === 401 || answer.status === 403) {
          const message = `OpenSearch answers ${answer.status} to bulk requests: check the credentials and their rights on the indices`
          throw new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_FORBIDDEN', message)
        }
        if (answer.status === 400 || answer.status === 413) {
          const [only] = pending
          if (pending.length === 1 && only !== undefined) {
            const code = answer.status === 413 ? 'OPENSEARCH_DOCUMENT_TOO_LARGE' : 'OPENSEARCH_DOCUMENT_REFUSED'
            refuse(only, code, `${answer.status}: ${answer.reason ?? 'no reason given'}`)
            return
          }
          const middle = Math.ceil(pending.length / 2)
          await writeChunk(pending.slice(0, middle))
          await writeChunk(pending.slice(middle))
          return
        }
        if (answer.items === null || answer.items.length !== pending.length) {
          attempt += 1
          await backOff(
            attempt,
            pending.length,
            `${answer.status}: ${answer.reason ?? 'an answer that is none to a bulk request'}`
          )
          continue
        }
        const { again, reason } = settle(pending, answer.items)
        attempt = again.length < pending.length ? 1 : attempt + 1
        pending = again
        if (pending.length > 0) await backOff(attempt, pending.length, reason)
      }
    }

    const lines: Line[] = []
    for (const [position, write] of writes.entries()) {
      const line = serialise(write, position)
      if (line.bytes <= options.max_request_bytes) lines.push(line)
      else {
        const message = `a document of ${line.bytes} bytes does not fit a request of ${options.max_request_bytes} bytes`
        refuse(line, 'OPENSEARCH_DOCUMENT_TOO_LARGE', message)
      }
    }
    for (const chunk of chunks(lines, options)) await writeChunk(chunk)
    return { written, unchanged, refused: refused.toSorted((a, b) => a.position - b.position) }
  }
}
