import type { Signal } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { defectOf } from '../core/correlate/bounded-signal.ts'
import { type CorrelateSettings, leastLatenessOf } from '../core/correlate/settings.ts'
import type { ProfileRule } from '../core/profiles/profile-rule.ts'
import { type PartRoute, partUsesOf, routesOf, SPREAD, SPREAD_HEADER } from '../core/spread/routes.ts'
import { spreadRulesOf } from '../core/spread/spread-rules.ts'
import { wholeMinutes } from '../core/windows/agenda.ts'
import type { WindowResult } from '../core/windows/reducer.ts'
import type { WindowRule } from '../core/windows/window-rule.ts'
import type { Message, OutgoingMessage } from '../platform/stage.ts'

export const PARTS_TOPIC = 'weir.parts.v1'

/** A signal on its way to the windows that count it. @param cluster_id of the signal, as it came */
export function partMessage(
  codec: Pick<Codec, 'encode'>,
  cluster_id: string,
  { key, correlation, signal }: PartRoute
): OutgoingMessage {
  const value = codec.encode('counted-part', { cluster_id, correlation, signal, watermark: 0 })
  return { topic: PARTS_TOPIC, key, value }
}

/** Signals of one cluster, and what windows elsewhere told of it: the latest of each id. */
interface Divided {
  readonly signals: readonly Signal[]
  readonly told: readonly WindowResult[]
}

/**
 * Takes apart what was detected and what windows told.
 * @param messages of the signals; those that were told are added as they are now
 */
export function divide(signals: readonly Signal[], messages: Map<Signal, Message>): Divided {
  const own: Signal[] = []
  const told = new Map<string, WindowResult>()
  for (const signal of signals) {
    const message = messages.get(signal)
    const mark = message?.headers[SPREAD_HEADER]
    if (message === undefined || (mark !== SPREAD.told && mark !== SPREAD.withdrawn)) {
      own.push(signal)
      continue
    }
    const isTold = mark === SPREAD.told
    const shown: Signal = { ...signal, role: isTold ? 'alert' : 'withdrawn' }
    messages.set(shown, message)
    // Taken out first, so that it stands where the latest came.
    told.delete(signal.id)
    told.set(signal.id, { change: isTold ? 'updated' : 'withdrawn', signal: shown })
  }
  return { signals: own, told: [...told.values()] }
}

/** How many signals count in windows elsewhere. Where the cluster is not to be spread, other services were started with other settings. */
export function countSent(signals: readonly Signal[], messages: ReadonlyMap<Signal, Message>): number {
  return signals.filter((signal) => messages.get(signal)?.headers[SPREAD_HEADER] === SPREAD.sent).length
}

/** The correlator's part in windows that are spread. */
export interface Spreading {
  has(cluster_id: string): boolean
  /** Signals that nobody has sent to the windows that count them. */
  forward(cluster_id: string, signals: readonly Signal[], messages: ReadonlyMap<Signal, Message>): OutgoingMessage[]
  /**
   * Tells all partitions of parts the time of a cluster, where windows see it go on.
   * @param owner of the cluster's state: another one tells it again
   */
  tellTime(cluster_id: string, watermark: number, owner: object): OutgoingMessage[]
}

/** @param parts_partitions how many partitions the topic of parts has */
export function createSpreading(
  codec: Pick<Codec, 'encode'>,
  windows: readonly WindowRule[],
  profiles: readonly ProfileRule[],
  settings: CorrelateSettings,
  parts_partitions: number
): Spreading {
  const clusters = new Set(settings.spread_clusters)
  if (clusters.size > 0 && parts_partitions < 1)
    throw new TypeError(`windows of clusters are spread, and ${PARTS_TOPIC} has no partitions`)
  const uses = partUsesOf(spreadRulesOf(windows, profiles).spread)
  const lateness_us = leastLatenessOf(settings) * 1000
  /** Up to when windows were told to be closed. */
  const toldOf = new WeakMap<object, number>()

  return {
    has: (cluster_id) => clusters.has(cluster_id),

    forward(cluster_id, signals, messages) {
      return signals
        .filter((signal) => messages.get(signal)?.headers[SPREAD_HEADER] !== SPREAD.sent && defectOf(signal) === null)
        .flatMap((signal) => routesOf(uses, signal).map((route) => partMessage(codec, cluster_id, route)))
    },

    tellTime(cluster_id, watermark, owner) {
      const closed = wholeMinutes(watermark - lateness_us)
      if (watermark === 0 || closed <= (toldOf.get(owner) ?? Number.NEGATIVE_INFINITY)) return []
      toldOf.set(owner, closed)
      const value = codec.encode('counted-part', { cluster_id, correlation: '', signal: null, watermark })
      return Array.from({ length: parts_partitions }, (_, partition) => {
        return { topic: PARTS_TOPIC, partition, key: cluster_id, value }
      })
    }
  }
}
