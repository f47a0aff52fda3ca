import { LRUCache } from 'lru-cache'
import type { EnrichedEvent, RetryEvent } from '../../schemas/generated/types.ts'
import { type BatchEvent, createBatchReader } from '../core/avro/batch-reader.ts'
import type { Codec, SchemaSource } from '../core/avro/codec.ts'
import { createRawEventWriter, type RawEvent } from '../core/avro/enriched-writer.ts'
import { type Bodies, eventBodies } from '../core/bodies.ts'
import type { RuleSet } from '../core/detect/rule-set.ts'
import { enrich, isWorthRetrying, lookupKeys } from '../core/enrich/join.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import type { SourcedEvent } from '../core/events/sourced-event.ts'
import type { NeededParts } from '../core/profiles/sent-parts.ts'
import { toDeadLetter } from '../platform/dead-letter.ts'
import type { Logger } from '../platform/log.ts'
import { enrichments, eventsIn, signalsOut } from '../platform/metrics.ts'
import type { Batch, HandleContext, Message, OutgoingMessage, Stage } from '../platform/stage.ts'
import { untilAvailable } from '../platform/until-available.ts'
import { VERSION } from '../platform/version.ts'
import type { CachedFacts } from './cached-facts.ts'
import { ENRICH_ERRORS } from './errors.ts'
import { watchMissingEvents } from './missing-events.ts'
import type { EnricherOptions } from './options.ts'
import { type BatchSignals, createSignalOutputs, type SpreadClusters } from './signal-outputs.ts'

export interface EnricherPorts {
  readonly schemas: SchemaSource
  readonly codec: Codec
  readonly rules: RuleSet
  /** The parts that the correlator needs; others are not sent. All unless given. */
  readonly parts?: NeededParts
  /** Clusters whose windows are spread; none unless given. */
  readonly spread?: SpreadClusters
  readonly facts: CachedFacts
  readonly log: Logger
  readonly now_ms: () => number
  /** Waits until a time, keeping the partition meanwhile. The embedded pipeline does not wait. */
  readonly waitUntil: (time_ms: number, context: HandleContext) => Promise<void>
}

const GIVEN_UP_MAX_ENTRIES = 10_000
const GIVEN_UP_TTL_MS = 60_000

/** An event on its way through the enricher, with what is needed to write it on or to set it aside. */
interface Work {
  readonly event: SourcedEvent
  readonly raw: RawEvent
  /** Look-ups made before this one. */
  readonly attempts: number
  /** The event alone, as a message of its topic. */
  readonly original: () => Message
}

const keyOf = (event: EnrichedEvent): string =>
  event.pod?.uid ?? event.actor?.name ?? event.cloud?.userIdentity.arn ?? `${event.cluster.id}/${event.source.instance}`

/**
 * The enricher: one stage for new events, one for those that wait for their container to become known. Both look up, join and
 * match in the same way: one round trip to the store for a whole batch, every rule on every event.
 */
export function createEnricherStages(ports: EnricherPorts, options: EnricherOptions): readonly Stage[] {
  const { codec, facts, log, now_ms, rules, schemas } = ports
  const batches = createBatchReader(schemas)
  const enrichedWriter = createRawEventWriter('enriched-event', schemas)
  const retryWriter = createRawEventWriter('retry-event', schemas)
  // Containers that stayed unknown through all attempts: without inventory, every event would wait in vain.
  const givenUp = new LRUCache<string, true>({ max: GIVEN_UP_MAX_ENTRIES, ttl: GIVEN_UP_TTL_MS })
  const missing = watchMissingEvents({ codec, log, now_ms })

  const { sent_parts_max_entries } = options
  const { parts, spread } = ports
  const signalsOfBatch = createSignalOutputs({ codec, sent_parts_max_entries, parts, spread })

  function deadLetter(stage: string, message: Message, error: WeirError, attempts: number): OutgoingMessage {
    return toDeadLetter(message, {
      stage,
      service: 'enricher',
      version: VERSION,
      code: error.code,
      message: error.message,
      attempts,
      failed_at_ms: now_ms()
    })
  }

  /** Runs `work` on something untrusted: what it throws becomes a dead letter of `message()`, unless a retry can help. */
  async function guarded(
    stage: string,
    message: () => Message,
    outputs: OutgoingMessage[],
    work: () => Promise<void> | void
  ): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (error instanceof WeirError) {
        if (error.retriable) throw error
        outputs.push(deadLetter(stage, message(), error, 1))
        return
      }
      log.error({ error, stage }, 'an event could not be handled')
      const failure = new WeirError(ENRICH_ERRORS, 'ENRICH_FAILED', messageOf(error), { cause: error })
      outputs.push(deadLetter(stage, message(), failure, 1))
    }
  }

  function retryMessage({ event, raw, attempts }: Work): OutgoingMessage {
    const value = retryWriter.encode(raw, {
      cluster: event.cluster,
      source: event.source,
      received: event.received,
      due: (now_ms() + options.retry_delay_ms) * 1000,
      attempts: attempts + 1
    })
    return { topic: 'weir.retry.v1', key: `${event.cluster.id}/${event.source.instance}`, value }
  }

  function outputsOf(work: Work, enriched: EnrichedEvent, bodies: Bodies, sending: BatchSignals): OutgoingMessage[] {
    const signals = rules.match(enriched, bodies)
    enrichments.inc({ status: enriched.enrichment.status })
    for (const { rule, severity, role } of signals)
      if (role === 'alert') signalsOut.inc({ code: rule.code ?? rule.id, severity })
    return [
      { topic: 'weir.events.v1', key: keyOf(enriched), value: enrichedWriter.encode(work.raw, enriched) },
      ...sending.take(signals)
    ]
  }

  async function finish(
    stage: string,
    works: readonly Work[],
    outputs: OutgoingMessage[],
    context: HandleContext
  ): Promise<void> {
    const keys = works.map(({ event }) => lookupKeys(event))
    const fresh = works.some(({ attempts }) => attempts > 0)
    const known = await untilAvailable(
      () => facts.fetch(keys.flat(), fresh),
      context,
      (error, attempt) => {
        if (attempt === 1) log.warn({ error }, 'look-ups fail; waiting until they work again')
      }
    )
    await context.heartbeat()
    const sending = signalsOfBatch()
    for (const [index, work] of works.entries()) {
      await guarded(stage, work.original, outputs, () => {
        const bodies = eventBodies(work.event)
        const enriched = enrich(work.event, (key) => known.get(key) ?? null, bodies)
        const bestKey = keys[index]?.[0]
        if (isWorthRetrying(enriched) && bestKey !== undefined) {
          if (work.attempts < options.retry_attempts && !givenUp.has(bestKey)) {
            outputs.push(retryMessage(work))
            return
          }
          givenUp.set(bestKey, true)
        }
        outputs.push(...outputsOf(work, enriched, bodies, sending))
      })
    }
    outputs.push(...sending.rest())
  }

  async function openAudit(message: Message): Promise<Work[]> {
    const { header, events } = await batches.open('audit-batch', message.value)
    const source = { type: 'audit', provider: header.provider, instance: header.collector } as const
    return worksOf(message, { ...header, source }, events, ({ bytes, value, view }) => ({
      seen: { audit: view(), runtime: null },
      raw: { type: 'audit', bytes, value }
    }))
  }

  async function openRuntime(message: Message): Promise<Work[]> {
    const { header, events } = await batches.open('runtime-batch', message.value)
    const source = { type: 'runtime', provider: header.sensor, instance: header.node } as const
    missing.see(message, header, events.length)
    return worksOf(message, { ...header, source }, events, ({ bytes, value, view }) => ({
      seen: { audit: null, runtime: view() },
      raw: { type: 'runtime', bytes, value }
    }))
  }

  async function openCloud(message: Message): Promise<Work[]> {
    const { header, events } = await batches.open('cloud-batch', message.value)
    const source = { type: 'cloud', provider: header.provider, instance: header.collector } as const
    return worksOf(message, { ...header, source }, events, ({ bytes, value, view }) => ({
      seen: { audit: null, runtime: null, cloud: view() },
      raw: { type: 'cloud', bytes, value }
    }))
  }

  const openers: Readonly<Record<string, (message: Message) => Promise<Work[]>>> = {
    'weir.runtime.v1': openRuntime,
    'weir.audit.v1': openAudit,
    'weir.cloud.v1': openCloud
  }

  const enricher: Stage = {
    name: 'enricher',
    inputs: Object.keys(openers),
    onAssigned: async (topic, partition) => missing.assigned(topic, partition),
    handle: async (batch, context) => {
      const outputs: OutgoingMessage[] = []
      const works: Work[] = []
      const open = openers[batch.topic]
      if (open === undefined) throw new TypeError(`the enricher does not read ${batch.topic}`)
      missing.begin(batch)
      for (const message of batch.messages) {
        await guarded(
          'enricher',
          () => message,
          outputs,
          async () => {
            works.push(...(await open(message)))
          }
        )
      }
      works.push(...missing.take(batch).map((told) => ({ ...told, attempts: 0 })))
      await finish('enricher', works, outputs, context)
      return outputs
    }
  }

  async function openRetry(message: Message): Promise<{ readonly work: Work; readonly due_ms: number }> {
    const waiting: RetryEvent = await codec.decode('retry-event', message.value)
    const { audit, runtime, cluster, source, received, attempts, due } = waiting
    const raw: RawEvent =
      audit !== null
        ? { type: 'audit', bytes: null, value: () => audit }
        : { type: 'runtime', bytes: null, value: () => runtime as NonNullable<RetryEvent['runtime']> }
    const work: Work = { event: { audit, runtime, cluster, source, received }, raw, attempts, original: () => message }
    return { work, due_ms: due / 1000 }
  }

  const retry: Stage = {
    name: 'enricher-retry',
    inputs: ['weir.retry.v1'],
    handle: async (batch: Batch, context) => {
      const outputs: OutgoingMessage[] = []
      const works: Work[] = []
      let due_ms = 0
      for (const message of batch.messages) {
        await guarded(
          'enricher-retry',
          () => message,
          outputs,
          async () => {
            const opened = await openRetry(message)
            works.push(opened.work)
            due_ms = Math.max(due_ms, opened.due_ms)
          }
        )
      }
      // All wait equally long, so what was put in later is due later: waiting for the last of a batch delays the first by
      // no more than the time the batch spans.
      if (works.length > 0) await ports.waitUntil(due_ms, context)
      await finish('enricher-retry', works, outputs, context)
      return outputs
    }
  }
  return [enricher, retry]
}

/** The new events of a message: what each is by itself, with what its batch says of all. */
function worksOf<Event>(
  message: Message,
  { cluster, source, received }: Pick<SourcedEvent, 'cluster' | 'source' | 'received'>,
  events: readonly BatchEvent<Event>[],
  read: (event: BatchEvent<Event>) => {
    readonly seen: Pick<SourcedEvent, 'audit' | 'runtime' | 'cloud'>
    readonly raw: RawEvent
  }
): Work[] {
  eventsIn.inc({ source: source.type, provider: source.provider }, events.length)
  return events.map((event) => {
    const { seen, raw } = read(event)
    return { event: { ...seen, cluster, source, received }, raw, attempts: 0, original: aloneIn(message, event) }
  })
}

/** The message that held an event, with that event alone: what a dead letter keeps. */
function aloneIn(message: Message, event: BatchEvent<unknown>): () => Message {
  return () => ({ ...message, value: event.alone() })
}
