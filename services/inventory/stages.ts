import type { InventoryRecord } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { inventoryFromAudit } from '../core/enrich/inventory.ts'
import { WeirError } from '../core/errors.ts'
import { toDeadLetter } from '../platform/dead-letter.ts'
import type { FactsStore } from '../platform/facts-store.ts'
import type { Logger } from '../platform/log.ts'
import type { Message, OutgoingMessage, Stage } from '../platform/stage.ts'
import { untilAvailable } from '../platform/until-available.ts'
import { VERSION } from '../platform/version.ts'

export interface InventoryPorts {
  readonly codec: Codec
  readonly now_ms: () => number
  readonly log: Logger
}

/** Message of weir.inventory.v1 for a record. */
export function inventoryMessage(codec: Codec, record: InventoryRecord): OutgoingMessage {
  return {
    topic: 'weir.inventory.v1',
    key: `${record.cluster.id}/${record.kind}/${record.uid}`,
    value: codec.encode('inventory-record', record)
  }
}

/** A message that cannot be decoded, as a dead letter; anything else that is thrown stays thrown. */
function deadLetter(message: Message, stage: string, error: unknown, now_ms: number): OutgoingMessage {
  if (!(error instanceof WeirError) || error.retriable) throw error
  return toDeadLetter(message, {
    stage,
    service: 'inventory',
    version: VERSION,
    code: error.code,
    message: error.message,
    attempts: 1,
    failed_at_ms: now_ms
  })
}

/** weir.audit.v1 → weir.inventory.v1: what the bodies of API requests tell of pods and workloads, without any agent. */
export function createAuditInventoryStage({ codec }: Pick<InventoryPorts, 'codec'>): Stage {
  return {
    name: 'inventory-audit',
    inputs: ['weir.audit.v1'],
    handle: async ({ messages }) => {
      const outputs: OutgoingMessage[] = []
      for (const message of messages) {
        try {
          const { cluster, events } = await codec.decode('audit-batch', message.value)
          for (const record of events.flatMap((event) => inventoryFromAudit(event, cluster)))
            outputs.push(inventoryMessage(codec, record))
        } catch (error) {
          // The enricher reads the same topic and writes the dead letter; twice would be one too many.
          if (!(error instanceof WeirError) || error.retriable) throw error
        }
      }
      return outputs
    }
  }
}

/**
 * weir.inventory.v1 → the facts store. Reads the topic from its start each time it is started, since the store may be new.
 * @param name consumer group; a fresh one each time makes the loop start at the beginning
 */
export function createFactsStage(name: string, store: FactsStore, { codec, now_ms, log }: InventoryPorts): Stage {
  return {
    name,
    inputs: ['weir.inventory.v1'],
    handle: async ({ messages }, context) => {
      const records: InventoryRecord[] = []
      const outputs: OutgoingMessage[] = []
      for (const message of messages) {
        if (message.value === null) continue
        try {
          records.push(await codec.decode('inventory-record', message.value))
        } catch (error) {
          outputs.push(deadLetter(message, name, error, now_ms()))
        }
      }
      await untilAvailable(
        () => store.apply(records),
        context,
        (error, attempt) => {
          if (attempt === 1) log.warn({ error }, 'inventory cannot be stored; waiting until it can')
        }
      )
      return outputs
    }
  }
}
