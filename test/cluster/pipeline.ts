import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { EnrichedEvent, Incident, InventoryRecord, RuntimeEvent, Signal } from '../../schemas/generated/types.ts'
import { startAuditCollector } from '../../services/audit-collector/main.ts'
import { auditCollectorOptions } from '../../services/audit-collector/options.ts'
import { loadRules } from '../../services/cli/rules.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { neededParts } from '../../services/core/profiles/sent-parts.ts'
import { correlatorOptions } from '../../services/correlator/options.ts'
import { createCorrelatorStage } from '../../services/correlator/stage.ts'
import { createCachedFacts } from '../../services/enricher/cached-facts.ts'
import { enricherOptions } from '../../services/enricher/options.ts'
import { createEnricherStages } from '../../services/enricher/stages.ts'
import { indexerOptions } from '../../services/indexer/options.ts'
import { createIndexerStage } from '../../services/indexer/stage.ts'
import { extraResource, WATCHED } from '../../services/inventory/resources.ts'
import { createFactsStage } from '../../services/inventory/stages.ts'
import { type InventoryWatch, watchCluster } from '../../services/inventory/watch.ts'
import { startNodeAgent } from '../../services/node-agent/main.ts'
import { nodeAgentOptions } from '../../services/node-agent/options.ts'
import { BTF_FILE, objectName, sensorArch } from '../../services/node-agent/sensor/object-file.ts'
import type { FactsStore } from '../../services/platform/facts-store.ts'
import { createMemoryFactsStore } from '../../services/platform/facts-store.ts'
import { createHealth, type Health } from '../../services/platform/health.ts'
import { kubeconfigAccess } from '../../services/platform/kube-watch/access.ts'
import { createKubeClient } from '../../services/platform/kube-watch/client.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { createMemoryBus } from '../../services/platform/memory/bus.ts'
import { createMemorySearch } from '../../services/platform/memory/search.ts'
import type { SearchPort } from '../../services/platform/opensearch/search-port.ts'
import { loadTopics } from '../../services/platform/topics.ts'
import type { AuditWebhook } from './audit-webhook.ts'
import type { Cluster } from './cluster.ts'

const SENSOR_BUILD = join(import.meta.dirname, '../../services/node-agent/sensor/build.ts')

export const IDENTITY = { id: 'uid-of-kube-system', name: 'test' }

/** The services on a cluster, in this process over topics in memory. */
export interface TestPipeline {
  readonly store: FactsStore
  readonly search: SearchPort
  /** File whose lines the node agent reads as Tetragon's. */
  readonly sensor_file: string
  /** Why the agent's own sensor does not see this kernel; null when it does. */
  readonly blind: string | null
  /** The latest record of each object on weir.inventory.v1. */
  inventory(): Promise<InventoryRecord[]>
  events(): Promise<EnrichedEvent[]>
  /** What the agent has published, its containers joined. */
  runtime(): Promise<RuntimeEvent[]>
  /** The latest revision of each signal of a rule or a correlation. */
  signals(): Promise<Signal[]>
  /** The latest revision of each incident that was not merged into another. */
  incidents(): Promise<Incident[]>
  /** Begins, or begins again, to watch the API. */
  watch(): Promise<{ readonly health: Health; stop(): Promise<void> }>
  stop(): Promise<void>
}

/** Compiles the agent's own sensor, where this machine can. */
function buildSensor(directory: string): { readonly object: string | null; readonly blind: string | null } {
  if (!existsSync(BTF_FILE)) return { object: null, blind: `${BTF_FILE} is not there` }
  const { status, stderr } = spawnSync(process.execPath, [SENSOR_BUILD, '--out', directory], { encoding: 'utf8' })
  if (status !== 0) return { object: null, blind: stderr.trim() }
  return { object: join(directory, objectName(sensorArch())), blind: null }
}

export interface TestPipelineOptions {
  /** Kinds of events of the agent's own sensor; all unless given. */
  readonly events?: readonly string[]
  /** Where the collector takes the API server's audit events; none unless given. */
  readonly audit_webhook?: AuditWebhook
  /** Whether there are `applications.example.com` to watch. */
  readonly custom_kind?: boolean
}

/** How late signals may come: everything is on one machine. */
const LATENESS_MS = 5_000
const RING_BYTES = 32 * 1024 * 1024
const PENDING_MAX_BYTES = 256 * 1024 * 1024

/** @param kubeconfig whose rights the inventory has */
export async function startTestPipeline(
  cluster: Cluster,
  kubeconfig: string,
  wanted: TestPipelineOptions = {}
): Promise<TestPipeline> {
  const now_ms = Date.now
  const log = silentLogger
  const schemas = localSchemas()
  const codec = createCodec(schemas)
  const store = createMemoryFactsStore()
  const search = createMemorySearch()
  const bus = createMemoryBus({ topics: loadTopics(), now_ms, pump: 'automatic' })
  const { events, audit_webhook, custom_kind = false } = wanted
  // Without the API's events there is little to detect, and much to match.
  const builtin = audit_webhook !== undefined
  const { rules, windows, profiles } = await loadRules({ folders: [], builtin }, () => undefined)
  const facts = createCachedFacts(store, { max_entries: 10_000, ttl_ms: 1_000 })
  const waitUntil = (time_ms: number) =>
    new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, time_ms - now_ms())))
  let current: InventoryWatch | null = null
  const stages = [
    createFactsStage('inventory-facts', store, { codec, now_ms, log, seen: (record) => current?.seen(record) }),
    ...createEnricherStages(
      { schemas, codec, rules, parts: neededParts(windows, profiles), facts, log, now_ms, waitUntil },
      enricherOptions.parse({})
    ),
    createCorrelatorStage({
      codec,
      options: correlatorOptions.parse({
        allowed_lateness_ms: { runtime: LATENESS_MS, audit: LATENESS_MS, cloud: LATENESS_MS }
      }),
      windows,
      profiles,
      now_ms
    }),
    createIndexerStage({ codec, search, options: indexerOptions.parse({}), index_prefix: 'weir', version: '0', now_ms })
  ]
  for (const stage of stages) bus.run(stage)

  const directory = mkdtempSync(join(tmpdir(), 'weir-cluster-'))
  const sensor_file = join(directory, 'tetragon.log')
  writeFileSync(sensor_file, '')
  const { object, blind } = buildSensor(directory)
  // What other programs of this machine write meanwhile must not push out what is looked for.
  const room = { ring_bytes: RING_BYTES, pending_max_bytes: PENDING_MAX_BYTES }
  const sensor = object === null ? [] : [{ type: 'builtin', object, ...room, ...(events !== undefined && { events }) }]
  const connect = async () => ({
    codec,
    publisher: { publish: bus.publish, close: async () => undefined },
    probe: async () => undefined
  })
  const agent = await startNodeAgent({
    options: nodeAgentOptions.parse({
      node: cluster.node,
      sources: [{ type: 'tetragon', path: sensor_file }, ...sensor],
      spool: { directory: join(directory, 'spool') },
      follow: { poll_interval_ms: 50 },
      attribution: { sockets: [cluster.containerd_socket] }
    }),
    cluster: IDENTITY,
    message_max_bytes: 8_000_000,
    connect,
    stdin: new PassThrough(),
    health: createHealth(),
    log,
    now_ms
  })
  const collector =
    audit_webhook === undefined
      ? null
      : await startAuditCollector({
          options: auditCollectorOptions.parse({
            name: 'test',
            webhook: {
              port: audit_webhook.port,
              path: audit_webhook.path,
              tls: { cert_file: audit_webhook.cert_file, key_file: audit_webhook.key_file }
            },
            spool: { directory: join(directory, 'collector') }
          }),
          cluster: IDENTITY,
          message_max_bytes: 8_000_000,
          connect,
          health: createHealth(),
          log,
          now_ms
        })
  const application = { group_version: 'example.com/v1', plural: 'applications', kind: 'Application' }

  /** What was decoded before; null stands for an event of this machine's own programs, which nobody asks for. */
  const known = new WeakMap<Buffer, EnrichedEvent | null>()

  async function enriched(): Promise<EnrichedEvent[]> {
    const found: EnrichedEvent[] = []
    for (const { value } of bus.read('weir.events.v1')) {
      if (value === null) continue
      let event = known.get(value)
      if (event === undefined) {
        const decoded = await codec.decode('enriched-event', value)
        event = decoded.audit === null && decoded.container === null ? null : decoded
        known.set(value, event)
      }
      if (event !== null) found.push(event)
    }
    return found
  }

  async function decoded<Name extends 'inventory-record' | 'runtime-batch' | 'signal' | 'incident'>(
    name: Name,
    topic: string
  ) {
    const values = bus.read(topic).flatMap(({ key, value }) => (value === null ? [] : [{ key: String(key), value }]))
    return Promise.all(values.map(async ({ key, value }) => ({ key, value: await codec.decode(name, value) })))
  }

  return {
    store,
    search,
    sensor_file,
    blind,
    inventory: async () => {
      const latest = new Map<string, InventoryRecord>()
      for (const { key, value } of await decoded('inventory-record', 'weir.inventory.v1')) latest.set(key, value)
      return [...latest.values()]
    },
    events: enriched,
    runtime: async () => (await decoded('runtime-batch', 'weir.runtime.v1')).flatMap(({ value }) => value.events),
    signals: async () => {
      const latest = new Map<string, Signal>()
      for (const topic of ['weir.signals.v1', 'weir.correlated.v1'])
        for (const { value } of await decoded('signal', topic)) latest.set(value.id, value)
      return [...latest.values()]
    },
    incidents: async () => {
      const latest = new Map<string, Incident>()
      for (const { value } of await decoded('incident', 'weir.incidents.v1')) latest.set(value.id, value)
      return [...latest.values()].filter(({ status }) => status !== 'merged')
    },
    watch: async () => {
      const health = createHealth()
      const watch = watchCluster({
        client: createKubeClient(await kubeconfigAccess(kubeconfig, undefined, now_ms)),
        resources: custom_kind ? [...WATCHED, extraResource(application)] : WATCHED,
        cluster: IDENTITY,
        codec,
        publisher: { publish: bus.publish, close: async () => undefined },
        health,
        log,
        now_ms
      })
      current = watch
      // What a new inventory service reads from the topic's beginning.
      for (const record of await decoded('inventory-record', 'weir.inventory.v1')) watch.seen(record.value)
      return { health, stop: () => watch.stop() }
    },
    stop: async () => {
      await collector?.stop()
      await agent.stop()
      await bus.close()
    }
  }
}
