import type { CorrelatorState, Signal } from '../../../schemas/generated/types.ts'
import { type Agenda, emptyAgenda } from './agenda.ts'
import type { Item } from './meters.ts'
import type { WindowRule } from './window-rule.ts'

/** What has been told of an open window. */
export interface Told {
  readonly id: string
  /** Number of events when it was last told. */
  readonly size: number
  /** Id of the event with which it came to hold. */
  readonly trigger: string
}

/** The events of one group of a rule that can still matter. */
export interface WindowGroup {
  readonly key: string
  readonly rule: WindowRule
  /** Names and values of group-by. */
  readonly fields: ReadonlyArray<readonly [string, readonly string[]]>
  items: Item[]
  /** All up to this time is done with, microseconds since the epoch. */
  settled: number
  /** Open windows, by id. */
  told: ReadonlyMap<string, Told>
}

/** Everything windows know of one cluster. Changed in place by the reducer that owns it. */
export interface WindowState {
  readonly cluster_id: string
  /** Signals that count towards open windows, results of correlations among them. */
  readonly parts: Map<string, Signal>
  /** Least recently changed first. */
  readonly groups: Map<string, WindowGroup>
  readonly groupAgenda: Agenda
  readonly partAgenda: Agenda
  /** No event of an earlier time is expected any more, microseconds since the epoch. */
  closed_before: number
  /** What was changed since the last batch, to be written to the changelog; null is a tombstone. */
  readonly changes: Map<string, CorrelatorState | null>
}

export function emptyWindowState(cluster_id: string): WindowState {
  return {
    cluster_id,
    parts: new Map(),
    groups: new Map(),
    groupAgenda: emptyAgenda(),
    partAgenda: emptyAgenda(),
    closed_before: Number.NEGATIVE_INFINITY,
    changes: new Map()
  }
}
