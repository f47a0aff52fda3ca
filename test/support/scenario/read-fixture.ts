import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { JsonObject } from './json.ts'

/** Which records a step of the attack is, by line (1-based) of their file; audit records also by `auditID/stage`. */
export interface StepRecords {
  readonly audit: { readonly lines: readonly number[]; readonly ids: readonly string[] }
  readonly runtime: { readonly lines: readonly number[] }
}

export interface GroundTruth {
  readonly start: string
  readonly records: { readonly audit: number; readonly runtime: number }
  readonly attack_records: { readonly audit: number; readonly runtime: number }
  readonly steps: readonly (StepRecords & {
    readonly step: number
    readonly title: string
    /** Offsets from the start, minutes and seconds. */
    readonly from: string
    readonly to: string
    /** What the cluster did because of it. */
    readonly consequences: StepRecords
  })[]
}

/** A recorded scenario. */
export interface Fixture {
  readonly audit: readonly JsonObject[]
  readonly tetragon: readonly JsonObject[]
  /** A List, as kubectl prints it. */
  readonly inventory: JsonObject
  readonly truth: GroundTruth
}

/** Reads a folder below test/fixtures that a scenario generator wrote. */
export function readFixture(name: string): Fixture {
  const folder = new URL(`../../fixtures/${name}/`, import.meta.url)
  const text = (file: string) => readFileSync(new URL(file, folder), 'utf8')
  const lines = (file: string): readonly JsonObject[] =>
    gunzipSync(readFileSync(new URL(file, folder)))
      .toString('utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  return {
    audit: lines('audit.ndjson.gz'),
    tetragon: lines('tetragon.ndjson.gz'),
    inventory: JSON.parse(text('inventory.json')),
    truth: JSON.parse(text('ground-truth.json'))
  }
}
