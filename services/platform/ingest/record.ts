const LINE_FEED = 10

/** What a record of the spool says about itself. */
export interface RecordHeader {
  /** When it arrived, microseconds since the epoch. */
  readonly received: number
  /** Where it came from, for people: a path of the webhook, of a file, or `stdin`. */
  readonly from: string
  /**
   * What the bytes are. `lines`: JSON values, one a line. `json`: one JSON value in any format that is read. `audit`: the body of
   * an API server's request. `drop`: a note that something was lost, see `drops.ts` of the node agent. `events`: runtime events of the
   * node agent's own sensor as JSON, one a line. `packed`: its events as `sensor/batch.ts` packs them. `held`: events that wait, see `containers/held.ts` of the node agent.
   */
  readonly form: 'lines' | 'json' | 'audit' | 'drop' | 'events' | 'packed' | 'held'
  /** With `events` and `packed`: boot of the kernel they are of. */
  readonly boot_id?: string
  /** With `packed`: id of the container that all are of, null for the host, and UID of its pod. */
  readonly container?: string | null
  readonly pod_uid?: string | null
}

/**
 * A record as it is spooled: the header as one line of JSON, then the bytes as they arrived. Spools hold input in its own format,
 * so that what was spooled by one version can be read by the next.
 * @returns bytes that have their memory for themselves
 */
export function encodeRecord(header: RecordHeader, body: Uint8Array): Buffer<ArrayBuffer> {
  const head = Buffer.from(`${JSON.stringify(header)}\n`)
  const record = Buffer.allocUnsafeSlow(head.length + body.length)
  head.copy(record)
  record.set(body, head.length)
  return record
}

/** @throws TypeError when the header is not one: only this module writes records, so that is a mistake in the program */
export function decodeRecord(record: Buffer): { header: RecordHeader; body: Buffer } {
  const end = record.indexOf(LINE_FEED)
  const header: unknown = JSON.parse(record.toString('utf8', 0, end))
  if (!isHeader(header)) throw new TypeError('a record of the spool has no header')
  return { header, body: record.subarray(end + 1) }
}

function isHeader(value: unknown): value is RecordHeader {
  if (typeof value !== 'object' || value === null) return false
  const { received, from, form, boot_id } = value as Partial<Record<keyof RecordHeader, unknown>>
  return (
    Number.isSafeInteger(received) &&
    typeof from === 'string' &&
    ['lines', 'json', 'audit', 'drop', 'events', 'packed', 'held'].includes(String(form)) &&
    (boot_id === undefined || typeof boot_id === 'string')
  )
}
