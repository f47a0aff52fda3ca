import type { SchemaName, SchemaTypes } from '../../schemas/generated/schemas.ts'
import type { Codec } from '../core/avro/codec.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import { toDeadLetter } from '../platform/dead-letter.ts'
import type { Message, OutgoingMessage } from '../platform/stage.ts'
import { VERSION } from '../platform/version.ts'

/** Who works on the messages, and what it is doing. */
export interface Worker {
  readonly stage: string
  readonly service: string
  /** Milliseconds since the epoch. */
  readonly now_ms: () => number
}

export function deadLetterOf(
  { stage, service, now_ms }: Worker,
  message: Message,
  code: string,
  text: string
): OutgoingMessage {
  const reason = { stage, service, version: VERSION, code, message: text, attempts: 1, failed_at_ms: now_ms() }
  return toDeadLetter(message, reason)
}

/**
 * Decodes what can be decoded, the rest becomes dead letters. Nothing of a state is touched by it, so it may be tried again.
 * @param outputs is given the dead letters
 * @returns what the messages hold, in their order, with the message of each
 * @throws WeirError that is retriable: the registry is away
 */
export async function decodeAll<Name extends SchemaName>(
  codec: Pick<Codec, 'decode'>,
  name: Name,
  messages: readonly Message[],
  outputs: OutgoingMessage[],
  worker: Worker
): Promise<Map<SchemaTypes[Name], Message>> {
  const values = new Map<SchemaTypes[Name], Message>()
  for (const message of messages) {
    try {
      values.set(await codec.decode(name, message.value), message)
    } catch (error) {
      if (!(error instanceof WeirError) || error.retriable) throw error
      outputs.push(deadLetterOf(worker, message, error.code, messageOf(error)))
    }
  }
  return values
}
