import type { Signal } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import type { ProfileRule } from '../core/profiles/profile-rule.ts'
import { createSentParts, type NeededParts, neededParts, type SentParts } from '../core/profiles/sent-parts.ts'
import { partUsesOf, routesOf, SPREAD, SPREAD_HEADER } from '../core/spread/routes.ts'
import { spreadRulesOf } from '../core/spread/spread-rules.ts'
import { timeKeepersOf } from '../core/spread/time-keepers.ts'
import type { WindowRule } from '../core/windows/window-rule.ts'
import { partMessage } from '../correlator/spread.ts'
import type { OutgoingMessage } from '../platform/stage.ts'

/** Clusters whose windows are spread, and what is counted. */
export interface SpreadClusters {
  readonly clusters: readonly string[]
  readonly windows: readonly WindowRule[]
  readonly profiles: readonly ProfileRule[]
}

export interface SignalOutputPorts {
  readonly codec: Pick<Codec, 'encode'>
  /** The parts that the correlator needs; all unless given. */
  readonly parts?: NeededParts | undefined
  readonly sent_parts_max_entries: number
  /** None unless given. */
  readonly spread?: SpreadClusters | undefined
}

/** Signals of one batch on their way out. */
export interface BatchSignals {
  /** @param signals of one event */
  take(signals: readonly Signal[]): readonly OutgoingMessage[]
  /** What is left to be sent when all events of the batch were taken. */
  rest(): readonly OutgoingMessage[]
}

/**
 * Says where the signals of events go: to the correlator, except parts that it does not need; of clusters whose windows are spread those
 * that count in such windows go there, and to the correlator only where it has another use for them. So that time goes on there as it would
 * otherwise, it gets some of the others, too.
 * @returns makes the outputs of a batch
 */
export function createSignalOutputs(ports: SignalOutputPorts): () => BatchSignals {
  const { codec, parts, sent_parts_max_entries, spread } = ports
  const sent = parts === undefined ? null : createSentParts(parts, sent_parts_max_entries)
  const clusters = new Set(spread?.clusters)
  const rules = spreadRulesOf(spread?.windows ?? [], spread?.profiles ?? [])
  const uses = partUsesOf(rules.spread)
  const staying = createSentParts(neededParts(rules.staying, spread?.profiles ?? []), sent_parts_max_entries)

  const isNeeded = (by: SentParts | null, signal: Signal) =>
    signal.role === 'alert' || by === null || by.isNeeded(signal)

  function signalMessage(signal: Signal, isSent = false): OutgoingMessage {
    const message = { topic: 'weir.signals.v1', key: signal.cluster.id, value: codec.encode('signal', signal) }
    return isSent ? { ...message, headers: { [SPREAD_HEADER]: SPREAD.sent } } : message
  }

  return () => {
    const withheld = new Map<string, Signal[]>()

    function withhold(signal: Signal): void {
      const known = withheld.get(signal.cluster.id)
      if (known === undefined) withheld.set(signal.cluster.id, [signal])
      else known.push(signal)
    }

    function spreadOne(signal: Signal): readonly OutgoingMessage[] {
      const routes = routesOf(uses, signal)
      // Windows must not hear of a time before they have the parts of it.
      const toWindows = routes.map((route) => ({ ...partMessage(codec, signal.cluster.id, route), isFirst: true }))
      if (isNeeded(staying, signal)) return [...toWindows, signalMessage(signal, true)]
      if (uses.has(signal.rule.id)) withhold(signal)
      return toWindows
    }

    return {
      take: (signals) =>
        signals.flatMap((signal) => {
          if (clusters.has(signal.cluster.id)) return spreadOne(signal)
          return isNeeded(sent, signal) ? [signalMessage(signal)] : []
        }),
      rest: () =>
        [...withheld.values()].flatMap((signals) => timeKeepersOf(signals).map((signal) => signalMessage(signal, true)))
    }
  }
}
