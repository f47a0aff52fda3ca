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
import { startBpftrace } from './bpftrace/start.ts'
import { createBuild } from './build.ts'
import { createAnnouncer } from './containers/announce.ts'
import { createHold } from './containers/hold.ts'
import { watchRuntime } from './containers/runtime.ts'
import { dropRecord } from './drops.ts'
import { startInputs } from './inputs.ts'
import type { NodeAgentOptions } from './options.ts'
import { startBuiltinSensor } from './sensor/start.ts'
import { startHttpSource } from './sources/http.ts'
import { startTetragonGrpc } from './sources/tetragon-grpc.ts'

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
  const announcer = createAnnouncer({ cluster, node: options.node ?? hostname(), log, now_ms })
  const runtime = watchRuntime({ options: options.attribution, health, log, onChange: announcer.tell })
  const hold = createHold({ options: options.attribution, find: runtime.find, state: runtime.state, now_ms })
  const stopContainers = async () => {
    await runtime.stop()
    await announcer.stop()
  }
  const lines = options.sources.flatMap((source): Source[] => {
    if ('path' in source) return [{ path: source.path }]
    return 'stdin' in source ? [{ stream: stdin }] : []
  })
  const inputs = options.sources.flatMap((source): Array<(spool: Spool) => Promise<Running>> => {
    if ('http' in source) return [(spool) => startHttpSource({ source, spool, log, now_ms })]
    if ('grpc' in source) return [(spool) => startTetragonGrpc({ source, spool, log, now_ms })]
    const node = options.node ?? hostname()
    if (source.type === 'bpftrace') return [(spool) => startBpftrace({ source, node, spool, log, now_ms })]
    if (source.type !== 'builtin') return []
    return [(spool) => startBuiltinSensor({ options: source, node, spool, health, log, now_ms })]
  })
  const starting = startIngest({
    service: 'node-agent',
    spool: options.spool,
    sources: lines,
    follow: options.follow,
    gather_max_bytes: options.gather_max_bytes,
    linger_ms: options.linger_ms,
    connect: async () => {
      const output = await ports.connect()
      announcer.open(output)
      return output
    },
    createBuild: (codec) =>
      createBuild(
        cluster,
        options,
        { codec, service: 'node-agent', instance: hostname(), message_max_bytes, now: now_ms },
        hold
      ),
    lost: (lost, spool) => {
      // It has been counted and logged; when the spool takes nothing at the moment, that has to do.
      spool
        .append([dropRecord(lost)])
        .catch((error: unknown) => log.warn({ error }, `lost lines are not told as an event: ${messageOf(error)}`))
    },
    startInput: (spool) => startInputs(inputs.map((start) => () => start(spool))),
    health,
    log,
    now_ms
  })
  try {
    const ingest = await starting
    return {
      failed: ingest.failed,
      // What is no line has no end, and an agent without sources works for the responder.
      ended: inputs.length > 0 || lines.length === 0 ? new Promise<void>(() => undefined) : ingest.ended,
      stop: async () => {
        // The publisher is the ingest's; events that wait still ask the runtime until it has stopped.
        await announcer.stop()
        await ingest.stop()
        await runtime.stop()
      }
    }
  } catch (error) {
    await stopContainers()
    throw error
  }
}
