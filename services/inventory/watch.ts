import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster, InventoryRecord } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import type { Health } from '../platform/health.ts'
import type { KubeClient } from '../platform/kube-watch/client.ts'
import { type KubeResource, type ReflectorOptions, reflect } from '../platform/kube-watch/reflector.ts'
import type { Running } from '../platform/lifecycle.ts'
import type { Logger } from '../platform/log.ts'
import type { Publisher } from '../platform/stage.ts'
import { inventoryEvents, inventoryLists, inventoryProblems, inventoryRecordsOut } from './metrics.ts'
import { createMirror } from './mirror.ts'
import { inventoryMessage } from './stages.ts'

export interface WatchOptions extends Pick<ReflectorOptions, 'page_size' | 'retry_first_ms' | 'retry_longest_ms'> {
  readonly client: KubeClient
  readonly resources: readonly KubeResource[]
  readonly cluster: Cluster
  readonly codec: Codec
  readonly publisher: Publisher
  readonly health: Health
  readonly log: Logger
  readonly now_ms: () => number
}

export interface InventoryWatch extends Running {
  readonly failed: Promise<never>
  /** To be told of every record on weir.inventory.v1: what the API no longer has gets its tombstone. */
  seen(record: InventoryRecord): void
}

/** Records that wait to be published; more hold the watches up. */
const QUEUE_MAX = 2_000
const PUBLISH_MAX = 500
const LINGER_MS = 20
const RETRY_FIRST_MS = 200
const RETRY_LONGEST_MS = 10_000
/** Objects of the topic that wait for the first list of their kind; of more, the oldest are let go. */
const UNCERTAIN_MAX = 200_000

/** Lists and watches a cluster's API and publishes what changes to weir.inventory.v1. */
export function watchCluster(options: WatchOptions): InventoryWatch {
  const { client, resources, cluster, codec, publisher, health, log, now_ms } = options
  const stopped = new AbortController()
  const { signal } = stopped
  const mirror = createMirror({ codec, cluster, kinds: resources.map(({ kind }) => kind), now_ms })
  const problems = new Map<string, string>(resources.map(({ kind }) => [kind, 'not listed yet']))
  const queue: InventoryRecord[] = []
  /** Records of the topic whose kind has not been listed, encoded. */
  const uncertain = new Map<string, { readonly kind: string; readonly value: Buffer }>()
  let room = Promise.withResolvers<void>()
  let filled = Promise.withResolvers<void>()

  health.addDependency('kubernetes', async () => {
    const [problem] = problems
    if (problem !== undefined) throw new Error(`${problem[0]}: ${problem[1]}`)
  })

  async function push(records: readonly InventoryRecord[]): Promise<void> {
    if (records.length === 0) return
    queue.push(...records)
    filled.resolve()
    while (queue.length > QUEUE_MAX && !signal.aborted) await room.promise
  }

  async function publishAll(): Promise<void> {
    while (!signal.aborted) {
      if (queue.length === 0) {
        filled = Promise.withResolvers<void>()
        await filled.promise
        await sleep(LINGER_MS, undefined, { signal }).catch(() => undefined)
      }
      const records = queue.slice(0, PUBLISH_MAX)
      if (records.length === 0) continue
      if (!(await publishUntilDone(records))) return
      queue.splice(0, records.length)
      for (const { kind, deleted } of records) inventoryRecordsOut.inc({ kind, says: deleted ? 'gone' : 'present' })
      room.resolve()
      room = Promise.withResolvers<void>()
    }
  }

  async function publishUntilDone(records: readonly InventoryRecord[]): Promise<boolean> {
    const messages = records.map((record) => inventoryMessage(codec, record))
    for (let wait = RETRY_FIRST_MS; ; wait = Math.min(wait * 2, RETRY_LONGEST_MS)) {
      try {
        await publisher.publish(messages)
        return true
      } catch (error) {
        if (!(error instanceof WeirError) || !error.retriable) throw error
        log.warn({ code: error.code }, `cannot publish, the watches wait: ${messageOf(error)}`)
      }
      await sleep(wait, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return false
    }
  }

  function tombstone(record: InventoryRecord): InventoryRecord {
    return { ...record, deleted: true, observed: now_ms() * 1000 }
  }

  /** What was uncertain until the kind was listed. */
  async function settle(kind: string): Promise<void> {
    for (const [key, waiting] of [...uncertain]) {
      const decides = waiting.kind === 'Container' ? 'Pod' : waiting.kind
      if (decides !== kind) continue
      uncertain.delete(key)
      const record = await codec.decode('inventory-record', waiting.value)
      if (mirror.isAbsent(record) === true) await push([tombstone(record)])
    }
  }

  function reflectorOf(resource: KubeResource): Promise<void> {
    const { kind } = resource
    const loop = `watch of ${kind}`
    return reflect({
      ...options,
      client,
      resource,
      signal,
      log,
      progress: () => health.progress(loop),
      onList: (reason) => inventoryLists.inc({ kind, reason }),
      onEvent: (type) => inventoryEvents.inc({ kind, type }),
      onProblem: (problem) => {
        if (problem === null) return void problems.delete(kind)
        inventoryProblems.inc({ kind, code: problem.code })
        // A kind that is not served cannot be missed, and one whose list is known stays known while the API is away.
        if (problem.code === 'KUBE_NOT_SERVED') problems.delete(kind)
        else if (problems.has(kind) || problem.code === 'KUBE_FORBIDDEN') problems.set(kind, problem.message)
      },
      sink: {
        listing: () => mirror.listing(kind),
        present: async (object) => push(await mirror.present(kind, object)),
        gone: async (object) => push(await mirror.gone(kind, object)),
        listed: async () => {
          await push(await mirror.listed(kind))
          await settle(kind)
        }
      }
    })
  }

  const parts = [publishAll(), ...resources.map(reflectorOf)]
  const failed = Promise.all(parts).then(() => new Promise<never>(() => undefined))
  failed.catch(() => undefined)
  return {
    failed,
    seen: (record) => {
      const key = `${record.kind}/${record.uid}`
      if (record.deleted) {
        uncertain.delete(key)
        return
      }
      const absent = mirror.isAbsent(record)
      if (absent === true) void push([tombstone(record)])
      if (absent !== null) return
      uncertain.delete(key)
      uncertain.set(key, { kind: record.kind, value: codec.encode('inventory-record', record) })
      for (const oldest of uncertain.keys()) {
        if (uncertain.size <= UNCERTAIN_MAX) break
        uncertain.delete(oldest)
      }
    },
    stop: async () => {
      stopped.abort()
      filled.resolve()
      room.resolve()
      await Promise.allSettled(parts)
      await publisher.close()
      client.close()
    }
  }
}
