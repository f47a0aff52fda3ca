import type { Codec } from '../core/avro/codec.ts'
import type { RawEvent } from '../core/avro/enriched-writer.ts'
import { gapEvent, numberedOf, type RuntimeHeader } from '../core/enrich/gap-event.ts'
import { createSequenceGaps } from '../core/enrich/sequence-gaps.ts'
import type { SourcedEvent } from '../core/events/sourced-event.ts'
import type { Logger } from '../platform/log.ts'
import { eventsMissing } from '../platform/metrics.ts'
import type { Batch, Message } from '../platform/stage.ts'

/** Nodes and sensors whose numbers are followed, some 300 bytes each. */
const STREAMS_MAX = 20_000
/** How long numbers may come late. An agent sends in order, so that this is for what stands between it and us. */
const SETTLE_MS = 10_000

/** An event that tells of missing ones. */
export interface MissingEvents {
  readonly event: SourcedEvent
  readonly raw: RawEvent
  /** The event alone, as a message of its topic. */
  readonly original: () => Message
}

type Partition = Pick<Batch, 'topic' | 'partition'>

/**
 * Notices that events of a node are missing, by their numbers. Of each batch of messages: `begin`, `see` for those that can be read,
 * `take`.
 */
export interface MissingEventsWatch {
  /** A partition is ours, perhaps again: others may have read in it meanwhile, which the next batch tells. */
  assigned(topic: string, partition: number): void
  begin(batch: Batch): void
  see(message: Message, header: RuntimeHeader, count: number): void
  /** What is missing in a partition, each gap once: counted, logged, and as an event of the sensor whose events they were. */
  take(batch: Batch): MissingEvents[]
}

export function watchMissingEvents(ports: {
  readonly codec: Pick<Codec, 'encode'>
  readonly log: Logger
  readonly now_ms: () => number
}): MissingEventsWatch {
  const { codec, log, now_ms } = ports
  const gaps = createSequenceGaps<{ readonly header: RuntimeHeader; readonly message: Message }>({
    max_streams: STREAMS_MAX,
    settle_ms: SETTLE_MS
  })
  /** Offset behind the last message that was seen, by partition. */
  const next = new Map<string, bigint>()
  const unproven = new Set<string>()
  const nameOf = ({ topic, partition }: Partition) => `${topic}/${partition}`

  return {
    assigned: (topic, partition) => void unproven.add(nameOf({ topic, partition })),

    begin(batch) {
      const [first] = batch.messages
      const name = nameOf(batch)
      if (first === undefined || !unproven.delete(name)) return
      const known = next.get(name)
      // What is known counts as long as nothing was passed over. A jump while it was ours is no reading of others, but a loss.
      if (known === undefined || BigInt(first.offset) > known) gaps.forget(name)
    },

    see(message, header, count) {
      const numbered = numberedOf(header, count)
      if (numbered === null) return
      gaps.see(nameOf(message), numbered, { header, message: { ...message, value: null } }, now_ms())
    },

    take(batch) {
      const last = batch.messages.at(-1)
      if (last !== undefined) next.set(nameOf(batch), BigInt(last.offset) + 1n)
      return gaps.take(nameOf(batch), now_ms()).map(({ first, last, about: { header, message } }) => {
        const event = gapEvent({ first, last, about: header })
        const { runtime } = event
        const { cluster, node, sensor } = header
        const count = last - first + 1
        eventsMissing.inc({ provider: sensor }, count)
        log.warn(
          { cluster: cluster.id, node, sensor, first_sequence: first, last_sequence: last },
          `${count} events of ${sensor} on ${node} were published and never came`
        )
        const alone = () => codec.encode('runtime-batch', { ...header, first_sequence: '0', events: [runtime] })
        return {
          event,
          raw: { type: 'runtime', bytes: null, value: () => runtime },
          original: () => ({ ...message, value: alone() })
        }
      })
    }
  }
}
