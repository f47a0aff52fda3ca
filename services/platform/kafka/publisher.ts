import type { Publisher } from '../stage.ts'
import type { KafkaClient } from './client.ts'
import { createSender } from './sender.ts'

/**
 * Publisher of a service that does not consume. It keeps nothing: a call that fails is the caller's to repeat, and more than
 * `queue_max_bytes` waiting is refused with KAFKA_QUEUE_FULL, upon which the caller keeps what it has, in its spool.
 */
export function createPublisher(client: KafkaClient): Publisher {
  const sender = createSender(client)
  return { publish: (messages) => sender.send(messages), close: () => sender.close() }
}
