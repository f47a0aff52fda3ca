import type { ErrorList } from '../../core/errors.ts'

export const KAFKA_ERRORS = {
  KAFKA_FILE_UNREADABLE: { description: 'A certificate, key or password file cannot be read.', retriable: false },
  KAFKA_UNREACHABLE: { description: 'No broker answers, or none lets us in.', retriable: true },
  KAFKA_PUBLISH_FAILED: { description: 'Messages were not acknowledged within the time for retries.', retriable: true },
  KAFKA_MESSAGE_TOO_LARGE: { description: 'A message is larger than the topics take.', retriable: false },
  KAFKA_QUEUE_FULL: { description: 'More is waiting to be published than the bound allows.', retriable: true },
  KAFKA_CLOSED: { description: 'The client was closed.', retriable: false },
  KAFKA_FENCED: { description: 'Another instance has taken over the partition.', retriable: true },
  KAFKA_STAGE_FAILED: { description: 'A stage threw: the batch will be read again.', retriable: false },
  KAFKA_CONSUMER_CRASHED: { description: 'The consumer stopped in a way it cannot mend.', retriable: false },
  KAFKA_LOOP_STALLED: { description: 'The consumer loop shows no activity.', retriable: false },
  KAFKA_TRANSACTIONS_FAIL: { description: 'Transactions of a partition fail again and again.', retriable: false },
  KAFKA_READ_STALLED: { description: 'Reading a partition to its end makes no progress.', retriable: true },
  KAFKA_NOT_DRAINED: { description: 'Work in hand did not end in time while stopping.', retriable: true },
  KAFKA_TOPIC_SHRINK: { description: 'Partitions of a topic cannot be taken away.', retriable: false },
  KAFKA_TOPIC_MISSING: { description: 'A topic does not exist.', retriable: false },
  KAFKA_NO_DEAD_LETTER: { description: 'There is no dead letter at this place.', retriable: false }
} as const satisfies ErrorList<string>
