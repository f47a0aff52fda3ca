import { hostname } from 'node:os'
import { messageOf } from '../../core/errors.ts'
import type { InventoryWatch } from '../../inventory/watch.ts'
import type { NodeAgentPorts } from '../../node-agent/main.ts'
import type { Health } from '../../platform/health.ts'
import type { Output } from '../../platform/ingest/service.ts'
import { createPublisher } from '../../platform/kafka/publisher.ts'
import type { Running } from '../../platform/lifecycle.ts'
import type { Logger } from '../../platform/log.ts'
import { rulesNotEvaluable, signalsFiltered } from '../../platform/metrics.ts'
import type { Publisher } from '../../platform/stage.ts'
import { untilAvailable } from '../../platform/until-available.ts'
import { VERSION } from '../../platform/version.ts'
import type { Settings } from '../settings.ts'
import { openWorld, run, type World, waitUntil } from './world.ts'

/** The services, in the order in which data flows through them. */
export const SERVICE_NAMES = [
  'audit-collector',
  'node-agent',
  'inventory',
  'enricher',
  'correlator',
  'indexer',
  'responder'
] as const
/** Those that only very big clusters need. */
export const EXTRA_SERVICE_NAMES = ['windows'] as const
export type ServiceName = (typeof SERVICE_NAMES)[number] | (typeof EXTRA_SERVICE_NAMES)[number]

/** Longest that the responder waits for the index of events, milliseconds. */
const WHO_CHANGED_TIMEOUT_MS = 5_000

export interface Start {
  readonly settings: Settings
  readonly log: Logger
  readonly health: Health
}

/** Registry and Kafka for the services at the edge, which take events also while both are away. */
function connectLater({ settings, log, health }: Start): () => Promise<Output> {
  return async () => {
    const { kafka, codec } = await openWorld(settings, log, health)
    const admin = kafka.kafka.admin()
    await admin.connect()
    const probe = async () => {
      await admin.fetchTopicMetadata({ topics: ['weir.audit.v1', 'weir.runtime.v1', 'weir.cloud.v1'] })
    }
    return { codec, publisher: createPublisher(kafka), probe, close: () => admin.disconnect() }
  }
}

const closing = (close: () => Promise<void> | void): Running => ({ stop: async () => close() })

async function redisModules() {
  const { connectRedis } = await import('../../platform/redis/client.ts')
  const { createRedisFactsStore } = await import('../../platform/redis/facts-store.ts')
  return { connectRedis, createRedisFactsStore }
}

async function searchModules() {
  const { createOpenSearchClient } = await import('../../platform/opensearch/client.ts')
  const { createOpenSearch } = await import('../../platform/opensearch/search.ts')
  return { createOpenSearchClient, createOpenSearch }
}

async function startEnricher(world: World): Promise<Running[]> {
  const { neededParts } = await import('../../core/profiles/sent-parts.ts')
  const { createCachedFacts } = await import('../../enricher/cached-facts.ts')
  const { createEnricherStages } = await import('../../enricher/stages.ts')
  const { loadRules } = await import('../rules.ts')
  const { connectRedis, createRedisFactsStore } = await redisModules()
  const { settings, log, health } = world
  const { rules, windows, profiles } = await loadRules(
    { folders: settings.enricher.rules, builtin: settings.enricher.builtin_rules },
    (message) => log.warn(message),
    {
      observer: {
        notEvaluable: ({ document }) => rulesNotEvaluable.inc({ rule: document.name ?? document.id }),
        filtered: (rule, filter) =>
          signalsFiltered.inc({
            rule: rule.document.name ?? rule.document.id,
            filter: filter.document.name ?? filter.document.id
          })
      }
    }
  )
  log.info({ rules: rules.size }, 'rules loaded')
  const parts = neededParts(windows, profiles)
  const store = createRedisFactsStore(connectRedis(settings.redis, log))
  health.addDependency('redis', async () => {
    await store.fetch(['readiness'])
  })
  const facts = createCachedFacts(store, {
    max_entries: settings.enricher.cache_max_entries,
    ttl_ms: settings.enricher.cache_ttl_ms
  })
  const spread = { clusters: settings.correlator.spread_clusters, windows, profiles }
  const stages = createEnricherStages({ ...world, rules, parts, spread, facts, waitUntil }, settings.enricher)
  return [closing(() => store.close()), ...stages.map((stage) => run(stage, world))]
}

async function loadCorrelations({ settings, log }: World) {
  const { loadRules } = await import('../rules.ts')
  const { windows, profiles } = await loadRules(
    { folders: settings.enricher.rules, builtin: settings.enricher.builtin_rules },
    (message) => log.warn(message)
  )
  log.info({ correlations: windows.length, profiles: profiles.length }, 'correlations and profiles loaded')
  return { windows, profiles }
}

async function startCorrelator(world: World): Promise<Running[]> {
  const { createCorrelatorStage } = await import('../../correlator/stage.ts')
  const { PARTS_TOPIC } = await import('../../correlator/spread.ts')
  const rules = await loadCorrelations(world)
  const parts_partitions = world.topics.find(({ name }) => name === PARTS_TOPIC)?.partitions ?? 0
  const options = world.settings.correlator
  const ports = { ...world, ...rules, options, parts_partitions }
  if (!options.standby.enabled) return [run(createCorrelatorStage(ports), world)]
  const { startStandby } = await import('./correlator-standby.ts')
  const standby = await startStandby(world)
  return [run(createCorrelatorStage({ ...ports, standby }), world), standby]
}

async function startWindows(world: World): Promise<Running[]> {
  const { createWindowsStage } = await import('../../windows/stage.ts')
  const rules = await loadCorrelations(world)
  return [run(createWindowsStage({ ...world, ...rules, options: world.settings.correlator }), world)]
}

async function startInventory(world: World): Promise<Running[]> {
  const { keepFilled } = await import('../../inventory/keep-filled.ts')
  const { loadInventoryFile } = await import('../../inventory/load-file.ts')
  const { createAuditInventoryStage, inventoryMessage } = await import('../../inventory/stages.ts')
  const { connectRedis, createRedisFactsStore } = await redisModules()
  const { settings, log, health, kafka, codec, now_ms } = world
  const store = createRedisFactsStore(connectRedis(settings.redis, log))
  health.addDependency('redis', () => store.markFilled())
  const publisher = createPublisher(kafka)
  for (const file of settings.inventory.files) {
    const records = await loadInventoryFile(file, settings.cluster, now_ms() * 1000)
    await publisher.publish(records.map((record) => inventoryMessage(codec, record)))
    log.info({ file, objects: records.length }, 'inventory file loaded')
  }
  const watch = await startInventoryWatch(world, publisher)
  if (watch === null) await publisher.close()
  const ports = { codec, now_ms, log, ...(watch !== null && { seen: watch.seen }) }
  const { check_interval_ms } = settings.inventory
  return [
    keepFilled(store, ports, { check_interval_ms, run: (stage) => run(stage, world), log }),
    run(createAuditInventoryStage({ ...ports, watched: watch === null ? undefined : settings.cluster.id }), world),
    ...(watch === null ? [] : [watch])
  ]
}

/** @returns null when the settings name no API to watch */
async function startInventoryWatch(
  { settings, log, health, codec, now_ms }: World,
  publisher: Publisher
): Promise<InventoryWatch | null> {
  const { in_cluster, kubeconfig, context, extra_owners } = settings.inventory.kubernetes
  if (!in_cluster && kubeconfig === undefined) return null
  const { extraResource, WATCHED } = await import('../../inventory/resources.ts')
  const { watchCluster } = await import('../../inventory/watch.ts')
  const { inClusterAccess, kubeconfigAccess } = await import('../../platform/kube-watch/access.ts')
  const { createKubeClient } = await import('../../platform/kube-watch/client.ts')
  const access =
    kubeconfig === undefined
      ? inClusterAccess(process.env, now_ms)
      : await kubeconfigAccess(kubeconfig, context, now_ms)
  return watchCluster({
    client: createKubeClient(access),
    resources: [...WATCHED, ...extra_owners.map(extraResource)],
    cluster: settings.cluster,
    codec,
    publisher,
    health,
    log,
    now_ms
  })
}

async function startIndexer(world: World): Promise<Running[]> {
  const { createIndexerStage } = await import('../../indexer/stage.ts')
  const { createOpenSearchClient, createOpenSearch } = await searchModules()
  const { settings, log, health, codec, now_ms } = world
  const search = createOpenSearch(createOpenSearchClient(settings.opensearch), settings.opensearch, log)
  health.addDependency('opensearch', () => search.probe())
  const { index_prefix } = settings.opensearch
  const stage = createIndexerStage({ codec, search, options: settings.indexer, index_prefix, version: VERSION, now_ms })
  return [closing(() => search.close()), run(stage, world)]
}

/** Reads a company's own topics of CloudTrail records, where the settings name some. */
async function startTrailIntake({ settings, log, health }: Start): Promise<Running[]> {
  const { topics, clusters } = settings.audit_collector.trail
  if (topics.length === 0) return []
  const { trailClusters } = await import('../../audit-collector/trail-clusters.ts')
  const { createTrailIntakeStage } = await import('../../audit-collector/trail-intake.ts')
  const world = await openWorld(settings, log, health)
  const instance = settings.audit_collector.name ?? hostname()
  const defaults = { cluster: settings.cluster, instance, trail: trailClusters(clusters, settings.cluster) }
  const context = {
    codec: world.codec,
    service: 'audit-collector',
    instance,
    message_max_bytes: settings.kafka.message_max_bytes,
    now: world.now_ms
  }
  return [run(createTrailIntakeStage(topics, defaults, context), world)]
}

/**
 * The agent's hands, where the settings say whose commands count. What the agent sees must not wait for registry and Kafka, so
 * this part comes up behind it.
 */
async function startAgentActions(start: Start): Promise<readonly Running[]> {
  const { settings, log, health } = start
  const { actions, node } = settings.node_agent
  if (actions.responder_key_file === undefined) return []
  const { createAgentActionsStage } = await import('../../node-agent/actions/stage.ts')
  const { readPublicKey } = await import('../../responder/approvals.ts')
  const key = readPublicKey(actions.responder_key_file)
  const stopping = new AbortController()
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => {})
  const begin = async (): Promise<Running> => {
    const context = { signal: stopping.signal, heartbeat: async () => {} }
    const world = await untilAvailable(
      () => openWorld(settings, log, health),
      context,
      (error) => log.warn({ error }, `no commands of the responder yet: ${messageOf(error)}`)
    )
    const publisher = createPublisher(world.kafka)
    const stage = createAgentActionsStage({
      ...world,
      publish: (messages) => publisher.publish(messages),
      node: node ?? hostname(),
      cluster_id: settings.cluster.id,
      key,
      static_pods: actions.static_pods === undefined ? null : { manifests: actions.static_pods, kept: actions.kept },
      containers: { cgroups: actions.cgroups, proc: actions.proc, own_pid: process.pid },
      signal: (pid, signal) => process.kill(pid, signal),
      evidence: actions.evidence
    })
    const part = run(stage, world)
    part.failed?.catch(failure.reject)
    return {
      stop: async () => {
        await part.stop()
        await stage.finish()
        await publisher.close()
      }
    }
  }
  const begun = begin()
  begun.catch((error: unknown) => {
    if (!stopping.signal.aborted) failure.reject(error)
  })
  return [
    {
      failed: failure.promise,
      stop: async () => {
        stopping.abort()
        const part = await begun.catch(() => null)
        await part?.stop()
      }
    }
  ]
}

async function startAgent(settings: Settings, edge: Omit<NodeAgentPorts, 'options' | 'stdin'>): Promise<Running> {
  const { startNodeAgent } = await import('../../node-agent/main.ts')
  const options = settings.node_agent
  const { ended, ...agent } = await startNodeAgent({ ...edge, options, stdin: process.stdin })
  // Without a source there is nothing to end; with a file there is no end.
  return options.sources.some((source) => 'stdin' in source) ? { ...agent, ended } : agent
}

/**
 * Starts a service. What only one of them needs is loaded for that one: the agent runs on every node, where memory counts.
 * @returns its parts, to be stopped last first
 */
export async function startService(name: ServiceName, start: Start): Promise<readonly Running[]> {
  const { settings, log, health } = start
  const edge = {
    cluster: settings.cluster,
    message_max_bytes: settings.kafka.message_max_bytes,
    connect: connectLater(start),
    health,
    log,
    now_ms: Date.now
  }
  switch (name) {
    case 'audit-collector': {
      const { startAuditCollector } = await import('../../audit-collector/main.ts')
      return [
        await startAuditCollector({ ...edge, options: settings.audit_collector }),
        ...(await startTrailIntake(start))
      ]
    }
    case 'node-agent':
      return [await startAgent(settings, edge), ...(await startAgentActions(start))]
    case 'inventory':
      return startInventory(await openWorld(settings, log, health))
    case 'enricher':
      return startEnricher(await openWorld(settings, log, health))
    case 'correlator':
      return startCorrelator(await openWorld(settings, log, health))
    case 'windows':
      return startWindows(await openWorld(settings, log, health))
    case 'indexer':
      return startIndexer(await openWorld(settings, log, health))
    case 'responder': {
      const { startResponder } = await import('../../responder/main.ts')
      const { createOpenSearchClient, createOpenSearch } = await searchModules()
      const world = await openWorld(settings, log, health)
      const publisher = createPublisher(world.kafka)
      // Asked beside other work, which must not wait long for it.
      const opensearch = { ...settings.opensearch, request_timeout_ms: WHO_CHANGED_TIMEOUT_MS }
      const search = createOpenSearch(createOpenSearchClient(opensearch), opensearch, log)
      const parts = await startResponder({
        ...world,
        search,
        index_prefix: settings.opensearch.index_prefix,
        options: settings.responder,
        cluster: settings.cluster,
        publisher,
        run: (stage) => run(stage, world)
      })
      return [closing(() => publisher.close()), closing(() => search.close()), ...parts]
    }
  }
}
