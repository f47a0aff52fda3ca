import type { KafkaMessage } from 'kafkajs'
import type { Message } from '../stage.ts'

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({})

function headersOf(headers: KafkaMessage['headers']): Readonly<Record<string, string>> {
  if (headers === undefined) return NO_HEADERS
  const entries = Object.entries(headers)
  if (entries.length === 0) return NO_HEADERS
  // fromEntries makes own properties, also of a header that is called __proto__.
  return Object.fromEntries(
    entries.map(([name, value]) => [name, String((Array.isArray(value) ? value.at(-1) : value) ?? '')])
  )
}

/** A message of kafkajs as stages see it; of a header given several times, the last. */
export function toMessage(topic: string, partition: number, message: KafkaMessage): Message {
  return {
    topic,
    partition,
    offset: message.offset,
    key: message.key,
    value: message.value,
    headers: headersOf(message.headers),
    timestamp_ms: Number(message.timestamp)
  }
}

/** Cuts messages, in order, into what a stage gets at a time: compressed, they may have been few bytes. */
export function* piecesOf(
  messages: readonly KafkaMessage[],
  limits: { readonly handle_max_messages: number; readonly handle_max_bytes: number }
): Generator<KafkaMessage[]> {
  let piece: KafkaMessage[] = []
  let bytes = 0
  for (const message of messages) {
    const size = (message.key?.length ?? 0) + (message.value?.length ?? 0)
    if (piece.length > 0 && (piece.length >= limits.handle_max_messages || bytes + size > limits.handle_max_bytes)) {
      yield piece
      piece = []
      bytes = 0
    }
    piece.push(message)
    bytes += size
  }
  if (piece.length > 0) yield piece
}
