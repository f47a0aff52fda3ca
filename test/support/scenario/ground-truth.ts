import type { Json, JsonObject } from './json.ts'
import type { Recorded } from './recording.ts'
import { MINUTE_US, SECOND_US } from './timeline.ts'

/**
 * Which records of a recording belong to the attack. Records are named by their line (1-based) in the file of their source, audit
 * records also by `auditID/stage`.
 */

/** A step of the attack, as the README tells it. */
export interface StepDescription {
  readonly step: number
  readonly title: string
}

function clock(offset_us: number): string {
  const seconds = Math.floor(offset_us / SECOND_US)
  return `${Math.floor(offset_us / MINUTE_US)}:${String(seconds % 60).padStart(2, '0')}`
}

interface Placed extends Recorded {
  readonly line: number
}

function placed(records: readonly Recorded[]): readonly Placed[] {
  const lines = { audit: 0, tetragon: 0, cloud: 0 }
  return records.map((recorded) => {
    lines[recorded.source] += 1
    return { ...recorded, line: lines[recorded.source] }
  })
}

/** `auditID/stage` of an audit record. */
function auditIdentity(record: JsonObject): string {
  const { auditID, stage } = record
  if (typeof auditID !== 'string' || typeof stage !== 'string')
    throw new TypeError('an audit record has an id and a stage')
  return `${auditID}/${stage}`
}

function linesOf(records: readonly Placed[], source: Recorded['source']): readonly number[] {
  return records.filter((recorded) => recorded.source === source).map(({ line }) => line)
}

function stepObject({ step, title }: StepDescription, records: readonly Placed[], start_us: number): JsonObject {
  const own = records.filter(({ label }) => label.kind === 'attack' && label.step === step)
  const [done, caused] = [false, true].map((consequence) =>
    own.filter(({ label }) => label.kind === 'attack' && label.consequence === consequence)
  ) as [Placed[], Placed[]]
  const audit = (of: readonly Placed[]): Json => ({
    lines: linesOf(of, 'audit'),
    ids: of.filter(({ source }) => source === 'audit').map(({ record }) => auditIdentity(record))
  })
  const [first, last] = [done.at(0), done.at(-1)]
  return {
    step,
    title,
    from: first === undefined ? null : clock(first.time_us - start_us),
    to: last === undefined ? null : clock(last.time_us - start_us),
    audit: audit(done),
    runtime: { lines: linesOf(done, 'tetragon') },
    consequences: { audit: audit(caused), runtime: { lines: linesOf(caused, 'tetragon') } }
  }
}

/** The whole of it: totals, then one entry a step. `records` are in order of time, as they are in the files. */
export function groundTruth(
  records: readonly Recorded[],
  steps: readonly StepDescription[],
  start_us: number
): JsonObject {
  const all = placed(records)
  const attack = all.filter(({ label }) => label.kind === 'attack')
  const count = (of: readonly Placed[]) => ({
    audit: linesOf(of, 'audit').length,
    runtime: linesOf(of, 'tetragon').length
  })
  return {
    start: new Date(start_us / 1000).toISOString(),
    records: count(all),
    attack_records: count(attack),
    steps: steps.map((description) => stepObject(description, all, start_us))
  }
}
