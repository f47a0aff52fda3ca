import type { EnrichedEvent } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { WeirError } from '../core/errors.ts'
import { detectionFinding, incidentFinding } from '../core/export/ocsf.ts'
import { toDeadLetter } from '../platform/dead-letter.ts'
import { documentsOut } from '../platform/opensearch/metrics.ts'
import type { DocumentWrite, SearchPort } from '../platform/opensearch/search-port.ts'
import type { Message, OutgoingMessage, Stage } from '../platform/stage.ts'
import {
  actionWrite,
  containerWrites,
  type DocumentContext,
  eventWrite,
  incidentWrite,
  signalWrite
} from './documents.ts'
import type { EventClass, IndexerOptions } from './options.ts'

const INDEXER = 'indexer'

export interface IndexerPorts {
  readonly codec: Codec
  readonly search: SearchPort
  readonly options: IndexerOptions
  /** `opensearch.index_prefix` of the settings. */
  readonly index_prefix: string
  /** Of Weir, for dead letters and OCSF's `metadata.product`. */
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly now_ms: () => number
}

/** What one message becomes. */
interface Projection {
  readonly writes: readonly DocumentWrite[]
  readonly messages: readonly OutgoingMessage[]
}

const NOTHING: Projection = { writes: [], messages: [] }

function classOf(event: EnrichedEvent): EventClass | null {
  if (event.audit !== null) return 'audit'
  return event.cloud !== null ? 'cloud' : (event.runtime?.category ?? null)
}

function ocsfMessage(source: Message, topic: string, finding: Readonly<Record<string, unknown>>): OutgoingMessage {
  return { topic, key: source.key, value: Buffer.from(JSON.stringify(finding)) }
}

/**
 * The indexer: weir.events.v1, weir.signals.v1, weir.incidents.v1, weir.actions.v1 and weir.inventory.v1 to the search
 * engine, signals and incidents also to OCSF topics. Writing is idempotent, so a batch that is read again changes nothing; a
 * message that cannot be decoded, and a document that is refused, go to the dead letters alone.
 */
export function createIndexerStage({ codec, search, options, index_prefix, version, now_ms }: IndexerPorts): Stage {
  const indexed: ReadonlySet<EventClass> = new Set(options.index_events)

  type Project = (message: Message, context: DocumentContext) => Promise<Projection>
  const fromSignal = async (message: Message, context: DocumentContext, place: number | null): Promise<Projection> => {
    const signal = await codec.decode('signal', message.value)
    // What only counts towards correlations is in their signals, and in the index of events; verdicts are in the incidents.
    if (signal.role === 'part' || signal.role === 'verdict') return NOTHING
    const messages =
      options.ocsf && signal.role === 'alert'
        ? [ocsfMessage(message, 'weir.ocsf.findings.v1', detectionFinding(signal, version))]
        : []
    return { writes: [signalWrite(signal, context, place)], messages }
  }
  const projections: Readonly<Record<string, Project>> = {
    'weir.events.v1': async (message, context) => {
      const event = await codec.decode('enriched-event', message.value)
      const eventClass = classOf(event)
      if (eventClass === null || !indexed.has(eventClass)) return NOTHING
      return { writes: [eventWrite(event, context)], messages: [] }
    },
    'weir.signals.v1': (message, context) => fromSignal(message, context, null),
    // All of a cluster is in one partition, so that what stands later was said later.
    'weir.correlated.v1': (message, context) => fromSignal(message, context, Number(message.offset)),
    'weir.incidents.v1': async (message, context) => {
      // A tombstone: the topic is compacted. The index keeps what it has.
      if (message.value === null) return NOTHING
      const incident = await codec.decode('incident', message.value)
      const messages = options.ocsf
        ? [ocsfMessage(message, 'weir.ocsf.incidents.v1', incidentFinding(incident, version))]
        : []
      return { writes: [incidentWrite(incident, context)], messages }
    },
    'weir.actions.v1': async (message, context) => ({
      writes: [actionWrite(await codec.decode('action', message.value), context)],
      messages: []
    }),
    'weir.inventory.v1': async (message, context) => {
      if (message.value === null) return NOTHING
      const record = await codec.decode('inventory-record', message.value)
      return { writes: containerWrites(record, context), messages: [] }
    }
  }

  return {
    name: INDEXER,
    inputs: Object.keys(projections),
    handle: async ({ topic, messages }, waiting) => {
      const project = projections[topic]
      if (project === undefined) throw new TypeError(`the indexer does not read ${topic}`)
      const context: DocumentContext = { prefix: index_prefix, now_ms: now_ms() }
      const outputs: OutgoingMessage[] = []
      const writes: DocumentWrite[] = []
      /** Message of each write. */
      const origins: Message[] = []

      const bury = (stage: 'decode' | 'index', message: Message, code: string, reason: string) => {
        outputs.push(
          toDeadLetter(message, {
            stage,
            service: INDEXER,
            version,
            code,
            message: reason,
            attempts: 1,
            failed_at_ms: now_ms()
          })
        )
      }

      for (const message of messages) {
        let projection: Projection
        try {
          projection = await project(message, context)
        } catch (error) {
          if (!(error instanceof WeirError) || error.retriable) throw error
          bury('decode', message, error.code, error.message)
          continue
        }
        for (const write of projection.writes) {
          writes.push(write)
          origins.push(message)
        }
        outputs.push(...projection.messages)
      }
      if (writes.length === 0) return outputs

      const { written, unchanged, refused } = await search.write(writes, waiting)
      const kind = topic.split('.')[1] ?? topic
      documentsOut.inc({ kind, result: 'written' }, written)
      documentsOut.inc({ kind, result: 'unchanged' }, unchanged)
      documentsOut.inc({ kind, result: 'refused' }, refused.length)
      const buried = new Set<Message>()
      for (const { position, code, message: reason } of refused) {
        const origin = origins[position]
        // A pod has several documents; its record is one letter.
        if (origin === undefined || buried.has(origin)) continue
        buried.add(origin)
        bury('index', origin, code, reason)
      }
      return outputs
    }
  }
}
