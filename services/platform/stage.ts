/**
 * What a pipeline service is to whatever runs it: a function from a batch of messages to messages. The Kafka loop
 * (`platform/kafka`) and the in-memory bus (`platform/memory`) both run stages; a stage knows neither.
 */

/** A message as a stage sees it. */
export interface Message {
  readonly topic: string
  readonly partition: number
  readonly offset: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, string>>
  /** Time the message was produced, milliseconds since the epoch. */
  readonly timestamp_ms: number
}

/** A message to be produced. */
export interface OutgoingMessage {
  readonly topic: string
  readonly key: string | Buffer | null
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, string>>
  /** Given where the key alone must not decide (co-partitioned topics). */
  readonly partition?: number
  /** Of a stage without transactions: whether it has to be acknowledged before others of its batch are sent. */
  readonly isFirst?: boolean
}

/** Messages of one partition, in order. */
export interface Batch {
  readonly topic: string
  readonly partition: number
  readonly messages: readonly Message[]
}

/** Reads a compacted partition from its start to its end as of now. */
export interface ChangelogReader {
  /**
   * @param fence a message to write first with the stage's own (fenced) producer: reading ends when it comes back, so that
   *   everything an earlier owner of the partition committed has been seen
   * @param from offset of the first message to be read, where those before have been read already; the start when absent
   */
  read(topic: string, partition: number, fence: OutgoingMessage, from?: string): AsyncIterable<Message>
}

export interface StageContext {
  readonly changelog: ChangelogReader
}

/** Gives what `handle` needs beside the batch. */
export interface HandleContext {
  /** Aborted when the partition was revoked or the service stops: results will be thrown away. */
  readonly signal: AbortSignal
  /** To be called at least every few seconds of long work, or the broker takes the partition away. */
  heartbeat(): Promise<void>
}

export interface Stage {
  /** Name of the service, also of its consumer group: `weir.<name>`. */
  readonly name: string
  readonly inputs: readonly string[]
  /**
   * Outputs and input offsets are committed in one transaction per batch, one transactional producer per partition.
   * Without it, offsets are committed after the outputs have been acknowledged: at least once.
   */
  readonly transactional?: boolean
  /** Called before the first batch of a partition after it was assigned; rebuild the partition's state here. */
  onAssigned?(topic: string, partition: number, context: StageContext): Promise<void>
  /** Called when a partition is taken away or its transaction failed; forget the partition's state here. */
  onRevoked?(topic: string, partition: number): void
  /**
   * Turns a batch into the messages to be produced. Input that cannot be used becomes a dead letter (see
   * `platform/dead-letter.ts`) among the results. Anything thrown is unexpected: the service dies loudly and the batch is
   * read again by the next instance.
   */
  handle(batch: Batch, context: HandleContext): Promise<readonly OutgoingMessage[]>
}

/**
 * Messages out, acknowledged by all in-sync replicas when the promise resolves. For services that do not consume. From then on the
 * memory of the messages is the caller's again, who may write other things into it.
 */
export interface Publisher {
  publish(messages: readonly OutgoingMessage[]): Promise<void>
  close(): Promise<void>
}
