import type { EachBatchPayload } from 'kafkajs'
import { WeirError } from '../../core/errors.ts'
import { DLQ_CODE_HEADER, toDeadLetter } from '../dead-letter.ts'
import type { Logger } from '../log.ts'
import { consumerFailures, deadLetters } from '../metrics.ts'
import type { Batch, OutgoingMessage, Stage } from '../stage.ts'
import type { Assignment, Owned } from './assignment.ts'
import type { KafkaClient } from './client.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { kafkajs } from './kafkajs.ts'
import { oversizeOf } from './outgoing.ts'

/** After this many failed transactions in a row, trying again does not help. */
const MAX_TRANSACTION_FAILURES = 5

/** Makes kafkajs join the group again. */
const rejoin = (message: string) =>
  Object.assign(new kafkajs.KafkaJSProtocolError(message), { type: 'REBALANCE_IN_PROGRESS', retriable: false })

/** What a stage has made of some messages. */
interface Handled {
  readonly batch: Batch
  readonly outputs: readonly OutgoingMessage[]
  /** Offset of the last of the messages. */
  readonly last: string
  /** Offset to go on from: beyond markers of transactions, which are no messages, that follow the last. */
  readonly next: bigint
}

/**
 * Publishes the outputs of messages and commits these: in one transaction where the partition has a producer of its own, else
 * outputs first.
 * @returns whether they are committed
 * @throws what kafkajs is to deal with; KAFKA_TRANSACTIONS_FAIL after too many failures in a row, KAFKA_MESSAGE_TOO_LARGE
 */
export type Settle = (one: Owned, payload: EachBatchPayload, handled: Handled) => Promise<boolean>

export function createSettling(running: {
  readonly stage: Stage
  readonly client: KafkaClient
  readonly group: string
  readonly log: Logger
  /** Of Weir, for dead letters. */
  readonly version: string
  readonly assignment: Pick<Assignment, 'lose' | 'recover'>
  readonly send: (messages: readonly OutgoingMessage[]) => Promise<void>
}): Settle {
  const { stage, group, log, version, assignment, send } = running
  const { message_max_bytes } = running.client.options
  /** By partition, since its last transaction that was committed. */
  const failedTransactions = new Map<string, number>()

  /** Deals with a transaction that was not committed, or perhaps was. */
  function onTransactionFailure(one: Owned, error: unknown): void {
    if (!(error instanceof WeirError) || error.code === 'KAFKA_MESSAGE_TOO_LARGE') throw error
    const key = `${one.topic}/${one.partition}`
    const failures = (failedTransactions.get(key) ?? 0) + 1
    failedTransactions.set(key, failures)
    consumerFailures.inc({ stage: stage.name, code: error.code })
    if (failures > MAX_TRANSACTION_FAILURES) {
      const text = `${failures} transactions of ${key} failed in a row: ${error.message}`
      throw new WeirError(KAFKA_ERRORS, 'KAFKA_TRANSACTIONS_FAIL', text, { cause: error })
    }
    if (error.code === 'KAFKA_FENCED') {
      // Whoever fenced us is the owner, unless the group says that we are: ask it.
      assignment.lose(one, 'fenced by another instance')
      throw rejoin(error.message)
    }
    assignment.recover(one, error)
  }

  /**
   * Puts a dead letter without value in the place of each output that its topic would refuse for its size, so that one of
   * them does not hold up its partition for ever. Not with transactions: there, an output may be state.
   */
  function withoutOversize({ batch, outputs }: Handled): readonly OutgoingMessage[] {
    if (stage.transactional === true) return outputs
    const [first] = batch.messages
    return outputs.map((output) => {
      const error = oversizeOf(output, message_max_bytes)
      if (error === null || first === undefined) return output
      log.error({ error, topic: output.topic }, `output dropped: ${error.message}`)
      const where = { stage: 'publish', service: stage.name, version }
      const { code, message } = error
      return toDeadLetter(first, { ...where, code, message, attempts: 1, failed_at_ms: Date.now() }, null)
    })
  }

  return async (one, payload, handled) => {
    const { topic, partition } = one
    const { last, next } = handled
    const outputs = withoutOversize(handled)
    if (one.sender !== null) {
      try {
        await one.sender.commit(outputs, { group, topic, partition, next: String(next) })
      } catch (error) {
        if (one.state !== 'lost') onTransactionFailure(one, error)
        return false
      }
      failedTransactions.delete(`${topic}/${partition}`)
      one.position = next
      if (one.state !== 'lost') payload.resolveOffset(last)
    } else {
      const first = outputs.filter(({ isFirst }) => isFirst === true)
      if (first.length > 0) await send(first)
      await send(first.length > 0 ? outputs.filter(({ isFirst }) => isFirst !== true) : outputs)
      if (one.state === 'lost') return false
      payload.resolveOffset(last)
      const topics = [{ topic, partitions: [{ partition, offset: String(next) }] }]
      await payload.commitOffsetsIfNecessary({ topics })
    }
    for (const { topic, headers } of outputs) {
      const code = headers?.[DLQ_CODE_HEADER]
      if (code !== undefined) deadLetters.inc({ topic, code })
    }
    return true
  }
}
