import { parseTimestamp } from '../events/timestamp.ts'
import { stringAt } from '../json.ts'

/**
 * When a raw record happened: the stage time of an audit event, the time of an event of Tetragon.
 * @param record parsed JSON
 * @returns microseconds since the epoch, or null when the record has neither
 */
export function recordTime(record: unknown): number | null {
  const text = stringAt(record, 'stageTimestamp') ?? stringAt(record, 'time')
  return text === null ? null : parseTimestamp(text)
}
