import { setTimeout as sleep } from 'node:timers/promises'
import { WeirError } from '../../core/errors.ts'
import { linesIn, spoolRefusals } from '../../platform/ingest/metrics.ts'
import { encodeRecord, type RecordHeader } from '../../platform/ingest/record.ts'
import type { Logger } from '../../platform/log.ts'
import type { Spool } from '../../platform/spool/spool.ts'

const LINE_FEED = Buffer.from('\n')
/** How much is gathered before it is written, and how long. */
const GATHER_BYTES = 256 * 1024
const GATHER_MS = 50
const RETRY_FIRST_MS = 100
const RETRY_MAX_MS = 5000

export interface LineWriterPorts {
  /** What the lines are said to come from. */
  readonly from: string
  /** What they are; `lines` unless given. */
  readonly form?: RecordHeader['form']
  readonly boot_id?: string
  readonly spool: Spool
  readonly log: Logger
  readonly now_ms: () => number
  /** Ends waiting for a spool that is full: what it has not taken by then is lost. */
  readonly signal: AbortSignal
}

/** Writes lines that come one by one to the spool, several at a time. */
export interface LineWriter {
  /** @returns at once, or, when much waits for the spool, once it has taken that: whoever awaits this holds up the sensor */
  write(line: Buffer): Promise<void>
  /** Writes a record of its own, after the lines before it. */
  record(record: Buffer): Promise<void>
  /** Writes what waits. */
  finish(): Promise<void>
  /** Rejects when the spool has failed for good. */
  readonly failed: Promise<never>
}

export function createLineWriter(ports: LineWriterPorts): LineWriter {
  const { from, form = 'lines', boot_id, spool, log, now_ms, signal } = ports
  let lines: Buffer[] = []
  let bytes = 0
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()
  const { promise: failed, reject: fail } = Promise.withResolvers<never>()
  failed.catch(() => undefined)

  async function append(record: Buffer): Promise<void> {
    for (let wait = RETRY_FIRST_MS; ; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
      try {
        await spool.append([record])
        return
      } catch (error) {
        if (!(error instanceof WeirError) || !error.retriable) throw error
        spoolRefusals.inc({ service: 'node-agent', code: error.code })
        if (wait === RETRY_FIRST_MS) log.warn({ code: error.code, from }, `waiting to read on: ${error.message}`)
      }
      if (signal.aborted) return
      await sleep(wait, undefined, { signal }).catch(() => undefined)
    }
  }

  function inOrder(record: Buffer): Promise<void> {
    writing = writing.then(() => append(record))
    writing.catch(fail)
    return writing
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    if (lines.length === 0) return writing
    const body = Buffer.concat(lines.flatMap((line) => [line, LINE_FEED]))
    linesIn.inc({ service: 'node-agent', from }, lines.length)
    lines = []
    bytes = 0
    const header = { received: now_ms() * 1000, from, form, ...(boot_id !== undefined && { boot_id }) }
    return inOrder(encodeRecord(header, body))
  }

  return {
    failed,
    async write(line) {
      lines.push(line)
      bytes += line.length
      if (bytes >= GATHER_BYTES) await flush()
      else timer ??= setTimeout(() => void flush().catch(() => undefined), GATHER_MS)
    },
    async record(record) {
      await flush()
      await inOrder(record)
    },
    finish: flush
  }
}
