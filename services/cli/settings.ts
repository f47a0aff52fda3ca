import type { Command } from 'commander'
import { z } from 'zod'
import { auditCollectorOptions } from '../audit-collector/options.ts'
import { correlatorOptions } from '../correlator/options.ts'
import { enricherOptions } from '../enricher/options.ts'
import { indexerOptions } from '../indexer/options.ts'
import { inventoryOptions } from '../inventory/options.ts'
import { nodeAgentOptions } from '../node-agent/options.ts'
import { loadSettings } from '../platform/config/load.ts'
import { kafkaOptions } from '../platform/kafka/options.ts'
import { LOG_LEVELS } from '../platform/log.ts'
import { openSearchOptions } from '../platform/opensearch/options.ts'
import { redisOptions } from '../platform/redis/options.ts'
import { registryOptions } from '../platform/registry/options.ts'
import { responderOptions } from '../responder/options.ts'

const logOptions = z.strictObject({
  level: z.enum(LOG_LEVELS).default('info').describe('From which level on services log.')
})

const healthOptions = z.strictObject({
  host: z.string().default('0.0.0.0').describe('Address to serve /healthz, /readyz and /metrics on.'),
  port: z.number().int().min(0).max(65_535).default(9464).describe('Port for them; 0 takes a free one.')
})

const dashboardsOptions = z.strictObject({
  url: z.url().optional().describe('OpenSearch Dashboards, for `weir setup` to import saved objects into.'),
  username: z.string().optional().describe('User, for HTTP basic authentication.'),
  password_file: z.string().optional().describe('File with the password of the user.')
})

const clusterOptions = z.strictObject({
  id: z
    .string()
    .min(1)
    .default('default')
    .describe('UID of the kube-system namespace: `kubectl get ns kube-system -o jsonpath={.metadata.uid}`.'),
  name: z.string().min(1).default('default').describe('Name of the cluster, for people.')
})

/** All settings of Weir. One file serves every service; each reads what concerns it. */
export const settingsSchema = z.strictObject({
  cluster: clusterOptions.prefault({}).describe('The cluster that collectors, agents and inventory files belong to.'),
  log: logOptions.prefault({}).describe('Logs.'),
  health: healthOptions.prefault({}).describe('Health and metrics.'),
  kafka: kafkaOptions.prefault({}).describe('Kafka.'),
  registry: registryOptions.prefault({}).describe('Schema registry.'),
  redis: redisOptions.prefault({}).describe('Redis.'),
  opensearch: openSearchOptions.prefault({}).describe('OpenSearch.'),
  dashboards: dashboardsOptions.prefault({}).describe('OpenSearch Dashboards.'),
  audit_collector: auditCollectorOptions.prefault({}).describe('The audit collector.'),
  node_agent: nodeAgentOptions.prefault({}).describe('The node agent.'),
  inventory: inventoryOptions.prefault({}).describe('The inventory.'),
  enricher: enricherOptions.prefault({}).describe('The enricher.'),
  correlator: correlatorOptions.prefault({}).describe('The correlator.'),
  indexer: indexerOptions.prefault({}).describe('The indexer.'),
  responder: responderOptions.prefault({}).describe('The responder.')
})

export type Settings = z.output<typeof settingsSchema>

export interface SettingsOptions {
  readonly config?: string
}

/** Adds `-c`, which every command that needs settings has. */
export function withSettings(command: Command): Command {
  return command.option('-c, --config <file>', 'settings in YAML; WEIR_* variables win, see docs/settings.md')
}

/** @throws WeirError CONFIG_… listing every problem with its place */
export function loadWeirSettings(options: SettingsOptions): Settings {
  return loadSettings(settingsSchema, { file: options.config ?? process.env['WEIR_CONFIG'], env: process.env })
}
