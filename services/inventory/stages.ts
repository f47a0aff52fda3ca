import type { InventoryRecord } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { TOMBSTONE_SECONDS } from '../core/enrich/fact-changes.ts'
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
  /** Told of each record that is read from weir.inventory.v1. */
  readonly seen?: (record: InventoryRecord) => void
}

/** How long a tombstone stays on the topic after it was read: whoever fills a store from the topic has seen it by then. */
const READ_GRACE_MS = 60_000
const EXPIRIES_MAX = 100_000

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

/**
 * weir.audit.v1 → weir.inventory.v1: what the bodies of API requests tell of pods and workloads, without any agent.
 * @param watched id of a cluster that is watched, and so better known than its audit log tells
 */
export function createAuditInventoryStage({
  codec,
  watched
}: Pick<InventoryPorts, 'codec'> & { readonly watched?: string | undefined }): Stage {
  return {
    name: 'inventory-audit',
    inputs: ['weir.audit.v1'],
    handle: async ({ messages }) => {
      const outputs: OutgoingMessage[] = []
      for (const message of messages) {
        try {
          const { cluster, events } = await codec.decode('audit-batch', message.value)
          if (cluster.id === watched) continue
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
export function createFactsStage(name: string, store: FactsStore, { codec, now_ms, log, seen }: InventoryPorts): Stage {
  const expiries = createExpiries()
  return {
    name,
    inputs: ['weir.inventory.v1'],
    handle: async ({ messages }, context) => {
      const records: InventoryRecord[] = []
      const outputs: OutgoingMessage[] = []
      for (const message of messages) {
        if (message.value === null) {
          expiries.settle(message)
          continue
        }
        try {
          const record = await codec.decode('inventory-record', message.value)
          records.push(record)
          expiries.note(message, record, now_ms())
          seen?.(record)
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
      outputs.push(...expiries.due(now_ms()))
      return outputs
    }
  }
}

/**
 * Deleted objects whose hour is over leave the topic by an empty message, so that it holds what is there and not all that ever
 * was. Each reader of the topic writes them; once more changes nothing.
 */
function createExpiries() {
  const waiting = new Map<string, number>()
  let swept_ms = 0
  const keyOf = ({ key }: Message) => key?.toString() ?? ''
  return {
    note(message: Message, record: InventoryRecord, now_ms: number): void {
      const key = keyOf(message)
      waiting.delete(key)
      // What is behind it in the topic may bring the object back: it is read by then.
      if (record.deleted && waiting.size < EXPIRIES_MAX)
        waiting.set(key, Math.max(record.observed / 1000 + TOMBSTONE_SECONDS * 1000, now_ms + READ_GRACE_MS))
    },
    settle(message: Message): void {
      waiting.delete(keyOf(message))
    },
    due(now_ms: number): OutgoingMessage[] {
      if (now_ms - swept_ms < READ_GRACE_MS) return []
      swept_ms = now_ms
      const keys = [...waiting].filter(([, due_ms]) => due_ms <= now_ms).map(([key]) => key)
      for (const key of keys) waiting.delete(key)
      return keys.map((key) => ({ topic: 'weir.inventory.v1', key, value: null }))
    }
  }
}
