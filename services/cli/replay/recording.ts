import { hash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import type { Cluster } from '../../../schemas/generated/types.ts'
import { isRecordedRuntime } from '../../core/events/recorded-runtime.ts'
import { isObject } from '../../core/json.ts'
import { recordTime } from '../../core/replay/record-time.ts'
import { shiftTimes, shiftToEndAt } from '../../core/replay/shift-time.ts'

/** A recorded attack amid benign work, as its sources wrote it. */
export interface Recording {
  readonly title: string
  readonly cluster: Cluster
  /** What kubectl printed of the cluster. */
  readonly inventory: unknown
  /** In order of time. */
  readonly records: readonly ReplayRecord[]
}

/** Files of a recording, by what wrote their lines: an API server, Tetragon, the node agent's own sensor. */
const SOURCES = ['audit', 'tetragon', 'runtime'] as const
type RecordedSource = (typeof SOURCES)[number]

export interface ReplayRecord {
  /** Microseconds since the epoch. */
  readonly time: number
  readonly source: RecordedSource
  readonly json: unknown
}

/** Where a recording is. */
export interface RecordingPlace {
  readonly folder: string
  readonly title: string
}

const place = (name: string, title: string): RecordingPlace => ({
  folder: fileURLToPath(new URL(`../../../test/fixtures/${name}`, import.meta.url)),
  title
})

/** ScarletEEL 2.0, run on a real cluster; see the README beside the files. */
export const RECORDED = place(
  'scarleteel-recorded',
  'an attack after ScarletEEL 2.0, recorded on a real cluster amid benign work'
)

/** ScarletEEL 2.0, reconstructed, with more steps and nodes than were run; see the README beside the files. */
export const SCARLETEEL = place(
  'scarleteel',
  'ScarletEEL 2.0 (reconstruction of the attack published by Sysdig in 2023) amid benign traffic'
)

/** A UUID made of another and the time of the replay. */
function renewed(uuid: string, end: number): string {
  const digits = hash('sha256', `${uuid}/${end}`)
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20, 32)
  ].join('-')
}

/** The recorded cluster: the UID of its kube-system namespace is in its inventory. */
function clusterOf(inventory: unknown): Cluster {
  const { items } = inventory as { items: ReadonlyArray<{ kind: string; metadata: { name: string; uid: string } }> }
  const system = items.find(({ kind, metadata }) => kind === 'Namespace' && metadata.name === 'kube-system')
  if (system === undefined) throw new Error('the recording has no kube-system namespace')
  return { id: system.metadata.uid, name: 'demo' }
}

async function readRecords(folder: string, source: ReplayRecord['source']): Promise<ReplayRecord[]> {
  const file = join(folder, `${source}.ndjson.gz`)
  if (!existsSync(file)) return []
  const text = gunzipSync(await readFile(file)).toString('utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const json: unknown = JSON.parse(line)
      const time = recordTime(json)
      if (time === null) throw new Error(`a record of ${source} has no time`)
      return { time, source, json }
    })
}

/**
 * Reads a recording and moves it in time, so that its last event happens at `end`. A replay for another time is another attack on
 * another cluster: ids of events and the cluster's id are renewed, or the second of two replays would be taken for duplicates of the
 * first. For the same time everything is the same.
 * @param end microseconds since the epoch
 */
export async function loadRecording({ folder, title }: RecordingPlace, end: number): Promise<Recording> {
  const [inventory, ...sources] = await Promise.all([
    readFile(join(folder, 'inventory.json'), 'utf8').then((text) => JSON.parse(text) as unknown),
    ...SOURCES.map((source) => readRecords(folder, source))
  ])
  const records = sources.flat().toSorted((a, b) => a.time - b.time)
  const cluster = clusterOf(inventory)
  const renewId = (json: unknown): unknown => {
    if (!isObject(json)) return json
    if (typeof json['auditID'] === 'string') return { ...json, auditID: renewed(json['auditID'], end) }
    return isRecordedRuntime(json) ? { ...json, id: renewed(String(json['id']), end) } : json
  }
  const delta = shiftToEndAt(records.at(-1)?.time ?? end, end)
  return {
    title,
    cluster: { ...cluster, id: renewed(cluster.id, end) },
    inventory: shiftTimes(inventory, delta),
    records: records.map(({ time, source, json }) => ({
      time: time + delta,
      source,
      json: renewId(shiftTimes(json, delta))
    }))
  }
}

/** Cuts records into pieces of equal event time, for sending one after the other. Empty pieces are left out. */
export function piecesOf(records: readonly ReplayRecord[], pieces: number): readonly (readonly ReplayRecord[])[] {
  const start = records[0]?.time ?? 0
  const span = Math.max(1, (records.at(-1)?.time ?? start) - start + 1)
  const cut: ReplayRecord[][] = Array.from({ length: pieces }, () => [])
  for (const record of records) cut[Math.floor(((record.time - start) / span) * pieces)]?.push(record)
  return cut.filter((piece) => piece.length > 0)
}
