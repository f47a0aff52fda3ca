import { hostname } from 'node:os'
import type { Readable } from 'node:stream'
import type { Cluster } from '../../schemas/generated/types.ts'
import { messageOf } from '../core/errors.ts'
import type { Health } from '../platform/health.ts'
import { type Output, startIngest } from '../platform/ingest/service.ts'
import type { Source } from '../platform/ingest/sources.ts'
import type { Running } from '../platform/lifecycle.ts'
import type { Logger } from '../platform/log.ts'
import type { Spool } from '../platform/spool/spool.ts'
import { createBuild } from './build.ts'
import { dropRecord } from './drops.ts'
import type { NodeAgentOptions } from './options.ts'
import { startBuiltinSensor } from './sensor/start.ts'

export interface NodeAgentPorts {
  readonly options: NodeAgentOptions
  readonly cluster: Cluster
  /** Largest message the topics take: `kafka.message_max_bytes`. */
  readonly message_max_bytes: number
  /** Connects to registry and Kafka; tried again while what it throws is retriable. */
  readonly connect: () => Promise<Output>
  /** What a source with `stdin: true` reads. */
  readonly stdin: Readable
  readonly health: Health
  readonly log: Logger
  /** Clock, milliseconds since the epoch. */
  readonly now_ms: () => number
}

export interface NodeAgent extends Running {
  /** Resolves when standard input has ended and there is no file to follow: `stop` then publishes the rest. */
  readonly ended: Promise<void>
}

/**
 * What sensors saw on a node, through a spool, to `weir.runtime.v1`.
 * @throws WeirError SPOOL_…, TAIL_STATE_DAMAGED, SENSOR_…
 */
export async function startNodeAgent(ports: NodeAgentPorts): Promise<NodeAgent> {
  const { options, cluster, message_max_bytes, stdin, health, log, now_ms } = ports
  const builtin = options.sources.find((source) => source.type === 'builtin')
  const ingest = await startIngest({
    service: 'node-agent',
    spool: options.spool,
    sources: options.sources.flatMap((source): Source[] => {
      if (source.type === 'builtin') return []
      return 'path' in source ? [{ path: source.path }] : [{ stream: stdin }]
    }),
    follow: options.follow,
    gather_max_bytes: options.gather_max_bytes,
    linger_ms: options.linger_ms,
    connect: ports.connect,
    createBuild: (codec) =>
      createBuild(cluster, options, {
        codec,
        service: 'node-agent',
        instance: hostname(),
        message_max_bytes,
        now: now_ms
      }),
    lost: (lost, spool) => {
      // It has been counted and logged; when the spool takes nothing at the moment, that has to do.
      spool
        .append([dropRecord(lost)])
        .catch((error: unknown) => log.warn({ error }, `lost lines are not told as an event: ${messageOf(error)}`))
    },
    ...(builtin !== undefined && {
      startInput: (spool: Spool) =>
        startBuiltinSensor({ options: builtin, node: options.node ?? hostname(), spool, health, log, now_ms })
    }),
    health,
    log,
    now_ms
  })
  return { failed: ingest.failed, ended: ingest.ended, stop: () => ingest.stop() }
}
