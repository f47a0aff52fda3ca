import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../../../schemas/generated/types.ts'
import { containerRecord, type RuntimeContainer } from '../../core/enrich/attribution.ts'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { Output } from '../../platform/ingest/service.ts'
import type { Running } from '../../platform/lifecycle.ts'
import type { Logger } from '../../platform/log.ts'

const LINGER_MS = 20
const PUBLISH_MAX = 500
const RETRY_MS = 1_000

export interface AnnouncePorts {
  readonly cluster: Cluster
  readonly node: string
  readonly log: Logger
  readonly now_ms: () => number
}

/** Tells weir.inventory.v1 of this node's containers, so that the enricher knows them before the API does. */
export interface Announcer extends Running {
  tell(container: RuntimeContainer, deleted: boolean): void
  /** Where to: from then on what waits is published. */
  open(output: Pick<Output, 'codec' | 'publisher'>): void
}

export function createAnnouncer({ cluster, node, log, now_ms }: AnnouncePorts): Announcer {
  const stopped = new AbortController()
  /** The last state of each container that has not been told yet: bounded by how many there are. */
  const pending = new Map<
    string,
    { readonly container: RuntimeContainer; readonly deleted: boolean; observed: number }
  >()
  let filled = Promise.withResolvers<void>()
  let done: Promise<void> = Promise.resolve()

  async function publish({ codec, publisher }: Pick<Output, 'codec' | 'publisher'>): Promise<void> {
    let said = false
    while (!stopped.signal.aborted) {
      if (pending.size === 0) {
        filled = Promise.withResolvers<void>()
        await filled.promise
        await sleep(LINGER_MS, undefined, { signal: stopped.signal }).catch(() => undefined)
        continue
      }
      const batch = [...pending].slice(0, PUBLISH_MAX)
      const messages = batch.map(([id, { container, deleted, observed }]) => ({
        topic: 'weir.inventory.v1',
        key: `${cluster.id}/Container/${id}`,
        value: codec.encode('inventory-record', containerRecord(container, { cluster, node, observed, deleted }))
      }))
      try {
        await publisher.publish(messages)
        said = false
        // What has changed meanwhile is told again.
        for (const [id, told] of batch) if (pending.get(id) === told) pending.delete(id)
      } catch (error) {
        if (!said) {
          const code = error instanceof WeirError ? error.code : 'UNKNOWN'
          log.warn({ code }, `the inventory is not told of containers while this lasts: ${messageOf(error)}`)
        }
        said = true
        await sleep(RETRY_MS, undefined, { signal: stopped.signal }).catch(() => undefined)
      }
    }
  }

  return {
    tell: (container, deleted) => {
      pending.set(container.id, { container, deleted, observed: now_ms() * 1000 })
      filled.resolve()
    },
    open: (output) => {
      done = publish(output)
    },
    stop: async () => {
      stopped.abort()
      filled.resolve()
      await done
    }
  }
}
