import type { RuntimeEvent } from '../../schemas/generated/types.ts'
import { stringAt } from '../core/json.ts'
import { parseBytes } from '../platform/ingest/convert.ts'
import { encodeRecord, type RecordHeader } from '../platform/ingest/record.ts'
import type { LinesLost } from '../platform/ingest/sources.ts'

/** A note for the spool that lines were lost, in its place among the others. */
export function dropRecord({ from, reason, count, time }: LinesLost): Buffer {
  return encodeRecord(
    { received: time, from, form: 'drop' },
    Buffer.from(JSON.stringify({ reason, count: count === null ? null : String(count) }))
  )
}

/** The event that tells of lost lines: a gap in what a sensor saw is itself something to see. */
export function dropEvent({ from, received }: RecordHeader, body: Buffer): RuntimeEvent {
  const note = parseBytes(body)
  const reason = stringAt(note, 'reason') ?? 'unknown'
  const count = stringAt(note, 'count')
  return {
    id: `drop-${reason}-${from}-${received}`,
    time: received,
    category: 'sensor',
    action: 'drop',
    process: null,
    container: null,
    pod: null,
    network: null,
    file: null,
    alert: null,
    attributes: { reason, from, ...(count !== null && { count }) }
  }
}
