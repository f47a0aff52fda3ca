import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { messageOf } from '../../core/errors.ts'
import type { HuntErrorCode } from './errors.ts'

/** Longest line, and largest document that is not one object a line, in bytes: memory must stay bounded on any input. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024
const MAX_DOCUMENT_BYTES = 256 * 1024 * 1024

export type RecordRead<Taken = never> =
  | { readonly line: number; readonly json: unknown }
  | ([Taken] extends [never] ? never : { readonly line: number; readonly taken: Taken })
  | { readonly line: number; readonly rejected: { readonly code: HuntErrorCode; readonly reason: string } }

export interface Input {
  /** Path, or `-` for standard input. */
  readonly name: string
  /** Size on disk, null for standard input. */
  readonly size_bytes: number | null
}

/** @throws Error of the file system when the file is not there */
export async function openInput(name: string): Promise<Input> {
  return { name, size_bytes: name === '-' ? null : (await stat(name)).size }
}

async function* chunksOf(input: Input, onBytes: (count: number) => void): AsyncGenerator<Buffer> {
  const source = input.name === '-' ? process.stdin : createReadStream(input.name, { highWaterMark: 1024 * 1024 })
  source.on('data', (chunk: Buffer) => onBytes(chunk.length))
  if (!input.name.endsWith('.gz')) {
    yield* source as AsyncIterable<Buffer>
    return
  }
  const gunzip = createGunzip()
  source.once('error', (error: Error) => gunzip.destroy(error))
  yield* source.pipe(gunzip) as AsyncIterable<Buffer>
}

/** Lines as bytes; null stands for one that was too long and has been passed over. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer | null> {
  let pending: Buffer[] = []
  let pendingBytes = 0
  let skipping = false
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const piece = chunk.subarray(start, end)
      if (skipping || pendingBytes + piece.length > MAX_LINE_BYTES) yield null
      else yield pending.length === 0 ? piece : Buffer.concat([...pending, piece])
      pending = []
      pendingBytes = 0
      skipping = false
      start = end + 1
    }
    const rest = chunk.subarray(start)
    if (pendingBytes + rest.length > MAX_LINE_BYTES) {
      skipping = true
      pending = []
      pendingBytes = 0
    } else if (!skipping && rest.length > 0) {
      pending.push(rest)
      pendingBytes += rest.length
    }
  }
  if (skipping) yield null
  else if (pendingBytes > 0) yield Buffer.concat(pending)
}

function parse(line: Buffer): { json: unknown } | { error: string } {
  try {
    return { json: JSON.parse(line.toString('utf8')) }
  } catch (error) {
    return { error: messageOf(error) }
  }
}

const isBlank = (line: Buffer) => line.every((byte) => byte === 32 || byte === 13 || byte === 9)

/** An object or array is opened on this line and not closed on it: the file is one document over many lines. */
const opensDocument = (line: Buffer) =>
  /^\s*[[{]/.test(line.toString('utf8', 0, 64)) && !/[\]}]\s*$/.test(line.toString('utf8', line.length - 8))

/**
 * The JSON records of a file: one a line, or the whole file as one document (an EventList as kubectl or an editor wrote it).
 * `.gz` is unpacked. A line that `take` gives something for is not parsed. What cannot be read is yielded as rejected, with its line, and reading goes on.
 */
export async function* readRecords<Taken = never>(
  input: Input,
  onBytes: (count: number) => void,
  take: (line: Buffer) => Taken | null = () => null
): AsyncGenerator<RecordRead<Taken>> {
  let line = 0
  let document: Buffer[] | null = null
  let documentBytes = 0
  try {
    for await (const bytes of linesOf(chunksOf(input, onBytes))) {
      line += 1
      if (bytes === null) {
        yield { line, rejected: { code: 'HUNT_LINE_TOO_LONG', reason: `longer than ${MAX_LINE_BYTES} bytes` } }
        continue
      }
      if (document !== null) {
        documentBytes += bytes.length
        if (documentBytes > MAX_DOCUMENT_BYTES) {
          yield {
            line,
            rejected: { code: 'HUNT_LINE_TOO_LONG', reason: `document longer than ${MAX_DOCUMENT_BYTES} bytes` }
          }
          return
        }
        document.push(bytes)
        continue
      }
      if (isBlank(bytes)) continue
      const taken = take(bytes)
      if (taken !== null) {
        yield { line, taken } as RecordRead<Taken>
        continue
      }
      const parsed = parse(bytes)
      if ('json' in parsed) yield { line, json: parsed.json }
      else if (line === 1 && opensDocument(bytes)) {
        document = [bytes]
        documentBytes = bytes.length
      } else yield { line, rejected: { code: 'HUNT_NOT_JSON', reason: parsed.error } }
    }
  } catch (error) {
    yield { line: line + 1, rejected: { code: 'HUNT_READ_FAILED', reason: messageOf(error) } }
  }
  if (document === null) return
  const parsed = parse(Buffer.concat(document.flatMap((bytes) => [bytes, Buffer.from('\n')])))
  if ('json' in parsed) yield { line: 1, json: parsed.json }
  else yield { line: 1, rejected: { code: 'HUNT_NOT_JSON', reason: parsed.error } }
}
