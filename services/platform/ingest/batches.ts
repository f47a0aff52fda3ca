import type { AuditEvent, AuditProvider, CloudEvent, Cluster, RuntimeEvent } from '../../../schemas/generated/types.ts'
import type { Codec } from '../../core/avro/codec.ts'
import { WeirError } from '../../core/errors.ts'
import type { SourcedEvent } from '../../core/events/sourced-event.ts'
import { toDeadLetter } from '../dead-letter.ts'
import { deadLetters, eventsIn } from '../metrics.ts'
import type { OutgoingMessage } from '../stage.ts'
import { VERSION } from '../version.ts'
import type { Rejected, Taken } from './convert.ts'
import { unexpected } from './convert.ts'
import { INGEST_ERRORS } from './errors.ts'

const AUDIT_TOPIC = 'weir.audit.v1'
export const RUNTIME_TOPIC = 'weir.runtime.v1'
export const CLOUD_TOPIC = 'weir.cloud.v1'

/** Bounds of a batch: enough that a message costs little per event, small enough that it is no burden by itself. */
export const BATCH_MAX_EVENTS = 500
const BATCH_MAX_BYTES = 512 * 1024
/** Events of one batch arrived within this time, since a batch has one time of arrival. */
export const RECEIVED_SPAN_US = 1_000_000
/** Of what is too large for a dead letter, so much is kept. */
const DEAD_LETTER_MAX_BYTES = 512 * 1024
/** Nodes whose numbering is remembered; of more, those that have been silent the longest begin at 1 again. */
const SEQUENCES_MAX = 1000

/**
 * Gives out sequence numbers.
 * @param next the next number by node and sensor, the longest silent first; changed
 * @param name `cluster/node/sensor`
 * @returns the first of `count` numbers that follow each other
 */
export function takeSequence(next: Map<string, number>, name: string, count: number): number {
  const number = next.get(name) ?? 1
  next.delete(name)
  next.set(name, number + count)
  for (const oldest of next.keys()) {
    if (next.size <= SEQUENCES_MAX) break
    next.delete(oldest)
  }
  return number
}
/** Room for key, headers and schema id beside a batch. */
export const MESSAGE_OVERHEAD_BYTES = 1024

export interface BatchContext {
  readonly codec: Pick<Codec, 'encode'>
  /** Name of the service. */
  readonly service: string
  /** Name of this instance. */
  readonly instance: string
  /** Which numbering `sequences` are of; none unless given. */
  readonly numbering?: string
  /** Topic whose dead letters take what was rejected before it was known what it is; that of audit events unless given. */
  readonly rejects_topic?: string
  /** Largest message the topics take. */
  readonly message_max_bytes: number
  /** Clock in milliseconds since the epoch. */
  readonly now: () => number
}

/** Next sequence number per node and sensor. */
export type Sequences = Readonly<Record<string, number>>

/** Makes messages of events. The same events with the same `sequences` give the same events and numbers, in whatever batches. */
export interface BatchResult {
  readonly messages: OutgoingMessage[]
  readonly sequences: Sequences
}

/**
 * Groups events, in order, into batches for `weir.audit.v1`, `weir.runtime.v1` and `weir.cloud.v1`, and makes dead letters of the rejected.
 * An event that cannot be encoded or is too large becomes a dead letter alone.
 * @param sequences numbers to go on with, by `cluster/node/sensor`
 */
export function toMessages(
  taken: readonly Taken[],
  rejected: readonly Rejected[],
  context: BatchContext,
  sequences: Sequences = {}
): BatchResult {
  const messages: OutgoingMessage[] = []
  const next = new Map(Object.entries(sequences))
  const letters: Array<{ rejected: Rejected; topic: string }> = rejected.map((item) => ({
    rejected: item,
    topic: context.rejects_topic ?? AUDIT_TOPIC
  }))

  for (const group of groupsOf(taken)) {
    const [first] = group
    if (first === undefined) continue
    const { source, received, cluster } = first.event
    eventsIn.inc({ source: source.type, provider: source.provider }, group.length)
    const encode =
      source.type === 'audit'
        ? auditEncoder(cluster, source.provider, received, context)
        : source.type === 'cloud'
          ? cloudEncoder(cluster, source.provider, received, context)
          : runtimeEncoder(cluster, source.instance, source.provider, first.boot_id ?? null, received, next, context)
    for (const result of encodeFitting(group, encode, context.message_max_bytes)) {
      if ('rejected' in result) letters.push({ rejected: result.rejected, topic: encode.topic })
      else messages.push({ topic: encode.topic, key: encode.key, value: result.value })
    }
  }
  for (const { rejected: item, topic } of letters) messages.push(deadLetterOf(item, topic, context))
  return { messages, sequences: Object.fromEntries(next) }
}

interface BatchEncoder {
  readonly topic: string
  readonly key: string | null
  encode(events: readonly Taken[]): Buffer
  /** Told of so many events that have become a message, before the next are encoded. */
  made?(count: number): void
}

function auditEncoder(cluster: Cluster, provider: string, received: number, context: BatchContext): BatchEncoder {
  return {
    topic: AUDIT_TOPIC,
    key: null,
    encode: (items) =>
      context.codec.encode('audit-batch', {
        cluster,
        provider: provider as AuditProvider,
        collector: context.instance,
        received,
        events: items.map(({ event }) => event.audit).filter((audit): audit is AuditEvent => audit !== null)
      })
  }
}

function cloudEncoder(cluster: Cluster, provider: string, received: number, context: BatchContext): BatchEncoder {
  return {
    topic: CLOUD_TOPIC,
    key: null,
    encode: (items) =>
      context.codec.encode('cloud-batch', {
        cluster,
        provider,
        collector: context.instance,
        received,
        events: items.map(({ event }) => event.cloud).filter((cloud): cloud is CloudEvent => cloud != null)
      })
  }
}

function runtimeEncoder(
  cluster: Cluster,
  node: string,
  sensor: string,
  boot_id: string | null,
  received: number,
  next: Map<string, number>,
  context: BatchContext
): BatchEncoder {
  const key = `${cluster.id}/${node}`
  const name = `${key}/${sensor}`
  return {
    topic: RUNTIME_TOPIC,
    key,
    // What becomes a dead letter gets no number: it would be missing.
    made: (count) => void takeSequence(next, name, count),
    encode: (items) => {
      const first_sequence = next.get(name) ?? 1
      return context.codec.encode('runtime-batch', {
        cluster,
        node,
        boot_id,
        sensor,
        first_sequence: String(first_sequence),
        numbering: context.numbering ?? null,
        received,
        events: items.map(({ event }) => event.runtime).filter((runtime): runtime is RuntimeEvent => runtime !== null)
      })
    }
  }
}

/** Runs of events that go into one batch, by the order of their first events. */
function groupsOf(taken: readonly Taken[]): Taken[][] {
  const groups: Taken[][] = []
  const open = new Map<string, { items: Taken[]; bytes: number; received: number }>()
  for (const item of taken) {
    const { cluster, source, received } = item.event
    const key = JSON.stringify([
      source.type,
      cluster.id,
      cluster.name,
      source.provider,
      source.type === 'runtime' ? source.instance : '',
      item.boot_id ?? ''
    ])
    const bytes = roughSize(item.event)
    const current = open.get(key)
    const fits =
      current !== undefined &&
      current.items.length < BATCH_MAX_EVENTS &&
      current.bytes + bytes <= BATCH_MAX_BYTES &&
      Math.abs(received - current.received) < RECEIVED_SPAN_US
    if (current !== undefined && fits) {
      current.items.push(item)
      current.bytes += bytes
    } else {
      const items = [item]
      open.set(key, { items, bytes, received })
      groups.push(items)
    }
  }
  return groups
}

/** Size of an event, about: what is large in it are bodies, command lines and maps. */
function roughSize({ audit, runtime, cloud }: SourcedEvent): number {
  if (audit !== null)
    return (
      600 + (audit.requestURI?.length ?? 0) + (audit.requestObject?.length ?? 0) + (audit.responseObject?.length ?? 0)
    )
  if (cloud != null) return 1000 + (cloud.requestParameters?.length ?? 0) + (cloud.responseElements?.length ?? 0)
  let size = 400 + (runtime?.process?.command_line?.length ?? 0)
  for (const value of Object.values(runtime?.attributes ?? {})) size += value.length + 20
  return size
}

/** Encodes a batch, in halves where it is too large or one of its events cannot be encoded. */
function* encodeFitting(
  items: readonly Taken[],
  encoder: BatchEncoder,
  message_max_bytes: number
): Generator<{ value: Buffer } | { rejected: Rejected }> {
  let error: WeirError
  try {
    const value = encoder.encode(items)
    if (value.length + MESSAGE_OVERHEAD_BYTES <= message_max_bytes) {
      encoder.made?.(items.length)
      yield { value }
      return
    }
    error = new WeirError(
      INGEST_ERRORS,
      'INGEST_TOO_LARGE',
      `an event of ${value.length} bytes does not fit into a message`
    )
  } catch (cause) {
    error = unexpected(cause)
  }
  const [only] = items
  if (items.length === 1 && only !== undefined) {
    yield { rejected: { error, original: only.original } }
    return
  }
  const middle = Math.ceil(items.length / 2)
  yield* encodeFitting(items.slice(0, middle), encoder, message_max_bytes)
  yield* encodeFitting(items.slice(middle), encoder, message_max_bytes)
}

/**
 * The dead letter of something that never was a message: its text as it arrived, with the topic it would have gone to.
 * `dlq.offset` is -1. Of a text that is too large only the start is kept, and `dlq.original_bytes` says how long it was.
 */
function deadLetterOf({ error, original }: Rejected, topic: string, context: BatchContext): OutgoingMessage {
  const bytes = original()
  const limit = Math.min(DEAD_LETTER_MAX_BYTES, context.message_max_bytes)
  const now = context.now()
  deadLetters.inc({ topic, code: error.code })
  const letter = toDeadLetter(
    {
      topic,
      partition: -1,
      offset: '-1',
      key: null,
      value: bytes.length <= limit ? bytes : Buffer.from(bytes.subarray(0, limit)),
      headers: { 'content-type': 'application/json' },
      timestamp_ms: now
    },
    {
      stage: 'collect',
      service: context.service,
      version: VERSION,
      code: error.code,
      message: error.message,
      attempts: 1,
      failed_at_ms: now
    }
  )
  return bytes.length <= limit
    ? letter
    : { ...letter, headers: { ...letter.headers, 'dlq.original_bytes': String(bytes.length) } }
}
