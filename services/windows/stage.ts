import type { CountedPart, Signal } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { boundedSignal, defectOf } from '../core/correlate/bounded-signal.ts'
import { patientRules } from '../core/correlate/cluster-memory.ts'
import { leastLatenessOf } from '../core/correlate/settings.ts'
import type { ProfileRule } from '../core/profiles/profile-rule.ts'
import { SPREAD, SPREAD_HEADER } from '../core/spread/routes.ts'
import {
  advanceSpread,
  createSpreadRestorer,
  emptySpreadMemory,
  type SpreadMemory,
  type SpreadOutputs,
  spreadContentOf
} from '../core/spread/spread-memory.ts'
import { spreadRulesOf } from '../core/spread/spread-rules.ts'
import type { WindowResult } from '../core/windows/reducer.ts'
import type { WindowRule } from '../core/windows/window-rule.ts'
import { readState, stateMessage } from '../correlator/changelog.ts'
import { deadLetterOf, decodeAll } from '../correlator/intake.ts'
import type { CorrelatorOptions } from '../correlator/options.ts'
import { PARTS_TOPIC } from '../correlator/spread.ts'
import { correlatorLimits, spreadParts } from '../platform/metrics.ts'
import type { Message, OutgoingMessage, Stage } from '../platform/stage.ts'

const STATE = 'weir.windows.v1'
const SIGNALS = 'weir.signals.v1'
/** Clusters worked through between two heartbeats. */
const HEARTBEAT_EVERY = 8

export interface WindowsPorts {
  readonly codec: Pick<Codec, 'encode' | 'decode'>
  /** Of the correlator: both have to agree on how late events may be. */
  readonly options: CorrelatorOptions
  /** All correlations; those that cannot be spread are left to the correlator. */
  readonly windows: readonly WindowRule[]
  readonly profiles: readonly ProfileRule[]
  /** Milliseconds since the epoch. */
  readonly now_ms: () => number
}

/** What the groups of one partition are known by. */
interface PartitionState {
  readonly clusters: Map<string, SpreadMemory>
  /** Entries of the changelog that are of no use any more and not deleted yet. */
  outdated: readonly string[]
}

/** What came for one cluster. */
interface Arrived {
  readonly parts: Map<string, Signal[]>
  watermark: number
}

function count({ counts, unknown }: SpreadOutputs): void {
  spreadParts.inc({ result: 'taken' }, counts.taken)
  spreadParts.inc({ result: 'duplicate' }, counts.duplicates)
  spreadParts.inc({ result: 'unknown' }, unknown)
  correlatorLimits.inc({ limit: 'late_parts' }, counts.late)
  correlatorLimits.inc({ limit: 'dropped_parts' }, counts.dropped)
  correlatorLimits.inc({ limit: 'evicted_windows' }, counts.evicted)
}

/**
 * Windows of clusters that are too big for one process, as a stage: parts of groups in, what correlations tell of these to the correlator,
 * in one transaction per batch with the state. A group is in one partition, with all that counts in it; the time of its cluster comes from
 * the correlator.
 */
export function createWindowsStage({ codec, options, windows, profiles, now_ms }: WindowsPorts): Stage {
  const partitions = new Map<number, PartitionState>()
  const { spread } = spreadRulesOf(patientRules(windows, profiles, options), profiles)
  const content = spreadContentOf(spread, leastLatenessOf(options) * 1000)
  const worker = { stage: 'windows', service: 'windows', now_ms }

  /** In transit it counts as a part, so that nobody but the correlator takes it for an alert; which the correlator makes of it. */
  function toldMessage(cluster_id: string, { change, signal }: WindowResult): OutgoingMessage {
    return {
      topic: SIGNALS,
      key: cluster_id,
      value: codec.encode('signal', { ...signal, role: 'part' }),
      headers: { [SPREAD_HEADER]: change === 'withdrawn' ? SPREAD.withdrawn : SPREAD.told }
    }
  }

  /** Puts what came to its cluster; what cannot be used becomes a dead letter. */
  function arrivedFrom(found: ReadonlyMap<CountedPart, Message>, outputs: OutgoingMessage[]): Map<string, Arrived> {
    const clusters = new Map<string, Arrived>()
    for (const [{ cluster_id, correlation, signal, watermark }, message] of found) {
      const defect =
        signal === null || signal.cluster.id === cluster_id ? null : `it is not from cluster ${cluster_id.slice(0, 64)}`
      const reason = defect ?? (signal === null ? null : defectOf(signal))
      if (reason !== null) {
        outputs.push(deadLetterOf(worker, message, 'CORRELATE_SIGNAL_UNUSABLE', `a part cannot be used: ${reason}`))
        continue
      }
      const arrived = clusters.get(cluster_id) ?? { parts: new Map<string, Signal[]>(), watermark: 0 }
      clusters.set(cluster_id, arrived)
      if (signal === null) {
        if (Number.isSafeInteger(watermark)) arrived.watermark = Math.max(arrived.watermark, watermark)
        continue
      }
      const known = arrived.parts.get(correlation)
      if (known === undefined) arrived.parts.set(correlation, [boundedSignal(signal)])
      else known.push(boundedSignal(signal))
    }
    return clusters
  }

  return {
    name: 'windows',
    inputs: [PARTS_TOPIC],
    transactional: true,
    onAssigned: async (_topic, partition, context) => {
      const restorer = createSpreadRestorer(content)
      await readState(codec, context, { topic: STATE, partition }, restorer.take)
      partitions.set(partition, restorer.finish())
    },
    onRevoked: (_topic, partition) => {
      partitions.delete(partition)
    },
    handle: async (batch, context) => {
      const state = partitions.get(batch.partition)
      if (state === undefined) throw new TypeError(`partition ${batch.partition} was not assigned to these windows`)
      const outputs: OutgoingMessage[] = []
      const changelog = { topic: STATE, partition: batch.partition }
      const found = await decodeAll(codec, 'counted-part', batch.messages, outputs, worker)
      let turn = 0
      for (const [cluster_id, { parts, watermark }] of arrivedFrom(found, outputs)) {
        if (++turn % HEARTBEAT_EVERY === 0) await context.heartbeat()
        const memory = state.clusters.get(cluster_id) ?? emptySpreadMemory(cluster_id)
        state.clusters.set(cluster_id, memory)
        const step = advanceSpread(memory, content, parts, watermark)
        for (const result of step.results) outputs.push(toldMessage(cluster_id, result))
        for (const { name, value } of step.entries) outputs.push(stateMessage(codec, changelog, name, value))
        count(step)
      }
      for (const name of state.outdated) outputs.push(stateMessage(codec, changelog, name, null))
      state.outdated = []
      return outputs
    }
  }
}
