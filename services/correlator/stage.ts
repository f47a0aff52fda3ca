import type { Codec } from '../core/avro/codec.ts'
import {
  advanceCluster,
  type ClusterMemory,
  type ClusterOutputs,
  type CorrelateContent,
  contentOf,
  createMemoryRestorer,
  emptyMemory,
  isKnown
} from '../core/correlate/cluster-memory.ts'
import type { ProfileRule } from '../core/profiles/profile-rule.ts'
import type { WindowRule } from '../core/windows/window-rule.ts'
import { correlatedSignals, correlatorLimits, correlatorMemory, incidentRevisions } from '../platform/metrics.ts'
import type { OutgoingMessage, Stage, StageContext } from '../platform/stage.ts'
import { readState, stateMessage } from './changelog.ts'
import { deadLetterOf, decodeAll } from './intake.ts'
import type { CorrelatorOptions } from './options.ts'
import { countSent, createSpreading, divide } from './spread.ts'
import type { Standby } from './standby.ts'

const SIGNALS = 'weir.signals.v1'
const INCIDENTS = 'weir.incidents.v1'
const STATE = 'weir.state.v1'
const CORRELATED = 'weir.correlated.v1'
/** How long a state is restored in one go. */
const TURN_MS = 50
/** Clusters worked through between two heartbeats. */
const HEARTBEAT_EVERY = 8

function count({ counts, windowCounts, profileCounts, sessionCounts, refused, incidents }: ClusterOutputs): void {
  correlatedSignals.inc({ result: 'accepted' }, counts.accepted)
  correlatedSignals.inc({ result: 'duplicate' }, counts.duplicates)
  correlatedSignals.inc({ result: 'ahead_of_clock' }, counts.ahead_of_clock)
  correlatedSignals.inc({ result: 'refused' }, refused.length)
  correlatorLimits.inc({ limit: 'incident_full' }, counts.sealed)
  correlatorLimits.inc({ limit: 'evicted_groups' }, counts.evicted_groups)
  correlatorLimits.inc({ limit: 'evicted_signals' }, counts.evicted_signals)
  correlatorLimits.inc({ limit: 'late_parts' }, windowCounts.late)
  correlatorLimits.inc({ limit: 'dropped_parts' }, windowCounts.dropped)
  correlatorLimits.inc({ limit: 'late_sessions' }, sessionCounts.late)
  correlatorLimits.inc({ limit: 'dropped_sessions' }, sessionCounts.dropped)
  correlatorLimits.inc({ limit: 'evicted_windows' }, windowCounts.evicted)
  for (const [limit, times] of Object.entries(profileCounts)) correlatorLimits.inc({ limit }, times)
  for (const { severity, status } of incidents) incidentRevisions.inc({ severity, status })
}

export interface CorrelatorPorts {
  readonly codec: Pick<Codec, 'encode' | 'decode'>
  readonly options: CorrelatorOptions
  /** Correlations; what one refers to stands before it. None unless given. */
  readonly windows?: readonly WindowRule[]
  /** None unless given. */
  readonly profiles?: readonly ProfileRule[]
  /** How many partitions weir.parts.v1 has; needed where windows of clusters are spread. */
  readonly parts_partitions?: number
  /** Milliseconds since the epoch. */
  readonly now_ms: () => number
  /** What reads the state of others ahead; all of a state is read at its assignment unless given. */
  readonly standby?: Standby
}

/** Lets others have their turn now and then: a consumer that sends no heartbeats while it restores loses what it restores. */
function createPause(): () => Promise<void> | undefined {
  let latest_ms = performance.now()
  return () => {
    if (performance.now() - latest_ms < TURN_MS) return undefined
    return new Promise((resolve) => {
      setImmediate(() => {
        latest_ms = performance.now()
        resolve()
      })
    })
  }
}

/**
 * The correlator as a stage: signals of a partition in, revisions of incidents and changes of state out, in one transaction
 * per batch. The state of a partition's clusters lives in memory from assignment to revocation, and in the same partition of
 * the changelog.
 */
export function createCorrelatorStage(ports: CorrelatorPorts): Stage {
  const { codec, options, windows = [], profiles = [], parts_partitions = 0, now_ms, standby } = ports
  /** By partition, then cluster. */
  const partitions = new Map<number, Map<string, ClusterMemory>>()
  const content: CorrelateContent = contentOf(windows, profiles, options)

  const worker = { stage: 'correlate', service: 'correlator', now_ms }
  const spreading = createSpreading(codec, windows, profiles, options, parts_partitions)

  async function onAssigned(_topic: string, partition: number, context: StageContext): Promise<void> {
    const ahead = (await standby?.claim(partition)) ?? null
    const restorer = createMemoryRestorer(content, options)
    const pause = createPause()
    await readState(codec, context, { topic: STATE, partition }, restorer.take, { ahead, pause })
    const steps = restorer.steps()
    let step = steps.next()
    for (; step.done !== true; step = steps.next()) await pause()
    partitions.set(partition, step.value)
  }

  return {
    name: 'correlator',
    inputs: [SIGNALS],
    transactional: true,
    onAssigned,
    onRevoked: (_topic, partition) => {
      for (const cluster of partitions.get(partition)?.keys() ?? []) {
        for (const kind of ['groups', 'signals', 'profiles', 'values']) correlatorMemory.remove({ cluster, kind })
      }
      partitions.delete(partition)
      standby?.release(partition)
    },
    handle: async (batch, context) => {
      const clusters = partitions.get(batch.partition)
      if (clusters === undefined)
        throw new TypeError(`partition ${batch.partition} was not assigned to this correlator`)
      const outputs: OutgoingMessage[] = []
      const messages = await decodeAll(codec, 'signal', batch.messages, outputs, worker)
      const changelog = { topic: STATE, partition: batch.partition }
      let turn = 0
      for (const [cluster_id, all] of Map.groupBy(messages.keys(), (signal) => signal.cluster.id)) {
        if (++turn % HEARTBEAT_EVERY === 0) await context.heartbeat()
        const memory = clusters.get(cluster_id) ?? emptyMemory(cluster_id)
        const { signals, told } = divide(all, messages)
        const result = advanceCluster(memory, content, signals, now_ms() * 1000, options, told)
        for (const { signal, code, reason } of result.refused) {
          const message = messages.get(signal)
          if (message !== undefined) outputs.push(deadLetterOf(worker, message, code, reason))
        }
        for (const signal of result.correlated) {
          outputs.push({ topic: CORRELATED, key: cluster_id, value: codec.encode('signal', signal) })
        }
        for (const incident of result.incidents) {
          outputs.push({ topic: INCIDENTS, key: incident.id, value: codec.encode('incident', incident) })
        }
        for (const { key, value } of result.entries)
          outputs.push(stateMessage(codec, changelog, `${cluster_id}/${key}`, value))
        if (spreading.has(cluster_id)) {
          // Time comes behind the parts before it, or they would be late.
          outputs.push(...spreading.forward(cluster_id, signals, messages))
          outputs.push(...spreading.tellTime(cluster_id, memory.stitching.watermark, memory))
        } else correlatorLimits.inc({ limit: 'spread_elsewhere' }, countSent(signals, messages))
        if (isKnown(memory)) clusters.set(cluster_id, memory)
        count(result)
        correlatorMemory.set({ cluster: cluster_id, kind: 'groups' }, memory.stitching.groups.size)
        correlatorMemory.set({ cluster: cluster_id, kind: 'signals' }, memory.stitching.signals.size)
        const { groups, rates, values } = memory.profiles
        correlatorMemory.set({ cluster: cluster_id, kind: 'profiles' }, groups.size + rates.size)
        correlatorMemory.set({ cluster: cluster_id, kind: 'values' }, values)
      }
      return outputs
    }
  }
}
