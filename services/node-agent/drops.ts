import type { RuntimeEvent } from '../../schemas/generated/types.ts'
import { stringAt } from '../core/json.ts'
import { parseBytes } from '../platform/ingest/convert.ts'
import { encodeRecord, type RecordHeader } from '../platform/ingest/record.ts'

/** Lines or events that will never be seen. */
export interface Lost {
  readonly from: string
  /** Code of the error, or of the sensor. */
  readonly reason: string
  /** How many, null where only the occasion is known. */
  readonly count: number | null
  /** Of what kind, where that is known. */
  readonly kind?: string
  /** When, microseconds since the epoch. */
  readonly time: number
}

/** A note for the spool that something was lost, in its place among the others. */
export function dropRecord({ from, reason, count, kind, time }: Lost): Buffer<ArrayBuffer> {
  return encodeRecord(
    { received: time, from, form: 'drop' },
    Buffer.from(JSON.stringify({ reason, kind, count: count === null ? null : String(count) }))
  )
}

/** The event that tells of what was lost: a gap in what a sensor saw is itself something to see. */
export function dropEvent({ from, received }: RecordHeader, body: Buffer): RuntimeEvent {
  const note = parseBytes(body)
  const reason = stringAt(note, 'reason') ?? 'unknown'
  const count = stringAt(note, 'count')
  const kind = stringAt(note, 'kind')
  return {
    id: `drop-${reason}-${kind === null ? '' : `${kind}-`}${from}-${received}`,
    time: received,
    category: 'sensor',
    action: 'drop',
    process: null,
    container: null,
    pod: null,
    network: null,
    file: null,
    alert: null,
    attributes: { reason, from, ...(kind !== null && { kind }), ...(count !== null && { count }) }
  }
}
