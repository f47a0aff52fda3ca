import { gzipSync } from 'node:zlib'
import type { Cluster } from './cluster-model.ts'
import { groundTruth, type StepDescription } from './ground-truth.ts'
import { inventoryText } from './inventory.ts'
import { goJsonLine } from './json.ts'
import type { Recorded } from './recording.ts'

/** A fixture's files, by name; those that end in .gz are given unpacked. */
export type FixtureFiles = ReadonlyMap<string, string>

function lines(
  records: readonly Recorded[],
  source: Recorded['source'],
  write: (recorded: Recorded) => string
): string {
  return records
    .filter((recorded) => recorded.source === source)
    .map((recorded) => `${write(recorded)}\n`)
    .join('')
}

/** What a recorded scenario looks like on disk. `start_us`: time the offsets in the ground truth count from. */
export function fixtureFiles(
  cluster: Cluster,
  records: readonly Recorded[],
  steps: readonly StepDescription[],
  start_us: number
): FixtureFiles {
  return new Map([
    ['audit.ndjson.gz', lines(records, 'audit', ({ record }) => goJsonLine(record))],
    ['tetragon.ndjson.gz', lines(records, 'tetragon', ({ record }) => JSON.stringify(record))],
    ['inventory.json', inventoryText(cluster)],
    ['ground-truth.json', `${JSON.stringify(groundTruth(records, steps, start_us))}\n`]
  ])
}

/** Bytes of a file as they go to disk: packed when its name ends in .gz, without a time in the header. */
export function fileBytes(name: string, text: string): Buffer {
  if (!name.endsWith('.gz')) return Buffer.from(text)
  const packed = gzipSync(text, { level: 9 })
  // the header's last byte is the operating system, which is nothing a fixture should depend on
  packed[9] = 255
  return packed
}
