import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { RuntimeEvent } from '../../../schemas/generated/types.ts'
import { recordedRuntime } from '../../../services/core/events/recorded-runtime.ts'
import { recordTime } from '../../../services/core/replay/record-time.ts'
import { type Machine, scrub, scrubRuntime } from './scrub.ts'

/** A step of the attack with the times at which it began and ended, microseconds since the epoch. */
export interface DoneStep {
  readonly step: number
  readonly title: string
  readonly from_us: number
  readonly to_us: number
}

export interface Recorded {
  readonly machine: Machine
  readonly node: string
  readonly start_us: number
  readonly steps: readonly DoneStep[]
  /** What kubectl printed when it began. */
  readonly inventory: unknown
  /** Lines of the audit log. */
  readonly audit: readonly string[]
  readonly runtime: readonly RuntimeEvent[]
  /** The pod that was broken into. */
  readonly notebook: { readonly pod: string; readonly ip: string }
}

const byTime = (a: unknown, b: unknown): number => (recordTime(a) ?? 0) - (recordTime(b) ?? 0)
const packed = (records: readonly unknown[]) =>
  gzipSync(records.map((record) => `${JSON.stringify(record)}\n`).join(''), { level: 9 })

/** Processes of the machine are no part of the cluster, and whoever runs the recorder has others, too. */
const isOfCluster = ({ container, category }: RuntimeEvent) => container !== null || category === 'sensor'

/** Writes a recording into a folder, in order of time, with nothing in it that tells of the machine. */
export function writeRecording(folder: string, recorded: Recorded): void {
  const { machine, node, start_us, steps, inventory, notebook } = recorded
  const audit = recorded.audit.map((line) => scrub(JSON.parse(line), machine)).toSorted(byTime)
  const runtime = recorded.runtime
    .filter((event) => isOfCluster(event) && event.time >= start_us)
    .map((event) => scrubRuntime(recordedRuntime(event, node), machine))
    .toSorted(byTime)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'audit.ndjson.gz'), packed(audit))
  writeFileSync(join(folder, 'runtime.ndjson.gz'), packed(runtime))
  writeFileSync(join(folder, 'inventory.json'), `${JSON.stringify(scrub(inventory, machine))}\n`)
  const truth = {
    start: new Date(start_us / 1000).toISOString(),
    records: { audit: audit.length, runtime: runtime.length },
    notebook,
    steps: steps.map(({ step, title, from_us, to_us }) => ({
      step,
      title,
      from: new Date(from_us / 1000).toISOString(),
      to: new Date(to_us / 1000).toISOString()
    }))
  }
  writeFileSync(join(folder, 'ground-truth.json'), `${JSON.stringify(truth, null, 2)}\n`)
}
