import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { EnrichedEvent } from '../../schemas/generated/types.ts'
import { enrich } from '../../services/core/enrich/join.ts'
import { decodeRecords } from '../../services/core/events/format.ts'

/** The recording of an attack after ScarletEEL amid ordinary work, `test/fixtures/scarleteel`. */
export const SCARLETEEL_FIXTURE = join(import.meta.dirname, '../fixtures/scarleteel')

/** The lines of one half of the recording: of the audit log, or of Tetragon. */
export function recordedLines(half: 'audit' | 'tetragon'): readonly string[] {
  const text = gunzipSync(readFileSync(join(SCARLETEEL_FIXTURE, `${half}.ndjson.gz`))).toString()
  return text.split('\n').filter((line) => line !== '')
}

/** The events of one half, line by line, enriched without an inventory. */
export function recordedByLine(half: 'audit' | 'tetragon'): ReadonlyArray<readonly EnrichedEvent[]> {
  const defaults = { cluster: { id: 'c', name: 'c' }, instance: 'node', received: 0 }
  return recordedLines(half).map((line) =>
    decodeRecords(JSON.parse(line), defaults).events.map((event) => enrich(event, () => null))
  )
}

/** All events of the recording, the audit log's first. */
export function recordedEvents(): readonly EnrichedEvent[] {
  return [...recordedByLine('audit'), ...recordedByLine('tetragon')].flat()
}
