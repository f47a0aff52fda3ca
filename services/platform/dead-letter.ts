import type { Message, OutgoingMessage } from './stage.ts'
import { DEAD_LETTER_SUFFIX } from './topics.ts'

/** Why a message, or an event of it, could not be used. */
export interface DeadLetterReason {
  /** What was being done: decode, normalise, index, … */
  readonly stage: string
  /** Name of the service. */
  readonly service: string
  /** Version of the service. */
  readonly version: string
  /** Stable code from one of the closed lists of errors. */
  readonly code: string
  /** For people. Must not hold content of events. */
  readonly message: string
  /** How often it was tried in this service, 1 when it was not tried again. */
  readonly attempts: number
  /** Now, milliseconds since the epoch. */
  readonly failed_at_ms: number
}

/** Headers of a dead letter begin with this; the leaf words are those of Kafka Connect's and Spring's dead letters. */
export const DLQ_HEADER_PREFIX = 'dlq.'
export const DLQ_CODE_HEADER = 'dlq.code'
/** Header of a message that was replayed from a dead-letter topic: how often. */
export const REPLAYS_HEADER = 'weir.replays'

const MESSAGE_MAX_LENGTH = 500

/** One line of bounded length without control characters: headers end up in terminals and dashboards. */
function oneLine(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()
  return line.length <= MESSAGE_MAX_LENGTH ? line : `${line.slice(0, MESSAGE_MAX_LENGTH - 1)}…`
}

/**
 * Makes the dead letter of a message: on `<topic>.dlq`, with the original key, bytes and headers, so that replaying is
 * producing it again; what was wrong is in the headers `dlq.*`, without content of the event and without a stack.
 *
 * Where only one event of a batch cannot be used, `value` is a batch of the original schema with that event alone
 * (`BatchEvent.alone`): a replay repeats nothing of the others, and needs no knowledge of how the letter came about.
 *
 * @param message the message that was read
 * @param value what could not be used, if that is not the whole message
 */
export function toDeadLetter(
  message: Message,
  reason: DeadLetterReason,
  value: Buffer | null = message.value
): OutgoingMessage {
  const own = Object.entries(message.headers).filter(([name]) => !name.startsWith(DLQ_HEADER_PREFIX))
  return {
    topic: `${message.topic}${DEAD_LETTER_SUFFIX}`,
    key: message.key,
    value,
    headers: {
      ...Object.fromEntries(own),
      'dlq.topic': message.topic,
      'dlq.partition': String(message.partition),
      'dlq.offset': message.offset,
      'dlq.timestamp': String(message.timestamp_ms),
      'dlq.stage': reason.stage,
      [DLQ_CODE_HEADER]: reason.code,
      'dlq.message': oneLine(reason.message),
      'dlq.service': reason.service,
      'dlq.version': reason.version,
      'dlq.attempts': String(reason.attempts),
      'dlq.failed_at': new Date(reason.failed_at_ms).toISOString()
    }
  }
}
