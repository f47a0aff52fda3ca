import { WeirError } from '../core/errors.ts'
import type { SourceDefaults } from '../core/events/format.ts'
import { type BatchContext, CLOUD_TOPIC, toMessages } from '../platform/ingest/batches.ts'
import { type Converted, convertJson, parseBytes, type Rejected, type Taken } from '../platform/ingest/convert.ts'
import { INGEST_ERRORS } from '../platform/ingest/errors.ts'
import type { Message, Stage } from '../platform/stage.ts'

function converted({ value }: Message, defaults: SourceDefaults): Converted {
  // A tombstone says nothing.
  if (value === null) return { taken: [], rejected: [] }
  const json = parseBytes(value)
  if (json instanceof WeirError) return { taken: [], rejected: [{ error: json, original: () => value }] }
  return convertJson(json, defaults)
}

function notOfTrail(): WeirError {
  const message =
    'an event of another source in a topic of CloudTrail records: let the collector or a node agent read it'
  return new WeirError(INGEST_ERRORS, 'INGEST_WRONG_SOURCE', message)
}

/**
 * Topics of a company's own with CloudTrail records as JSON (one record, a file, or a delivery of CloudWatch Logs or EventBridge a
 * message) → weir.cloud.v1. Offsets are committed after the batches have been acknowledged: at least once, and ids make up for
 * repetitions. What cannot be used becomes a dead letter of weir.cloud.v1, since the company's topic has none.
 * @param topics names of the topics, at least one
 * @param defaults of records, but for the time of arrival
 */
export function createTrailIntakeStage(
  topics: readonly string[],
  defaults: Omit<SourceDefaults, 'received'>,
  context: BatchContext
): Stage {
  return {
    name: 'trail-intake',
    inputs: topics,
    handle: async ({ messages }) => {
      const taken: Taken[] = []
      const rejected: Rejected[] = []
      for (const message of messages) {
        const found = converted(message, { ...defaults, received: message.timestamp_ms * 1000 })
        for (const item of found.taken) {
          if (item.event.cloud != null) taken.push(item)
          else rejected.push({ original: item.original, error: notOfTrail() })
        }
        rejected.push(...found.rejected)
      }
      return toMessages(taken, rejected, { ...context, rejects_topic: CLOUD_TOPIC }).messages
    }
  }
}
