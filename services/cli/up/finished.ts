import type { Incident } from '../../../schemas/generated/types.ts'
import { WeirError } from '../../core/errors.ts'
import type { KafkaClient } from '../../platform/kafka/client.ts'
import { committedOffsets } from '../../platform/kafka/committed-offsets.ts'
import { listIncidents } from '../../platform/opensearch/queries.ts'
import type { SearchPort } from '../../platform/opensearch/search-port.ts'
import { UP_ERRORS } from './errors.ts'

/** How long everything has to be read and nothing new written, until the pipeline counts as drained. */
const QUIET_MS = 1_500
const POLL_MS = 250

/**
 * Consumer groups of the pipeline and the topics each reads; those written in transactions are left out, since their ends are
 * markers that no consumer is given.
 */
const READERS: Readonly<Record<string, readonly string[]>> = {
  enricher: ['weir.audit.v1', 'weir.runtime.v1'],
  'enricher-retry': ['weir.retry.v1'],
  'inventory-audit': ['weir.audit.v1'],
  correlator: ['weir.signals.v1'],
  indexer: ['weir.events.v1', 'weir.signals.v1', 'weir.inventory.v1']
}

const pause = () => new Promise((resolve) => setTimeout(resolve, POLL_MS))

/**
 * Waits until every stage has read all there is and nothing more comes.
 * @throws WeirError UP_REPLAY_UNFINISHED, naming what is still unread
 */
export async function untilDrained(
  { kafka, options }: KafkaClient,
  timeout_ms: number,
  signal: AbortSignal
): Promise<void> {
  const admin = kafka.admin()
  const topics = [...new Set(Object.values(READERS).flat())]
  const deadline_ms = Date.now() + timeout_ms

  async function endsOfTopics(): Promise<ReadonlyMap<string, bigint>> {
    const ends = new Map<string, bigint>()
    for (const topic of topics) {
      for (const { partition, high } of await admin.fetchTopicOffsets(topic))
        ends.set(`${topic}/${partition}`, BigInt(high))
    }
    return ends
  }

  async function unreadBy(ends: ReadonlyMap<string, bigint>): Promise<string[]> {
    const unread: string[] = []
    for (const [stage, inputs] of Object.entries(READERS)) {
      const committed = await committedOffsets(admin, `${options.group_prefix}.${stage}`, inputs)
      for (const [place, offset] of committed) {
        const left = (ends.get(place) ?? 0n) - (offset ?? 0n)
        if (left > 0n) unread.push(`${stage} has ${left} of ${place} to read`)
      }
    }
    return unread
  }

  await admin.connect()
  try {
    let before = ''
    let quietSince_ms: number | null = null
    for (;;) {
      signal.throwIfAborted()
      const ends = await endsOfTopics()
      const unread = await unreadBy(ends)
      const written = [...ends.values()].join()
      if (unread.length > 0 || written !== before) quietSince_ms = null
      else quietSince_ms ??= Date.now()
      if (quietSince_ms !== null && Date.now() - quietSince_ms >= QUIET_MS) return
      before = written
      if (Date.now() > deadline_ms) throw unfinished(timeout_ms, unread.join(', ') || 'new messages keep coming')
      await pause()
    }
  } finally {
    await admin.disconnect()
  }
}

/**
 * Waits until the search engine has incidents as they were last published.
 * @throws WeirError UP_REPLAY_UNFINISHED, naming what is missing
 */
export async function untilIndexed(
  search: SearchPort,
  prefix: string,
  published: () => readonly Incident[],
  timeout_ms: number,
  signal: AbortSignal
): Promise<void> {
  for (const deadline_ms = Date.now() + timeout_ms; ; await pause()) {
    signal.throwIfAborted()
    const indexed = new Map(
      (await listIncidents(search, prefix, { limit: 1_000 })).map(({ id, revision }) => [id, revision])
    )
    const missing = published().filter(({ id, revision }) => (indexed.get(id) ?? 0) < revision)
    if (missing.length === 0) return
    if (Date.now() > deadline_ms) throw unfinished(timeout_ms, `incident ${missing[0]?.id} is not in OpenSearch`)
  }
}

function unfinished(timeout_ms: number, what: string): WeirError {
  return new WeirError(
    UP_ERRORS,
    'UP_REPLAY_UNFINISHED',
    `after ${timeout_ms} ms the replay has not gone through: ${what}`
  )
}
