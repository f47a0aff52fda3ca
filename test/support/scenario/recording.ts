import type { JsonObject } from './json.ts'

export type RecordSource = 'audit' | 'tetragon' | 'cloud'

/** What a record belongs to. `consequence` marks what the cluster did because of the attacker, such as scheduling his pod. */
export type Label =
  | { readonly kind: 'benign'; readonly activity: string }
  | {
      readonly kind: 'attack'
      /** Which attack, where a recording holds several. */
      readonly attack?: string
      readonly step: number
      readonly consequence: boolean
    }

/** A raw record with its time, microseconds since the epoch plus nanoseconds below, and what it belongs to. */
export interface Recorded {
  readonly source: RecordSource
  readonly time_us: number
  readonly nanos: number
  readonly label: Label
  readonly record: JsonObject
}

/** Collects records; which label they get is fixed, `labelled` gives one with another label onto the same recording. */
export interface Recorder {
  emit(source: RecordSource, time_us: number, nanos: number, record: JsonObject): void
  labelled(label: Label): Recorder
}

export interface Recording {
  readonly recorder: Recorder
  /** All records in order of time; records of the same instant keep the order they were emitted in. */
  records(): readonly Recorded[]
}

export function createRecording(): Recording {
  const collected: Recorded[] = []
  function recorderFor(label: Label): Recorder {
    return {
      emit: (source, time_us, nanos, record) => collected.push({ source, time_us, nanos, label, record }),
      labelled: recorderFor
    }
  }
  return {
    recorder: recorderFor({ kind: 'benign', activity: 'unlabelled' }),
    records: () => collected.toSorted((a, b) => a.time_us - b.time_us || a.nanos - b.nanos)
  }
}
