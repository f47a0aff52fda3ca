import { createCodec, localSchemas } from '../../core/avro/codec.ts'
import { inventoryFromList } from '../../core/enrich/inventory.ts'
import { neededParts } from '../../core/profiles/sent-parts.ts'
import { createCorrelatorStage } from '../../correlator/stage.ts'
import { createCachedFacts } from '../../enricher/cached-facts.ts'
import { createEnricherStages } from '../../enricher/stages.ts'
import { createIndexerStage } from '../../indexer/stage.ts'
import { createAuditInventoryStage, createFactsStage, inventoryMessage } from '../../inventory/stages.ts'
import { createMemoryFactsStore } from '../../platform/facts-store.ts'
import { toMessages } from '../../platform/ingest/batches.ts'
import { convertJson } from '../../platform/ingest/convert.ts'
import type { Logger } from '../../platform/log.ts'
import { createMemoryBus, type MemoryBus } from '../../platform/memory/bus.ts'
import { createMemorySearch } from '../../platform/memory/search.ts'
import type { SearchPort } from '../../platform/opensearch/search-port.ts'
import type { Stage } from '../../platform/stage.ts'
import { loadTopics } from '../../platform/topics.ts'
import { VERSION } from '../../platform/version.ts'
import { createResponderStage } from '../../responder/stage.ts'
import { piecesOf, type Recording } from '../replay/recording.ts'
import { loadRules } from '../rules.ts'
import type { Settings } from '../settings.ts'

export interface Embedded {
  readonly bus: MemoryBus
  readonly search: SearchPort
  /** Plays a recording through all stages. @param progress share that is done */
  replay(recording: Recording, progress: (share: number) => void): Promise<void>
}

/**
 * Every stage in this process over topics in memory: the same code as on Kafka, without servers.
 * @param inTurn gives the order in which stages have their turn. What comes out does not depend on it.
 */
export async function startEmbedded(
  settings: Settings,
  log: Logger,
  inTurn: (stages: readonly Stage[]) => readonly Stage[] = (stages) => stages
): Promise<Embedded> {
  const now_ms = Date.now
  const schemas = localSchemas()
  const codec = createCodec(schemas)
  const store = createMemoryFactsStore()
  const search = createMemorySearch()
  const bus = createMemoryBus({ topics: loadTopics(), now_ms, pump: 'manual' })
  const { rules, windows, profiles } = await loadRules(
    { folders: settings.enricher.rules, builtin: settings.enricher.builtin_rules },
    (message) => log.warn(message)
  )
  const facts = createCachedFacts(store, {
    max_entries: settings.enricher.cache_max_entries,
    ttl_ms: settings.enricher.cache_ttl_ms
  })
  const stages = [
    createAuditInventoryStage({ codec }),
    createFactsStage('inventory-facts', store, { codec, now_ms, log }),
    // Nobody waits: what is not known when a piece of the recording has gone through will not become known.
    ...createEnricherStages(
      {
        schemas,
        codec,
        rules,
        parts: neededParts(windows, profiles),
        facts,
        log,
        now_ms,
        waitUntil: async () => {}
      },
      settings.enricher
    ),
    createCorrelatorStage({ codec, options: settings.correlator, windows, profiles, now_ms }),
    createResponderStage({ codec, options: settings.responder, now_ms, log }),
    createIndexerStage({
      codec,
      search,
      options: settings.indexer,
      index_prefix: settings.opensearch.index_prefix,
      version: VERSION,
      now_ms
    })
  ]
  for (const stage of inTurn(stages)) bus.run(stage)

  return {
    bus,
    search,
    replay: async (recording, progress) => {
      const { cluster, inventory, records } = recording
      const observed = records[0]?.time ?? 0
      const known = inventoryFromList(inventory, cluster, observed).records
      await bus.publish(known.map((record) => inventoryMessage(codec, record)))
      await bus.drain()
      const pieces = piecesOf(records, 100)
      let sequences = {}
      for (const [index, piece] of pieces.entries()) {
        const received = now_ms() * 1000
        const converted = piece.map(({ json }) =>
          convertJson(json, { cluster, instance: 'embedded', received, clusterOf: () => cluster })
        )
        const result = toMessages(
          converted.flatMap(({ taken }) => taken),
          converted.flatMap(({ rejected }) => rejected),
          {
            codec,
            service: 'embedded',
            instance: 'embedded',
            message_max_bytes: settings.kafka.message_max_bytes,
            now: now_ms
          },
          sequences
        )
        sequences = result.sequences
        await bus.publish(result.messages)
        await bus.drain()
        progress((index + 1) / pieces.length)
      }
    }
  }
}
