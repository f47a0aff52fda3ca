import type { CorrelatorState, Signal } from '../../../schemas/generated/types.ts'
import { wholeMinutes } from '../windows/agenda.ts'
import {
  advanceWindows,
  completeChanges,
  type WindowCounts,
  type WindowIndex,
  type WindowResult,
  windowIndexOf
} from '../windows/reducer.ts'
import { allSteps, createWindowsRestorer, type WindowsRestorer } from '../windows/restore.ts'
import { emptyWindowState, type WindowState } from '../windows/state.ts'
import type { WindowRule } from '../windows/window-rule.ts'

/** What windows are judged by. */
export interface SpreadContent {
  /** By id: each correlation by itself, since the parts of others are elsewhere. */
  readonly indexes: ReadonlyMap<string, WindowIndex>
  /** How much later than the newest signal of its cluster an event may come, microseconds; correlations that wait for longer know it. */
  readonly lateness_us: number
}

/** @param rules those that are spread, with their waits */
export function spreadContentOf(rules: readonly WindowRule[], lateness_us: number): SpreadContent {
  return { indexes: new Map(rules.map((rule) => [rule.id, windowIndexOf([rule])])), lateness_us }
}

/** The groups of one cluster that are here. Changed in place by `advanceSpread`. */
export interface SpreadMemory {
  readonly cluster_id: string
  /** Latest event time of the cluster that was told of, microseconds since the epoch; 0 before anything was. */
  watermark: number
  /** By id of the correlation. */
  readonly windows: Map<string, WindowState>
}

export function emptySpreadMemory(cluster_id: string): SpreadMemory {
  return { cluster_id, watermark: 0, windows: new Map() }
}

/** One change of the state, for the changelog. */
export interface SpreadEntry {
  /** Message key. */
  readonly name: string
  /** Null forgets it. */
  readonly value: CorrelatorState | null
}

export interface SpreadOutputs {
  readonly results: readonly WindowResult[]
  readonly entries: readonly SpreadEntry[]
  readonly counts: WindowCounts
  /** Signals of correlations that are not known here. */
  readonly unknown: number
}

const CLOCK = 'clock'
/** Names of entries: cluster, correlation (none for the clock) and key, of which the first two hold no slash. */
const nameOf = (cluster_id: string, correlation: string, key: string) =>
  `${encodeURIComponent(cluster_id)}/${encodeURIComponent(correlation)}/${key}`

const clockEntry = (cluster_id: string, watermark: number): CorrelatorState => ({
  ...{ key: CLOCK, cluster_id, kind: 'clock', watermark },
  ...{ signal: null, sealed: null, cut_keys: [], published: null, document: null, packed: null }
})

const closedBefore = (watermark: number, { lateness_us }: SpreadContent) => wholeMinutes(watermark - lateness_us)

/**
 * One step of the windows that are here of a cluster. What stands in the end is what `advanceWindows` gives over all groups in one place.
 * @param memory changed in place, used by nobody else
 * @param parts signals by the id of the correlation that counts them, in any order
 * @param watermark latest event time that was told of, microseconds since the epoch; time does not go back
 */
export function advanceSpread(
  memory: SpreadMemory,
  content: SpreadContent,
  parts: ReadonlyMap<string, readonly Signal[]>,
  watermark: number
): SpreadOutputs {
  const { cluster_id, windows } = memory
  const before = closedBefore(memory.watermark, content)
  const hasGoneOn = watermark > memory.watermark
  memory.watermark = Math.max(memory.watermark, watermark)
  const closed = closedBefore(memory.watermark, content)
  const results: WindowResult[] = []
  const entries: SpreadEntry[] = []
  const counts = { taken: 0, duplicates: 0, late: 0, dropped: 0, evicted: 0 }
  let unknown = 0
  for (const [correlation, signals] of parts) {
    if (!content.indexes.has(correlation)) unknown += signals.length
    else if (!windows.has(correlation)) {
      const state = emptyWindowState(cluster_id)
      // What is late is late for groups that are new here, too.
      state.closed_before = before
      windows.set(correlation, state)
    }
  }
  for (const [correlation, state] of windows) {
    const index = content.indexes.get(correlation)
    const signals = parts.get(correlation) ?? []
    if (index === undefined || (signals.length === 0 && closed === before)) continue
    const step = advanceWindows(state, index, signals, closed)
    results.push(...step.results)
    for (const name of ['taken', 'duplicates', 'late', 'dropped', 'evicted'] as const) counts[name] += step.counts[name]
    completeChanges(state, index)
    for (const [key, value] of state.changes) entries.push({ name: nameOf(cluster_id, correlation, key), value })
    state.changes.clear()
  }
  if (hasGoneOn) entries.push({ name: nameOf(cluster_id, '', CLOCK), value: clockEntry(cluster_id, memory.watermark) })
  return { results, entries, counts, unknown }
}

/** Builds the memories of clusters out of a changelog as it is read. */
export interface SpreadRestorer {
  /** @param entry null forgets what was taken under this name */
  take(name: string, entry: CorrelatorState | null): void
  finish(): {
    readonly clusters: Map<string, SpreadMemory>
    /** Names of entries of correlations that are no more, to be deleted. */
    readonly outdated: readonly string[]
  }
}

export function createSpreadRestorer(content: SpreadContent): SpreadRestorer {
  const restorers = new Map<string, Map<string, WindowsRestorer>>()
  const clocks = new Map<string, number>()
  const outdated = new Set<string>()
  const partsOf = (name: string): readonly [string, string, string] => {
    const first = name.indexOf('/')
    const second = name.indexOf('/', first + 1)
    const text = (from: number, to: number) => decodeURIComponent(name.slice(from, to))
    return [text(0, first), text(first + 1, second), name.slice(second + 1)]
  }

  return {
    take(name, entry) {
      if (entry?.kind === 'marker') return
      const [cluster_id, correlation, key] = partsOf(name)
      if (entry === null) {
        outdated.delete(name)
        restorers.get(cluster_id)?.get(correlation)?.forget(key)
        return
      }
      if (entry.kind === 'clock') {
        clocks.set(cluster_id, entry.watermark)
        return
      }
      const index = content.indexes.get(correlation)
      if (index === undefined) {
        outdated.add(name)
        return
      }
      const ofCluster = restorers.get(cluster_id) ?? new Map<string, WindowsRestorer>()
      restorers.set(cluster_id, ofCluster)
      const restorer = ofCluster.get(correlation) ?? createWindowsRestorer(cluster_id, index)
      ofCluster.set(correlation, restorer)
      restorer.take(entry)
    },

    finish() {
      const clusters = new Map<string, SpreadMemory>()
      for (const cluster_id of new Set([...restorers.keys(), ...clocks.keys()])) {
        const watermark = clocks.get(cluster_id) ?? 0
        const closed = closedBefore(watermark, content)
        const windows = new Map(
          [...(restorers.get(cluster_id) ?? [])].map(
            ([id, restorer]) => [id, allSteps(restorer.finish(closed))] as const
          )
        )
        clusters.set(cluster_id, { cluster_id, watermark, windows })
      }
      return { clusters, outdated: [...outdated] }
    }
  }
}
